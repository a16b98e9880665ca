"""From pixel probabilities to candidates: 3-D components with world centre, diameter, score."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import cc3d
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from nodules.base import tables
from nodules.findings.hits import matched
from nodules.findings.size import sphere_diameter
from nodules.images import regions
from nodules.images.geometry import Geometry
from nodules.learning.machine import autocast
from nodules.learning.networks.unet import predict_logits
from nodules.prepare.stacks import Stack
from nodules.stats.logits import EPSILON

BATCH = {"cpu": 4, "cuda": 32}


def predict(
    networks: Sequence[nn.Module], stack: Stack, context: int, device: torch.device
) -> NDArray[np.float32]:
    """Mean probability (z, y, x) over the networks, for every slice of a scan."""
    volume = np.zeros(stack.geometry.shape, np.float32)
    step = BATCH.get(device.type, 4)
    with torch.inference_mode(), autocast(device):
        for start in range(0, len(volume), step):
            slices = range(start, min(start + step, len(volume)))
            parts = [predict_logits(n, stack, slices, context, device).sigmoid() for n in networks]
            volume[start : start + step] = torch.stack(parts).mean(0).cpu().numpy()
    return volume


def components(
    probability: NDArray[np.float32], geometry: Geometry, settings: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Candidates of one scan, most probable first.

    A candidate is a 26-connected component of voxels at or above `threshold`; its centre is the
    probability-weighted mean of its voxels, its diameter that of the sphere of equal volume, its
    score the mean of the upper half of its voxels' probabilities. Each comes with its `box`
    (slices in z, y, x) and its `mask` within the box.
    """
    labels = cc3d.connected_components(probability >= settings["threshold"], connectivity=26)
    stats = cc3d.statistics(labels)
    found = []
    for label, box in enumerate(stats["bounding_boxes"]):
        volume_mm3 = float(stats["voxel_counts"][label]) * geometry.voxel_mm3
        diameter = sphere_diameter(volume_mm3)
        if label == 0 or diameter < settings["min_diameter_mm"]:
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
    yield from found[: settings["max_per_scan"]]


def tabulate(
    uid: str,
    system: str,
    found: Sequence[dict[str, Any]],
    nodules: pd.DataFrame,
    excluded: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables `candidates` and `regions` of one scan's components.

    nodules, excluded: the scan's reference nodules and excluded findings.
    """
    if not found:
        return tables.frame("candidates"), regions.empty()
    data = pd.DataFrame([{k: v for k, v in c.items() if k not in ("box", "mask")} for c in found])
    data["seriesuid"] = uid
    data["candidate"] = np.arange(1, len(data) + 1)
    # A row of -1, for no hit, picks the 0 at the end.
    data["nodule"] = np.append(nodules["nodule"].to_numpy(), 0)[matched(data, nodules)]
    data["excluded"] = (matched(data, excluded) >= 0) & (data["nodule"] == 0)
    masks = [
        line
        for number, c in enumerate(found, 1)
        for line in regions.encode(
            uid, system, "slices", number, c["mask"], tuple(s.start for s in c["box"])
        )
    ]
    return tables.frame("candidates", data), tables.frame("regions", masks)


def score_slices(stack: Stack, probability: NDArray[np.float32], threshold: float) -> pd.DataFrame:
    """Table `slice_scores` of one scan: loss, areas and overlap of every slice."""
    rows = []
    for z, plane in enumerate(probability):
        truth = stack.labels(z) > 0
        p = np.clip(plane, EPSILON, 1 - EPSILON)
        predicted = plane >= threshold
        y, x = np.unravel_index(plane.argmax(), plane.shape)
        rows.append(
            {
                "seriesuid": stack.uid,
                "slice": z,
                "loss": float(-np.log(np.where(truth, p, 1 - p)).mean()),
                "probability": float(plane.max()),
                "predicted_px": int(predicted.sum()),
                "truth_px": int(truth.sum()),
                "overlap_px": int((predicted & truth).sum()),
                "peak_y": int(y),
                "peak_x": int(x),
            }
        )
    return tables.frame("slice_scores", rows)


def detect(
    stacks: Sequence[Stack],
    predictor: Callable[[Stack], NDArray[np.float32]],
    system: str,
    settings: dict[str, Any],
    nodules: pd.DataFrame,
    excluded: pd.DataFrame,
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]]:
    """Tables `candidates`, `regions` and `slice_scores` of each scan in turn."""
    for stack in stacks:
        probability = predictor(stack)
        found = list(components(probability, stack.geometry, settings))
        own = nodules[nodules["seriesuid"] == stack.uid]
        other = excluded[excluded["seriesuid"] == stack.uid]
        candidates, masks = tabulate(stack.uid, system, found, own, other)
        yield candidates, masks, score_slices(stack, probability, settings["threshold"])


def joined(
    found: Iterable[tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]],
) -> dict[str, pd.DataFrame]:
    """The scans' tables of `detect` one under another, by output: candidates, regions, slices.

    Tables without rows where no scan has any.
    """
    names = {"candidates": "candidates", "regions": "regions", "slices": "slice_scores"}
    empty = [tables.frame(name) for name in names.values()]
    return {
        output: tables.stacked(frames)
        for output, frames in zip(names, zip(empty, *found, strict=True), strict=True)
    }
