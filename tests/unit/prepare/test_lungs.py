"""Lung masks in 3-D: the steps of the search, and nodules of real scans inside."""

import numpy as np
import pytest

from nodules.images.metaimage import read_volume
from nodules.prepare import coarse_grid, lung_search, lungs


def test_hull_and_between():
    ring = np.zeros((1, 9, 9), np.bool_)
    ring[0, 1:8, 1:8] = True
    ring[0, 2:7, 2:7] = False
    ring[0, 1, 4] = False  # open at the front, in one column
    assert lung_search.hull(ring)[0, 1:8, 1:8].all() and lung_search.hull(ring).sum() == 49
    between = lung_search._between(ring, np.full(ring.shape, -1000, np.int16), -960)
    assert between[0, 2:7, 2:4].all() and between[0, 2:7, 5:7].all()
    assert not between[0, 1:7, 4].any()


def test_gas_is_what_lies_near_the_air_outside():
    rng = np.random.default_rng(0)
    for level, low in ((-1000, -960), (-1030, -990), (-900, -960)):
        hu = rng.normal(level, 4, (4, 30, 30)).astype(np.int16)
        hu[:, 10:20] = 40
        assert lung_search.gas_below(hu) == pytest.approx(low, abs=10)


@pytest.mark.real
@pytest.mark.parametrize(("method", "share"), [("volume", 0.999), ("slice_kmeans", 0.85)])
def test_nodules_of_real_scans_are_inside(shared_data, method, share):
    headers = sorted((shared_data / "data" / "luna16").glob("subset*/*.mhd"))
    assert headers
    for header in headers:
        volume, geometry = read_volume(header)
        labels, _ = read_volume(
            shared_data / "data" / "nodule_labels" / f"{header.stem}_nodule_labels.mhd"
        )
        mask = lungs.find(method, volume, geometry)
        litres = mask.sum() * geometry.voxel_mm3 / 1e6
        assert 3 < litres < 9
        margin = coarse_grid.grow(mask, geometry, 10)
        for label in np.unique(labels[labels > 0]):
            assert mask[labels == label].mean() >= share
            assert margin[labels == label].all()
