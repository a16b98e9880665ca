"""The gallery shows the right cases, on the right slice, at the right place."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nodules.base import tables
from nodules.base.files import write_array
from nodules.images import regions
from nodules.images.geometry import Geometry
from nodules.prepare.stacks import Stack
from nodules.report import gallery, plotting

UID = "2.25.123456789"
GRID = Geometry.build((-100, -90, -300), (0.8, 0.8, 2.5), np.eye(3), (10, 64, 80))


def ball(z: int, y: int, x: int, radius: int) -> np.ndarray:
    zs, ys, xs = np.indices(GRID.shape)
    return (3 * (zs - z)) ** 2 + (ys - y) ** 2 + (xs - x) ** 2 <= radius**2


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A scan with nodule 1 around slice 4 and nodule 2 around slice 7."""
    masks = {1: ball(4, 20, 30, 5), 2: ball(7, 40, 60, 4)}
    image = np.full(GRID.shape, 40, np.uint8)
    rows: list[dict] = []
    for number, mask in masks.items():
        image[mask] = 200
        rows += regions.encode(UID, "readers", "slices", number, mask)
    columns = {"crop_y0": 0, "crop_x0": 0, "crop_height": 64, "crop_width": 80, "mm_per_px": 0.8}
    columns |= {"lung_mm2": 1.0}
    slices = [
        {"seriesuid": UID, "slice": z, "z_mm": 2.5 * z} | columns | GRID.to_row()
        for z in range(GRID.shape[0])
    ]
    paths = [tmp_path / "a.npy", tmp_path / "a.parquet", tmp_path / "masks.parquet"]
    write_array(paths[0], image)
    tables.write(paths[1], "slices", slices)
    tables.write(paths[2], "regions", rows)
    return Stack(UID, *paths, "readers")


def candidate(number: int, nodule: int, confidence: float, **changes: object) -> dict:
    row = {"seriesuid": UID, "candidate": number, "nodule": nodule, "confidence": confidence}
    row |= {"x": 0.0, "y": 0.0, "z": 0.0, "diameter_mm": 6.0, "probability": 0.5, "logit": 0.0}
    row |= {"volume_mm3": 100.0, "n_slices": 3, "excluded": False, "part": "test"}
    return row | changes


def nodule(number: int, diameter: float, **changes: object) -> dict:
    row = {"seriesuid": UID, "nodule": number, "x": 0.0, "y": 0.0, "z": 0.0, "part": "test"}
    return row | {"diameter_mm": diameter} | changes


NO_NODULES = pd.DataFrame([nodule(1, 5.0)]).iloc[:0]


def test_a_nodule_is_one_hit_with_its_surest_candidate() -> None:
    found = pd.DataFrame([candidate(1, 7, 0.2), candidate(2, 7, 0.9), candidate(3, 0, 1.0)])
    hits = gallery.choose("hits", found, NO_NODULES, 8)
    assert hits["candidate"].tolist() == [2]


def test_false_alarms_are_the_surest_and_not_on_excluded_findings() -> None:
    found = pd.DataFrame(
        [candidate(n, 0, n / 10, excluded=n == 9) for n in range(1, 10)] + [candidate(10, 1, 1.0)]
    )
    alarms = gallery.choose("false_alarms", found, NO_NODULES, 3)
    assert alarms["candidate"].tolist() == [8, 7, 6]


def test_a_miss_has_no_candidate_strictly_within_its_radius() -> None:
    truth = pd.DataFrame([nodule(1, 10.0), nodule(2, 8.0, x=50.0), nodule(3, 6.0, x=90.0)])
    found = pd.DataFrame([candidate(1, 0, 0.5, x=4.9), candidate(2, 0, 0.5, x=54.0)])
    misses = gallery.choose("misses", found, truth, 8)
    assert misses["nodule"].tolist() == [2, 3]  # the second candidate lies on the edge


def test_a_nodule_of_unknown_diameter_is_hit_within_five_mm_as_officially() -> None:
    truth = pd.DataFrame([nodule(1, -1.0), nodule(2, -1.0, x=50.0)])
    found = pd.DataFrame([candidate(1, 1, 0.5, x=4.9), candidate(2, 0, 0.5, x=55.0)])
    misses = gallery.choose("misses", found, truth, 8)
    assert misses["nodule"].tolist() == [2]


def test_test_scans_come_first_and_the_folds_fill_up() -> None:
    found = pd.DataFrame(
        [candidate(n, n, n / 10, part="test" if n < 3 else "fold_0") for n in range(1, 9)]
    )
    hits = gallery.choose("hits", found, NO_NODULES, 4)
    assert hits["part"].tolist() == ["test", "test", "fold_0", "fold_0"]
    # Evenly over all of them, the surest and the least sure among them.
    assert hits["candidate"].tolist() == [2, 1, 8, 3]


def test_the_picture_shows_the_slice_where_the_nodule_is_largest(stack: Stack) -> None:
    x, y, z = GRID.to_world((6, 40, 60))
    case = candidate(1, 2, 0.87, x=x, y=y, z=z)
    own = tables.frame("regions", regions.encode(UID, "unet", "slices", 1, ball(7, 41, 60, 4)))
    shown = gallery.picture("hits", case, stack, own, "unet")
    assert shown.place == "test, scan …456789, slice 7"
    assert shown.title == "confidence 0.87, 6.0 mm"
    assert shown.centre == pytest.approx((40, 60))
    assert np.array_equal(shown.truth, ball(7, 40, 60, 4)[7])
    assert np.array_equal(shown.found, ball(7, 41, 60, 4)[7])


def test_a_false_alarm_shows_the_slice_where_the_candidate_is_largest(stack: Stack) -> None:
    x, y, z = GRID.to_world((2, 30, 30))
    own = tables.frame("regions", regions.encode(UID, "unet", "slices", 5, ball(3, 30, 30, 6)))
    shown = gallery.picture("false_alarms", candidate(5, 0, 0.5, x=x, y=y, z=z), stack, own, "unet")
    assert shown.place.endswith("slice 3")
    assert not shown.truth[30, 30]


def test_pictures_are_drawn_to_scale(stack: Stack, tmp_path: Path) -> None:
    x, y, z = GRID.to_world((4, 20, 30))
    case = nodule(1, 8.0, x=x, y=y, z=z, candidate=0, confidence=np.nan)
    shown = gallery.picture("misses", case, stack, tables.frame("regions"), "unet")
    figure = gallery.draw("misses", [shown], "unet")
    axes = figure.axes[0]
    (bar,) = axes.lines
    assert np.ptp(bar.get_xdata()) * 0.8 == pytest.approx(gallery.BAR_MM)
    assert np.ptp(axes.get_xlim()) * 0.8 == pytest.approx(gallery.VIEW_MM)
    plotting.save(figure, [tmp_path / "misses.png"])


@pytest.mark.parametrize("kind", gallery.HEADINGS)
def test_nothing_to_show_is_said(kind: str) -> None:
    figure = gallery.draw(kind, [], "unet")
    assert gallery.NONE[kind] in [text.get_text() for text in figure.texts]


def test_parts_of_scans() -> None:
    folds = pd.DataFrame({"seriesuid": ["a", "b"], "fold": [-1, 3]})
    assert gallery.part_of(folds) == {"a": "test", "b": "fold_3"}
