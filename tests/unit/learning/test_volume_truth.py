"""What a volume's truth is: nodules in their place and size, and whom no loss may blame."""

import numpy as np
import pandas as pd
import pytest

from helpers.volumes import volume
from nodules.base import tables
from nodules.findings.size import sphere_diameter
from nodules.images import regions
from nodules.images.spheres import sphere
from nodules.learning.tasks.volume_truth import truth_of


def points(scan, centres, diameters):
    world = scan.grid.to_world(np.array(centres, float).reshape(-1, 3))
    rows = pd.DataFrame(world, columns=["x", "y", "z"])
    return rows.assign(
        seriesuid=scan.uid, diameter_mm=diameters, nodule=np.arange(1, len(rows) + 1)
    )


@pytest.fixture
def scan(tmp_path):
    return volume(tmp_path, [])[0]


def test_a_mask_of_the_scan_lies_on_the_volume_with_its_centre_and_size(scan):
    nodules = points(scan, [(40.3, 50.1, 44.8)], [9.0])
    mask, corner = sphere(scan.native, nodules[["x", "y", "z"]].to_numpy()[0], 9.0)
    rows = tables.frame("regions", regions.encode(scan.uid, "readers", "native", 1, mask, corner))
    truth = truth_of(scan, nodules, points(scan, [], []), rows, "readers")
    assert truth.centres[0] == pytest.approx((40.3, 50.1, 44.8))
    found, first = truth.masks[0]
    assert np.argwhere(found).mean(axis=0) + first == pytest.approx((40.3, 50.1, 44.8), abs=0.3)
    assert sphere_diameter(found.sum()) == pytest.approx(9.0, rel=0.02)
    assert truth_of(scan, nodules, points(scan, [], []), rows, "sphere").masks[0][0].size == 0


def test_an_excluded_finding_that_is_a_nodule_is_a_nodule(scan):
    """LUNA16 lists most nodules in both lists, and there without a diameter."""
    nodules = points(scan, [(40, 40, 40)], [8.0])
    excluded = points(scan, [(41, 40, 40), (60, 60, 60)], [-1.0, 7.0])
    truth = truth_of(scan, nodules, excluded, regions.empty(), "readers")
    assert truth.beside.tolist() == [pytest.approx([60, 60, 60])]
    assert truth.beside_mm.tolist() == [7.0]
