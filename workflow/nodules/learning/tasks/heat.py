"""Target heat map of the 3-D U-Net, and its loss."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import logsigmoid, smooth_l1_loss

from nodules.learning.networks.unet3d import STRIDE

CORE_MM, CORE_SHARE = 1.9, 1 / 7  # a core's radius: minimum, and share of the diameter
SPREAD_MM, SPREAD_SHARE = 1.5, 0.25  # standard deviation of the heat around it, likewise
FOCUS, FADE = 2, 4  # exponents of the penalty-reduced focal loss, as in CenterNet
SIZE_WEIGHT = 0.2  # of the diameters' loss relative to the centres'


class Marks(NamedTuple):
    """Nodules of a patch, and excluded findings (beside).

    centres and beside: (n, 3) indices (z, y, x); diameters: (n,). All in voxels of the patch.
    """

    centres: NDArray[np.float64]
    diameters: NDArray[np.float64]
    beside: NDArray[np.float64]
    beside_diameters: NDArray[np.float64]


def target(shape: Sequence[int], marks: Marks, spacing_mm: float) -> NDArray[np.float32]:
    """Heat, log2 diameter and weight (3, z/2, y/2, x/2) of a patch's marks.

    Heat is 1 in a nodule's core and falls off around it. The weights of a core's voxels add up to
    1, so that a small nodule counts as much as a large one; they are 0 in an excluded finding and 1
    elsewhere.
    """
    sides = tuple(n // STRIDE for n in shape)
    aim = np.zeros((3, *sides), np.float32)
    aim[2] = 1
    reach = np.maximum(marks.beside_diameters / 2, 4 / spacing_mm)
    for i, part, far in _near(marks.beside, reach, sides):
        aim[2][part][far <= reach[i]] = 0
    mm = marks.diameters * spacing_mm
    core = np.maximum(CORE_MM, mm * CORE_SHARE) / spacing_mm
    spread = np.maximum(SPREAD_MM, mm * SPREAD_SHARE) / spacing_mm
    for i, part, far in _near(marks.centres, core + 3 * spread, sides):
        centre = marks.centres[i]
        if not ((centre > -0.5) & (centre < np.array(shape) - 0.5)).all():
            continue
        middle = far <= max(core[i], far.min())
        heat = np.exp(-((np.maximum(far - core[i], 0) / spread[i]) ** 2) / 2)
        heat[middle] = 1
        aim[0][part] = np.maximum(aim[0][part], heat)
        aim[1][part][middle] = np.log2(max(mm[i], 1.0))
        aim[2][part][middle] = 1 / middle.sum()
    return aim


def _near(
    centres: NDArray[np.float64], reach: NDArray[np.float64], sides: tuple[int, ...]
) -> Iterator[tuple[int, tuple[slice, ...], NDArray[np.float64]]]:
    """For each centre with voxels of the target within reach: number, box, and distances in it.

    centres (n, 3), reach (n,) and the distances are in voxels of the patch.
    """
    middle = (centres - (STRIDE - 1) / 2) / STRIDE
    along = reach[:, None] / STRIDE
    first = np.clip(np.floor(middle - along), 0, sides).astype(int)
    last = np.clip(np.ceil(middle + along) + 1, 0, sides).astype(int)
    for i in np.flatnonzero((last > first).all(axis=1)):
        part = tuple(slice(a, b) for a, b in zip(first[i], last[i], strict=True))
        ends = zip(first[i], last[i], middle[i], strict=True)
        axes = [(np.arange(a, b) - m) * STRIDE for a, b, m in ends]
        z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
        yield int(i), part, np.sqrt(z**2 + y**2 + x**2)


def heat_loss(answer: Tensor, targets: Tensor) -> Tensor:
    """Penalty-reduced focal loss of the centres plus smooth L1 of the diameters, per patch.

    answer: (batch, 2, z, y, x), centre logit and log2 diameter; targets: (batch, 3, z, y, x).
    """
    logit, size = answer[:, 0], answer[:, 1]
    heat, wanted, weight = targets[:, 0], targets[:, 1], targets[:, 2]
    centre = heat >= 1
    probability = logit.sigmoid()
    hit = -logsigmoid(logit) * (1 - probability) ** FOCUS * weight * centre
    false = -logsigmoid(-logit) * probability**FOCUS * (1 - heat) ** FADE * weight * ~centre
    sizes = smooth_l1_loss(size, wanted, reduction="none") * weight * centre
    return (hit + false + SIZE_WEIGHT * sizes).sum() / len(answer)
