"""Ground truth of a volume: its nodules' centres, diameters and masks, and excluded findings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import tables
from nodules.datasets import folds
from nodules.findings.hits import UNKNOWN_DIAMETER_MM, hits
from nodules.images import regions
from nodules.images.spheres import BoxedMask
from nodules.prepare.cubes import moved_mask
from nodules.prepare.volumes import Volume, open_volumes

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """A volume's nodules and excluded findings (beside), on its grid.

    centres (n, 3) and beside (m, 3): fractional indices (z, y, x); diameters_mm (n,) and beside_mm
    (m,); masks: each nodule's voxels, in a box that may be empty.
    """

    centres: Floats
    diameters_mm: Floats
    masks: list[BoxedMask]
    beside: Floats
    beside_mm: Floats
    spacing_mm: float  # between the volume's voxels


VolumeWithTruth = tuple[Volume, Truth]


def open_fold(job: Any, fold: int) -> tuple[list[VolumeWithTruth], list[VolumeWithTruth]]:
    """A fold's training scans and left-out scans, each with its ground truth.

    job: Snakemake's, with input (folds, volumes, masks, nodules, excluded) and params.kind.
    """
    inputs = job.input
    nodules, excluded = (
        dict(list(tables.read(inputs[name], name).groupby("seriesuid")))
        for name in ("nodules", "excluded")
    )
    masks = {Path(path).stem: path for path in inputs.masks}

    def opened(uids: Sequence[str]) -> list[VolumeWithTruth]:
        return [
            (
                volume,
                truth_of(
                    volume,
                    nodules.get(volume.uid, tables.frame("nodules")),
                    excluded.get(volume.uid, tables.frame("excluded")),
                    tables.read(masks[volume.uid], "regions"),
                    job.params.kind,
                ),
            )
            for volume in open_volumes(inputs.volumes, uids)
        ]

    training, left_out = folds.split(tables.read(inputs.folds, "folds"), fold)
    return opened(training), opened(left_out)


def truth_of(
    volume: Volume,
    nodules: pd.DataFrame,
    excluded: pd.DataFrame,
    masks: pd.DataFrame,
    kind: str,
) -> Truth:
    """Ground truth of one scan from its rows of the tables `nodules`, `excluded` and `regions`.

    kind: of the masks, readers or sphere.
    """
    rows = regions.select(masks, kind, "native")
    of_nodule = dict(list(rows.groupby("region")))
    nothing: BoxedMask = (np.zeros((0, 0, 0), bool), (0, 0, 0))
    boxes = [
        moved_mask(regions.box(of_nodule[n]), volume.native, volume.grid)
        if n in of_nodule
        else nothing
        for n in nodules["nodule"]
    ]
    # LUNA16 lists most nodules among the excluded findings, too: these count as nodules only.
    points = nodules[["x", "y", "z"]].to_numpy(float)
    centres, diameters = (excluded[c].to_numpy(float) for c in (["x", "y", "z"], "diameter_mm"))
    beside = excluded[~hits(points, centres, diameters).any(axis=0)]
    beside_mm = beside["diameter_mm"].to_numpy(float)
    return Truth(
        _index(volume, nodules),
        nodules["diameter_mm"].to_numpy(float),
        boxes,
        _index(volume, beside),
        np.where(beside_mm < 0, UNKNOWN_DIAMETER_MM, beside_mm),
        volume.spacing_mm,
    )


def _index(volume: Volume, points: pd.DataFrame) -> Floats:
    return volume.grid.to_index(points[["x", "y", "z"]].to_numpy(float).reshape(-1, 3))
