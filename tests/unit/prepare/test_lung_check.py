"""The check's look for lungs: silent where there are some, a note where there are none."""

import numpy as np
import pytest

from helpers import chest
from nodules.datasets.check import check_scan
from nodules.prepare import lung_check


@pytest.fixture
def look(tmp_path):
    """Verdicts on voxels, stored as a scan."""
    (tmp_path / "subset0").mkdir()

    def verdicts(voxels, **options):
        chest.write(tmp_path, voxels, **options)
        found = check_scan(tmp_path / "subset0/2.25.1.mhd", further=lung_check.verdicts).defects
        return [d for d in found if "lungs" in d["reason"]]

    return verdicts


@pytest.mark.parametrize("compressed", [False, True], ids=["raw", "zraw"])
@pytest.mark.parametrize("lungs", [(-1, 1), (1,)], ids=["both", "one"])
def test_nothing_is_said_of_a_chest_with_lungs(look, lungs, compressed):
    assert look(chest.chest(lungs=lungs), compressed=compressed) == []


@pytest.mark.parametrize("lungs", ["filled", "none"])
def test_a_chest_without_lungs_is_told_and_may_be_used(look, lungs):
    voxels = chest.chest(lung=20) if lungs == "filled" else chest.chest(lungs=())
    [told] = look(voxels)
    assert told["reason"] == "no sign of lungs: No lung was found" and not told["fatal"]
    assert "Look at the scan" in told["remedy"]


def test_nothing_is_said_of_a_scan_smaller_than_a_chest(look):
    assert look(np.full((6, 9, 8), 40, np.int16)) == []
