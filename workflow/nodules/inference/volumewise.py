"""The two-stage system in 3-D: a U-Net marks centres, a second network classifies and segments.

It calls the workflow's own functions, so candidates are the same as in a run.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.images import regions
from nodules.images.geometry import Geometry
from nodules.images.spheres import BoxedMask, sphere
from nodules.inference import reduction, windows
from nodules.inference.candidate import Candidate
from nodules.inference.ensemble import Ensemble
from nodules.inference.exporting import STAGES
from nodules.prepare.coarse_grid import Mask
from nodules.prepare.held import volume_of
from nodules.prepare.volume_cut import VolumeSettings
from nodules.stats import stacking

UID = "scan"  # tables need one, candidates do not

Tell = Callable[[float], object]


def detector(
    model: Ensemble,
) -> Callable[[NDArray[np.int16], Geometry, Mask, Tell], list[Candidate]]:
    """The detector of a model with roles unet3d and reduction."""
    told = model.input("unet3d")["volumes"]
    settings = VolumeSettings(**told | {"window": tuple(told["window"])})
    seeing = windows.WindowSettings(**model.manifest["settings"]["windows"])
    weights = np.array([model.manifest["settings"]["stages"][key] for key in STAGES], float)
    side = model.input("reduction")["cube"]

    def detect(
        volume: NDArray[np.int16], geometry: Geometry, lungs: Mask, tell: Tell
    ) -> list[Candidate]:
        held = volume_of(UID, volume, geometry, lungs, settings)
        tell(0.05)
        first = windows.detect(model.networks("unet3d"), held, seeing, model.device)
        tell(0.8)
        second = reduction.reduce(model.networks("reduction"), held, first, side, model.device)
        tell(1.0)
        judged = second.candidates
        confidence = stacking.confidence(judged["probability"], judged["logit"], weights)
        drawn = dict(list(second.regions.groupby("region")))
        rows = judged.assign(confidence=confidence).to_dict("records")
        made = [_candidate(row, drawn.get(row["candidate"]), geometry) for row in rows]
        return sorted(made, key=lambda candidate: -candidate.probability)

    return detect


def _candidate(row: dict[str, Any], drawn: pd.DataFrame | None, native: Geometry) -> Candidate:
    """A row of table `classified` with its mask; a ball of its diameter if it has none."""
    # No logit: the confidence of both stages is fitted, hence already calibrated.
    return Candidate.of(row, _ball(row, native) if drawn is None else regions.box(drawn))


def _ball(row: dict[str, Any], native: Geometry) -> BoxedMask:
    return sphere(native, (row["x"], row["y"], row["z"]), row["diameter_mm"])
