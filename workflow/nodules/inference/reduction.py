"""The second stage in 3-D: probability, voxels, centre and diameter of each candidate."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import cc3d
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import nn

from nodules.base import tables
from nodules.findings.size import sphere_diameter, sphere_volume
from nodules.images import regions
from nodules.images.spheres import clipped
from nodules.learning.machine import autocast, to_device
from nodules.prepare.cubes import corner_around, cube, moved
from nodules.prepare.volumes import Volume
from nodules.stats import stacking

KIND = "reduction"  # of its rows in table `regions`
BATCH = {"cpu": 16, "cuda": 256}  # cubes
MIRRORED = ((), (2,), (3,), (4,))  # axes along which a batch of cubes is mirrored, per view
VOXEL = 0.5  # probability from which a voxel is nodule
SURROUNDINGS = 2  # voxels: a mask must come this close to the centre, or as close as its radius


class Reduced(NamedTuple):
    """Tables `classified` and `regions` of a scan's candidates."""

    candidates: pd.DataFrame
    regions: pd.DataFrame


def reduce(
    networks: Sequence[nn.Module],
    volume: Volume,
    candidates: pd.DataFrame,
    side: int,
    device: torch.device,
) -> Reduced:
    """A scan's candidates (rows of table `candidates`) as the second stage sees them.

    Centre, diameter and volume become those of the voxels that it segments, if any. Of candidates
    that then are the same nodule, the one with the highest confidence is kept.
    """
    places = volume.grid.to_index(candidates[["x", "y", "z"]].to_numpy(float).reshape(-1, 3))
    seen = look(networks, volume.array, places, side, device)
    # Both stages have equal weights here; weights are fitted later, on other folds.
    confidence = stacking.confidence(candidates["probability"], seen.logits)
    rows: list[dict[str, Any]] = []
    masks: list[dict[str, Any]] = []
    for i in np.argsort(-confidence, kind="stable"):
        row = candidates.iloc[i].to_dict()
        row |= {"logit": seen.logits[i], "confidence": confidence[i]}
        nodule = nodule_of(seen.probability[i], seen.corners[i], volume)
        if nodule is not None:
            row |= nodule.measures()
        if any(_same(row, other) for other in rows):
            continue
        if nodule is not None:
            masks += regions.encode(
                volume.uid, KIND, "native", int(row["candidate"]), nodule.mask, nodule.corner
            )
        rows.append(row)
    return Reduced(tables.frame("classified", rows), tables.frame("regions", masks))


def _same(row: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether one candidate's centre lies within the other's radius."""
    apart = np.sqrt(sum((row[axis] - other[axis]) ** 2 for axis in "xyz"))
    return bool(apart < max(row["diameter_mm"], other["diameter_mm"]) / 2)


class Nodule(NamedTuple):
    """A nodule's voxels on the scan's native grid: centre (x, y, z), diameter, mask and corner."""

    centre: NDArray[np.float64]
    diameter_mm: float
    mask: NDArray[np.bool_]
    corner: tuple[int, int, int]

    def measures(self) -> dict[str, Any]:
        """Its columns of table `candidates`."""
        x, y, z = self.centre.tolist()
        sizes = {
            "diameter_mm": self.diameter_mm,
            "volume_mm3": sphere_volume(self.diameter_mm),
            "n_slices": int(self.mask.any(axis=(1, 2)).sum()),
        }
        return {"x": x, "y": y, "z": z} | sizes


class CubePredictions(NamedTuple):
    """The networks' output for each cube.

    logits (n,); probability (n, side, side, side) of each voxel; corners (n, 3): index (z, y, x) of
    each cube's first voxel.
    """

    logits: NDArray[np.float64]
    probability: NDArray[np.float32]
    corners: NDArray[np.int64]


def look(
    networks: Sequence[nn.Module],
    array: NDArray[np.uint8],
    places: NDArray[np.float64],
    side: int,
    device: torch.device,
) -> CubePredictions:
    """The networks' output for cubes around places (n, 3), z, y, x; mean over mirrored views."""
    corners = np.array([corner_around(place, side) for place in places]).reshape(-1, 3)
    step = BATCH.get(device.type, 16)
    logits, masks = [np.zeros(0)], [np.zeros((0, side, side, side), np.float32)]
    for start in range(0, len(corners), step):
        part = corners[start : start + step]
        images = np.stack([cube(array, corner, (side,) * 3) for corner in part])[:, None]
        inputs = to_device(torch.from_numpy(images), device)
        judged, drawn = [], []
        with torch.inference_mode(), autocast(device):
            for network in networks:
                for axes in MIRRORED:
                    logit, mask = network(inputs.flip(axes))
                    judged.append(logit.float())
                    drawn.append(mask.float().flip(axes).sigmoid()[:, 0])
        logits.append(torch.stack(judged).mean(0).double().cpu().numpy())
        masks.append(torch.stack(drawn).mean(0).cpu().numpy())
    return CubePredictions(np.concatenate(logits), np.concatenate(masks), corners)


def nodule_of(
    probability: NDArray[np.float32], corner: NDArray[np.int64], volume: Volume
) -> Nodule | None:
    """The nodule at the centre of a cube of `volume`'s voxels; None if there is none.

    It is the 26-connected component at or above VOXEL nearest to the centre. Its edge lies where
    interpolated probability falls below VOXEL on the scan's native grid: accurate to a fraction of
    a voxel.
    """
    labels = cc3d.connected_components(probability >= VOXEL, connectivity=26)
    places = np.argwhere(labels)
    if not len(places):
        return None
    far = np.linalg.norm(places - (np.array(probability.shape) - 1) / 2, axis=1)
    own = labels == labels[tuple(places[far.argmin()])]
    if far.min() > max(SURROUNDINGS, sphere_diameter(float(own.sum())) / 2):
        return None
    # Neighbouring voxels keep their probability, so that the edge may lie between voxels.
    near = ndimage.binary_dilation(own, np.ones((3, 3, 3)))
    part = np.where(near & ((labels == 0) | own), probability, 0)
    values, first = moved(part, corner, volume.grid, volume.native)
    mask, first = clipped((values >= VOXEL, first), volume.native.shape)
    if not mask.any():
        return None
    centre = volume.native.to_world(np.argwhere(mask).mean(axis=0) + first)
    diameter = sphere_diameter(float(mask.sum()) * volume.native.voxel_mm3)
    return Nodule(centre, diameter, mask, first)
