"""Unusual but valid scans through the rules that see them: every voxel keeps its world place."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from numpy.typing import NDArray

from helpers.settings import UNET
from nodules.base import tables
from nodules.datasets import luna16
from nodules.images import regions
from nodules.inference import detection
from nodules.learning.networks import bundle, unet
from nodules.learning.tasks.slices import SliceTask
from nodules.prepare.stacks import open_stacks
from reliability import jobs_alone

CPU = torch.device("cpu")
TRAINING = replace(UNET, augment=False)


def as_is(image: sitk.Image) -> sitk.Image:
    """Stored as LUNA16's are: axial slices from feet to head."""
    return image


def sagittal(image: sitk.Image) -> sitk.Image:
    """The same chest, stored as sagittal planes."""
    return sitk.PermuteAxes(image, [1, 2, 0])


def flipped(image: sitk.Image) -> sitk.Image:
    """The same chest, stored from head to feet and mirrored."""
    return sitk.Flip(image, [True, False, True])


def chest(shape: tuple[int, int, int]) -> NDArray[np.int16]:
    """A body with two lungs, (z, y, x), each slice the same."""
    y, x = np.mgrid[-1 : 1 : shape[1] * 1j, -1 : 1 : shape[2] * 1j]
    plane = np.where(x**2 + y**2 < 0.9, 40, -1000)
    plane[((abs(x) - 0.42) / 0.3) ** 2 + (y / 0.5) ** 2 < 1] = -850
    noise = np.random.default_rng(1).integers(-20, 20, shape)
    return (plane + noise).astype(np.int16)


# Shape (z, y, x), spacing (x, y, z), how it is stored, and a nodule: index (z, y, x), diameter.
SCANS = {
    "one slice": ((1, 64, 64), (3, 3, 2), as_is, ((0, 32, 18), 12)),
    "two slices": ((2, 64, 64), (3, 3, 2), as_is, ((1, 32, 18), 12)),
    "three slices": ((3, 64, 64), (3, 3, 2), as_is, ((1, 32, 18), 12)),
    "pixels that are not square": ((8, 60, 90), (2, 3, 2), as_is, ((4, 30, 26), 12)),
    "nodule on the first slice": ((8, 64, 64), (3, 3, 2), as_is, ((0, 32, 18), 12)),
    "nodule in the volume's corner": ((8, 64, 64), (3, 3, 2), as_is, ((7, 0, 0), 12)),
    "nodule larger than the scan is thick": ((4, 64, 64), (3, 3, 1), as_is, ((2, 32, 18), 24)),
    "flipped axes": ((8, 64, 64), (3, 3, 2), flipped, ((2, 30, 18), 12)),
    "stored as sagittal planes": ((8, 64, 64), (3, 3, 2), sagittal, ((2, 30, 18), 12)),
    "no nodule": ((8, 64, 64), (3, 3, 2), as_is, None),
    "pixels of 0.46 mm": ((4, 96, 96), (0.46, 0.46, 0.5), as_is, ((2, 48, 26), 6)),
    "slices 5 mm apart": ((6, 64, 64), (3, 3, 5), as_is, ((3, 32, 18), 12)),
}


@pytest.mark.parametrize("name", SCANS)
def test_an_odd_scan_passes_every_rule_that_sees_it(tmp_path, record_property, name):
    shape, spacing, stored, nodule = SCANS[name]
    image = sitk.GetImageFromArray(chest(shape))
    image.SetSpacing(spacing)
    image.SetOrigin((-90.0, -80.0, 30.0))
    (tmp_path / "subset3").mkdir()
    sitk.WriteImage(stored(image), str(tmp_path / "subset3/2.25.1.mhd"))
    line, world = "", None
    if nodule:
        (z, y, x), diameter = nodule
        world = image.TransformIndexToPhysicalPoint((x, y, z))
        line = "2.25.1,{},{},{},{}\n".format(*world, diameter)
    jobs_alone.lists(tmp_path, line)
    results = tmp_path / "results"
    jobs_alone.check(tmp_path, results)
    (scan,) = luna16.found(tmp_path)
    jobs_alone.prepare(results, scan)
    jobs_alone.draw(results, scan)

    files = [str(path) for path in results.rglob("*.*")]
    (stack,) = open_stacks(files, ["2.25.1"], "sphere")
    assert len(stack.array) == len(stack.table) == stack.geometry.shape[0]
    if nodule:
        inside = tuple(np.rint(stack.geometry.to_index(world)).astype(int))
        assert 0 <= inside[0] < len(stack.array)
        native = regions.select(tables.read(stack.masks_path, "regions"), "sphere", "native")
        in_view = all(0 <= i < n for i, n in zip(inside, stack.geometry.shape, strict=True))
        # The crop box holds the lungs and their margin; a nodule elsewhere is in no slice's view.
        assert in_view == (name != "nodule in the volume's corner")
        assert len(native) and in_view == bool(len(stack.nodule_slices))
        assert not in_view or stack.labels(inside[0])[inside[1:]] == 1
    else:
        assert len(stack.nodule_slices) == 0

    network = unet.build(bundle.shape_of("unet", UNET), 0).eval()
    probability = detection.predict([network], stack, UNET.context, CPU)
    assert probability.shape == stack.geometry.shape and np.isfinite(probability).all()
    peaks = detection.slice_peaks(stack.uid, probability, 0.5)
    assert list(peaks["slice"]) == list(range(len(stack.array)))
    task = SliceTask([stack], [stack], TRAINING, 1, 0)
    for key in task.epoch(1):
        image_, mask = task.sample(key, np.random.default_rng(0))
        assert image_.shape == (3, 64, 64) and mask.shape == (1, 64, 64)
    assert np.isfinite(task.validate(network, CPU).loss)
    record_property("odd", f"{name}: works")
