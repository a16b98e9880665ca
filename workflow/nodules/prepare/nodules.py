"""Nodules as crops on several slices evenly through each."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nodules.images import regions
from nodules.prepare.crops import CropSample, Place, places_of
from nodules.prepare.stacks import Stack

UNTOLD = -1


class Nodule(NamedTuple):
    """A nodule: its scan's place in the list, number, label (1 malignant), crops through it."""

    scan: int
    number: int
    label: int  # UNTOLD where nobody was asked
    places: tuple[Place, ...]

    def crops(self) -> list[CropSample]:
        """Its crops, each with the nodule's label."""
        return [CropSample(self.scan, place, self.label) for place in self.places]


def region_of(stack: Stack, masks: pd.DataFrame, nodule: int) -> pd.DataFrame:
    """Rows of a nodule's mask on the stored slices; of its sphere where readers drew none."""
    own = masks[masks["region"] == nodule]
    rows = regions.select(own, stack.kind, "slices")
    return rows if len(rows) else regions.select(own, "sphere", "slices")


def through(rows: pd.DataFrame, count: int) -> list[Place]:
    """`count` places through a region, each in the middle of an equal part of its slices.

    Where the region spans fewer slices some come twice: every nodule weighs the same.
    """
    order = rows.sort_values("z", ignore_index=True)
    places = places_of(order, len(order))
    middles = (np.arange(count) + 0.5) / count * len(order)
    return [places[int(k)] for k in middles]


def gather(stacks: Sequence[Stack], nodules: pd.DataFrame, count: int) -> list[Nodule]:
    """Nodules of some scans with `count` crops through the mask of each.

    nodules: table `nodules` or `malignancy_labels`; only the second tells labels.
    """
    own = dict(list(nodules.groupby("seriesuid")))
    found = []
    for i, stack in enumerate(stacks):
        if stack.uid not in own:
            continue
        masks = stack.masks
        for row in own[stack.uid].itertuples():
            rows = region_of(stack, masks, int(row.nodule))
            places = through(rows, count) if len(rows) else [_centre(stack, row)] * count
            label = int(getattr(row, "label", UNTOLD))
            found.append(Nodule(i, int(row.nodule), label, tuple(places)))
    return found


def _centre(stack: Stack, row: Any) -> Place:
    """The place of a nodule's centre, on the nearest slice where it lies beyond the stack."""
    z, y, x = stack.geometry.to_index((row.x, row.y, row.z))
    return Place(int(np.clip(round(float(z)), 0, stack.geometry.shape[0] - 1)), float(y), float(x))
