"""Masks lie where the nodule is, are as large as it is, and are the readers' own."""

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nodules.base import tables
from nodules.datasets import lidc
from nodules.datasets.labels import numbered
from nodules.images import regions
from nodules.images.geometry import Geometry
from nodules.images.metaimage import read_volume
from nodules.images.metaimage_header import read_header
from nodules.images.spheres import sphere, window
from nodules.prepare import masks
from nodules.stats.overlap import dice

ORDERS = [(0, 1, 2), (2, 0, 1), (1, 0, 2)]


def turned(order=(0, 1, 2), signs=(1, 1, 1), shape=(40, 60, 50), spacing=(0.8, 0.7, 1.5)):
    """A stored grid whose axes are permuted and flipped."""
    direction = np.eye(3)[:, list(order)] * np.array(signs)
    return Geometry.build((12, -30, 55), spacing, direction, shape)


def nodules(*rows):
    table = pd.DataFrame(rows, columns=["x", "y", "z", "diameter_mm"])
    return table.assign(nodule=np.arange(1, len(rows) + 1), seriesuid="1.2")


def outlines_of(ball, annotation):
    """Outlines through the first voxels outside a sphere's mask, slice by slice."""
    mask, corner = ball
    rows = []
    for z in np.flatnonzero(mask.any(axis=(1, 2))):
        wide = cv2.dilate(np.pad(mask[z], 2).astype(np.uint8), np.ones((3, 3), np.uint8))
        (outline,), _ = cv2.findContours(wide, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        xs, ys = (outline[:, 0].astype(float) - 2 + (corner[2], corner[1])).T
        rows.append(
            {
                "seriesuid": "1.2",
                "annotation": annotation,
                "inclusion": True,
                "z_index": float(z + corner[0]),
                "xs": xs,
                "ys": ys,
            }
        )
    return rows


def contour_table(*lists):
    return tables.frame("contours", [row for rows in lists for row in rows])


def painted(drawn, kind, grid, shape):
    return regions.paint(regions.select(drawn.rows, kind, grid), shape)


@given(
    radius=st.floats(4, 16),
    spacing=st.tuples(st.floats(0.46, 0.98), st.floats(0.5, 2.5)),
    offset=st.tuples(*[st.floats(-0.5, 0.5)] * 3),
    angle=st.floats(-30, 30),
)
def test_a_sphere_has_its_volume_on_any_grid(radius, spacing, offset, angle):
    """4/3 pi r^3 within 5 % for r >= 4 mm, on LUNA16's pixel sizes and z steps, oblique too."""
    pixel, step = spacing
    direction = Rotation.from_euler("xy", [angle, angle / 2], degrees=True).as_matrix()
    shape = (int(40 / step) + 2, int(40 / pixel) + 2, int(40 / pixel) + 2)
    grid = Geometry.build((0, 0, 0), (pixel, pixel, step), direction, shape)
    centre = grid.to_world(np.array(shape) // 2 + np.array(offset))
    mask, _ = sphere(grid, centre, 2 * radius)
    volume = mask.sum() * grid.voxel_mm3
    assert volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.05)


@given(st.tuples(*[st.floats(8, 31)] * 3), st.floats(4, 9), st.sampled_from(ORDERS))
def test_a_sphere_holds_the_voxels_within_its_radius_and_no_farther_ones(index, diameter, order):
    grid = turned(order, (-1, 1, -1))
    centre = grid.to_world(index)
    mask, corner = sphere(grid, centre, diameter)
    whole = np.zeros(grid.shape, bool)
    whole[window(corner, mask.shape)] = mask
    world = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    distance = np.linalg.norm(world - centre, axis=-1)
    assert distance[whole].max() <= distance[~whole].min() + 1e-4
    within = distance <= diameter / 2
    assert dice(whole, within) > 0.85  # of 4 mm some 30 voxels, of which a tie may take four
    assert whole.sum() == round(np.pi / 6 * diameter**3 / grid.voxel_mm3)


def test_even_a_sphere_between_two_slices_has_a_voxel():
    grid = turned(spacing=(0.7, 0.7, 5))
    assert sphere(grid, grid.to_world((10.5, 20, 20)), 3.25)[0].any()


def test_a_sphere_is_cut_at_the_edge_and_empty_outside():
    grid = turned()
    half, corner = sphere(grid, grid.to_world((-0.5, 30, 25)), 12)
    full, _ = sphere(grid, grid.to_world((19.5, 30, 25)), 12)
    assert corner[0] == 0 and half.sum() == pytest.approx(full.sum() / 2, abs=3)
    assert not sphere(grid, (1e4, 0, 0), 12)[0].any()


@given(st.integers(1, 5), st.sampled_from([0.25, 0.5, 0.75, 1.0]))
def test_consensus_asks_for_its_share_of_the_readers(count, share):
    votes = [np.arange(count + 1) > k for k in range(count)]  # pixel i has i votes
    agreed = masks.consensus(votes, share)
    np.testing.assert_array_equal(agreed, np.arange(count + 1) >= share * count)


def test_two_of_four_readers_are_enough_and_one_of_three_is_not():
    yes, no = np.ones(1, bool), np.zeros(1, bool)
    assert masks.consensus([yes, yes, no, no]).all()
    assert not masks.consensus([yes, no, no]).any()


def test_an_outline_is_outside_and_an_exclusion_leaves_a_hole():
    square = np.array([2.0, 8, 8, 2]), np.array([2.0, 2, 8, 8])
    hole = np.array([4.0, 6, 6, 4]), np.array([4.0, 4, 6, 6])
    table = pd.DataFrame(
        [
            {"z_index": 3.0, "xs": hole[0], "ys": hole[1], "inclusion": False},
            {"z_index": 3.0, "xs": square[0], "ys": square[1], "inclusion": True},
        ]
    )
    mask, corner = masks.filled(table)
    assert corner == (3, 2, 2)
    expected = np.zeros((1, 7, 7), bool)
    expected[0, 1:6, 1:6] = True
    expected[0, 3, 3] = False
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (1, -1, -1)])
def test_readers_drawn_on_any_stored_grid_lie_at_the_nodule_in_the_world(order, signs):
    stored = turned(order, signs)
    native = stored.reoriented()[0]
    centre = stored.to_world((21.3, 28.8, 24.1))
    balls = [sphere(stored, centre, d) for d in (9.0, 10.0, 11.0)]
    contours = contour_table(*(outlines_of(ball, k) for k, ball in enumerate(balls, 1)))
    drawn = masks.draw_scan("1.2", stored, native, nodules((*centre, 10.0)), contours)
    assert drawn.sources == {1: "outlines"}
    truth = painted(drawn, "readers", "native", native.shape)
    # Two of three agree on the middle sphere; the outline's corners round it off by a voxel.
    assert dice(truth > 0, painted(drawn, "sphere", "native", native.shape) > 0) > 0.93
    places = native.to_world(np.argwhere(truth > 0))
    np.testing.assert_allclose(places.mean(axis=0), centre, atol=0.3)
    assert set(drawn.rows["kind"]) == {"sphere", "readers", "reader_1", "reader_2", "reader_3"}
    assert set(drawn.rows.loc[drawn.rows["grid"] == "slices", "kind"]) == {"sphere", "readers"}


@given(
    st.integers(-6, 6),
    st.integers(-6, 6),
    st.floats(0.6, 2.2),
    st.tuples(*[st.floats(15, 30)] * 3),
)
def test_transfer_to_the_slices_keeps_place_and_volume(y0, x0, zoom, index):
    native = turned()
    side = int(56 * zoom)
    slices = native.resampled((0, y0, x0), (40, 56, 56), (40, side, side))
    centre = native.to_world(index)
    ball = sphere(native, centre, 12)
    mask, corner = masks.transferred(ball, native, slices)
    assume(mask.any())
    volume = mask.sum() * slices.voxel_mm3
    assert volume == pytest.approx(ball[0].sum() * native.voxel_mm3, rel=0.08)
    places = slices.to_world(np.argwhere(mask) + corner).mean(axis=0)
    expected = native.to_world(np.argwhere(ball[0]) + ball[1]).mean(axis=0)
    np.testing.assert_allclose(places, expected, atol=0.25)


def test_transfer_to_the_same_grid_changes_nothing():
    native = turned()
    ball = sphere(native, native.to_world((20, 30, 25)), 11)
    rows = [
        list(regions.encode("1.2", "readers", "native", 1, *box))
        for box in (ball, masks.transferred(ball, native, native))
    ]
    assert rows[0] == rows[1] and rows[0]


def test_transfer_of_what_lies_outside_the_crop_is_empty():
    native = turned()
    ball = sphere(native, native.to_world((20, 8, 8)), 6)
    slices = native.resampled((0, 30, 30), (40, 20, 20), (40, 64, 64))
    assert not masks.transferred(ball, native, slices)[0].any()


def test_nodules_without_an_outline_get_their_sphere_and_it_is_said():
    stored = turned()
    near, far = stored.to_world((20, 20, 15)), stored.to_world((20, 42, 38))
    contours = contour_table(outlines_of(sphere(stored, near, 9), 7))
    drawn = masks.draw_scan("1.2", stored, stored, nodules((*near, 9), (*far, 7)), contours)
    assert drawn.sources == {1: "outlines", 2: "sphere"}
    kinds = {kind: painted(drawn, kind, "native", stored.shape) for kind in ("readers", "sphere")}
    np.testing.assert_array_equal(kinds["readers"] == 2, kinds["sphere"] == 2)


def test_a_nodule_of_which_readers_share_no_voxel_gets_its_sphere():
    stored = turned()
    centre = stored.to_world((20, 20, 20))
    balls = [sphere(stored, stored.to_world((20, 20, x)), 5) for x in (15, 24)]
    contours = contour_table(*(outlines_of(ball, k) for k, ball in enumerate(balls, 1)))
    for agreement, source in ((0.5, "outlines"), (1.0, "sphere")):
        drawn = masks.draw_scan(
            "1.2", stored, stored, nodules((*centre, 12)), contours, agreement=agreement
        )
        assert drawn.sources == {1: source}
        assert painted(drawn, "readers", "slices", stored.shape).any()


def test_a_label_volume_outranks_the_readers():
    """Its labels need not be numbered like the nodules, and one nodule may have two."""
    stored = turned((2, 0, 1), (1, -1, 1))
    native = stored.reoriented()[0]
    middle = np.array(native.shape) / 2
    one, two = (native.to_world(middle + side * np.array((6, 8, 6))) for side in (-1, 1))
    labels = np.zeros(native.shape, np.int16)
    for value, centre in ((9, one), (4, two)):
        mask, corner = sphere(native, centre, 8)
        labels[window(corner, mask.shape)][mask] = value
    upper = np.arange(native.shape[0])[:, None, None] > round(native.to_index(one)[0])
    labels[(labels == 9) & upper] = 2
    contours = contour_table(outlines_of(sphere(stored, one, 5), 1))
    listed = nodules((*one, 8.0), (*two, 8.0), (*native.to_world((1, 1, 1)), 4.0))
    drawn = masks.draw_scan("1.2", stored, native, listed, contours, labels)
    assert drawn.sources == {1: "labels", 2: "labels", 3: "sphere"}
    truth = painted(drawn, "readers", "native", native.shape)
    np.testing.assert_array_equal(truth == 1, (labels == 9) | (labels == 2))
    np.testing.assert_array_equal(truth == 2, labels == 4)


def test_a_scan_without_nodules_has_an_empty_table():
    drawn = masks.draw_scan("1.2", turned(), turned(), nodules(), contour_table())
    assert drawn.rows.empty and list(drawn.rows.columns) == tables.columns("regions")
    assert drawn.sources == {}


@pytest.fixture(scope="module")
def real_scans(shared_data):
    """Drawn masks, native grid and the shared label volume of both real scans, by UID."""
    listed = pd.read_csv(shared_data / "data/luna16/annotations.csv")
    listed.columns = ["seriesuid", "x", "y", "z", "diameter_mm"]
    result = {}
    for path in sorted((shared_data / "data/luna16").glob("subset*/*.mhd")):
        stored, uid = read_header(path).geometry, path.stem
        own = listed[listed["seriesuid"] == uid]
        own = own.assign(nodule=np.arange(1, len(own) + 1))
        contours, _ = lidc.read_contours({uid: stored})
        native = stored.reoriented()[0]
        drawn = masks.draw_scan(uid, stored, native, own, contours)
        labels, _ = read_volume(shared_data / f"data/nodule_labels/{uid}_nodule_labels.mhd")
        result[uid] = drawn, native, labels
    return result


@pytest.mark.real
def test_reader_masks_of_the_real_nodules_equal_the_reference_labels(real_scans):
    compared = 0
    for drawn, native, labels in real_scans.values():
        truth = painted(drawn, "readers", "native", native.shape)
        for nodule in np.unique(truth)[1:]:
            label = np.bincount(labels[truth == nodule])[1:].argmax() + 1
            assert dice(truth == nodule, labels == label) == 1.0
            compared += 1
        assert set(drawn.sources.values()) == {"outlines"}
    assert compared == 4


@pytest.mark.real
def test_spheres_of_the_real_nodules_overlap_their_readers_as_published(real_scans):
    """Dice about 0.79 over LIDC; a sphere of radius = diameter would have about 0.23."""
    for drawn, native, _ in real_scans.values():
        truth = painted(drawn, "readers", "native", native.shape)
        ball = painted(drawn, "sphere", "native", native.shape)
        for nodule in np.unique(truth)[1:]:
            assert 0.7 < dice(truth == nodule, ball == nodule) < 0.95


def test_labels_that_are_numbered_are_taken_by_their_number_wherever_they_lie():
    """A ring whose centre is another lesion: by place and size neither would be told apart."""
    grid = Geometry.build((0, 0, 0), (1, 1, 1), np.eye(3), (9, 40, 40))
    z, y, x = np.indices(grid.shape)
    radius = np.hypot(y - 20, x - 20)
    volume = np.where((radius > 8) & (radius < 14) & (z > 1), 1, 0)
    volume[(radius < 3) & (z > 1)] = 2
    sizes = [(6 / np.pi * (volume == k).sum()) ** (1 / 3) for k in (1, 2)]
    rows = [("a", k, 20.0, 20.0, 5.0, size) for k, size in enumerate(sizes, 1)]
    nodules = pd.DataFrame(rows, columns=tables.columns("nodules"))
    drawn = masks.draw_scan(
        "a", grid, grid, nodules, tables.frame("contours"), volume, joined=numbered
    )
    assert drawn.sources == {1: "labels", 2: "labels"} and drawn.told == []
    for kind in ("readers", "reader_1"):
        found = regions.paint(regions.select(drawn.rows, kind, "native"), grid.shape)
        assert np.array_equal(found, volume)
