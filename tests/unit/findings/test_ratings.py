"""Labels are the readers' ratings, joined to the right nodule and decided by the rule."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from nodules.base import tables
from nodules.datasets import luna16_lists
from nodules.findings.ratings import from_database, from_outlines, label
from nodules.findings.rule import BENIGN, COMMON, LEFT_OUT, MALIGNANT, Rule, attrition, decide
from nodules.images.geometry import Geometry
from nodules.prepare import masks

MEAN = COMMON["mean > 3 or < 3"]
MEDIAN = COMMON["median >= 4 or <= 2"]
ANY = COMMON["any reader >= 4"]
# What diameter alone reaches on LUNA16's nodules under each rule, measured elsewhere.
DIAMETER_AUC = {"any reader >= 4": 0.842, "mean > 3 or < 3": 0.891, "median >= 4 or <= 2": 0.950}


def nodules(n, uid="2.25.1"):
    """Table `nodules`: n nodules of one scan, 20 mm apart."""
    rows = [
        {"seriesuid": uid, "nodule": k + 1, "x": 20.0 * k, "y": 0.0, "z": 0.0, "diameter_mm": 8.0}
        for k in range(n)
    ]
    return tables.frame("nodules", rows)


def found(*ratings):
    """What joining gives: ratings of each nodule, and how."""
    return pd.DataFrame(
        {"ratings": list(ratings), "reason": ["joined" if r else "" for r in ratings]}
    )


@pytest.mark.parametrize(
    ("ratings", "any_4", "mean", "median"),
    [
        ([5, 5, 5, 4], MALIGNANT, MALIGNANT, MALIGNANT),
        ([1, 2, 2], BENIGN, BENIGN, BENIGN),
        ([1, 1, 1, 4], MALIGNANT, BENIGN, BENIGN),
        ([3, 3, 3], BENIGN, LEFT_OUT, LEFT_OUT),
        ([2, 2, 4, 4], MALIGNANT, LEFT_OUT, LEFT_OUT),
        ([3, 3, 3, 4], MALIGNANT, MALIGNANT, LEFT_OUT),
        ([3, 3, 2], BENIGN, BENIGN, LEFT_OUT),
    ],
)
def test_the_rule_alone_decides_what_a_nodule_is(ratings, any_4, mean, median):
    assert [decide(ratings, rule) for rule in (ANY, MEAN, MEDIAN)] == [any_4, mean, median]


def test_no_mean_of_up_to_four_ratings_falls_between_the_rule_and_three():
    means = {np.mean(r) for n in (1, 2, 3, 4) for r in np.ndindex(*[5] * n)}
    assert {m for m in means if 1.8 < m < 2.2} == {2.0}  # ratings from 0: 2 is the middle


def test_every_step_from_reference_to_label_is_counted():
    given = found([5, 5, 4], [], [1, 1], [3, 3, 3], [1, 2, 1])
    rule = Rule(3, "median", 2, 4)
    labels = label(nodules(5), given, rule)
    assert labels["label"].tolist() == [1, -1, -1, -1, 0]
    assert attrition(labels, rule) == {
        "reference": 5,
        "joined": 4,
        "enough_readers": 3,
        "labelled": 2,
        "malignant": 1,
        "benign": 1,
    }
    assert "2 readers, 3 needed" in labels["reason"][2]
    assert "median 3.00 lies between 2 and 4" in labels["reason"][3]
    assert np.isnan(labels["rating"][1])


def test_shuffling_moves_ratings_and_loses_none():
    given = found(*([[5, 4, 5]] * 20 + [[]] + [[1, 1, 2]] * 20))
    plain = label(nodules(41), given, MEAN)
    moved = label(nodules(41), given, MEAN, shuffled=7)
    again = label(nodules(41), given, MEAN, shuffled=7)
    pd.testing.assert_frame_equal(moved, again)
    assert sorted(moved["label"]) == sorted(plain["label"])
    assert 10 < (moved["label"] != plain["label"]).sum() < 32
    assert moved["readers"][20] == 0, "a nodule without ratings gets none"
    assert "another nodule's ratings" in moved["reason"][0]


def test_outlines_bring_their_ratings_to_the_nodule_that_they_surround():
    """Three readers each around two nodules; a third nodule has no outline."""
    grid = Geometry.build((0, 0, 0), (1, 1, 1), np.eye(3), (10, 60, 60))
    rows, ratings = [], []
    for annotation, (middle, rating) in enumerate([(10, 5), (10, 4), (10, 5), (40, 1), (40, 2)]):
        x = np.array([middle - 3, middle + 3, middle + 3, middle - 3], float)
        y = np.array([17, 17, 23, 23], float)
        rows += [
            {"seriesuid": "2.25.1", "annotation": annotation, "inclusion": True, "z_index": z}
            | {"xs": x, "ys": y}
            for z in (4.0, 5.0, 6.0)
        ]
        names = dict.fromkeys(tables.columns("ratings")[2:], 1)
        ratings.append(
            names | {"seriesuid": "2.25.1", "annotation": annotation, "malignancy": rating}
        )
    places = nodules(3).assign(x=[40.0, 10.0, 25.0], y=20.0, z=5.0)
    contours = tables.frame("contours", rows)
    scans = pd.DataFrame([{"seriesuid": "2.25.1", **grid.to_row()}])
    assert masks.annotations(grid, places, contours) == {1: [3, 4], 2: [0, 1, 2]}
    joined = from_outlines(places, scans, contours, tables.frame("ratings", ratings))
    assert joined["ratings"].tolist() == [[1, 2], [5, 4, 5], []]
    assert joined["reason"][2].startswith("not joined")


def test_a_series_that_lidc_lacks_says_so():
    joined = from_database(nodules(2, uid="2.25.99"))
    assert joined["ratings"].tolist() == [[], []]
    assert set(joined["reason"]) == {"not joined: LIDC does not hold the series"}


@pytest.fixture(scope="module")
def luna16(shared_data):
    """All 1186 reference nodules and what joins to them."""
    rows, _ = luna16_lists.read_list(shared_data / "data/luna16", "nodules", [])
    annotations = luna16_lists.as_table("nodules", rows, [])
    return annotations, from_database(annotations)


@pytest.mark.real
def test_the_four_reference_nodules_of_the_two_scans_get_their_ratings(luna16, shared_data):
    labels = label(*luna16, MEAN)
    uids = [p.stem for p in (shared_data / "data/luna16").rglob("*.mhd")]
    own = labels[labels["seriesuid"].isin(uids)].sort_values("diameter_mm", ascending=False)
    assert [list(r) for r in own["ratings"]] == [
        [5, 5, 5, 4],
        [5, 5, 3, 4],
        [4, 5, 3, 2],
        [4, 4, 3, 2],
    ]


@pytest.mark.real
def test_nearly_all_reference_nodules_join_and_the_rest_say_why(luna16):
    annotations, joined = luna16
    rated = joined["ratings"].map(len) > 0
    assert len(annotations) == 1186 and rated.sum() >= 1170
    assert joined.loc[~rated, "reason"].str.startswith("not joined: ").all()


@pytest.mark.real
@pytest.mark.parametrize("name", DIAMETER_AUC)
def test_diameter_alone_reaches_what_was_measured_elsewhere(luna16, name):
    labels = label(*luna16, COMMON[name])
    kept = labels[labels["label"] != LEFT_OUT]
    assert roc_auc_score(kept["label"], kept["diameter_mm"]) == pytest.approx(
        DIAMETER_AUC[name], abs=0.02
    )
