"""From pixel probabilities to candidates: 3-D components with world centre, diameter, score."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cc3d
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from nodules.base import tables
from nodules.findings.size import sphere_diameter
from nodules.images import regions
from nodules.images.geometry import Geometry
from nodules.learning.machine import autocast
from nodules.learning.networks.forward import slice_logits
from nodules.prepare.stacks import Stack
from nodules.stats.logits import pixel_loss

BATCH = {"cpu": 4, "cuda": 32}


@dataclass(frozen=True)
class CandidateSettings:
    """How candidates are made from probabilities; fields are keys of the config."""

    pixel_threshold: float  # probability from which a pixel is nodule
    min_diameter_mm: float  # smaller components are dropped
    max_per_scan: int


class Detected(NamedTuple):
    """What was detected in a scan: tables `candidates`, `regions` and `slice_peaks`."""

    candidates: pd.DataFrame
    regions: pd.DataFrame
    peaks: pd.DataFrame


def predict(
    networks: Sequence[nn.Module], stack: Stack, context: int, device: torch.device
) -> NDArray[np.float32]:
    """Nodule probability (z, y, x) of a scan's voxels, averaged over the networks."""
    volume = np.zeros(stack.geometry.shape, np.float32)
    for slices, probability in batches(networks, stack, context, device, range(len(volume))):
        volume[slices.start : slices.stop] = probability
    return volume


def batches(
    networks: Sequence[nn.Module],
    stack: Stack,
    context: int,
    device: torch.device,
    wanted: Iterable[int],
) -> Iterator[tuple[range, NDArray[np.float32]]]:
    """Batches that contain a wanted slice: slice indices and mean probability (n, y, x) of each.

    The scan is always split into the same batches, so that a slice's probability is the same to the
    last bit whether all slices are wanted or few.
    """
    n, step = stack.geometry.shape[0], BATCH.get(device.type, 4)
    starts = sorted({int(z) // step * step for z in wanted})
    with torch.inference_mode(), autocast(device):
        for start in starts:
            slices = range(start, min(start + step, n))
            parts = [slice_logits(k, stack, slices, context, device).sigmoid() for k in networks]
            yield slices, torch.stack(parts).mean(0).cpu().numpy()


def components(
    probability: NDArray[np.float32], geometry: Geometry, settings: CandidateSettings
) -> Iterator[dict[str, Any]]:
    """Candidates of one scan, most probable first.

    A candidate is a 26-connected component of voxels at or above the threshold. Its centre is the
    probability-weighted mean of its voxels, its diameter that of the sphere of equal volume, its
    score the mean of the upper half of its voxels' probabilities. Each comes with its `box` (slices
    in z, y, x) and its `mask` within the box.
    """
    labels = cc3d.connected_components(probability >= settings.pixel_threshold, connectivity=26)
    stats = cc3d.statistics(labels)
    found = []
    for label, box in enumerate(stats["bounding_boxes"]):
        volume_mm3 = float(stats["voxel_counts"][label]) * geometry.voxel_mm3
        diameter = sphere_diameter(volume_mm3)
        if label == 0 or diameter < settings.min_diameter_mm:
            continue
        mask = labels[box] == label
        values = probability[box][mask]
        index = np.argwhere(mask) + [s.start for s in box]
        centre = geometry.to_world(np.average(index, axis=0, weights=values))
        found.append(
            {
                "x": centre[0],
                "y": centre[1],
                "z": centre[2],
                "diameter_mm": diameter,
                "probability": float(values[values >= np.median(values)].mean()),
                "volume_mm3": volume_mm3,
                "n_slices": mask.shape[0],
                "box": box,
                "mask": mask,
            }
        )
    found.sort(key=lambda c: -c["probability"])
    yield from found[: settings.max_per_scan]


def tabulate(
    uid: str, system: str, found: Sequence[dict[str, Any]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables `candidates` and `regions` of one scan's components."""
    if not found:
        return tables.frame("candidates"), regions.empty()
    data = pd.DataFrame([{k: v for k, v in c.items() if k not in ("box", "mask")} for c in found])
    data["seriesuid"] = uid
    data["candidate"] = np.arange(1, len(data) + 1)
    masks = [
        line
        for number, c in enumerate(found, 1)
        for line in regions.encode(
            uid, system, "slices", number, c["mask"], tuple(s.start for s in c["box"])
        )
    ]
    return tables.frame("candidates", data), tables.frame("regions", masks)


def slice_peaks(uid: str, probability: NDArray[np.float32], threshold: float) -> pd.DataFrame:
    """Table `slice_peaks` of one scan: for every slice, its most probable pixel.

    Also the number of pixels at or above the threshold, and the loss that the slice has if it is
    without a nodule. probability: (z, y, x).
    """
    rows = []
    for z, plane in enumerate(probability):
        y, x = np.unravel_index(plane.argmax(), plane.shape)
        rows.append(
            {
                "seriesuid": uid,
                "slice": z,
                "probability": float(plane.max()),
                "predicted_px": int((plane >= threshold).sum()),
                "peak_y": int(y),
                "peak_x": int(x),
                "loss_if_empty": pixel_loss(plane, np.zeros(plane.shape, bool)),
            }
        )
    return tables.frame("slice_peaks", rows)


def detect(
    stacks: Iterable[Stack],
    predictor: Callable[[Stack], NDArray[np.float32]],
    system: str,
    settings: CandidateSettings,
) -> Iterator[Detected]:
    """Candidates of each scan in turn. predictor: returns pixel probabilities (z, y, x)."""
    for stack in stacks:
        probability = predictor(stack)
        found = list(components(probability, stack.geometry, settings))
        candidates, masks = tabulate(stack.uid, system, found)
        peaks = slice_peaks(stack.uid, probability, settings.pixel_threshold)
        yield Detected(candidates, masks, peaks)


def joined(found: Iterable[Detected]) -> Detected:
    """The tables of all scans, concatenated; with their columns even if there are no scans."""
    empty = Detected(tables.frame("candidates"), regions.empty(), tables.frame("slice_peaks"))
    return Detected(*(tables.stacked(parts) for parts in zip(empty, *found, strict=True)))
