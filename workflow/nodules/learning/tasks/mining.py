"""Hard negatives of the 3-D U-Net: places in its training lungs that it mistakes for nodules.

After each epoch a new pool of patches is drawn, and the hottest places in them that are neither a
nodule nor an excluded finding are shown in the next epoch (bootstrapping: Sung and Poggio, IEEE
TPAMI 20, 1998). The cost depends on the number of patches in an epoch, not on that of scans.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nodules.learning.machine import to_device
from nodules.learning.networks.unet3d import STRIDE
from nodules.learning.tasks.volume_truth import Truth
from nodules.prepare.cubes import cube
from nodules.prepare.volumes import Volume

POOL = 4  # patches searched for each that is kept
APART = 8.0  # least distance in voxels between two kept in one scan
BESIDE_MM = 4.0  # margin around nodules and findings in which nothing is mined
BATCH = {"cpu": 8, "cuda": 64}

Floats = NDArray[np.float64]


class Alarm(NamedTuple):
    """A false positive: index of its scan in the list, place (z, y, x) in it, and heat, 0 to 1."""

    scan: int
    place: Floats
    heat: float


def hottest(
    network: nn.Module,
    scans: Sequence[tuple[Volume, Truth]],
    corners: Sequence[tuple[int, NDArray[np.int64]]],
    side: int,
    device: torch.device,
) -> list[Alarm]:
    """The hottest place of each patch outside nodules and excluded findings, hottest first.

    corners: scan and first voxel (z, y, x) of patches of `side` voxels. A patch entirely within
    nodules or findings has none.
    """
    step, found = BATCH.get(device.type, 8), []
    for start in range(0, len(corners), step):
        part = corners[start : start + step]
        grey = np.stack([cube(scans[scan][0].array, at, (side,) * 3) for scan, at in part])
        inputs = to_device(torch.from_numpy(grey)[:, None], device)
        heats = network(inputs)[:, 0].float().sigmoid().cpu().numpy()
        for (scan, at), heat in zip(part, heats, strict=True):
            own = np.where(free(scans[scan][1], at, heat.shape), heat, 0)
            hot = np.unravel_index(int(own.argmax()), own.shape)
            if own[hot] > 0:
                place = np.array(hot, float) * STRIDE + (STRIDE - 1) / 2
                found.append(Alarm(scan, place + at, float(own[hot])))
    return sorted(found, key=lambda alarm: -alarm.heat)


def free(truth: Truth, corner: NDArray[np.int64], shape: Sequence[int]) -> NDArray[np.bool_]:
    """Voxels of a patch's heat (z, y, x) over BESIDE_MM away from nodules and excluded findings."""
    index = np.moveaxis(np.indices(tuple(shape)), 0, -1) * STRIDE + (STRIDE - 1) / 2 + corner
    found = np.ones(tuple(shape), bool)
    centres = np.concatenate([truth.centres, truth.beside])
    diameters = np.concatenate([truth.diameters_mm, truth.beside_mm])
    for centre, diameter in zip(centres, diameters, strict=True):
        reach = (diameter / 2 + BESIDE_MM) / truth.spacing_mm
        found &= np.linalg.norm(index - centre, axis=-1) > reach
    return found


def apart(alarms: Sequence[Alarm], most: int) -> list[Alarm]:
    """The first `most` alarms of which no two in one scan are closer than APART voxels."""
    kept: list[Alarm] = []
    by_scan: dict[int, list[Floats]] = {}
    for alarm in alarms:
        own = by_scan.setdefault(alarm.scan, [])
        if len(kept) < most and all(np.linalg.norm(alarm.place - p) >= APART for p in own):
            own.append(alarm.place)
            kept.append(alarm)
    return kept
