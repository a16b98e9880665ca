"""A network's output on slices against the reference masks: losses, areas, presence."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import tables
from nodules.base.files import UserError
from nodules.stats.logits import pixel_loss

KEY = ["seriesuid", "slice"]


def score_slice(
    uid: str, z: int, plane: NDArray[np.float32], truth: NDArray[np.bool_], threshold: float
) -> dict[str, Any]:
    """Loss, nodule area and overlap (pixels) of a slice with a nodule.

    plane: probabilities (y, x); truth: mask (y, x).
    """
    return {
        "seriesuid": uid,
        "slice": z,
        "loss": pixel_loss(plane, truth),
        "truth_px": int(truth.sum()),
        "overlap_px": int(((plane >= threshold) & truth).sum()),
    }


def complete(peaks: pd.DataFrame, scored: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Table `slice_scores` of all slices in table `slice_peaks`.

    scored: rows of `score_slice` for all slices with a nodule; the others count as empty.
    """
    rows = pd.DataFrame(list(scored), columns=[*KEY, "loss", "truth_px", "overlap_px"])
    both = peaks.merge(rows, on=KEY, how="left", validate="one_to_one")
    both["loss"] = both["loss"].fillna(both["loss_if_empty"])
    counts = {name: both[name].fillna(0).astype("int64") for name in ("truth_px", "overlap_px")}
    return tables.frame("slice_scores", both.assign(**counts)[tables.columns("slice_scores")])


def with_truth(confidence: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Table `slice_confidence` with `present`, whether a slice has a nodule, and `loss`.

    scores: table `slice_scores` of the same slices. The loss is the cross-entropy of confidence
    and presence, in nats; NaN if the network gives no logit. Raises UserError for a slice without
    a score.
    """
    told = scores[KEY].assign(present=scores["truth_px"] > 0)
    both = confidence.merge(told, on=KEY, how="left", validate="one_to_one")
    if both["present"].isna().any():
        uid = both.loc[both["present"].isna(), "seriesuid"].iloc[0]
        raise UserError(
            f"results/evaluation/slices: slices of scan {uid} have a confidence but no score. Run"
            " snakemake again from score_slices."
        )
    present, logit = both["present"].astype(bool), both["logit"]
    with np.errstate(invalid="ignore"):  # without a logit there is no loss
        loss = np.logaddexp(0, np.where(present, -logit, logit))
    return both.drop(columns="logit").assign(loss=loss, present=present)
