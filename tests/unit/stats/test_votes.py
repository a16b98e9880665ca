"""Several networks as one: averaged, or put to a vote."""

import numpy as np
import pandas as pd
import pytest

from nodules.base import tables
from nodules.stats.votes import combine


def scores(*probabilities, uid="2.25.1", nodule=1, system="resnet"):
    """Table `malignancy_scores`: one nodule, a member for each probability."""
    p = np.array(probabilities, float)
    rows = {"system": system, "seriesuid": uid, "nodule": nodule, "member": np.arange(len(p))}
    rows |= {"logit": np.log(p / (1 - p)), "probability": p}
    return tables.frame("malignancy_scores", pd.DataFrame(rows))


def only(table):
    (row,) = table.to_dict("records")
    return row


def test_the_average_is_of_probabilities():
    row = only(combine(scores(0.2, 0.9, 0.7), "average"))
    assert row["probability"] == pytest.approx(0.6)
    assert row["logit"] == pytest.approx(np.log(0.6 / 0.4))


def test_very_sure_answers_keep_their_order():
    sure = scores(0.5, 0.5).assign(logit=[60.0, 80.0], probability=1.0)
    surer = scores(0.5, 0.5, nodule=2).assign(logit=[70.0, 80.0], probability=1.0)
    found = combine(pd.concat([sure, surer]), "average")
    assert list(found["probability"]) == [1.0, 1.0]
    assert found["logit"].iloc[0] < found["logit"].iloc[1] < np.inf


def test_the_majority_counts_heads():
    row = only(combine(scores(0.51, 0.55, 0.01), "majority"))
    assert row["probability"] == pytest.approx(2 / 3)
    assert only(combine(scores(0.9, 0.1), "majority"))["probability"] == 0.5
    assert np.isfinite(only(combine(scores(0.9, 0.8), "majority"))["logit"])


@pytest.mark.parametrize("vote", ["average", "majority"])
def test_one_network_keeps_its_answer(vote):
    """So does a system that is no network: the diameter's `logit` is in mm."""
    diameter = scores(0.3, system="diameter").assign(logit=11.5)
    assert only(combine(diameter, vote))["logit"] == 11.5
    assert only(combine(scores(0.3), vote))["probability"] == 0.3


@pytest.mark.parametrize("vote", ["average", "majority"])
def test_every_nodule_and_system_has_one_row_in_whatever_order(vote):
    parts = [scores(0.2, 0.9, uid=uid, nodule=n) for uid in ("2.25.2", "2.25.1") for n in (2, 1)]
    both = pd.concat([*parts, scores(0.4, system="radiomics")])
    found = combine(both, vote)
    assert not found.duplicated(["system", "seriesuid", "nodule"]).any() and len(found) == 5
    again = combine(both.sample(frac=1, random_state=0), vote)
    pd.testing.assert_frame_equal(found, again)


def test_no_scores_give_no_rows():
    found = combine(tables.frame("malignancy_scores"), "average")
    assert list(found) == ["system", "seriesuid", "nodule", "logit", "probability"]
    assert found.empty


def test_mistakes_are_refused():
    with pytest.raises(ValueError, match="not one of average, majority"):
        combine(scores(0.5), "median")
    with pytest.raises(ValueError, match="twice"):
        combine(pd.concat([scores(0.5), scores(0.6)]), "average")
