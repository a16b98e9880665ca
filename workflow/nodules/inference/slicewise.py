"""The two-stage system on slices: U-Nets detect, ResNet50s classify presence and malignancy.

It calls the workflow's own functions, so candidates are the same as in a run.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.images.geometry import Geometry
from nodules.inference import malignancy
from nodules.inference.candidate import Candidate
from nodules.inference.candidates import classify_candidates
from nodules.inference.detection import CandidateSettings, batches, components, tabulate
from nodules.inference.ensemble import Ensemble
from nodules.prepare.coarse_grid import Mask
from nodules.prepare.crops import UNTOLD, CropSize, Nodule
from nodules.prepare.held import stack_of
from nodules.prepare.nodules import shown_of
from nodules.prepare.slices import SliceSettings
from nodules.prepare.stacks import Stack
from nodules.stats import votes

UID = "scan"  # tables need one, candidates do not
FOUND_BY = "unet"

Tell = Callable[[float], object]


def detector(
    model: Ensemble,
) -> Callable[[NDArray[np.int16], Geometry, Mask, Tell], list[Candidate]]:
    """The detector of a model with role unet and, optionally, presence and malignancy."""
    settings = SliceSettings(**_settings(model.input("unet")["slices"]))
    limits = CandidateSettings(**model.manifest["settings"]["candidates"])

    def detect(
        volume: NDArray[np.int16], geometry: Geometry, lungs: Mask, tell: Tell
    ) -> list[Candidate]:
        stack = stack_of(UID, volume, geometry, lungs, settings)
        tell(0.02)
        probability = _probability(model, stack, lambda share: tell(0.02 + 0.88 * share))
        found = list(components(probability, stack.geometry, limits))
        table, masks = tabulate(UID, FOUND_BY, found)
        table = _classified(model, stack, table, masks)
        malignant = _malignant(model, stack, masks, len(found))
        tell(1.0)
        rows = table.to_dict("records")
        made = [
            _candidate(row, component, chance, stack.geometry, geometry)
            for row, component, chance in zip(rows, found, malignant, strict=True)
        ]
        return sorted(made, key=lambda candidate: -candidate.probability)

    return detect


def _settings(told: dict[str, Any]) -> dict[str, Any]:
    """Settings of slices from JSON, with the window as a pair."""
    return told | {"window": tuple(told["window"])}


def _probability(model: Ensemble, stack: Stack, tell: Tell) -> NDArray[np.float32]:
    """Like `detection.predict`, reporting progress."""
    volume = np.zeros(stack.geometry.shape, np.float32)
    context = model.input("unet")["context"]
    asked = batches(model.networks("unet"), stack, context, model.device, range(len(volume)))
    for slices, part in asked:
        volume[slices.start : slices.stop] = part
        tell(slices.stop / len(volume))
    return volume


def _classified(
    model: Ensemble, stack: Stack, table: pd.DataFrame, masks: pd.DataFrame
) -> pd.DataFrame:
    """The candidates with columns logit and confidence; the U-Net's score without ResNet50s."""
    networks = model.networks("presence")
    if not networks or not len(table):
        return table.assign(logit=np.nan, confidence=table["probability"])
    size = CropSize(**model.input("presence")["crops"])
    return classify_candidates(networks, stack, table, masks, size, model.device)


def _malignant(
    model: Ensemble, stack: Stack, masks: pd.DataFrame, count: int
) -> Sequence[float | None]:
    """Probability of malignancy of each candidate; None without malignancy networks."""
    networks = model.networks("malignancy")
    if not networks or not count:
        return [None] * count
    asked = model.input("malignancy")
    by_region = dict(list(masks.groupby("region")))
    size, times = CropSize(**asked["crops"]), asked["crops_per_nodule"]
    nodules = [
        Nodule(0, n, UNTOLD, tuple(shown_of(by_region[n], times, size.view)))
        for n in range(1, count + 1)
    ]
    scores = malignancy.classify(networks, [stack], nodules, size, model.device)
    together = votes.combine(scores, model.manifest["settings"]["vote"])
    return [float(p) for p in together.sort_values("nodule")["probability"]]


def _candidate(
    row: dict[str, Any],
    component: dict[str, Any],
    malignant: float | None,
    grid: Geometry,
    native: Geometry,
) -> Candidate:
    """A component on the slices grid as a candidate with its mask on the native grid."""
    corner, mask = to_native(component["box"], component["mask"], grid, native)
    return Candidate.of(row, (mask, corner), float(row["logit"]), malignant)


def to_native(
    box: tuple[slice, slice, slice], mask: NDArray[np.bool_], grid: Geometry, native: Geometry
) -> tuple[tuple[int, int, int], NDArray[np.bool_]]:
    """A mask on the slices grid moved to the native grid: its corner and bool (z, y, x).

    Each native voxel takes the nearest stored one, so separate masks stay separate. If a mask falls
    between native voxels, the one nearest to its centre is used.
    """
    ends = grid.to_world([[s.start - 1 for s in box], [s.stop for s in box]])
    span = np.sort(native.to_index(ends), axis=0)
    low = np.clip(np.floor(span[0]), 0, np.array(native.shape) - 1).astype(int)
    high = np.clip(np.ceil(span[1]) + 1, low + 1, native.shape).astype(int)
    low[0], high[0] = box[0].start, box[0].stop  # slices are the same on both
    lines = []
    for axis in range(3):
        index = np.tile(low.astype(float), (high[axis] - low[axis], 1))
        index[:, axis] = np.arange(low[axis], high[axis])
        nearest = np.rint(grid.to_index(native.to_world(index))[:, axis]).astype(int)
        lines.append(nearest - box[axis].start)
    inside = [(line >= 0) & (line < n) for line, n in zip(lines, mask.shape, strict=True)]
    taken = mask[np.ix_(*(np.clip(v, 0, n - 1) for v, n in zip(lines, mask.shape, strict=True)))]
    fine = taken & inside[0][:, None, None] & inside[1][None, :, None] & inside[2][None, None, :]
    if not fine.any():
        middle = np.mean(np.argwhere(mask), axis=0) + [s.start for s in box]
        at = np.rint(native.to_index(grid.to_world(middle))).astype(int)
        at = np.clip(at, 0, np.array(native.shape) - 1)
        return (int(at[0]), int(at[1]), int(at[2])), np.ones((1, 1, 1), bool)
    held = [np.flatnonzero(fine.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1))]
    part = tuple(slice(line[0], line[-1] + 1) for line in held)
    corner = tuple(int(a + line[0]) for a, line in zip(low, held, strict=True))
    return (corner[0], corner[1], corner[2]), fine[part]
