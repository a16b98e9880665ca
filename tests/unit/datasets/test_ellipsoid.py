"""The phantom organ: what is drawn is where its labels are, in both looks."""

import numpy as np
import pytest

from nodules.datasets import adoption
from nodules.datasets.phantom import ellipsoid, ellipsoid_plan
from nodules.stats import seeds

SETTINGS = {"matrix": 128, "slices": [20, 24], "max_nodules": 4, "empty_scans": 0.1, "scans": 12}


def drawn(index, units):
    rng = seeds.generator(7, "ellipsoid", index)
    return ellipsoid.draw(rng, SETTINGS, units)


@pytest.mark.parametrize(("units", "lesions_are"), [("hu", "darker"), ("percentiles", "brighter")])
def test_lesions_lie_in_the_organ_and_look_otherwise(units, lesions_are):
    scans = [drawn(index, units) for index in range(1, 6)]
    for voxels, labels, grid in (scan for scan in scans if (scan[1] == 2).any()):
        assert voxels.shape == labels.shape == grid.shape
        organ, lesion = (np.median(voxels[labels == k]) for k in (1, 2))
        assert (lesion < organ) == (lesions_are == "darker")
        assert 0.3 < (labels > 0).sum() * grid.voxel_mm3 / 1e6 < 2.0, "litres"


def test_the_same_seed_draws_the_same_and_scans_differ():
    one, again, other = (drawn(index, "hu")[0] for index in (4, 4, 5))
    assert np.array_equal(one, again)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_some_scans_have_no_lesion():
    without = [i for i in range(30) if not (drawn(i, "hu")[1] == 2).any()]
    assert 1 <= len(without) <= 8, "about a tenth of them"


def test_mr_has_a_scale_of_its_own_and_a_bias_field():
    scans = [drawn(index, "percentiles") for index in range(1, 13)]
    medians = [np.median(voxels[labels == 1]) for voxels, labels, _ in scans]
    assert max(medians) > 2 * min(medians)
    scaled = [adoption.by_percentiles(voxels, "") for voxels, _, _ in scans]
    after = [np.median(v[labels == 1]) for v, (_, labels, _) in zip(scaled, scans, strict=True)]
    assert max(after) < 2 * min(after)


def test_what_is_written_is_read_as_drawn(tmp_path):
    config = {"phantom": SETTINGS}
    cases = ellipsoid_plan.cases(str(tmp_path), config).cases
    assert [case.subset for case in cases] == [*range(10), 0, 1]
    settings = adoption.Settings("hu", 0, [2], [1], 0.0)
    for index in (1, 2):  # one of them stored from right to left
        ellipsoid.make((cases[index].image, cases[index].labels), index, SETTINGS, "hu", 7)
        found = adoption.adopt(cases[index], settings)
        voxels, labels, grid = drawn(index, "hu")
        assert found.defects == []
        assert np.array_equal(found.voxels, voxels)
        assert np.array_equal(found.lesions > 0, labels == 2)
        assert np.allclose(found.grid.origin, grid.origin, atol=1e-4)
