"""One confidence of two stages."""

import numpy as np
import pytest

from nodules.stats import stacking
from nodules.stats.logits import logit, sigmoid

P, SECOND = np.array([0.02, 0.5, 0.9]), np.array([3.0, -1.0, 0.4])


def test_with_equal_weights_the_confidence_lies_between_both_stages():
    found = stacking.confidence(P, SECOND)
    assert found == pytest.approx(sigmoid((logit(P) + SECOND) / 2))
    both = np.sort([P, sigmoid(SECOND)], axis=0)
    assert ((both[0] <= found) & (found <= both[1])).all()


def test_a_stage_without_weight_says_nothing_and_the_intercept_shifts_all():
    assert stacking.confidence(P, SECOND, np.array([1.0, 0, 0])) == pytest.approx(P)
    assert stacking.confidence(P, SECOND, np.array([0, 1.0, 0])) == pytest.approx(sigmoid(SECOND))
    shifted = stacking.confidence(P, SECOND, np.array([1.0, 0, 2]))
    assert logit(shifted) == pytest.approx(logit(P) + 2)


def test_both_logits_stand_side_by_side():
    assert stacking.logits(P, SECOND).tolist() == np.column_stack([logit(P), SECOND]).tolist()
