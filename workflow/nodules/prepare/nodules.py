"""Nodules as crops on slices evenly spaced through each, or as cubes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from nodules.images import regions
from nodules.prepare.crops import UNTOLD, Nodule, Place, Shown, places_of
from nodules.prepare.stacks import Stack
from nodules.prepare.views import CUBES, blocks, middle_of


def region_of(stack: Stack, masks: pd.DataFrame, nodule: int) -> pd.DataFrame:
    """Rows of a nodule's mask on the stored slices; of its sphere if readers drew none."""
    own = masks[masks["region"] == nodule]
    rows = regions.select(own, stack.kind, "slices")
    return rows if len(rows) else regions.select(own, "sphere", "slices")


def through(rows: pd.DataFrame, count: int) -> list[Place]:
    """`count` places through a region, each in the middle of an equal part of its slices.

    If the region spans fewer slices some are repeated, so that every nodule has the same weight.
    """
    order = rows.sort_values("z", ignore_index=True)
    places = places_of(order, len(order))
    middles = (np.arange(count) + 0.5) / count * len(order)
    return [places[int(k)] for k in middles]


def shown_of(rows: pd.DataFrame, count: int, view: str) -> list[Shown]:
    """Crops of a region, `count` in all: slices through it, or its cube and mirrored views.

    rows: of table `regions`, of one region on the slices grid.
    """
    if view == CUBES:
        return blocks(middle_of(rows), count)
    return [*through(rows, count)]


def gather(
    stacks: Sequence[Stack], nodules: pd.DataFrame, count: int, view: str = "slices"
) -> list[Nodule]:
    """Nodules of some scans, each with `count` crops through its mask, or views of its cube.

    view: slices or cubes. nodules: table `nodules` or `malignancy_labels`; only the latter has
    labels.
    """
    own = dict(list(nodules.groupby("seriesuid")))
    found = []
    for i, stack in enumerate(stacks):
        if stack.uid not in own:
            continue
        masks = stack.masks
        for row in own[stack.uid].itertuples():
            rows = region_of(stack, masks, int(row.nodule))
            known = len(rows) > 0
            places = shown_of(rows, count, view) if known else _centred(stack, row, count, view)
            label = int(getattr(row, "label", UNTOLD))
            found.append(Nodule(i, int(row.nodule), label, tuple(places)))
    return found


def _centred(stack: Stack, row: Any, count: int, view: str) -> list[Shown]:
    """Crops at a nodule's centre, on the nearest slice if it is outside the stack."""
    z, y, x = stack.geometry.to_index((row.x, row.y, row.z)).tolist()
    if view == CUBES:
        return blocks((z, y, x), count)
    return [_centre(stack, z, y, x)] * count


def _centre(stack: Stack, z: float, y: float, x: float) -> Place:
    return Place(int(np.clip(round(float(z)), 0, stack.geometry.shape[0] - 1)), float(y), float(x))
