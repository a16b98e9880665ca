"""A real lung, scanned once and read twice: at half the resolution, and moved by what is known.

The public pair's later scan is not there, only its mask; so the truth is the movement made here.
"""

from dataclasses import replace

import numpy as np
import pytest

from nodules.findings.follow_up.registration import lungs_of, register
from nodules.images.metaimage import read_volume

pytestmark = pytest.mark.real
MOVED_MM = np.array([12.0, -9.0, 21.0])
WITHIN_MM = 2.0  # 95th percentile: under half a slice of the coarser scan


@pytest.fixture(scope="module")
def folder(shared_data):
    return shared_data / "data" / "follow_up"


def test_a_real_lung_is_laid_onto_itself_at_half_the_resolution(folder):
    volume, grid = read_volume(folder / "3DCT_lung.mhd")
    mask, _ = read_volume(folder / "3DCT_lung_baseline_mask.mhd")
    coarse, coarse_grid = read_volume(folder / "3DCT_lung_baseline_small.mhd")
    coarse_mask = mask[1::2, 1::2, 1::2][: coarse.shape[0]]
    moved = replace(coarse_grid, origin=coarse_grid.origin + MOVED_MM)
    first = lungs_of(volume.astype(np.int16), grid, mask.astype(np.uint8))
    second = lungs_of(coarse.astype(np.int16), moved, coarse_mask.astype(np.uint8))
    found = register(first, second)
    points = grid.to_world(np.argwhere(mask)[::997])
    off = np.linalg.norm(found.warp(points) - points - MOVED_MM, axis=1)
    assert found.problem == "" and not found.mirrored
    assert np.percentile(off, 95) < WITHIN_MM, f"{np.percentile(off, [50, 95]).round(2)} mm"
