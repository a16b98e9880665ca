"""The page as a reader uses it: modes, verdicts, keys, mouse, files, and what may go wrong."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers import reader_pages
from helpers.reader_acting import (
    app,
    begin,
    press,
    prior_picture,
    reading,
    settle,
    status,
)
from nodules.images.geometry import Geometry
from nodules.report.viewer import levels, page
from nodules.report.viewer.shown import Found, Link

HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


def written(shown, folder: Path) -> Path:
    place = folder / "reader.html"
    place.write_text(page.offline(shown))
    return place


def shown_marks(page) -> int:
    return len(app(page, "scene.marks"))


# Modes


def test_a_second_reader_sees_no_mark_before_the_first_read_is_finished(path, visit):
    shown = visit(path)
    begin(shown, "second reader")
    press(shown, "j", "a", "o", "g")
    assert shown_marks(shown) == 0 and app(shown, "scene.rings.length") == 0
    assert not shown.is_visible("#list") and reading(shown)["decisions"] == []
    press(shown, "e", "f")
    assert "cannot be undone" in shown.inner_text("#finish-text")
    press(shown, "Enter")  # Not yet
    assert not app(shown, "revealed")
    press(shown, "f", "Tab", "Enter")
    assert app(shown, "revealed") and shown.is_visible("#list")
    assert reading(shown)["added"][0]["phase"] == "first read"
    press(shown, "e", "z", "z", "z")
    assert app(shown, "revealed"), "a first read cannot be gone back to"
    assert len(reading(shown)["added"]) == 1


def test_marks_are_shown_one_at_a_time_or_all_or_none(path, visit):
    shown = visit(path)
    begin(shown)
    assert shown_marks(shown) == 1
    press(shown, "o")
    assert shown_marks(shown) == 3
    shown.check("#outlined")
    settle(shown)
    assert shown_marks(shown) == 4
    press(shown, "h")
    assert shown_marks(shown) == 0


def test_the_threshold_lists_findings_and_says_what_to_expect(path, visit):
    shown = visit(path)
    begin(shown)
    assert "3 of 3 shown, 3 left" in shown.inner_text("#alarms")
    shown.fill("#threshold", "0.7")
    settle(shown)
    assert shown.locator("#list li").count() == 1
    assert "Expect about 0.10 false positives per scan" in shown.inner_text("#alarms")
    shown.fill("#threshold", "0.01")
    settle(shown)
    assert "The number of false positives is not known this far down" in shown.inner_text("#alarms")


# By keys


def test_a_scan_is_read_by_keys_alone(path, visit):
    shown = visit(path)
    begin(shown)
    press(shown, "a", "r", "k", "k", "j", "u")
    assert [one["verdict"] for one in reading(shown)["decisions"]] == ["accept", "undecided"]
    press(shown, "z")
    verdicts = {one["finding"]: one["verdict"] for one in reading(shown)["decisions"]}
    assert verdicts == {1: "accept", 2: "reject"}
    press(shown, "f", "Tab", "Enter")
    assert reading(shown)["finished"] and "finished" in status(shown).lower()


def test_a_change_opens_a_finished_reading_again(path, visit):
    shown = visit(path)
    begin(shown)
    press(shown, "a", "r", "u", "f", "Tab", "Enter")
    assert reading(shown)["finished"] and shown.inner_text("#mode") == "Concurrent, finished"
    press(shown, "e")
    assert reading(shown)["finished"] == "" and shown.is_enabled("#finish-button")
    press(shown, "z")
    assert reading(shown)["finished"]


def test_a_nodule_removed_after_the_first_read_is_gone_and_undone(path, visit):
    shown = visit(path)
    begin(shown, "second reader")
    press(shown, "e", "f", "Tab", "Enter")
    shown.click("#own .away")
    settle(shown)
    assert reading(shown)["added"][0]["removed"] and app(shown, "rings.length") == 0
    assert shown.inner_text("#own-title") == "Your nodules (0)"
    press(shown, "z")
    assert shown.inner_text("#own-title") == "Your nodules (1)"


KEYS = {
    "PageUp": ("at[0]", 1), "w": ("at[0]", 1), "PageDown": ("at[0]", -1), "x": ("at[0]", -1),
    "Shift+PageUp": ("at[0]", 5), "Shift+PageDown": ("at[0]", -5), "ArrowRight": ("at[2]", 1),
    "ArrowLeft": ("at[2]", -1), "ArrowDown": ("at[1]", 1), "ArrowUp": ("at[1]", -1),
    "Shift+ArrowRight": ("at[2]", 5), "Shift+ArrowUp": ("at[1]", -5),
    "Control+ArrowRight": ("at[2]", 25), "Control+ArrowDown": ("at[1]", 25),
}  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_a_key_moves_the_crosshair(path, visit, key):
    shown = visit(path)
    begin(shown)
    shown.evaluate("reader.app.select(2)")
    name, by = KEYS[key]
    before = app(shown, name)
    press(shown, key)
    assert app(shown, name) == before + by


def test_every_other_key_does_what_the_help_says(path, visit):
    shown = visit(path)
    begin(shown)
    for key, name, value in (
        ("Home", "at[0]", 0), ("v", "plane", "coronal"), ("ArrowUp", "at[0]", 1),
        ("v", "plane", "sagittal"), ("ArrowRight", "at[1]", app(shown, "at[1]") + 1),
        ("v", "plane", "axial"), ("m", "slabMm", 10), ("]", "slabMm", 15), ("[", "slabMm", 10),
        ("m", "slabMm", 0), ("2", "window.width", 400), ("t", "crosshair", False),
        ("i", "smooth", False), ("0", "zoom", 1), ("=", "zoom", 1.25), ("-", "zoom", 1),
        ("d", "measuring", True), ("Escape", "measured", None), ("g", "seen", True),
    ):  # fmt: skip
        press(shown, key)
        assert app(shown, name) == value, key
    press(shown, "e")
    assert len(reading(shown)["added"]) == 1
    press(shown, "Delete")
    assert reading(shown)["added"] == []
    press(shown, "c")
    assert app(shown, "centre") == app(shown, "at")
    shown.evaluate("reader.app.select(2)")
    here = app(shown, "at")
    press(shown, "0", *["ArrowRight"] * 3, "ArrowUp", "b", "9")
    assert np.abs(np.subtract(app(shown, "at"), here)).max() <= 1
    assert app(shown, "zoom") == app(shown, "closeUp") and app(shown, "centre") == app(shown, "at")
    press(shown, "Shift+?")
    told = shown.inner_text("#help")
    assert all(f"{key}\n" in told for key in ("J", "K", "A", "R", "U", "Z", "F", "S", "M", "H"))
    press(shown, "Escape", "s")
    assert shown.locator("#save").get_attribute("open") is not None


def test_keys_are_the_fields_where_one_writes(path, visit):
    shown = visit(path)
    begin(shown)
    shown.click("#level")
    shown.fill("#level", "-500")
    press(shown, "a", "r")
    assert app(shown, "window.level") == -500 and reading(shown)["decisions"] == []
    press(shown, "Escape", "a")
    assert len(reading(shown)["decisions"]) == 1


def test_keys_work_again_after_a_list_was_used_with_the_mouse(path, visit):
    shown = visit(path)
    begin(shown)
    shown.dispatch_event("#slab", "pointerdown")
    shown.focus("#slab")
    shown.select_option("#slab", "15")
    press(shown, "a")
    assert app(shown, "slabMm") == 15 and len(reading(shown)["decisions"]) == 1


# By mouse


def test_the_mouse_scrolls_zooms_pans_windows_and_measures(path, visit):
    shown = visit(path)
    begin(shown)
    box = shown.locator("#axial").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    shown.mouse.move(x, y)
    z = app(shown, "at[0]")
    shown.mouse.wheel(0, -120)
    settle(shown)
    assert app(shown, "at[0]") > z
    zoom, under = app(shown, "zoom"), index_at(shown, 100, 120)
    shown.mouse.move(box["x"] + 100, box["y"] + 120)
    shown.keyboard.down("Control")
    shown.mouse.wheel(0, -120)
    shown.keyboard.up("Control")
    settle(shown)
    assert app(shown, "zoom") > zoom and np.allclose(
        index_at(shown, 100, 120)[1:], under[1:], atol=1e-6
    )
    dragged(shown, (x, y), (x + 30, y + 20), "Shift")
    assert np.allclose(index_at(shown, 130, 140)[1:], under[1:], atol=1e-6)
    level = app(shown, "window.level")
    dragged(shown, (x, y), (x + 10, y + 10), button="right")
    assert app(shown, "window.level") == level + 20 and app(shown, "window.width") == 1540
    dragged(shown, (x, y), (x + 50, y), "Alt")
    assert " mm. E adds" in status(shown)
    shown.click("#list li:nth-child(3) button")
    settle(shown)
    assert app(shown, "selected") == 3
    shown.click("#reject")
    assert reading(shown)["decisions"][0]["verdict"] == "reject"


def index_at(page, x: float, y: float) -> list[float]:
    return list(page.evaluate(f"reader.views[0].indexAt(reader.app.scene, {x}, {y})"))


def dragged(page, start, end, key: str = "", button: str = "left") -> None:
    page.mouse.move(*start)
    if key:
        page.keyboard.down(key)
    page.mouse.down(button=button)
    page.mouse.move(*end)
    page.mouse.up(button=button)
    if key:
        page.keyboard.up(key)
    settle(page)


# Whatever comes


def test_no_finding_is_a_scan_to_read_all_the_same(visit, tmp_path):
    shown = visit(written(reader_pages.example(findings=[]), tmp_path))
    begin(shown)
    press(shown, "j", "a", "e")
    assert shown.is_visible("#none") and len(reading(shown)["added"]) == 1


def test_two_hundred_findings_are_listed_and_gone_through(visit, tmp_path):
    first = reader_pages.example().findings[0]
    many = [
        replace(
            first,
            number=n,
            numbers={**first.numbers, "probability": 1 - n / 250, "confidence": 0.5},
        )
        for n in range(1, 201)
    ]
    shown = visit(written(reader_pages.example(findings=many, threshold=0.0), tmp_path))
    begin(shown)
    press(shown, *["a"] * 30)
    assert shown.locator("#list li").count() == 200 and app(shown, "selected") == 31
    assert shown.locator("#list li:nth-child(31)").is_visible()


def test_hostile_names_are_text(visit, tmp_path):
    first = reader_pages.example().findings[0]
    hostile = reader_pages.example(
        uid=HOSTILE,
        headline=HOSTILE,
        notes=[HOSTILE],
        malignancy=HOSTILE,
        model={"name": HOSTILE, "sha256": HOSTILE, "trained": HOSTILE, "limits": HOSTILE},
        findings=[replace(first, side=HOSTILE)],
        outlines=[(HOSTILE, first.mask)],
        froc=(HOSTILE, np.array([[0.01, 1.0, 0.5]])),
    )
    shown = visit(written(hostile, tmp_path))
    begin(shown, reader=HOSTILE)
    press(shown, "a", "e", "s")
    shown.reload()
    shown.wait_for_selector("#begun button")
    assert shown.locator("img").count() == 0 and HOSTILE in shown.inner_text("#uid")
    assert HOSTILE in shown.inner_text("#begun")


def test_slices_of_all_shapes_fit(visit, tmp_path):
    for spacing, shape in (((0.5, 0.5, 10.0), (9, 90, 80)), ((2.0, 0.4, 0.6), (90, 80, 40))):
        geometry = Geometry.build((0, 0, 0), spacing, np.eye(3), shape)
        voxels = np.full(shape, -800, np.int16)
        found = Found(1, (20.0, 15.0, 20.0), {"probability": 0.9, "confidence": 0.9}, True)
        shown = reader_pages.example(voxels=voxels, geometry=geometry, findings=[found])
        opened = visit(written(shown, tmp_path))
        begin(opened)
        press(opened, "0")
        for view in range(3):
            sides = opened.evaluate(
                f"""(() => {{
                const {{ buffer, canvas }} = reader.views[{view}];
                const sides = [[0, 0], [buffer.width, buffer.height]].map(
                    (place) => reader.views[{view}].toCanvas(reader.app.scene, place));
                return [...sides, [canvas.width, canvas.height]];
            }})()"""
            )
            low, high, size = np.array(sides)
            assert (low >= -0.5).all() and (high <= size + 0.5).all()
            assert np.isclose(high - low, size, atol=1).any(), "as large as can be"


def test_the_prior_scan_is_scrolled_along(visit, tmp_path):
    shown = reader_pages.example()
    grid = shown.geometry
    moved = Geometry.build(grid.origin + np.array([3, -4, 10]), grid.spacing, np.eye(3), grid.shape)
    x, y, z = shown.findings[0].world
    links = [Link(1, (x + 3, y - 4, z + 10), "grown by 20 %")]
    opened = visit(
        written(replace(shown, prior=(shown.voxels, moved, "before"), links=links), tmp_path)
    )
    begin(opened)
    assert opened.is_visible("#prior") and opened.inner_text("#prior-told") == "grown by 20 %"
    low = app(opened, "volume.spec.corner")

    def slices() -> tuple[int, int]:
        settle(opened)
        first = opened.evaluate("Number(reader.prior.shown.split(' ')[0])")
        return app(opened, "at[0]") + low[0], first

    here, before = slices()
    assert here == before
    hu = levels.COARSE[levels.coded(shown.voxels[before], levels.COARSE)].astype(int)
    grey = np.floor(np.clip((hu + 600) / 1500 + 0.5, 0, 1) * 255 + 0.5)
    assert np.array_equal(prior_picture(opened), grey)
    press(opened, "PageUp", "PageUp")
    assert slices() == (here + 2, before + 2)
