"""Masks as rows: painted back they are the same, wherever they lie."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nodules.base import tables
from nodules.images import regions

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, max_side=9))


def rows(*masks_and_corners, kind="readers"):
    """Table of masks, numbered from 1."""
    return tables.frame(
        "regions",
        [
            row
            for number, (mask, corner) in enumerate(masks_and_corners, 1)
            for row in regions.encode("1.2", kind, "native", number, mask, corner)
        ],
    )


@given(masks, st.tuples(*[st.integers(0, 20)] * 3))
def test_a_mask_painted_back_is_the_same(mask, corner):
    volume = regions.paint(rows((mask, corner)), (30, 30, 30))
    expected = np.zeros((30, 30, 30), np.uint16)
    expected[tuple(slice(c, c + n) for c, n in zip(corner, mask.shape, strict=True))] = mask
    np.testing.assert_array_equal(volume, expected)


@given(masks)
def test_area_counts_pixels_and_rows_only_filled_slices(mask):
    table = rows((mask, (0, 0, 0)))
    assert regions.area(table).sum() == mask.sum()
    assert list(table["z"]) == list(np.flatnonzero(mask.any(axis=(1, 2))))


@given(hnp.arrays(bool, (1, 6, 6)), st.integers(-8, 8), st.integers(-8, 8))
def test_parts_outside_the_image_are_cut_off(mask, y, x):
    image = regions.paint_slice(rows((mask, (0, y, x))), (5, 7))
    padded = np.zeros((30, 30), bool)
    padded[10 + y : 16 + y, 10 + x : 16 + x] = mask[0]
    np.testing.assert_array_equal(image > 0, padded[10:15, 10:17])


def test_overlapping_regions_show_the_later():
    whole = np.ones((1, 4, 4), bool)
    image = regions.paint_slice(rows((whole, (0, 0, 0)), (whole, (0, 2, 2))), (6, 6))
    assert (image[:2, :2] == 1).all() and (image[2:, 2:] == 2).all()


def test_select_takes_one_kind_on_one_grid():
    whole = np.ones((2, 3, 3), bool)
    table = rows((whole, (0, 0, 0)), (whole, (0, 0, 0)))
    assert len(regions.select(table, "readers", "native")) == 4
    assert regions.select(table, "sphere", "native").empty
    assert regions.select(table, "readers", "slices").empty


def test_an_empty_mask_has_no_rows_and_paints_nothing():
    table = rows((np.zeros((2, 2, 2), bool), (0, 0, 0)))
    assert table.empty
    assert not regions.paint(regions.empty(), (2, 3, 3)).any()


def test_rows_survive_a_file(tmp_path):
    mask = np.random.default_rng(1).random((4, 9, 13)) > 0.4
    tables.write(tmp_path / "masks.parquet", "regions", rows((mask, (1, 2, 3))))
    again = tables.read(tmp_path / "masks.parquet", "regions")
    volume = regions.paint(again, (8, 20, 20))
    np.testing.assert_array_equal(volume[1:5, 2:11, 3:16] > 0, mask)
