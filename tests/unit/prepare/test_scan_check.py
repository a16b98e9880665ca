"""What the check of a folder says of a scan, it says of one in memory."""

import numpy as np
import pytest

from helpers import chest, models
from nodules.datasets import check
from nodules.images.metaimage_writing import write_volume
from nodules.prepare import scan_check


@pytest.mark.parametrize("shift", [0, 1024, 32768 - 24])
def test_it_is_the_check_of_the_same_scan_in_a_file(tmp_path, shift):
    voxels, geometry = models.scan()
    voxels = (voxels.astype(np.int32) + shift).astype(np.int16)
    header = tmp_path / "2.25.1.mhd"
    write_volume(header, header.with_suffix(".raw"), voxels, geometry)
    expected = [(d["reason"], d["fatal"]) for d in check.check_scan(header).defects]
    told = scan_check.verdicts(voxels, geometry)
    assert [(v.reason, v.fatal) for v in told] == expected
    assert bool(told) == (shift != 0)


def test_slices_that_are_missing_are_told():
    voxels, geometry = models.scan()
    voxels[-3:] = 0
    (told,) = scan_check.verdicts(voxels, geometry)
    assert told.fatal and told.reason.startswith("3 of 24 slices are 0 throughout")
    assert voxels.shape == chest.SHAPE


def test_values_at_both_ends_of_what_16_bits_hold_are_refused():
    voxels, geometry = models.scan()
    ends = np.where(voxels < 0, -32768, 32767).astype(np.int16)
    (told,) = scan_check.verdicts(ends, geometry)
    assert told.fatal and told.reason == "voxels from -32768 to 32767, so these are not HU"
    assert "in DICOM also rescale slope" in told.remedy and "in MetaImage" in told.remedy


def test_values_that_are_not_rescaled_have_a_remedy_for_any_format():
    voxels, geometry = models.scan()
    (told,) = scan_check.verdicts(voxels + np.int16(1024), geometry)
    assert "in DICOM itself, restore the two" in told.remedy and "MET_SHORT" not in told.remedy
