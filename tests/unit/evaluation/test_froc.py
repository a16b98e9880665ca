"""The detection score against LUNA16's own numbers, scikit-learn and a slow second evaluator."""

import csv
import json
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from nodules.datasets import points_csv
from nodules.evaluation import froc
from nodules.findings import hits

# What the official script says of the real submission.
OFFICIAL_COUNTS = {
    "tp": 1136,
    "fp": 46_078,
    "fn": 50,
    "dropped_on_excluded": 5_308,
    "double": 186,
    "marks_after_cap": 52_708,
}
OFFICIAL_SENSITIVITY = [0.692243, 0.768971, 0.823777, 0.865093, 0.892917, 0.917369, 0.933390]
OFFICIAL_CPM = 0.841966


@dataclass(frozen=True)
class Rules:
    """The official rules, and switches to get each of them wrong."""

    use_excluded: bool = True
    skip_unknown_diameters: bool = False
    excluded_first: bool = False
    radius_is_diameter: bool = False
    only_scans_with_nodules: bool = False
    interpolate: bool = True


@dataclass(frozen=True)
class Slow:
    """What the slow evaluator finds."""

    counts: dict[str, int]
    fps: np.ndarray
    sensitivity: np.ndarray
    at_rates: np.ndarray


def by_scan(table, value):
    """(x, y, z, value) of each row, under its scan."""
    groups = defaultdict(list)
    for uid, *numbers in zip(*(table[c] for c in ("seriesuid", "x", "y", "z", value)), strict=True):
        groups[uid].append(numbers)
    return {uid: np.array(rows) for uid, rows in groups.items()}


def slow_score(marks, nodules, excluded, scans, rules=Rules()):
    """Walk through scans and findings one by one, as the official script does."""
    groups = [by_scan(marks, "probability")]
    groups += [by_scan(table, "diameter_mm") for table in (nodules, excluded)]
    labels, scores = [], []
    counts = dict.fromkeys(OFFICIAL_COUNTS, 0)
    for uid in scans:
        own, reference, irrelevant = (group.get(uid, np.zeros((0, 4))) for group in groups)
        if rules.only_scans_with_nodules and not len(reference):
            continue
        if len(own) > 100:
            own = own[own[:, 3] > sorted(own[:, 3], reverse=True)[100]]
        counts["marks_after_cap"] += len(own)
        findings = [(*row, True) for row in reference]
        others = [(*row, False) for row in irrelevant] if rules.use_excluded else []
        findings = others + findings if rules.excluded_first else findings + others
        pool = np.ones(len(own), bool)
        for x, y, z, diameter, is_nodule in findings:
            if diameter < 0 and rules.skip_unknown_diameters:
                continue
            radius = 5.0 if diameter < 0 else diameter / (1 if rules.radius_is_diameter else 2)
            hit = ((own[:, :3] - (x, y, z)) ** 2).sum(axis=1) < radius**2
            if rules.excluded_first:
                hit &= pool
            if not is_nodule:
                counts["dropped_on_excluded"] += (hit & pool).sum()
            elif hit.any():
                labels.append(1)
                scores.append(own[hit, 3].max())
                counts["double"] += hit.sum() - 1
                counts["tp"] += 1
            else:
                counts["fn"] += 1
            pool &= ~hit
        labels += [0] * pool.sum()
        scores += list(own[pool, 3])
        counts["fp"] += pool.sum()
    return Slow(counts, *slow_curve(labels, scores, len(scans), counts, rules))


def slow_curve(labels, scores, n_scans, counts, rules):
    """scikit-learn's ROC, rescaled to false positives a scan and to all nodules."""
    n_nodules = counts["tp"] + counts["fn"]
    if not counts["tp"] or not counts["fp"]:
        # scikit-learn cannot say: the curve is level, at what was found without a false mark.
        share = counts["tp"] / n_nodules
        return np.zeros(1), np.array([share]), np.full(7, share)
    fpr, tpr, _ = roc_curve(labels, scores)
    fps = fpr * counts["fp"] / n_scans
    sensitivity = tpr * counts["tp"] / n_nodules
    if rules.interpolate:
        return fps, sensitivity, np.interp(froc.RATES, fps, sensitivity)
    # A common short cut: one point for each nodule found, the first at or above the rate taken.
    found, first = np.unique(sensitivity, return_index=True)
    return fps, sensitivity, np.array([found[fps[first] >= rate][0] for rate in froc.RATES])


# --- The real submission -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def luna16(shared_data):
    """(marks, nodules, excluded, scans) of the real submission for all 888 scans."""
    data = shared_data / "data"
    scans = points_csv.read_scans(data / "luna16" / "seriesuids.csv")
    folder = data / "submissions" / "deeplung_dpn26"
    return (
        points_csv.read_submission(folder / "deeplung_dpn26_submission.csv", scans),
        points_csv.read_findings(data / "luna16" / "annotations.csv"),
        points_csv.read_findings(data / "luna16" / "annotations_excluded.csv"),
        scans,
    )


def take(table, keep):
    return {name: np.asarray(column)[keep] for name, column in table.items()}


def test_real_submission_scores_as_the_official_script_says(luna16):
    result = froc.evaluate(*luna16, bootstrap=0)
    stored = result.to_dict()
    assert OFFICIAL_COUNTS.items() <= stored["counts"].items()
    assert (stored["n_scans"], stored["n_nodules"]) == (888, 1186)
    assert np.round(result.sensitivity, 6).tolist() == OFFICIAL_SENSITIVITY
    assert round(result.cpm, 6) == OFFICIAL_CPM
    assert stored["cpm_ci"] == [None, None]


def test_real_submission_interval(luna16):
    lower, upper = froc.evaluate(*luna16, bootstrap=1000, seed=0).cpm_ci
    assert (lower, upper) == pytest.approx((0.812, 0.868), abs=0.005)


def test_every_fold_of_the_real_submission(luna16, shared_data):
    marks, nodules, excluded, _ = luna16
    folds = json.loads((shared_data / "data" / "subset_to_seriesuids.json").read_text())
    published = shared_data / "data" / "submissions" / "deeplung_dpn26" / "per_fold_cpm.csv"
    rows = csv.DictReader(published.read_text().splitlines())
    expected = {row["fold"]: float(row["cpm_official_script_here"]) for row in rows}
    found = {}
    for fold, scans in folds.items():
        of_fold = take(marks, np.isin(marks["seriesuid"].astype(str), scans))
        result = froc.evaluate(of_fold, nodules, excluded, scans, bootstrap=0)
        found[fold] = round(result.cpm, 4)
        assert result.counts.nodules_outside == 1186 - result.n_nodules
    assert found == expected


def test_curve_of_the_real_submission_is_scikit_learns(luna16):
    result, slow = froc.evaluate(*luna16, bootstrap=0), slow_score(*luna16)
    assert slow.counts == OFFICIAL_COUNTS
    assert result.curve.fp_per_scan.shape == slow.fps.shape  # the same points are dropped
    np.testing.assert_allclose(result.curve.fp_per_scan, slow.fps, atol=1e-12)
    np.testing.assert_allclose(result.curve.sensitivity, slow.sensitivity, atol=1e-12)
    np.testing.assert_allclose(result.sensitivity, slow.at_rates, atol=1e-12)


@pytest.mark.parametrize(
    ("wrong", "cpm", "digits"),
    [
        pytest.param(Rules(use_excluded=False), 0.742, 3, id="excluded list unused"),
        pytest.param(Rules(skip_unknown_diameters=True), 0.793, 3, id="diameter -1 skipped"),
        pytest.param(Rules(excluded_first=True), 0.0004, 4, id="excluded before reference"),
        pytest.param(Rules(radius_is_diameter=True), 0.849, 3, id="radius = diameter"),
        pytest.param(Rules(only_scans_with_nodules=True), 0.858, 3, id="positive scans only"),
        pytest.param(Rules(interpolate=False), 0.843, 3, id="first point at or above the rate"),
    ],
)
def test_each_wrong_rule_shows(luna16, wrong, cpm, digits):
    found = slow_score(*luna16, wrong).at_rates.mean()
    assert round(found, digits) == cpm
    right = froc.evaluate(*luna16, bootstrap=0).cpm
    assert abs(found - right) > 0.0005
    assert round(right, 6) == OFFICIAL_CPM


@pytest.mark.parametrize(("offset_mm", "cpm"), [(1.0, 0.821), (2.0, 0.631)])
def test_marks_off_by_a_millimetre_show(luna16, offset_mm, cpm):
    marks, *rest = luna16
    right = froc.evaluate(*luna16, bootstrap=200)
    shifted = froc.evaluate(marks | {"x": marks["x"] + offset_mm}, *rest, bootstrap=200)
    assert round(shifted.cpm, 3) == cpm
    loss = froc.compare(right, shifted)
    assert loss.cpm == pytest.approx(shifted.cpm - right.cpm)
    assert loss.ci[0] < loss.cpm < loss.ci[1] < 0
    # Pairing pays: the difference is known better than either score.
    assert np.ptp(loss.ci) < np.ptp(right.cpm_ci)


# --- Random small sets ---------------------------------------------------------------------------


def random_set(seed, max_marks=40):
    """A few scans in a small cube, crowded enough for every rule to matter, ties included."""
    rng = np.random.default_rng(seed)
    scans = [f"scan{i}" for i in range(rng.integers(1, 5))]

    def points(n, name, values):
        coordinates = {axis: rng.integers(0, 25, n).astype(float) for axis in "xyz"}
        uids = np.array(scans, dtype=object)[rng.integers(len(scans), size=n)]
        return {"seriesuid": uids, **coordinates, name: rng.choice(values, n).astype(float)}

    marks = points(rng.integers(0, max_marks), "probability", np.arange(1, 33) / 32)
    nodules = points(rng.integers(1, 9), "diameter_mm", [4, 7, 12, 20, -1])
    excluded = points(rng.integers(0, 12), "diameter_mm", [-1, -1, 5, 11])
    return marks, nodules, excluded, scans


def append(table, **row):
    return {name: np.append(column, [row[name]]) for name, column in table.items()}


seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.sampled_from([40, 900]))
def test_equals_the_slow_evaluator(seed, max_marks):
    sets = random_set(seed, max_marks)
    result, slow = froc.evaluate(*sets, bootstrap=0), slow_score(*sets)
    assert slow.counts.items() <= result.to_dict()["counts"].items()
    np.testing.assert_allclose(result.sensitivity, slow.at_rates, atol=1e-12)
    if slow.counts["tp"] and slow.counts["fp"]:
        np.testing.assert_allclose(result.curve.fp_per_scan, slow.fps, atol=1e-12)
        np.testing.assert_allclose(result.curve.sensitivity, slow.sensitivity, atol=1e-12)


@given(seeds)
def test_order_of_rows_and_scans_does_not_matter(seed):
    *tables, scans = random_set(seed)
    rng = np.random.default_rng(seed)
    mixed = [take(table, rng.permutation(len(table["x"]))) for table in tables]
    expected = froc.evaluate(*tables, scans, bootstrap=20).to_dict()
    found = froc.evaluate(*mixed, list(rng.permutation(scans)), bootstrap=20).to_dict()
    assert found == expected


@given(seeds, st.sampled_from([np.exp, np.cbrt, lambda p: 7 * p - 100]))
def test_only_the_order_of_probabilities_matters(seed, increasing):
    marks, *rest = random_set(seed, 900)
    mapped = marks | {"probability": increasing(marks["probability"])}
    expected = froc.evaluate(marks, *rest, bootstrap=20).to_dict()
    assert froc.evaluate(mapped, *rest, bootstrap=20).to_dict() == expected


@given(seeds)
def test_a_fainter_mark_in_a_nodule_already_hit_changes_nothing(seed):
    marks, *rest = random_set(seed)
    before = froc.evaluate(marks, *rest, bootstrap=20)
    for row in before.nodule_mark[before.nodule_mark >= 0]:
        copy = {name: column[row] for name, column in marks.items()}
        more = append(marks, **copy | {"probability": copy["probability"] / 2})
        after = froc.evaluate(more, *rest, bootstrap=20)
        np.testing.assert_array_equal(after.curve.sensitivity, before.curve.sensitivity)
        np.testing.assert_array_equal(after.curve.fp_per_scan, before.curve.fp_per_scan)
        np.testing.assert_array_equal([after.cpm, *after.cpm_ci], [before.cpm, *before.cpm_ci])
        assert after.mark_status[-1] == "double"


@given(seeds, st.integers(0, 66))
def test_a_false_mark_never_raises_the_curve(seed, rank):
    marks, *rest = random_set(seed)  # below the cap, where a mark more cannot push out others
    far = {"seriesuid": "scan0", "x": 999.0, "y": 0.0, "z": 0.0, "probability": rank / 64}
    before = froc.evaluate(marks, *rest, bootstrap=0)
    after = froc.evaluate(append(marks, **far), *rest, bootstrap=0)
    assert after.counts.fp == before.counts.fp + 1
    rates = np.linspace(0.01, 30, 500)
    lowered = froc.sensitivity_at(before.curve, rates) - froc.sensitivity_at(after.curve, rates)
    assert lowered.min() > -1e-12


@given(seeds)
def test_bootstrap_equals_scoring_copies_of_the_drawn_scans(seed):
    *tables, scans = random_set(seed)
    result = froc.evaluate(*tables, scans, bootstrap=4, seed=seed)
    rng = np.random.default_rng(seed)
    for cpm in result.cpm_replicates:
        drawn = rng.integers(len(scans), size=len(scans))
        copies = [f"copy {i}" for i in range(len(drawn))]
        resampled = []
        for table in tables:
            rows = [np.flatnonzero(table["seriesuid"] == scans[i]) for i in drawn]
            uids = np.repeat(np.array(copies, object), [len(r) for r in rows])
            resampled.append(take(table, np.concatenate(rows)) | {"seriesuid": uids})
        if len(resampled[1]["x"]):
            assert cpm == pytest.approx(slow_score(*resampled, copies).at_rates.mean(), abs=1e-12)
        else:
            assert np.isnan(cpm)


# --- Single rules and edges ----------------------------------------------------------------------


def table(name, *rows):
    """A table of one scan "a" from (x, value) rows on the x axis."""
    xs, values = np.array(rows, float).reshape(-1, 2).T
    zeros = np.zeros(len(xs))
    uids = np.full(len(xs), "a", object)
    return {"seriesuid": uids, "x": xs, "y": zeros, "z": zeros, name: values}


def marks_at(*rows):
    return table("probability", *rows)


def findings_at(*rows):
    return table("diameter_mm", *rows)


def test_every_mark_and_nodule_is_accounted_for():
    marks = marks_at((0, 0.5), (1, 0.9), (20, 0.8), (50, 0.7), (4, 0.6))
    nodules = findings_at((0, 6), (90, 6))
    result = froc.evaluate(marks, nodules, findings_at((21, -1), (1, 8)), ["a", "b"], bootstrap=0)
    assert result.mark_status.tolist() == ["double", "TP", "dropped", "FP", "dropped"]
    assert result.mark_nodule.tolist() == [0, 0, -1, -1, -1]
    assert result.nodule_mark.tolist() == [1, -1]
    np.testing.assert_array_equal(result.nodule_probability, [0.9, np.nan])
    assert result.sensitivity.tolist() == [0.5] * 7
    assert result.curve.fp_per_scan[-1] == 0.5  # one false mark in two scans


def test_a_mark_on_the_sphere_misses_and_a_negative_diameter_is_ten_millimetres():
    nodules = findings_at((0, 6), (100, -1))
    centres = np.array([[0.0, 0, 0], [100, 0, 0]])
    xyz = np.array([[3.0, 0, 0], [np.nextafter(3, 0), 0, 0], [95, 0, 0], [95.01, 0, 0]])
    found = hits.hits(xyz, centres, nodules["diameter_mm"])
    assert found.tolist() == [[False, False], [True, False], [False, False], [False, True]]


def test_a_mark_in_two_nodules_counts_for_both():
    result = froc.evaluate(marks_at((2, 0.5)), findings_at((0, 6), (4, 6)), None, ["a"])
    assert (result.counts.tp, result.counts.fp, result.cpm) == (2, 0, 1.0)


def test_ties_at_the_hundred_and_first_mark_all_go():
    rows = [(100 + i, 0.9) for i in range(60)] + [(200 + i, 0.4) for i in range(41)]
    result = froc.evaluate(marks_at(*rows), findings_at((0, 6)), None, ["a"], bootstrap=0)
    assert result.counts.marks_after_cap == 60
    assert (result.mark_status[60:] == "capped").all()


def test_no_marks_score_zero():
    nodules = findings_at(*((60 * i, 6) for i in range(5)))
    result = froc.evaluate(marks_at(), nodules, None, list("abcde"), bootstrap=50)
    assert (result.cpm, result.counts.fn) == (0.0, 5)
    assert np.isnan(result.cpm_ci).all()  # every resample says 0, which is no interval
    # Resamples that did not draw scan a hold no nodule; they are left out and counted.
    assert 0 < result.to_dict()["bootstrap"]["without_nodules"] < 50


@pytest.mark.parametrize(("scans", "nodules"), [(4, 9), (9, 4), (5, 5)])
def test_bounds_need_five_scans_and_five_nodules(scans, nodules):
    found = findings_at(*((60 * i, 6) for i in range(nodules)))
    found["seriesuid"] = ["abcdefghi"[i % scans] for i in range(nodules)]
    marks = marks_at((0, 0.5), (60, 0.4), (1000, 0.45))
    marks["seriesuid"] = [found["seriesuid"][0], found["seriesuid"][1], "a"]
    result = froc.evaluate(marks, found, None, list("abcdefghi"[:scans]), bootstrap=200)
    few = min(scans, nodules) < 5
    assert np.isnan(result.cpm_ci).all() == few
    assert np.isnan(result.band).all() == few


def test_without_nodules_the_sensitivity_is_undefined():
    stored = froc.evaluate(marks_at((0, 0.5)), findings_at(), None, ["a"], bootstrap=5).to_dict()
    assert stored["cpm"] is None
    assert set(stored["sensitivity"].values()) == {None}
    assert stored["counts"]["fp"] == 1


@pytest.mark.parametrize(
    ("marks", "scans"),
    [
        pytest.param(marks_at((0, 0.5)), ["b"], id="unlisted scan"),
        pytest.param(marks_at((0, 0.5)), ["a", "a"], id="scan listed twice"),
        pytest.param(marks_at(), [], id="no scans"),
        pytest.param(marks_at((0, np.nan)), ["a"], id="NaN"),
    ],
)
def test_what_cannot_be_scored_is_refused(marks, scans):
    with pytest.raises(ValueError, match=r"scan|finite"):
        froc.evaluate(marks, findings_at((0, 6)), None, scans)


def test_differences_need_the_same_resamples():
    one = froc.evaluate(marks_at((0, 0.5)), findings_at((0, 6)), None, ["a"], bootstrap=10)
    assert (froc.compare(one, one).cpm, froc.compare(one, one).sensitivity) == (0.0, (0.0,) * 7)
    for other in ({"bootstrap": 10, "seed": 1}, {"seed": 1}):
        with pytest.raises(ValueError, match="same scans"):
            froc.compare(one, froc.evaluate(marks_at(), findings_at((0, 6)), None, ["a"], **other))


def test_data_frames_are_tables():
    *tables, scans = random_set(3)
    frames = [pd.DataFrame(t) for t in tables]
    assert froc.evaluate(*frames, scans).to_dict() == froc.evaluate(*tables, scans).to_dict()
