"""Scores of given locations: LUNA16's false-positive-reduction track."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from nodules.base import tables
from nodules.images.geometry import Geometry
from nodules.learning.networks.forward import crop_logits
from nodules.prepare.crops import CropSample, CropSize, Place, Shown
from nodules.prepare.stacks import Stack
from nodules.prepare.views import PLANES, spots
from nodules.stats.logits import sigmoid

Floats = NDArray[np.float64]
# A scorer of places: logits (n,) of a scan's world points (n, 3), x, y, z in mm; NaN where it has
# no image. It may cut slices, cubes or anything else.
Ask = Callable[[Stack, Floats], Floats]

OFFSETS_MM = (-2.0, 0.0, 2.0)  # of the slices used, along z: a 5 mm nodule is on all three
OUTSIDE_SCAN, OUTSIDE_STORED = "outside the scan", "outside the stored slices"


def classify_locations(
    ask: Ask, stack: Stack, locations: pd.DataFrame, scan: Geometry
) -> pd.DataFrame:
    """Table `location_scores` of one scan: a row for each of its locations, in their order.

    locations: the scan's rows of table `locations`. scan: grid of the scan as stored on disk. A
    location that cannot be judged has probability 0, no logit, and a reason.
    """
    points = locations[["x", "y", "z"]].to_numpy(float)
    inside, logit = scan.encloses(points), np.full(len(points), np.nan)
    logit[inside] = ask(stack, points[inside])
    judged = ~np.isnan(logit)
    columns = {
        "seriesuid": stack.uid,
        "location": np.arange(1, len(points) + 1),
        **dict(zip("xyz", points.T, strict=True)),
        "probability": np.where(judged, sigmoid(np.where(judged, logit, 0)), 0),
        "logit": logit,
        "reason": np.select([judged, inside], ["", OUTSIDE_STORED], OUTSIDE_SCAN),
    }
    return tables.frame("location_scores", pd.DataFrame(columns))


def on_slices(networks: Sequence[nn.Module], size: CropSize, device: torch.device) -> Ask:
    """Scorer that averages the networks' logits of crops from slices or planes at each place."""

    def ask(stack: Stack, points: Floats) -> Floats:
        places, owner = shown_of(stack.geometry, points, size)
        crops = [CropSample(0, place, 0) for place in places]
        logits = crop_logits(networks, [stack], crops, size, device)
        counts = np.bincount(owner, minlength=len(points)).astype(float)
        total = np.bincount(owner, logits, minlength=len(points))
        return np.divide(total, counts, out=np.full(len(points), np.nan), where=counts > 0)

    return ask


def shown_of(
    geometry: Geometry, points: Floats, size: CropSize
) -> tuple[Sequence[Shown], NDArray[np.int64]]:
    """Crops to cut for world points, and the point that each belongs to; see `places_through`."""
    if size.view != PLANES:
        return places_through(geometry, points)
    stored = np.flatnonzero(geometry.encloses(points))
    index = geometry.to_index(points[stored]).tolist()
    shown = [spot for z, y, x in index for spot in spots((z, y, x), size.planes)]
    return shown, np.repeat(stored, size.planes)


def places_through(geometry: Geometry, points: Floats) -> tuple[list[Place], NDArray[np.int64]]:
    """Places on the slices nearest to world points and to OFFSETS_MM from them, each slice once.

    geometry: of the stored slices. points: (n, 3) x, y, z mm. Also returns the index of each
    place's point. A point outside the stored slices has no place; slices beyond the first or last
    are skipped.
    """
    index, stored = geometry.to_index(points), geometry.encloses(points)
    last, step = geometry.shape[0] - 1, np.array(OFFSETS_MM) / geometry.spacing[2]
    places, owner = [], []
    for point in np.flatnonzero(stored):
        z, y, x = index[point].tolist()
        own = int(np.clip(np.rint(z), 0, last))
        near = np.unique([own, *np.rint(z + step).astype(int)])
        for slice_ in near[(near >= 0) & (near <= last)].tolist():
            places.append(Place(slice_, y, x))
            owner.append(point)
    return places, np.array(owner, np.int64)
