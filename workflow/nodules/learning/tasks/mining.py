"""Hard negatives of the 3-D U-Net: places of its training lungs that it takes for a nodule.

After each epoch a pool of patches is drawn anew, and the hottest places in them that are neither a
nodule nor an excluded finding are shown in the next one (bootstrapping: Sung and Poggio, IEEE TPAMI
20, 1998). What it costs hangs on the patches of an epoch alone, however many scans there are.
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

POOL = 4  # patches that are looked at for each that is kept
APART = 8.0  # voxels between two that are kept of one scan
BESIDE_MM = 4.0  # around a nodule or finding: no place to say that there is none
BATCH = {"cpu": 8, "cuda": 64}

Floats = NDArray[np.float64]


class Alarm(NamedTuple):
    """A false alarm: its scan's place in the list, its index (z, y, x), its heat, 0 to 1."""

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
    """The hottest place of each patch that is no nodule, hottest first.

    corners: scan and first voxel (z, y, x) of patches of `side` voxels. A patch that is all nodule
    has none.
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
    """Voxels of a patch's heat (z, y, x) that lie beside every nodule and excluded finding."""
    index = np.moveaxis(np.indices(tuple(shape)), 0, -1) * STRIDE + (STRIDE - 1) / 2 + corner
    found = np.ones(tuple(shape), bool)
    centres = np.concatenate([truth.centres, truth.beside])
    diameters = np.concatenate([truth.diameters_mm, truth.beside_mm])
    for centre, diameter in zip(centres, diameters, strict=True):
        reach = (diameter / 2 + BESIDE_MM) / truth.spacing_mm
        found &= np.linalg.norm(index - centre, axis=-1) > reach
    return found


def apart(alarms: Sequence[Alarm], most: int) -> list[Alarm]:
    """The first `most` of which no two of one scan are nearer than APART voxels."""
    kept: list[Alarm] = []
    by_scan: dict[int, list[Floats]] = {}
    for alarm in alarms:
        own = by_scan.setdefault(alarm.scan, [])
        if len(kept) < most and all(np.linalg.norm(alarm.place - p) >= APART for p in own):
            own.append(alarm.place)
            kept.append(alarm)
    return kept
