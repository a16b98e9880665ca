"""What a network says of slices is held against the masks, and against nothing else."""

import numpy as np
import pandas as pd
import pytest

from nodules.base import tables
from nodules.base.files import UserError
from nodules.evaluation.slices import complete, score_slice, with_truth
from nodules.inference.detection import slice_peaks
from nodules.stats.logits import pixel_loss

UID = "2.25.1"
PROBABILITY = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
TRUTH = np.zeros((4, 5), bool)
TRUTH[1:3, 2:4] = True


@pytest.fixture
def scores():
    """Three slices, of which the middle one holds a nodule."""
    peaks = slice_peaks(UID, PROBABILITY, 0.5)
    return complete(peaks, [score_slice(UID, 1, PROBABILITY[1], TRUTH, 0.5)])


def test_slices_with_a_nodule_are_scored_and_of_others_the_loss_is_known(scores):
    nothing = np.zeros_like(TRUTH)
    truths = (nothing, TRUTH, nothing)
    expected = [pixel_loss(plane, truth) for plane, truth in zip(PROBABILITY, truths, strict=True)]
    assert scores["loss"].tolist() == expected  # to the last bit
    assert scores["truth_px"].tolist() == [0, 4, 0]
    assert scores["overlap_px"].tolist() == [0, int((PROBABILITY[1][TRUTH] >= 0.5).sum()), 0]


def test_the_loss_of_a_slice_is_the_cross_entropy_of_its_pixels():
    p = PROBABILITY[0].astype(float)
    expected = -np.where(TRUTH, np.log(p), np.log(1 - p)).mean()
    assert pixel_loss(PROBABILITY[0], TRUTH) == pytest.approx(expected, rel=1e-5)


def test_confidence_is_held_against_presence(scores):
    given = {"seriesuid": UID, "slice": [0, 1, 2], "logit": [-2.0, 1.0, 3.0]}
    told = pd.DataFrame(given).assign(confidence=lambda t: 1 / (1 + np.exp(-t["logit"])))
    confidence = tables.frame("slice_confidence", told)
    both = with_truth(confidence, scores)
    assert both["present"].tolist() == [False, True, False]
    chosen = np.where(both["present"], both["confidence"], 1 - both["confidence"])
    assert np.allclose(both["loss"], -np.log(chosen))


def test_without_a_logit_there_is_no_loss(scores):
    rows = [{"seriesuid": UID, "slice": 0, "confidence": 0.5, "logit": np.nan}]
    assert with_truth(tables.frame("slice_confidence", rows), scores)["loss"].isna().all()


def test_a_slice_that_was_not_scored_is_an_error(scores):
    rows = [{"seriesuid": UID, "slice": 7, "confidence": 0.5, "logit": 0.0}]
    with pytest.raises(UserError, match="score_slices"):
        with_truth(tables.frame("slice_confidence", rows), scores)


@pytest.mark.filterwarnings("error")
def test_without_a_logit_there_is_no_loss_and_no_warning(scores):
    logits = [np.nan, -1.0, np.inf]
    told = pd.DataFrame({"seriesuid": UID, "slice": [0, 1, 2], "logit": logits, "confidence": 0.5})
    loss = with_truth(tables.frame("slice_confidence", told), scores)["loss"]
    assert np.isnan(loss[0]) and loss[1] == pytest.approx(np.log1p(np.e)) and np.isinf(loss[2])
