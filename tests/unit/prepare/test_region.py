"""Where lesions are looked for in other organs than lungs."""

import numpy as np
import pytest

from nodules.base.files import UserError
from nodules.datasets.phantom import ellipsoid
from nodules.images.geometry import Geometry
from nodules.images.metaimage_writing import write_volume
from nodules.prepare import lung_masks, region
from nodules.stats import seeds

SETTINGS = {"matrix": 128, "slices": [20, 24], "max_nodules": 4, "empty_scans": 0.1}


@pytest.mark.parametrize("units", ["hu", "percentiles"])
def test_the_body_is_all_but_air_in_ct_and_mr(units):
    voxels, labels, grid = ellipsoid.draw(seeds.generator(3, "x"), SETTINGS, units)
    if units == "percentiles":
        voxels = np.clip(voxels / np.percentile(voxels, 99.5) * 1000, 0, 1500).astype(np.int16)
    found = region.of_scan(region.BODY, voxels, grid)
    assert (found.mask[labels > 0] == 1).all()
    axes = np.array(ellipsoid.BODY_MM[:2])
    expected = np.pi * axes.prod() * len(voxels) * grid.spacing[2]
    assert found.mask.sum() * grid.voxel_mm3 == pytest.approx(expected, rel=0.05)
    assert found.first.plausible and found.method == region.BODY


def test_a_scan_cut_to_the_organ_is_all_body():
    assert region.body(np.full((4, 20, 20), 7, np.int16)).all()


def test_none_is_the_whole_scan():
    grid = Geometry.build((0, 0, 0), (1, 1, 2), np.eye(3), (4, 30, 30))
    found = lung_masks.of_scan(region.WHOLE, np.zeros(grid.shape, np.int16), grid)
    assert found.mask.all() and found.first.litres == pytest.approx(4 * 30 * 30 * 2 / 1e6)
    assert "litres over 8 mm" in found.first.statement
    assert found.row("a")["method"] == region.WHOLE, "not lungs that no method found"


def test_a_given_mask_is_used_as_it_is_and_must_be_of_the_scan(tmp_path):
    grid = Geometry.build((0, 0, 0), (1, 1, 2), np.eye(3), (4, 30, 30))
    mask = np.zeros(grid.shape, np.int16)
    mask[1:3, 5:20, 5:20] = 1
    paths = (tmp_path / "organ.mhd", tmp_path / "organ.zraw")
    write_volume(*paths, mask, grid)
    voxels = np.zeros(grid.shape, np.int16)
    found = lung_masks.of_scan("mask", voxels, grid, [str(path) for path in paths])
    assert np.array_equal(found.mask, mask)
    other = Geometry.build((0, 0, 0), (1, 1, 2), np.eye(3), (5, 30, 30))
    with pytest.raises(UserError, match="does not hold this scan's mask"):
        region.of_scan("mask", np.zeros(other.shape, np.int16), other, paths[0])
