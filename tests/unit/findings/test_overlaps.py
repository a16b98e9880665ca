"""Hits by overlap: a candidate hits what its mask shares a voxel with."""

import numpy as np
import pandas as pd

from nodules.base import tables
from nodules.findings import overlaps
from nodules.findings.candidate_hits import rematched
from nodules.images import regions
from nodules.images.geometry import Geometry

GRID = Geometry.build((0, 0, 0), (1, 1, 1), np.eye(3), (10, 30, 30))


def block(z, y, x, size=3):
    mask = np.zeros(GRID.shape, bool)
    mask[z : z + size, y : y + size, x : x + size] = True
    return mask


def rows(kind, *masks):
    found = [
        row
        for number, mask in enumerate(masks, 1)
        for row in regions.encode("a", kind, "native", number, mask)
    ]
    return tables.frame("regions", found)


def test_voxels_that_two_masks_share():
    one, other = ((block(2, 5, 5), (0, 0, 0)), (block(3, 7, 5)[2:], (2, 0, 0)))
    assert overlaps.shared(one, other) == 2 * 1 * 3
    assert overlaps.shared(one, (block(6, 20, 20), (0, 0, 0))) == 0
    assert (
        overlaps.shared(
            (np.ones((1, 1, 1), bool), (0, 0, 0)), (np.ones((1, 1, 1), bool), (9, 9, 9))
        )
        == 0
    )


def test_a_candidate_beside_a_lesions_centre_hits_it_by_overlap_and_not_by_distance():
    lesion = block(0, 2, 2, 8)  # a large one; the candidate covers its corner
    touching, masked = overlaps.of_scan(
        "a",
        rows("readers", lesion, block(0, 20, 20)),
        rows("unet", block(6, 8, 8), block(0, 15, 2)),
        GRID,
        GRID,
    )
    assert touching.to_dict("records") == [
        {"seriesuid": "a", "candidate": 1, "nodule": 1, "voxels": 8}
    ]
    assert list(masked["nodule"]) == [1, 2]
    before = pd.DataFrame(
        {
            "seriesuid": "a",
            "candidate": [1, 2, 3],
            "nodule": [0, 2, 3],
            "excluded": [True, False, False],
        }
    )
    after = rematched(before, touching, masked)
    # 1 touches lesion 1 and is no excluded finding; 2 lay near lesion 2 and does not touch it;
    # 3 is near lesion 3, which has no mask.
    assert list(after["nodule"]) == [1, 0, 3]
    assert list(after["excluded"]) == [False, False, False]


def test_of_several_lesions_the_one_that_shares_most_counts():
    touching = pd.DataFrame({"seriesuid": "a", "candidate": 1, "nodule": [1, 2], "voxels": [4, 9]})
    masked = pd.DataFrame({"seriesuid": "a", "nodule": [1, 2]})
    before = pd.DataFrame(
        {"seriesuid": ["a"], "candidate": [1], "nodule": [1], "excluded": [False]}
    )
    assert list(rematched(before, touching, masked)["nodule"]) == [2]
