"""The first page says what the tables say, and every link on it leads somewhere."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from helpers import first_page
from nodules.evaluation.metrics import MEASURES
from nodules.evaluation.names import OUT_OF_FOLD, TEST
from nodules.report import lookup
from nodules.report.pages import first
from nodules.report.pages.markup import Markup, join, slug, tag

ABROAD = "https://doi.org/"


class Links(HTMLParser):
    """What a page links to, what it loads, and the places in it that links can lead to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.to, self.loaded, self.places = [], [], set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        self.places.add(own.get("id"))
        if tag == "a":
            self.to.append(own["href"] or "")
        elif own.get("src") or tag in ("link", "script"):
            self.loaded.append(own.get("src") or own.get("href") or tag)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return first_page.write(tmp_path_factory.mktemp("results"))


def test_every_number_equals_its_table(page: Path) -> None:
    text, run = page.read_text(), first_page.run(page.parent)
    shown = first.numbers(run)
    assert len(shown) == first.MOST
    of_pages = (page.parent / "report/metrics.html").read_text()
    for number in shown:
        row = number.row(run.metrics, OUT_OF_FOLD)
        form = MEASURES[row["measure"]].form
        signed = f"+{form}" if row["other"] else form
        assert f"<strong>{row['value']:{signed}}</strong>" in text
        bounds = f"(95 % CI {row['low']:{signed}} to {row['high']:{signed}}), "
        bounds += f'<span class="whole">n = {row["n"]}'
        assert bounds in text
        if row["measure"] != "malignancy_auc":  # which has a page of its own
            bounds = (row["low"], row["high"])
            assert lookup.interval(row["value"], bounds, form) in of_pages


def test_the_verdict_is_two_sentences_of_the_same_numbers(page: Path) -> None:
    said, concluded = first.verdict(first_page.run(page.parent))
    assert "finds 65.5\N{NO-BREAK SPACE}% of the nodules at one false positive per scan" in said
    assert "(CPM 0.613, 95 % CI 0.550 to 0.750)" in said
    assert concluded.startswith("This run shows neither that the second stage (ResNet50) helps")
    assert said.endswith(".") and concluded.endswith(".")


def test_outlines_and_pictures_are_of_the_system_that_the_verdict_is_on(page: Path) -> None:
    run = first_page.run(page.parent)
    systems = run.detection["systems"] | dict.fromkeys(
        ("unet3d", "unet3d_reduction"), run.detection["systems"]["unet"]
    )
    pictured = run.files.pages | {"gallery/hits_3d.png": "Gallery: hits of the 3-D detector"}
    dice = run.metrics[run.metrics["measure"] == "dice"].assign(system="reduction", value=0.6543)
    deep = replace(
        run,
        metrics=pd.concat([run.metrics, dice]),
        detection=run.detection | {"systems": systems},
        files=replace(run.files, pages=pictured),
    )
    text = first.html(deep)
    assert "false alarms of the 3-D U-Net + 3-D CNN</h2>" in text
    assert "gallery/strip_hits_3d.png" in text and "<strong>0.654</strong>" in text
    # Where its pictures were not drawn, those of the first detector are shown, and called so.
    text = first.html(replace(deep, files=run.files))
    assert "false alarms of the U-Net alone</h2>" in text and "_3d.png" not in text
    assert "false alarms of the U-Net + ResNet50</h2>" in page.read_text()


def test_the_test_steps_back_and_has_no_interval(page: Path) -> None:
    run = first_page.run(page.parent)
    for number in first.numbers(run):
        row = number.row(run.metrics, TEST)
        assert f"test: {first.spelled(row)[0]} (–), n = 4" in page.read_text()


def test_every_link_leads_to_a_file_or_a_place(page: Path) -> None:
    links = Links(page)
    assert len(links.to) > 20
    for link in links.to:
        if link.startswith(ABROAD):
            continue
        path, _, place = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if place:
            assert place in Links(target).places, link


def test_all_files_are_linked_to(page: Path) -> None:
    made = {p.relative_to(page.parent).as_posix() for p in page.parent.rglob("*") if p.is_file()}
    shown = {link.partition("#")[0] for link in Links(page).to} | set(Links(page).loaded)
    assert made - shown - {"index.html"} == set()


def test_pictures_lie_beside_it_and_nothing_else_is_loaded(page: Path) -> None:
    loaded = Links(page).loaded
    assert len(loaded) == 4
    assert all((page.parent / path).is_file() for path in loaded)


def test_a_phantom_says_what_it_is_and_that_its_settings_were_chosen_on_it(page: Path) -> None:
    text = page.read_text()
    assert first.PHANTOM in text and "optimistically biased" in text
    run = first_page.run(page.parent)
    real = first.Run(**{**vars(run), "config": run.config | {"data": {"source": "luna16"}}})
    assert first.PHANTOM not in first.html(real)


def test_a_small_baseline_is_called_so(page: Path) -> None:
    assert "small baseline, not a measure of the method" in page.read_text()


def test_what_is_not_html_is_escaped() -> None:
    assert tag("p", "a < b", tag("b", "c")) == "<p>a &lt; b<b>c</b></p>"
    assert tag("img", src='"', alt="") == '<img src="&quot;" alt="">'
    assert join("<", Markup("<br>")) == "&lt;<br>"
    assert slug("Benign or malignant: by size") == "benign-or-malignant-by-size"


def test_a_run_without_a_nodule_has_a_page_too(page: Path) -> None:
    run = first_page.run(page.parent)
    none = dict.fromkeys(("1",))
    score = first_page.SCORE | {"cpm": None, "cpm_ci": [None, None], "sensitivity": none}
    sets = dict.fromkeys(("out_of_fold", "test"), score)
    gap = {"value": None, "low": None, "high": None}
    differences = {"unet_resnet_minus_unet": dict.fromkeys(sets, gap)}
    detection = {"systems": {"unet": sets, "unet_resnet": sets}, "differences": differences}
    empty = first.Run(**{**vars(run), "metrics": run.metrics.iloc[:0], "detection": detection})
    assert "no reference nodule" in first.html(empty)
    assert first.numbers(empty) == []
