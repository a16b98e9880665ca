"""Which label is which nodule's; what is said of those that fit none is in the catalogue."""

import itertools

import numpy as np
import pandas as pd

from helpers.chest import NODULES, SHAPE, SPACING, labels
from nodules.datasets.label_check import check_labels
from nodules.datasets.labels import Labelled, fit
from nodules.images.geometry import Geometry

ORIGIN = [-(n - 1) / 2 * SPACING for n in SHAPE[::-1]]
GRID = Geometry.build(ORIGIN, (SPACING,) * 3, np.eye(3), SHAPE)


def listed(nodules=NODULES):
    table = pd.DataFrame(nodules, columns=["x", "y", "z", "diameter_mm"])
    return table.assign(nodule=np.arange(1, len(nodules) + 1))


def masks(found):
    """A volume of the fitted masks, each with its nodule's number."""
    volume = np.zeros(SHAPE, np.uint8)
    for number, (mask, (z, y, x)) in found.boxes.items():
        dz, dy, dx = mask.shape
        volume[z : z + dz, y : y + dy, x : x + dx][mask] = number
    return volume


def test_labels_that_fit_are_the_masks():
    found = fit(Labelled.of_volume(labels()), GRID, listed())
    assert found.told == [] and (masks(found) == labels()).all()


def test_one_label_for_all_gives_each_nodule_its_own_part():
    found = fit(Labelled.of_volume(labels() > 0), GRID, listed())
    assert (masks(found) == labels()).all()
    (told,) = found.told
    assert "label 1 lies over nodules 1, 2 and 3" in told.reason and not told.fatal


def test_labels_in_another_order_give_no_mask_at_all():
    found = fit(Labelled.of_volume(labels()[::-1]), GRID, listed())
    assert found.boxes == {} and [told.fatal for told in found.told] == [True]


def test_a_misfit_costs_the_other_nodules_nothing():
    volume = np.where(labels() == 2, 0, labels())
    found = fit(Labelled.of_volume(volume), GRID, listed())
    assert sorted(found.boxes) == [1, 3]
    assert [told.reason.partition(":")[0] for told in found.told] == ["nodule 2 has no label"]


def test_without_labels_or_nodules_there_is_nothing_to_fit():
    nothing = Labelled.of_volume(np.zeros(SHAPE, np.int16))
    assert fit(nothing, GRID, listed()).told == []
    found = fit(Labelled.of_volume(labels()), GRID, listed(NODULES[:0]))
    assert found.boxes == {} and [told.fatal for told in found.told] == [False]


def test_a_header_that_is_none_is_told_of_the_scan(tmp_path):
    path = tmp_path / "2.25.1_nodules.mhd"
    path.write_text("")
    (told,) = check_labels(path, GRID, "2.25.1", listed())
    assert (told["seriesuid"], told["fatal"]) == ("2.25.1", True)
    assert told["reason"] == "the header is empty"


def test_voxels_stay_in_the_order_of_their_slices_whatever_axes_are_turned():
    """By that order a nodule's voxels are found without a look at all of an organ's."""
    drawn = Labelled.of_volume(labels())
    for axes in itertools.product((False, True), repeat=3):
        turned = drawn.turned(axes)
        volume = np.zeros(SHAPE, int)
        volume[tuple(turned.index.T)] = turned.label
        assert (np.diff(turned.index[:, 0]) >= 0).all()
        assert np.array_equal(volume, np.flip(labels(), np.flatnonzero(axes)))
