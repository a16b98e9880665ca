"""The 3-D U-Net over a whole scan: windows with lung, blended, and the peaks of its heat."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from nodules.base import tables
from nodules.findings.size import sphere_volume
from nodules.images.geometry import Geometry
from nodules.learning.machine import autocast, to_device
from nodules.learning.networks.unet3d import STRIDE
from nodules.prepare.cubes import cube
from nodules.prepare.volumes import LUNG_STEP, Volume

MARGIN = 16  # voxels of a window that its neighbour shows better, and in which they are blended
LUNG_MM = 5.0  # from the lung: a nodule's centre lies no further off
NEIGHBOURS = 5  # voxels of the heat map along a side of the place in which a peak is the highest
HEAT_SHARE = 0.45  # of a diameter: how far its heat reaches, and its neighbour does not
MIRRORED = ((), (2,), (3,), (4,))  # axes along which a view is mirrored; the first is as it is
LEAST_APART_MM = 3.0  # two peaks that are nearer mark one nodule


@dataclass(frozen=True)
class WindowSettings:
    """Section `unet3d` of the config, as far as detection needs it."""

    window: int  # voxels along a side of what the network sees at a time, at most
    centre_threshold: float  # least probability of a centre
    max_per_scan: int
    mirrored: bool = False  # whether mirrored views are asked, too, and the answers averaged


def detect(
    networks: Sequence[nn.Module], volume: Volume, settings: WindowSettings, device: torch.device
) -> pd.DataFrame:
    """Table `candidates` of a scan, surest first."""
    heat = answer(networks, volume, settings.window, device, settings.mirrored)
    return tabulate(volume.uid, peaks(heat, volume.grid, settings), volume.native)


def tabulate(uid: str, found: Sequence[dict[str, Any]], native: Geometry) -> pd.DataFrame:
    """Table `candidates` of one scan's peaks; volume and slices are those of a sphere."""
    rows = []
    for number, peak in enumerate(found, 1):
        x, y, z = peak["world"].tolist()
        rows.append(
            {
                "seriesuid": uid,
                "candidate": number,
                "x": x,
                "y": y,
                "z": z,
                "diameter_mm": peak["diameter_mm"],
                "probability": peak["probability"],
                "volume_mm3": sphere_volume(peak["diameter_mm"]),
                "n_slices": max(1, round(peak["diameter_mm"] / native.spacing_zyx[0])),
            }
        )
    return tables.frame("candidates", rows)


class Answer(NamedTuple):
    """The network's answer over a volume, on every STRIDE-th voxel, (z, y, x).

    heat: probability of a centre; log_diameter: to the base of two, in mm; near: in or near lung.
    """

    heat: NDArray[np.float32]
    log_diameter: NDArray[np.float32]
    near: NDArray[np.bool_]


def answer(
    networks: Sequence[nn.Module],
    volume: Volume,
    side: int,
    device: torch.device,
    mirrored: bool = False,
) -> Answer:
    """Mean probability of a centre and mean log2 diameter over the networks.

    Windows without lung are left out: there the heat is 0. Where windows overlap each counts the
    less the nearer a voxel is to its edge.
    """
    multiple = max(int(network.multiple) for network in networks)  # type: ignore[arg-type]
    shape = [-(-n // STRIDE) for n in volume.grid.shape]
    total = np.zeros((2, *shape), np.float32)
    weights = np.zeros(shape, np.float32)
    for corner, sides in windows(volume.grid.shape, side, multiple):
        if not _holds_lung(volume, corner, sides):
            continue
        grey = torch.from_numpy(cube(volume.array, corner, sides))[None, None]
        found = asked(networks, grey, device, mirrored)[0].cpu().numpy()
        low = [c // STRIDE for c in corner]
        part = tuple(slice(a, a + n) for a, n in zip(low, found.shape[1:], strict=True))
        within = tuple(slice(0, n - a) for a, n in zip(low, shape, strict=True))
        weight = taper(corner, sides, volume.grid.shape)[within]
        total[(slice(None), *part)] += found[(slice(None), *within)] * weight
        weights[part] += weight
    total /= np.maximum(weights, 1e-6)
    return Answer(total[0], total[1], near_lung(volume))


def near_lung(volume: Volume) -> NDArray[np.bool_]:
    """Voxels of the heat map (z, y, x) in the lung or within LUNG_MM of it.

    What lies further off, such as a fold of a blanket before the chest, is no lung nodule.
    """
    shape = tuple(-(-n // STRIDE) for n in volume.grid.shape)
    far = ndimage.distance_transform_edt(volume.lung == 0, volume.grid.spacing_zyx * LUNG_STEP)
    places = [
        np.minimum(np.arange(n) * STRIDE // LUNG_STEP, most - 1)
        for n, most in zip(shape, far.shape, strict=True)
    ]
    return np.asarray(far[np.ix_(*places)] <= LUNG_MM)


def asked(
    networks: Sequence[nn.Module], grey: Tensor, device: torch.device, mirrored: bool = False
) -> Tensor:
    """Centre probability and log2 diameter (batch, 2, z, y, x), the mean over the networks.

    mirrored: also over the views mirrored along each axis.
    """
    inputs = to_device(grey, device)
    views = MIRRORED if mirrored else MIRRORED[:1]
    with torch.inference_mode(), autocast(device):
        answers = [
            network(inputs.flip(axes)).flip(axes).float() for network in networks for axes in views
        ]
    return torch.stack([torch.stack([a[:, 0].sigmoid(), a[:, 1]], dim=1) for a in answers]).mean(0)


def windows(
    shape: Sequence[int], side: int, multiple: int
) -> Iterator[tuple[tuple[int, int, int], tuple[int, int, int]]]:
    """Corners and sides (z, y, x) of as few windows as cover a volume, all alike, none over `side`.

    Neighbours share 2 * MARGIN voxels or more; the last may reach beyond the volume.
    """
    axes = [_along(n, side, multiple) for n in shape]
    for z in axes[0][0]:
        for y in axes[1][0]:
            for x in axes[2][0]:
                yield (z, y, x), (axes[0][1], axes[1][1], axes[2][1])


def _along(length: int, side: int, multiple: int) -> tuple[list[int], int]:
    """First voxels of the windows along one axis, and their length."""
    shared = 2 * MARGIN
    count = 1 if length <= side else -(-(length - shared) // (side - shared))
    each = -(-(length + shared * (count - 1)) // count)
    each = -(-each // multiple) * multiple
    last = max(length - each, 0)
    last = -(-last // STRIDE) * STRIDE
    return [round(last * k / max(count - 1, 1) / STRIDE) * STRIDE for k in range(count)], each


def taper(corner: Sequence[int], sides: Sequence[int], shape: Sequence[int]) -> NDArray[np.float32]:
    """How much a window's answer counts: 1 inside, falling towards edges that have a neighbour."""
    ramps = []
    for first, n, length in zip(corner, sides, shape, strict=True):
        place = (np.arange(n // STRIDE) + 0.5) * STRIDE
        low = place / (2 * MARGIN) if first > 0 else np.ones_like(place)
        high = (n - place) / (2 * MARGIN) if first + n < length else np.ones_like(place)
        ramps.append(np.clip(np.minimum(low, high), 0.01, 1))
    z, y, x = (ramp.astype(np.float32) for ramp in ramps)
    return z[:, None, None] * y[:, None] * x


def _holds_lung(volume: Volume, corner: Sequence[int], sides: Sequence[int]) -> bool:
    part = tuple(
        slice(c // LUNG_STEP, (c + n) // LUNG_STEP) for c, n in zip(corner, sides, strict=True)
    )
    return bool(volume.lung[part].any())


def peaks(found: Answer, grid: Geometry, settings: WindowSettings) -> list[dict[str, Any]]:
    """Nodules of a heat map, surest first: world centre, diameter, probability.

    A peak is the highest of its surroundings; its centre is the heat's mean place around it, to a
    fraction of a voxel, and lies in the lung or within LUNG_MM of it. Of two peaks of which one
    lies within the other's radius the higher stays, so that a large nodule is one and nodules that
    touch are two.
    """
    heat = found.heat
    highest = ndimage.maximum_filter(heat, NEIGHBOURS, mode="constant")
    places = np.argwhere((heat >= highest) & (heat >= settings.centre_threshold))
    order = np.argsort(-heat[tuple(places.T)], kind="stable")
    kept: list[dict[str, Any]] = []
    mm = float(grid.voxel_mm3 ** (1 / 3))
    for place in places[order]:
        centre, log_diameter = _refined(found, place)
        if not found.near[tuple(np.rint(centre).astype(int))]:
            continue
        world = grid.to_world(centre * STRIDE + (STRIDE - 1) / 2)
        diameter = float(2.0**log_diameter)
        reach = max(diameter / 2, LEAST_APART_MM, mm)
        if any(np.linalg.norm(k["world"] - world) < max(k["reach"], reach) for k in kept):
            continue
        kept.append(
            {
                "world": world,
                "reach": reach,
                "diameter_mm": diameter,
                "probability": float(heat[tuple(place)]),
            }
        )
        if len(kept) == settings.max_per_scan:
            break
    return kept


def _refined(found: Answer, place: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
    """Mean place of the heat around a peak, and the mean log2 diameter there, weighted by heat.

    A peak may be any voxel of a plateau, so the ball of what counts follows the mean (mean shift);
    its edge is soft, so that no voxel tips the balance.
    """
    reach = max(2.0, HEAT_SHARE * 2.0 ** float(found.log_diameter[tuple(place)]) / STRIDE)
    low = np.maximum(place - math.ceil(reach) - 2, 0)
    high = np.minimum(place + math.ceil(reach) + 3, found.heat.shape)
    part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    heat = found.heat[part].astype(float) ** 2
    index = np.moveaxis(np.indices(heat.shape), 0, -1)
    centre = (place - low).astype(float)
    for _ in range(4):
        far = np.linalg.norm(index - centre, axis=-1)
        weight = heat * np.clip(reach + 1 - far, 0, 1)
        centre = np.average(index.reshape(-1, 3), axis=0, weights=weight.ravel())
    return centre + low, float(np.average(found.log_diameter[part], weights=weight))
