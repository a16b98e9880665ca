"""The gallery shows the right cases, on the right slice, at the right place, with their numbers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nodules.base import tables
from nodules.datasets.folds import UNUSED
from nodules.images import regions
from nodules.images.geometry import Geometry
from nodules.report import gallery, planes, plotting
from nodules.report.figures import gallery as pictures

UID = "2.25.123456789"
GRID = Geometry.build((-100, -90, -300), (0.8, 0.8, 2.5), np.eye(3), (10, 64, 80))


def ball(z: int, y: int, x: int, radius: int) -> np.ndarray:
    zs, ys, xs = np.indices(GRID.shape)
    return (3 * (zs - z)) ** 2 + (ys - y) ** 2 + (xs - x) ** 2 <= radius**2


NODULES = {1: ball(4, 20, 30, 5), 2: ball(7, 40, 60, 4)}


def opened(found: dict[int, np.ndarray]) -> gallery.Scan:
    """A scan with nodule 1 around slice 4 and nodule 2 around slice 7, and some candidates."""
    voxels = np.full(GRID.shape, -800, np.int16)
    truth: list[dict] = []
    for number, mask in NODULES.items():
        voxels[mask] = 50
        truth += regions.encode(UID, "readers", "native", number, mask)
        truth += regions.encode(UID, "reader_1", "native", number, mask)
        truth += regions.encode(UID, "reader_2", "native", number, mask)
    own = [r for n, mask in found.items() for r in regions.encode(UID, "unet", "native", n, mask)]
    tabled = (tables.frame("regions", rows) for rows in (truth, own))
    return gallery.opened(voxels, GRID, *tabled, GRID, "readers")


def candidate(number: int, nodule: int, confidence: float, **changes: object) -> dict:
    row = {"seriesuid": UID, "candidate": number, "nodule": nodule, "confidence": confidence}
    row |= {"x": 0.0, "y": 0.0, "z": 0.0, "diameter_mm": 6.0, "probability": 0.5, "logit": 0.0}
    row |= {"volume_mm3": 100.0, "n_slices": 3, "excluded": False, "part": "fold_0"}
    return row | changes


def nodule(number: int, diameter: float, **changes: object) -> dict:
    row = {"seriesuid": UID, "nodule": number, "x": 0.0, "y": 0.0, "z": 0.0, "part": "fold_0"}
    return row | {"diameter_mm": diameter} | changes


def shown(kind: str, row: dict, scan: gallery.Scan, dice: float | None = None) -> gallery.Case:
    found = pd.DataFrame([candidate(1, 0, 0.5)])
    return gallery.case(kind, row, scan, found, {} if dice is None else {(UID, 2): dice})


NO_NODULES = pd.DataFrame([nodule(1, 5.0)]).iloc[:0]


def test_a_nodule_is_one_hit_with_its_surest_candidate_and_its_annotated_diameter() -> None:
    found = pd.DataFrame([candidate(1, 7, 0.2), candidate(2, 7, 0.9), candidate(3, 0, 1.0)])
    hits = gallery.cases("hits", found, pd.DataFrame([nodule(7, 9.5)]))
    assert hits["candidate"].tolist() == [2]
    assert hits["diameter_mm"].tolist() == [9.5]


def test_false_alarms_are_the_surest_and_not_on_excluded_findings() -> None:
    found = pd.DataFrame(
        [candidate(n, 0, n / 10, excluded=n == 9) for n in range(1, 10)] + [candidate(10, 1, 1.0)]
    )
    alarms = gallery.cases("false_alarms", found, NO_NODULES)
    assert len(alarms) == 8
    assert gallery.choose("false_alarms", alarms, 3)["candidate"].tolist() == [8, 7, 6]


def test_a_miss_has_no_candidate_strictly_within_its_radius() -> None:
    truth = pd.DataFrame([nodule(1, 10.0), nodule(2, 8.0, x=50.0), nodule(3, 6.0, x=90.0)])
    found = pd.DataFrame([candidate(1, 0, 0.5, x=4.9), candidate(2, 0, 0.5, x=54.0)])
    misses = gallery.cases("misses", found, truth)
    assert misses["nodule"].tolist() == [2, 3]  # the second candidate lies on the edge


def test_a_nodule_of_unknown_diameter_is_hit_within_five_mm_as_officially() -> None:
    truth = pd.DataFrame([nodule(1, -1.0), nodule(2, -1.0, x=50.0)])
    found = pd.DataFrame([candidate(1, 1, 0.5, x=4.9), candidate(2, 0, 0.5, x=55.0)])
    assert gallery.cases("misses", found, truth)["nodule"].tolist() == [2]


def test_cross_validation_leads_and_the_test_stands_in_where_there_is_no_other() -> None:
    parts = ["test", "test", *["fold_0"] * 6]
    found = pd.DataFrame([candidate(n, n, n / 10, part=parts[n - 1]) for n in range(1, 9)])
    truth = pd.DataFrame([nodule(n, 5.0) for n in range(1, 9)])
    hits = gallery.cases("hits", found, truth)
    assert hits["candidate"].tolist() == [8, 7, 6, 5, 4, 3]
    # Evenly over all of them, the surest and the least sure among them.
    assert gallery.choose("hits", hits, 3)["candidate"].tolist() == [8, 6, 3]
    assert len(gallery.cases("hits", found[found["part"] == "test"], truth)) == 2


def test_a_hit_is_shown_where_candidate_and_nodule_overlap_most() -> None:
    """The nodule is largest on slice 7, but its candidate reaches it on slice 8 alone."""
    scan = opened({1: ball(9, 40, 60, 3)})
    x, y, z = GRID.to_world((7, 40, 60))
    case = shown("hits", candidate(1, 2, 0.87, x=x, y=y, z=z, diameter_mm=7.0), scan, dice=0.25)
    axial = case.views[0]
    assert axial.plane.index == 8
    assert len(axial.own) == len(axial.consensus) == 1 and len(axial.readers) == 2
    assert case.title == "Hit, confidence 0.87"
    sizes = "annotated 7.0 mm, measured 6.0 mm, Dice 0.25"
    assert case.lines[0] == sizes and case.lines[1].endswith("mm (LPS)")
    assert case.lines[2] == "slice 8, slices 2.5 mm apart; fold 0"
    assert "".join(case.lines[3:]) == UID


def test_a_missed_nodule_is_shown_where_it_is_largest_and_a_near_candidate_as_another() -> None:
    scan = opened({5: ball(7, 46, 60, 3)})
    x, y, z = GRID.to_world((6, 40, 60))
    row = nodule(2, 8.0, x=x, y=y, z=z, candidate=0, confidence=np.nan)
    axial = shown("misses", row, scan).views[0]
    assert axial.plane.index == 7
    assert axial.own == [] and len(axial.others) == 1


def test_a_false_alarm_is_shown_where_the_candidate_is_largest() -> None:
    scan = opened({5: ball(3, 30, 30, 6)})
    x, y, z = GRID.to_world((2, 30, 30))
    case = shown("false_alarms", candidate(5, 0, 0.5, x=x, y=y, z=z), scan)
    assert case.views[0].plane.index == 3
    assert "annotated" not in case.lines[0]


def test_planes_show_the_same_place_from_three_sides() -> None:
    """Each shows the nodule in its middle, as wide as it is in mm along that plane's sides."""
    scan = opened({})
    step = planes.VIEW_MM / planes.VIEW_PX
    for plane in planes.through((7, 40, 60), GRID):
        inside = plane.inside(scan.consensus[2], GRID.shape)
        middle = np.argwhere(inside).mean(axis=0)
        assert middle == pytest.approx([(planes.VIEW_PX - 1) / 2] * 2, abs=2)
        assert plane.grey(scan.voxels)[inside].mean() > 200 > plane.grey(scan.voxels)[0, 0]
        wide = np.ptp(np.argwhere(inside)[:, 1]) * step
        assert wide == pytest.approx(9 * 0.8, abs=1.0)
    sides = [plane.sides for plane in planes.through((7, 40, 60), GRID)]
    assert sides == [("R", "L"), ("R", "L"), ("A", "P")]


def test_head_is_up_and_the_patients_right_is_on_the_left() -> None:
    """Index 0 of LPS lies at the patient's right, front and feet."""
    voxels = np.full(GRID.shape, -1000, np.int16)
    voxels[9] = 100  # towards the head
    coronal = list(planes.through((5, 32, 40), GRID))[1].grey(voxels)
    assert coronal[: planes.VIEW_PX // 2].max() > coronal[planes.VIEW_PX // 2 :].max()
    voxels[:] = -1000
    voxels[:, :, :10] = 100  # the patient's right
    axial = next(planes.through((5, 32, 40), GRID)).grey(voxels)
    assert axial[planes.VIEW_PX // 2].argmax() < planes.VIEW_PX // 2


def test_pictures_are_drawn_to_scale_and_say_of_how_many(tmp_path: Path) -> None:
    x, y, z = GRID.to_world((4, 20, 30))
    row = nodule(1, 8.0, x=x, y=y, z=z, candidate=0, confidence=np.nan)
    case = shown("misses", row, opened({}))
    figure = pictures.draw("misses", [case], 95, "unet")
    axes = figure.axes[0]
    assert np.ptp(axes.lines[0].get_xdata()) == pytest.approx(pictures.BAR_MM)
    assert np.ptp(axes.get_xlim()) == pytest.approx(planes.VIEW_MM)
    assert figure.texts[0].get_text().endswith("(1 of 95)")
    plotting.save(figure, [tmp_path / "misses.png"])
    plotting.save(pictures.strip([case]), [tmp_path / "strip.png"])


@pytest.mark.parametrize("kind", gallery.KINDS)
def test_nothing_to_show_is_said(kind: str) -> None:
    figure = pictures.draw(kind, [], 0, "unet")
    assert pictures.NONE[kind] in [text.get_text() for text in figure.texts]
    assert pictures.strip([]).texts[0].get_text() == "none"


def test_each_scan_is_opened_once_and_every_kind_keeps_its_order_and_its_count() -> None:
    found = pd.DataFrame(
        [
            candidate(1, 0, 0.9, seriesuid="b"),
            candidate(2, 0, 0.8, seriesuid="a"),
            candidate(3, 1, 0.7, seriesuid="a"),
            candidate(4, 0, 0.1, seriesuid="b"),
        ]
    )
    nodules = pd.DataFrame([nodule(1, 5.0, seriesuid="a"), nodule(1, 5.0, seriesuid="b", x=90.0)])
    asked: list[str] = []

    def scan(uid: str) -> gallery.Scan:
        asked.append(uid)
        return opened({})

    drawn = gallery.drawn(found, nodules, {}, 2, scan)
    assert asked == ["a", "b"]
    assert {kind: (len(cases), total) for kind, (cases, total) in drawn.items()} == {
        "hits": (1, 1), "misses": (1, 1), "false_alarms": (2, 3)
    }  # fmt: skip
    titles = [case.title for case in drawn["false_alarms"][0]]
    assert titles == ["False alarm, confidence 0.90", "False alarm, confidence 0.80"]


def test_parts_of_scans() -> None:
    folds = pd.DataFrame({"seriesuid": ["a", "b"], "fold": [-1, 3]})
    assert gallery.part_of(folds) == {"a": "test", "b": "fold_3"}
    unused = pd.DataFrame({"seriesuid": ["c"], "fold": [UNUSED]})
    assert gallery.part_of(pd.concat([folds, unused])) == {"a": "test", "b": "fold_3"}


def test_scans_without_nodules_or_candidates_have_no_cases() -> None:
    nobody = tables.frame("classified").assign(nodule=0, excluded=False, part="")
    nothing = tables.frame("nodules").assign(part="")
    some = pd.DataFrame([candidate(1, 0, 0.5)])
    assert [len(gallery.cases(kind, nobody, nothing)) for kind in gallery.KINDS] == [0, 0, 0]
    assert [len(gallery.cases(kind, some, nothing)) for kind in gallery.KINDS] == [0, 0, 1]
    wanted = pd.DataFrame([nodule(1, 5.0)])
    assert [len(gallery.cases(kind, nobody, wanted)) for kind in gallery.KINDS] == [0, 1, 0]
