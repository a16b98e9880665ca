"""Whether values are Hounsfield units: each cause by itself is in the catalogue of reliability."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.chest import chest, padded
from nodules.datasets import hounsfield
from nodules.datasets.hounsfield import VALUES, judge, of_range, of_unsigned, without_padding
from nodules.datasets.phantom import dataset


def counts(values) -> np.ndarray:
    """How often each int16 value occurs."""
    clipped = np.clip(np.rint(values), -32768, 32767).astype(np.int64)
    return np.bincount(clipped.ravel() + 32768, minlength=VALUES).astype(np.int64)


@given(st.integers(1, 10_000), st.floats(0, 150), st.sampled_from([-2048, -3024, -1024, 0]))
def test_any_chest_passes(seed, noise, padding):
    assert judge(counts(padded(chest(seed, noise), padding))) is None


@given(st.integers(400, 2000), st.sampled_from([-1, 1]))
def test_the_shift_that_is_named_is_the_shift(shift, sign):
    found = judge(counts(chest() + sign * shift))
    assert found is not None and found.fatal
    told = int(found.reason.partition("about ")[2].split(",")[0])
    # The usual 1024 is told of what is measured near it, to some HU.
    assert abs(told - sign * shift) < hounsfield.NEAR + 10


def test_padding_is_what_stands_alone_below():
    body = counts(chest())
    assert (without_padding(body) == body).all()
    for padding in (-1500, -2048, -32768):
        with_it = body.copy()
        with_it[padding + 32768] = 40_000
        assert (without_padding(with_it) == body).all()
    assert without_padding(np.zeros(VALUES, np.int64)).sum() == 0


def test_the_highest_value_alone_is_no_chest():
    for values in ((-32768, 32767), (32767, 32767), (-1000, 32767)):
        assert judge(counts(np.repeat(values, 20_000))) is None


def test_few_voxels_say_nothing():
    assert judge(counts(chest()[:1, :60, :60] + 1024)) is None


def test_values_of_another_kind_are_told_as_they_are():
    """One heap alone is no chest by any reading, so there is a note and no guess."""
    found = judge(counts(np.random.default_rng(1).normal(-3000, 200, 50_000)))
    assert found is not None and not found.fatal and found.reason.startswith("unlike a chest CT")


@pytest.mark.parametrize(("low", "high"), [(-1024, 3071), (-900, 40), (0, 4095), (5, 5)])
def test_a_range_that_a_scan_may_have_is_not_judged(low, high):
    assert of_range(low, high) is None
    assert of_range(float("nan"), high) is None


def test_unsigned_values_that_say_nothing_are_not_guessed_at():
    assert of_unsigned(counts(np.full(50_000, 7))) == ""
    assert of_unsigned(counts(np.full(5, 7))) == ""


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_the_phantom_passes_at_any_seed(tmp_path, seed):
    from nodules.images.metaimage import read_volume

    settings = {"scans": 2, "matrix": 96, "slices": [16, 20], "max_nodules": 3, "empty_scans": 0.2}
    dataset.make_phantom(tmp_path, {"seed": seed, "phantom": settings}, 1)
    for path in tmp_path.glob("subset*/*.mhd"):
        values = read_volume(path)[0].astype(int)
        assert judge(counts(values)) is None
        assert judge(counts(values + 1024)).reason.endswith("as unrescaled DICOM values are")
