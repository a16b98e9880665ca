"""The 3-D U-Net on a whole scan: blended windows with lung, and the peaks of its heat map."""

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

MARGIN = 16  # voxels at a window's edge that are blended with its neighbour, which sees them better
LUNG_MM = 5.0  # greatest distance of a nodule's centre from the lung
NEIGHBOURS = 5  # side in voxels of the heat map of the neighbourhood in which a peak is the maximum
HEAT_SHARE = 0.45  # of a diameter: radius with a nodule's own heat and none of its neighbour's
MIRRORED = ((), (2,), (3,), (4,))  # axes along which each view is mirrored; the first is not
LEAST_APART_MM = 3.0  # closer peaks mark one nodule


@dataclass(frozen=True)
class WindowSettings:
    """Settings of section `unet3d` of the config that detection needs."""

    window: int  # longest side in voxels of what the network sees at a time
    centre_threshold: float  # lowest probability of a centre
    max_per_scan: int
    mirrored: bool = False  # whether mirrored views are averaged, too


def detect(
    networks: Sequence[nn.Module], volume: Volume, settings: WindowSettings, device: torch.device
) -> pd.DataFrame:
    """Table `candidates` of a scan, highest probability first."""
    heat = answer(networks, volume, settings.window, device, settings.mirrored)
    return tabulate(volume.uid, peaks(heat, volume.grid, settings), volume.native)


def tabulate(uid: str, found: Sequence[dict[str, Any]], native: Geometry) -> pd.DataFrame:
    """Table `candidates` of one scan's peaks; volume and number of slices are those of a sphere."""
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
    """The network's output over a volume, on every STRIDE-th voxel, (z, y, x).

    heat: probability of a centre; log_diameter: log2 of the diameter in mm; near: in or near lung.
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
    """Probability of a centre and log2 diameter, averaged over the networks.

    Windows without lung are skipped: their heat is 0. Where windows overlap, each is weighted by
    the voxel's distance from its edge.
    """
    multiple = max(int(network.multiple) for network in networks)  # type: ignore[arg-type]
    shape = [-(-n // STRIDE) for n in volume.grid.shape]
    total = np.zeros((2, *shape), np.float32)
    weights = np.zeros(shape, np.float32)
    for corner, sides in windows(volume.grid.shape, side, multiple):
        if not _holds_lung(volume, corner, sides):
            continue
        grey = torch.from_numpy(cube(volume.array, corner, sides))[None, None]
        found = predict_views(networks, grey, device, mirrored)[0].cpu().numpy()
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

    Anything farther away, such as a fold of a blanket in front of the chest, is no lung nodule.
    """
    shape = tuple(-(-n // STRIDE) for n in volume.grid.shape)
    far = ndimage.distance_transform_edt(volume.lung == 0, volume.grid.spacing_zyx * LUNG_STEP)
    places = [
        np.minimum(np.arange(n) * STRIDE // LUNG_STEP, most - 1)
        for n, most in zip(shape, far.shape, strict=True)
    ]
    return np.asarray(far[np.ix_(*places)] <= LUNG_MM)


def predict_views(
    networks: Sequence[nn.Module], grey: Tensor, device: torch.device, mirrored: bool = False
) -> Tensor:
    """Centre probability and log2 diameter (batch, 2, z, y, x), averaged over the networks.

    mirrored: average also over views mirrored along each axis.
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
    """Corners and sides (z, y, x) of the fewest equal windows of up to `side` that cover a volume.

    Their sides are rounded up to `multiple`. Neighbours overlap by at least 2 * MARGIN voxels; the
    last may reach beyond the volume.
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
    """Weights of a window's output (z, y, x): 1 inside, falling towards edges with a neighbour."""
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
    """Nodules of a heat map, highest probability first: world centre, diameter, probability.

    A peak is a local maximum. Its centre is the heat's mean position around it, to a fraction of a
    voxel, and lies in the lung or within LUNG_MM of it. If one of two peaks lies within the other's
    radius, only the higher is kept, so that a large nodule is one and touching nodules are two.
    """
    heat = found.heat
    highest = ndimage.maximum_filter(heat, NEIGHBOURS, mode="constant")
    places = np.argwhere((heat >= highest) & (heat >= settings.centre_threshold))
    order = np.argsort(-heat[tuple(places.T)], kind="stable")
    kept: list[dict[str, Any]] = []
    mm = float(grid.voxel_mm3 ** (1 / 3))
    for place in places[order]:
        centre, log_diameter = _refined(found, place, mm * STRIDE)
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


def _refined(
    found: Answer, place: NDArray[np.int64], mm: float
) -> tuple[NDArray[np.float64], float]:
    """Mean position of the heat around a peak, and heat-weighted mean log2 diameter there.

    mm: between neighbouring voxels of the heat map.

    A peak may be any voxel of a plateau, so the ball that is averaged over moves to the mean (mean
    shift). Its edge is soft, so that no single voxel decides.
    """
    reach = max(2.0, HEAT_SHARE * 2.0 ** float(found.log_diameter[tuple(place)]) / mm)
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
