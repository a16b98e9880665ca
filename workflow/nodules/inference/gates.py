"""Maps of the attention U-Net's gates on a few nodules, to be looked at.

A gate weighs every pixel of a skip connection from 0 (held back) to 1 (let through), which shows
where the network looks (Oktay et al. 2018, arXiv:1804.03999).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from nodules.base.files import atomic
from nodules.images import regions
from nodules.learning.machine import autocast, to_device
from nodules.learning.networks.forward import slice_logits
from nodules.prepare.nodules import region_of
from nodules.prepare.stacks import Stack

Floats32 = NDArray[np.float32]

SIDE_MM = 80.0  # side of the square around a nodule
PX = 128  # side of the stored pictures


class Gated(NamedTuple):
    """A nodule on the slice where it is largest, cut out: (y, x) each, of PX pixels a side.

    answer: probability of each pixel; maps (gates, y, x): each gate's weights, 0 to 1, from the
    coarsest gate to the finest. inside, whole: mean of each map within the nodule's mask, and over
    the whole slice, (gates,).
    """

    uid: str
    number: int
    diameter_mm: float
    slice: int
    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    answer: Floats32
    maps: Floats32
    inside: Floats32
    whole: Floats32


def gated(
    networks: Sequence[nn.Module],
    stacks: Sequence[Stack],
    nodules: pd.DataFrame,
    most: int,
    context: int,
    device: torch.device,
) -> list[Gated]:
    """Up to `most` nodules of some scans, evenly spaced from the smallest to the largest.

    networks: with gates, not trained on these scans; maps and probabilities are averaged over them.
    nodules: table of that name. A nodule without a mask on the slices is skipped.
    """
    by_uid = {stack.uid: stack for stack in stacks}
    own = nodules[nodules["seriesuid"].isin(list(by_uid))]
    order = own.sort_values(["diameter_mm", "seriesuid", "nodule"], ignore_index=True)
    found = []
    for place in np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).round()):
        row = order.iloc[int(place)]
        stack = by_uid[str(row["seriesuid"])]
        masks = region_of(stack, stack.masks, int(row["nodule"]))
        if len(masks):
            told = (str(row["seriesuid"]), int(row["nodule"]), float(row["diameter_mm"]))
            found.append(Gated(*told, **_seen(networks, stack, masks, context, device)))
    return found


def _seen(
    networks: Sequence[nn.Module],
    stack: Stack,
    masks: pd.DataFrame,
    context: int,
    device: torch.device,
) -> dict[str, Any]:
    """The fields of a Gated from `slice` on."""
    z = int(masks.iloc[int(regions.area(masks).to_numpy().argmax())]["z"])
    mask = regions.paint_slice(masks[masks["z"] == z], stack.geometry.shape[1:]) > 0
    answer, maps = maps_of(networks, stack, z, context, device)
    part = window(mask, float(stack.geometry.spacing[0]))

    def cut(picture: NDArray, way: int = cv2.INTER_LINEAR) -> NDArray:
        return cv2.resize(np.ascontiguousarray(picture[part]), (PX, PX), interpolation=way)

    return {
        "slice": z,
        "image": cut(stack.array[z]),
        "mask": cut(mask.astype(np.uint8), cv2.INTER_NEAREST) > 0,
        "answer": cut(answer),
        "maps": np.stack([cut(one) for one in maps]),
        "inside": maps[:, mask].mean(axis=1),
        "whole": maps.mean(axis=(1, 2)),
    }


def maps_of(
    networks: Sequence[nn.Module], stack: Stack, z: int, context: int, device: torch.device
) -> tuple[Floats32, Floats32]:
    """Probability (y, x) of a slice's pixels and gate maps (gates, y, x), network means."""
    image = to_device(torch.from_numpy(stack.window(z, context)[None]), device)
    answers, maps = [], []
    with torch.inference_mode(), autocast(device):
        for network in networks:
            answers.append(slice_logits(network, stack, [z], context, device)[0].sigmoid())
            maps.append(network.gate_maps(image)[:, 0].float())  # type: ignore[operator]
    return torch.stack(answers).mean(0).cpu().numpy(), torch.stack(maps).mean(0).cpu().numpy()


def window(mask: NDArray[np.bool_], pixel_mm: float) -> tuple[slice, slice]:
    """Rows and columns of a square of SIDE_MM around a mask's centre, within the slice."""
    middle = np.argwhere(mask).mean(axis=0)
    sides = np.minimum(round(SIDE_MM / pixel_mm), mask.shape)
    y, x = np.clip(np.rint(middle - sides / 2), 0, np.array(mask.shape) - sides).astype(int)
    return slice(int(y), int(y + sides[0])), slice(int(x), int(x + sides[1]))


def write(path: str | Path, found: Sequence[Gated]) -> None:
    """Store nodules as one .npz, atomically."""
    columns = {name: np.array([getattr(one, name) for one in found]) for name in Gated._fields}
    with atomic(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **columns)


def read(path: str | Path) -> list[Gated]:
    """Nodules stored by `write`."""
    with np.load(path, allow_pickle=False) as kept:
        own = {name: kept[name] for name in Gated._fields}
    plain = ("uid", "number", "diameter_mm", "slice")
    return [
        Gated(**{n: column[i].item() if n in plain else column[i] for n, column in own.items()})
        for i in range(len(own["uid"]))
    ]
