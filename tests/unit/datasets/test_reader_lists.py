"""LUNA16's own rule on readers' outlines: pixels within, readers taken together, who counts."""

from itertools import pairwise

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodules.datasets import luna16_lists, reader_lists
from nodules.datasets.reader_lists import Lists, Sphere, judged, merged, polygon, sphere
from nodules.images.geometry import Geometry

GRID = Geometry.build((-100.0, -80.0, -300.0), (0.7, 0.7, 2.5), np.eye(3), (40, 200, 200))


@given(st.lists(st.integers(3, 30), min_size=5, max_size=12))
def test_pixels_within_an_outline_are_those_that_lie_strictly_inside(reaches):
    angles = np.linspace(0, 2 * np.pi, len(reaches), endpoint=False)
    corners = np.rint(np.column_stack([np.cos(angles), np.sin(angles)]) * np.c_[reaches] + 50)
    area, x, y = polygon(corners)
    outline = corners.astype(np.int32).reshape(-1, 1, 2)
    inside = [
        (column, row)
        for column in range(15, 86)
        for row in range(15, 86)
        if cv2.pointPolygonTest(outline, (column, row), False) > 0
    ]
    assert area == len(inside)
    moments = cv2.moments(outline)
    assert x == pytest.approx(moments["m10"] / moments["m00"])
    assert y == pytest.approx(moments["m01"] / moments["m00"])


@pytest.mark.parametrize("corners", [[(4, 7)], [(2, 7), (6, 7)]])
def test_a_point_and_a_line_hold_no_pixel(corners):
    assert polygon(np.array(corners, float)) == (0, 4, 7)


def contours(*outlines):
    """Table of one reader's outlines: slice, whether it adds, corners."""
    return pd.DataFrame(
        [
            {"inclusion": adds, "z_index": float(z), "xs": np.array(xs), "ys": np.array(ys)}
            for z, adds, xs, ys in outlines
        ]
    )


def square(z, first, last, adds=True):
    return z, adds, [first, last, last, first], [first, first, last, last]


def test_a_readers_sphere_has_the_volume_and_the_middle_of_the_pixels_within():
    found = sphere(contours(square(10, 20, 31), square(11, 20, 31)), GRID)
    assert found.diameter_mm == pytest.approx((6 * 2 * 100 * 0.49 * 2.5 / np.pi) ** (1 / 3))
    assert found.centre == pytest.approx((-100 + 25.5 * 0.7, -80 + 25.5 * 0.7, -300 + 10.5 * 2.5))


def test_a_hole_is_taken_away():
    hollow = sphere(contours(square(10, 20, 31), square(10, 24, 27, adds=False)), GRID)
    assert hollow.diameter_mm == pytest.approx((6 * (100 - 4) * 0.49 * 2.5 / np.pi) ** (1 / 3))


def test_four_readers_count_a_half_a_quarter_and_an_eighth_twice():
    readers = [Sphere((float(i), 0.0, 0.0), d) for i, d in enumerate((8.0, 12.0, 16.0, 24.0))]
    (spheres,) = merged(readers, [0] * 4)
    assert [s.diameter_mm for s in spheres] == [24, 20, 16, 12]
    assert spheres[-1].centre[0] == 1 / 4 + 2 / 8 + 3 / 8
    assert judged([spheres]) == Lists((spheres[-1],), tuple(spheres[:-1]))


def test_two_readers_make_no_nodule_and_all_their_spheres_are_excluded():
    spheres = [Sphere((0, 0, 0), 9), Sphere((0, 0, 0), 8)]
    assert judged([spheres]) == Lists((), tuple(spheres))


def test_below_3_mm_is_no_nodule():
    small = [Sphere((0, 0, 0), 2.9)] * 3
    assert judged([small]).nodules == () and len(judged([small]).excluded) == 3


def test_what_lies_further_apart_than_the_radii_is_apart():
    near, far = Sphere((0, 0, 0), 6), Sphere((6.1, 0, 0), 6)
    assert len(merged([near, far], [0, 0])) == 2
    assert len(merged([near, Sphere((5.9, 0, 0), 6)], [0, 0])) == 1


def test_outlines_that_do_not_meet_are_apart_however_near_their_centres():
    assert len(merged([Sphere((0, 0, 0), 20), Sphere((5, 0, 0), 4)], [0, 1])) == 2


@given(
    st.lists(
        st.tuples(st.floats(-9, 9), st.floats(-9, 9), st.floats(3, 30), st.integers(0, 2)),
        max_size=8,
    )
)
def test_every_reader_is_in_one_nodule_and_each_step_is_a_mean(drawn):
    readers = [Sphere((x, y, 0.0), d) for x, y, d, _ in drawn]
    found = merged(readers, [number for *_, number in drawn])
    assert sum(map(len, found)) == len(readers)
    for spheres in found:
        assert spheres[0] in readers
        for before, after in pairwise(spheres):
            own = 2 * after.diameter_mm - before.diameter_mm
            assert any(r.diameter_mm == pytest.approx(own) for r in readers)


def test_lists_are_written_as_the_workflow_reads_them(tmp_path):
    lists = {
        "2.25.2": Lists((), ()),
        "2.25.1": Lists((Sphere((1.5, -2.25, 3.125), 7.5),), (Sphere((0, 0, 0), 4),)),
    }
    reader_lists.write(tmp_path, lists)
    nodules, _ = luna16_lists.read_list(tmp_path, "nodules", ["2.25.1", "2.25.2"])
    assert nodules[["seriesuid", "x", "y", "z", "diameter_mm"]].to_numpy().tolist() == [
        ["2.25.1", 1.5, -2.25, 3.125, 7.5]
    ]
    excluded, _ = luna16_lists.read_list(tmp_path, "excluded", ["2.25.1", "2.25.2"])
    assert len(excluded) == 1
    assert (tmp_path / "seriesuids.csv").read_text() == "2.25.1\n2.25.2\n"


def test_a_scan_that_lidc_does_not_have_has_no_rows():
    assert reader_lists.of_scans({"2.25.1": GRID}) == {"2.25.1": Lists((), ())}
