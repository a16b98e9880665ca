"""What is said of the values of an adopted scan, in a chest and elsewhere."""

import numpy as np
import pytest

from helpers import other_layouts as made
from nodules.datasets import adoption
from nodules.datasets.sources.case import Case
from nodules.prepare import adoption_check


@pytest.mark.parametrize(("region", "usable"), [("lungs", False), ("body", True)])
def test_no_air_is_fatal_in_a_chest_alone(region, usable, tmp_path):
    path = tmp_path / "a.nii.gz"
    made.write(path, np.maximum(made.image(), -300))
    case = Case("a", str(path))
    settings = adoption.Settings("hu", 0, [2], [1], 3.0)
    found = adoption.adopt(case, settings)
    assert found.usable
    adoption_check.judge(found, case, settings, region)
    assert "no air: the lowest voxel is -300" in found.defects[0]["reason"]
    assert found.usable == usable and (found.row["status"] == "ok") == usable


def test_values_without_a_unit_are_not_held_against_hu(tmp_path):
    path = tmp_path / "a.nii.gz"
    made.write(path, np.maximum(made.image(), -300))
    case = Case("a", str(path))
    settings = adoption.Settings("percentiles", 0, [2], [1], 3.0)
    found = adoption.adopt(case, settings)
    adoption_check.judge(found, case, settings, "body")
    assert found.defects == []
