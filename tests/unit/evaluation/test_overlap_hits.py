"""The FROC by overlap: all rules but that of the hit are official."""

import numpy as np
import pandas as pd
import pytest

from nodules.evaluation import comparison, overlap_hits
from nodules.evaluation.detection import Truth, score_systems
from nodules.evaluation.froc import evaluate

SCANS = ["a", "b"]


def marks(*rows):
    columns = ["seriesuid", "candidate", "x", "y", "z", "probability"]
    return pd.DataFrame(rows, columns=columns)


NODULES = pd.DataFrame(
    [("a", 1, 0.0, 0.0, 0.0, 10.0), ("a", 2, 50.0, 0.0, 0.0, 10.0), ("b", 1, 0.0, 0.0, 0.0, 10.0)],
    columns=["seriesuid", "nodule", "x", "y", "z", "diameter_mm"],
)
# Of the lesions of scan a the first is touched by two candidates, the second by none; the lesion of
# scan b has no mask.
SEGMENTATION = pd.DataFrame(
    {
        "comparison": ["unet", "unet", "sphere"],
        "seriesuid": ["a", "a", "a"],
        "nodule": [1, 2, 1],
        "candidates": [[1, 2], [], []],
    }
)
MARKS = marks(
    ("a", 1, 30.0, 0.0, 0.0, 0.9),  # touches lesion 1, far from its centre
    ("a", 2, 0.0, 0.0, 0.0, 0.8),  # touches it, too: a double
    ("a", 3, 50.0, 0.0, 0.0, 0.7),  # at the centre of lesion 2, beside its mask
    ("b", 1, 0.0, 0.0, 0.0, 0.6),  # at the centre of a lesion without a mask
)


def test_overlap_decides_where_there_is_a_mask_and_distance_elsewhere():
    given = overlap_hits.with_touched(MARKS, SEGMENTATION, "unet_resnet")
    wanted = overlap_hits.with_masked(NODULES, SEGMENTATION)
    hit = overlap_hits.overlapping(given, wanted)
    found = evaluate(given, wanted, None, SCANS, bootstrap=0, hit=hit)
    assert list(found.mark_status) == ["TP", "double", "FP", "TP"]
    assert list(found.nodule_mark) == [0, -1, 3]
    official = evaluate(MARKS, NODULES, None, SCANS, bootstrap=0)
    assert list(official.mark_status) == ["FP", "TP", "TP", "TP"]


def test_a_hook_that_keeps_the_distance_changes_nothing():
    rng = np.random.default_rng(1)
    many = marks(*((s, i, *rng.normal(0, 20, 3), rng.random()) for s in SCANS for i in range(40)))
    one = evaluate(many, NODULES, None, SCANS, bootstrap=50)
    other = evaluate(many, NODULES, None, SCANS, bootstrap=50, hit=lambda _m, _n, near: near)
    assert one.to_dict() == other.to_dict()


def test_scores_of_a_run_follow_the_overlap():
    folds = pd.DataFrame(
        {"seriesuid": SCANS, "patient": SCANS, "subset": 0, "fold": [0, 1], "n_nodules": [2, 1]}
    )
    given = overlap_hits.with_touched(MARKS, SEGMENTATION, "unet")
    wanted = overlap_hits.with_masked(NODULES, SEGMENTATION)
    nothing = NODULES.iloc[:0].drop(columns="nodule")
    scores = score_systems({"unet": given}, Truth(wanted, nothing, folds), 10, 1)
    counts = scores.summary["systems"]["unet"]["out_of_fold"]["counts"]
    assert (counts["tp"], counts["fp"], counts["fn"], counts["double"]) == (2, 1, 1, 1)


def test_a_hit_by_overlap_is_not_compared_with_one_by_distance():
    """The 3-D U-Net alone marks places, its second stage draws masks."""
    folds = pd.DataFrame(
        {"seriesuid": SCANS, "patient": SCANS, "subset": 0, "fold": [0, 1], "n_nodules": [2, 1]}
    )
    wanted = overlap_hits.with_masked(NODULES, SEGMENTATION)
    nothing = NODULES.iloc[:0].drop(columns="nodule")
    keys = ("unet", "unet3d", "unet3d_reduction")
    systems = {key: overlap_hits.with_touched(MARKS, SEGMENTATION, key) for key in keys}
    summary = score_systems(systems, Truth(wanted, nothing, folds), 10, 1).summary
    assert set(summary["systems"]) == set(keys)
    assert set(summary["differences"]) == {"unet3d_reduction_minus_unet"}
    assert summary["statement"] == ""
    rows = list(comparison.scored("out_of_fold", summary, {}))
    assert {(row["one"], row["other"]) for row in rows} == {("unet3d_reduction", "unet")}


def test_matches_follow_the_overlap():
    given = overlap_hits.with_touched(MARKS, SEGMENTATION, "unet")
    wanted = overlap_hits.with_masked(NODULES, SEGMENTATION)
    near = pd.DataFrame(
        {"seriesuid": MARKS["seriesuid"], "candidate": MARKS["candidate"], "nodule": [0, 1, 2, 1]}
    ).assign(excluded=False)
    assert list(overlap_hits.rematched(near, given, wanted)["nodule"]) == [1, 1, 0, 1]
    assert overlap_hits.rematched(near, MARKS, NODULES) is near


@pytest.mark.parametrize(
    ("system", "mask"),
    [
        ("unet", "unet"),
        ("unet_resnet", "unet"),
        ("unet3d", ""),
        ("unet3d_reduction", "reduction"),
        ("maskrcnn", "maskrcnn"),
    ],
)
def test_marks_have_the_mask_of_the_network_that_drew_them(system, mask):
    assert overlap_hits.drawn_by(system) == mask
    if not mask:
        assert overlap_hits.with_touched(MARKS, SEGMENTATION, system) is MARKS
