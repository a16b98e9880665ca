"""From a run's tables to its scores: what counts where, what is fitted where, what is undefined."""

import json

import numpy as np
import pandas as pd
import pytest

from nodules.base import files, tables
from nodules.evaluation import metric_rows, presence, sets
from nodules.evaluation import segmentation as evaluation_segmentation
from nodules.evaluation import summary as evaluation_summary
from nodules.evaluation.detection import Truth, score_systems
from nodules.evaluation.metrics import MEASURES
from nodules.evaluation.statements.proxy import verdict, write
from nodules.evaluation.trends import TREND_TABLES, Predictions, analyse
from nodules.findings import size
from nodules.images import regions
from nodules.images.geometry import Geometry

NATIVE = Geometry.build((-60, -50, -40), (0.8, 0.8, 2.0), np.eye(3), (30, 120, 120))
SLICES = NATIVE.resampled((0, 10, 5), (30, 100, 100), (30, 128, 128))
RADIUS_MM = 6.0


class Run:
    """Tables of a small run: 12 scans in three folds and a test set, found by a fair detector."""

    def __init__(self, seed: int = 0, test: bool = True, scans: int = 16):
        rng = np.random.default_rng(seed)
        uids = [f"2.25.{100 + i}" for i in range(scans)]
        fold = [i % 4 - 1 if test else i % 3 for i in range(scans)]
        base = {"patient": uids, "subset": 0, "n_nodules": 1}
        self.folds = tables.frame("folds", pd.DataFrame({"seriesuid": uids, "fold": fold} | base))
        nodules, found = [], []
        for i, uid in enumerate(uids):
            centre = NATIVE.to_world((15, 60, 60)) + rng.uniform(-8, 8, 3)
            if i % 5:  # every fifth scan has no nodule
                place = dict(zip("xyz", centre, strict=True)) | {"diameter_mm": 2 * RADIUS_MM}
                nodules.append({"seriesuid": uid, "nodule": 1} | place)
            hit = bool(i % 5) and i % 7 != 3  # one in seven is missed
            logit = rng.normal(1.5, 1.5)
            if hit:
                found.append(candidate(uid, 1, centre + 0.5, logit, nodule=1))
            for number in range(2, 5):
                away = centre + [25, 0, 0] * np.array(number - 1)
                found.append(candidate(uid, number, away, rng.normal(-1, 1.5)))
        self.nodules = tables.frame("nodules", nodules)
        self.classified = pd.DataFrame(found)
        self.excluded = tables.frame("excluded")

    @property
    def candidates(self) -> pd.DataFrame:
        return tables.frame("candidates", self.classified[tables.columns("candidates")])


def candidate(uid, number, centre, logit, nodule=0, excluded=False):
    p = 1 / (1 + np.exp(-logit))
    row = {"seriesuid": uid, "candidate": number, "diameter_mm": 9.0, "probability": 0.6}
    row |= dict(zip("xyz", np.asarray(centre, float), strict=True))
    row |= {"volume_mm3": 300.0, "n_slices": 3, "nodule": nodule, "excluded": excluded}
    return row | {"confidence": p, "logit": float(logit)}


def ball(grid: Geometry, centre, radius: float) -> np.ndarray:
    world = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    return ((world - centre) ** 2).sum(-1) <= radius**2


def compared(truth: dict[str, np.ndarray], predicted: list[np.ndarray], diameter: float = 12.0):
    """Rows of one scan with one nodule."""
    rows = [r for kind, m in truth.items() for r in regions.encode("2.25.1", kind, "native", 1, m)]
    shown = [
        row
        for number, mask in enumerate(predicted, 1)
        for row in regions.encode("2.25.1", "unet", "slices", number, mask)
    ]
    nodules = pd.DataFrame([{"seriesuid": "2.25.1", "nodule": 1, "diameter_mm": diameter}])
    found = evaluation_segmentation.compare_scan(
        nodules, tables.frame("regions", rows), tables.frame("regions", shown), NATIVE, SLICES, 0.5
    )
    return pd.DataFrame(list(found))


CENTRE = NATIVE.to_world((15, 60, 60))


def test_a_prediction_on_the_slices_grid_is_measured_on_the_native_grid():
    truth = {"readers": ball(NATIVE, CENTRE, 6), "reader_1": ball(NATIVE, CENTRE, 6)}
    rows = compared(truth, [ball(SLICES, CENTRE, 6)])
    unet = rows[rows["comparison"] == "unet"].iloc[0]
    assert unet["dice"] > 0.96 and unet["surface_mm"] < 0.3 and unet["detected"]
    assert unet["predicted_mm3"] == pytest.approx(4 / 3 * np.pi * 6**3, rel=0.08)
    shifted = compared(truth, [ball(SLICES, np.add(CENTRE, (3, 0, 0)), 6)]).iloc[0]
    expected = ball(NATIVE, np.add(CENTRE, (3, 0, 0)), 6)
    exact = 2 * (expected & truth["readers"]).sum() / (expected.sum() + truth["readers"].sum())
    assert shifted["dice"] == pytest.approx(exact, abs=0.02)


def test_all_regions_that_overlap_count_and_no_other():
    truth = {"readers": ball(NATIVE, CENTRE, 6)}
    halves = [ball(SLICES, CENTRE, 6).copy() for _ in range(2)]
    halves[0][:, 64:], halves[1][:, :64] = False, False
    far = ball(SLICES, np.add(CENTRE, (25, 0, 0)), 6)
    unet = compared(truth, [halves[0], far, halves[1]]).iloc[0]
    assert list(unet["candidates"]) == [1, 3]
    assert unet["dice"] > 0.95


def test_a_missed_nodule_is_a_row_with_dice_zero():
    unet = compared({"readers": ball(NATIVE, CENTRE, 6)}, []).iloc[0]
    assert not unet["detected"] and unet["dice"] == 0 and np.isnan(unet["surface_mm"])


def test_each_reader_is_held_against_the_others_and_not_against_itself():
    truth = {f"reader_{k}": ball(NATIVE, CENTRE, r) for k, r in ((1, 4), (2, 6), (3, 6))}
    truth["readers"] = ball(NATIVE, CENTRE, 6)
    rows = compared(truth, []).set_index(["comparison", "reader"])
    # Of readers 1 and 3 one in two is half: the larger ball is their consensus.
    assert rows.loc[("reader", 2), "dice"] == 1
    small, large = truth["reader_1"].sum(), truth["reader_2"].sum()
    assert rows.loc[("reader", 1), "dice"] == pytest.approx(2 * small / (small + large))


def test_a_sphere_that_stands_in_for_the_readers_is_no_reference():
    sphere = ball(NATIVE, CENTRE, 6)
    assert compared({"readers": sphere, "sphere": sphere}, []).empty
    labelled = compared({"readers": ball(NATIVE, CENTRE, 5), "sphere": sphere}, [])
    assert set(labelled["comparison"]) == {"unet", "sphere"}


@pytest.mark.parametrize(
    ("diameter", "name"),
    [(3, "<5"), (5, "5-8"), (7.9, "5-8"), (8, "8-12"), (12, "12-20"), (20, ">=20")],
)
def test_diameter_classes(diameter, name):
    assert size.diameter_class(diameter) == name


def segmented(run: Run) -> pd.DataFrame:
    """Table `segmentation` of a run: each hit nodule's Dice rises with its confidence."""
    hit = run.classified[run.classified["nodule"] > 0].set_index("seriesuid")["confidence"]
    rows = {}
    for nodule in run.nodules.to_dict("records"):
        uid = nodule["seriesuid"]
        dice = 0.4 + 0.5 * hit[uid] if uid in hit else 0.0
        row = {
            "seriesuid": uid,
            "nodule": 1,
            "diameter_mm": 12.0,
            "diameter_class": "12-20",
            "comparison": "unet",
            "reader": 0,
            "detected": uid in hit,
            "candidates": [1] if uid in hit else [],
            "dice": dice,
            "iou": dice / (2 - dice),
            "sensitivity": dice,
            "surface_mm": 1.0 if uid in hit else np.nan,
            "reference_mm3": 900.0,
            "predicted_mm3": 800.0,
        }
        reader = row | {"comparison": "reader", "candidates": [], "detected": True}
        rows[uid] = [row, reader | {"reader": 1, "dice": 0.7}, reader | {"reader": 2, "dice": 0.9}]
    return evaluation_segmentation.compare_sets(rows, run.folds)


def evaluated(run: Run, replicates: int = 60):
    """All scores of a run, through JSON as on disk."""
    systems = {
        "unet": run.candidates,
        "unet_resnet": run.classified.assign(probability=run.classified["confidence"]),
    }
    truth = Truth(run.nodules, run.excluded, run.folds)
    detection = score_systems(systems, truth, replicates, 1)
    table = segmented(run)
    segmentation = {
        name: evaluation_segmentation.summarise(
            table[table["set"] == name], sets.of(run.nodules, uids), replicates, 1, "unet"
        )
        for name, uids in sets.pooled_sets(run.folds).items()
    }
    classification = presence.score(run.classified, run.folds, replicates, 1)
    slices = pd.DataFrame(
        [(uid, z) for uid in run.folds["seriesuid"] for z in range(30)],
        columns=["seriesuid", "slice"],
    )
    confidence = slices.assign(confidence=0.3, loss=0.36, present=False)
    extra = {c: 0 for c in tables.columns("slice_scores") if c not in ("seriesuid", "slice")}
    given = Predictions(confidence, slices.assign(**extra), run.classified, table)
    trend_tables, trends = analyse(given, run.folds, replicates, 1, "unet")
    summaries = (detection.summary, segmentation, classification.summary, trends)
    return detection, classification, trend_tables, [plain(s) for s in summaries]


def plain(value):
    return json.loads(json.dumps(files._plain(value)))


@pytest.fixture(scope="module")
def run_and_scores():
    run = Run()
    return run, evaluated(run)


def test_every_scan_of_a_set_counts_with_or_without_nodules(run_and_scores):
    run, (detection, _, _, (summary, *_)) = run_and_scores
    found = summary["systems"]["unet"]
    assert set(found) == {"fold_0", "fold_1", "fold_2", "out_of_fold", "test"}
    assert found["test"]["n_scans"] == 4 and found["out_of_fold"]["n_scans"] == 12
    everywhere = run.folds.set_index("seriesuid")["fold"]
    of_test = run.nodules["seriesuid"].map(everywhere) == -1
    assert found["test"]["n_nodules"] == of_test.sum()
    marks = detection.marks
    assert len(marks) == 2 * len(run.classified)  # each once a system
    assert len(detection.nodule_hits) == 2 * len(run.nodules)


def test_operating_points_follow_from_the_candidates(run_and_scores):
    run, (_, _, _, (summary, *_)) = run_and_scores
    found = summary["systems"]["unet"]["out_of_fold"]
    rows = run.classified[
        run.classified["seriesuid"].map(run.folds.set_index("seriesuid")["fold"]) >= 0
    ]
    every = found["operating_points"]["all"]
    hits = (rows["nodule"] > 0).sum()
    assert every["recall"]["value"] == pytest.approx(hits / found["n_nodules"])
    assert every["candidates_per_scan"]["value"] == pytest.approx(len(rows) / 12)
    assert every["false_alarms_per_scan"]["value"] == pytest.approx((len(rows) - hits) / 12)
    assert every["recall"]["low"] <= every["recall"]["value"] <= every["recall"]["high"]
    assert found["operating_points"]["best_8_per_scan"] == every  # no scan has more


def test_at_most_eight_a_scan_drops_the_lowest():
    run = Run()
    uid = run.folds["seriesuid"].iloc[1]
    far = [candidate(uid, 10 + i, (500 + 20 * i, 0, 0), 0) for i in range(100)]
    for i, row in enumerate(far):
        row["probability"] = 0.9 - 0.001 * i
    run.classified = pd.DataFrame([*run.classified.to_dict("records"), *far])
    truth = Truth(run.nodules, run.excluded, run.folds)
    scores = score_systems({"unet": run.candidates}, truth, 20, 0)
    points = scores.summary["systems"]["unet"]["out_of_fold"]["operating_points"]
    assert points["at_most_8_false_alarms"]["false_alarms_per_scan"]["value"] <= 8
    assert points["all"]["false_alarms_per_scan"]["value"] > 8
    assert points["best_8_per_scan"]["candidates_per_scan"]["value"] < 5


def test_threshold_and_temperature_never_look_at_the_test():
    run = Run()
    held_out = run.classified["seriesuid"].isin(run.folds.loc[run.folds["fold"] == -1, "seriesuid"])
    changed = run.classified.copy()
    changed.loc[held_out, "nodule"] = 1 - changed.loc[held_out, "nodule"].clip(upper=1)
    changed.loc[held_out, "logit"] *= -3
    before, after = (presence.score(c, run.folds, 20, 0).summary for c in (run.classified, changed))
    assert before["fitted"] == after["fitted"]
    assert before["sets"]["out_of_fold"] == after["sets"]["out_of_fold"]
    assert before["sets"]["test"] != after["sets"]["test"]


def test_where_nothing_is_told_apart_no_threshold_is_chosen_and_that_is_said():
    run = Run()
    flat = run.classified.assign(confidence=0.5, logit=0.0)
    summary = presence.score(flat, run.folds, 20, 0).summary
    assert np.isnan(summary["fitted"]["threshold"]["test"])
    assert summary["fitted"]["rule"] == "none could be fitted"
    for own in summary["sets"].values():
        assert own["confusion"] is None
        assert "nothing could be fitted" in own["measures"]["sensitivity"]["reason"]


def test_few_hits_leave_calibration_without_an_interval():
    run = Run()
    hits = run.classified.index[run.classified["nodule"] > 0]
    few = run.classified.drop(hits[4:])
    for own in presence.score(few, run.folds, 50, 0).summary["sets"].values():
        assert own["n_positive"] < 5
        for found in own["calibration"].values():
            assert all(np.isnan(number["low"]) for number in found.values())


def test_a_folds_own_labels_do_not_move_its_threshold():
    run = Run()
    fold = run.classified["seriesuid"].map(run.folds.set_index("seriesuid")["fold"])
    changed = run.classified.copy()
    changed.loc[fold == 1, "nodule"] = 1 - changed.loc[fold == 1, "nodule"].clip(upper=1)
    first, second = (
        presence.score(c, run.folds, 5, 0).summary["fitted"]["threshold"]
        for c in (run.classified, changed)
    )
    assert first["folds"][1] == second["folds"][1]
    assert first["test"] != second["test"]


def test_a_candidate_on_an_excluded_finding_is_left_out_and_counted():
    run = Run()
    uid = run.folds["seriesuid"].iloc[0]
    extra = [candidate(uid, 50 + i, (300, 0, 0), 3, excluded=True) for i in range(4)]
    both = pd.DataFrame([*run.classified.to_dict("records"), *extra])
    before, after = (
        presence.score(c, run.folds, 5, 0).summary["sets"]["test"] for c in (run.classified, both)
    )
    assert after["n_excluded"] == before["n_excluded"] + 4
    assert after["measures"] == before["measures"]


def test_readers_of_a_nodule_are_averaged_before_nodules(run_and_scores):
    _, (*_, (_, segmentation, _, _)) = run_and_scores
    found = segmentation["out_of_fold"]
    assert found["reader"]["all"]["dice"]["value"] == pytest.approx(0.8)
    assert found["reader"]["all"]["n_nodules"] == found["n_nodules"]
    alone = found["unet"]["detected_only"]
    assert alone["dice"]["value"] > found["unet"]["all"]["dice"]["value"]
    assert alone["n_nodules"] == found["n_detected"] < found["n_nodules"]
    gap = found["unet"]["all"]["dice"]["value"] - 0.8
    assert found["dice_differences"]["unet_minus_reader"]["value"] == pytest.approx(gap)


def test_one_nodule_that_was_missed_is_one(run_and_scores):
    _, (_, _, _, (*_, trends)) = run_and_scores
    numbers = trends["sets"]["test"]
    for missed, said in (
        (1, "The other one has no candidate"),
        (3, "The other 3 have no candidate"),
    ):
        reference = numbers["proxy"]["n_nodules"] + missed
        text = write("test", numbers | {"n_reference_nodules": reference})
        assert said in text
        assert f"of {reference} reference nodules with readers' masks" in text
    alone = numbers | {"proxy": numbers["proxy"] | {"n_nodules": 1, "n_nodule_scans": 1}}
    assert "1 nodule in 1 scan cannot settle it." in write("test", alone)


def test_confidence_that_drives_dice_correlates_perfectly(run_and_scores):
    _, (_, _, tabled, (*_, trends)) = run_and_scores
    found = trends["sets"]["out_of_fold"]
    rho = found["proxy"]["confidence_and_dice"]["spearman"]
    assert rho["value"] == pytest.approx(1)
    area = found["risk_coverage"]["segmentation"]
    assert area["area"]["value"] == pytest.approx(area["area_of_best_order"])
    assert area["half_minus_all"]["value"] < 0
    assert trends["main_set"] == "out_of_fold"
    assert "cannot tell" in trends["statement"]  # a few nodules in four scans
    assert set(tabled) == set(TREND_TABLES)
    slices = tabled["trend_slices"]
    assert list(slices.loc[slices["set"] == "test", "index"]) == list(range(4 * 30))


def test_the_summary_holds_the_main_numbers(run_and_scores):
    _, (*_, summaries) = run_and_scores
    summary = plain(evaluation_summary.summarise(*summaries))
    assert set(summary) == {"statement", "main_set", "malignancy_statement", "test", "out_of_fold"}
    for name in ("test", "out_of_fold"):
        assert 0 <= summary[name]["presence_auc"]["value"] <= 1
        assert summary[name]["unet_candidates"]["all"]["recall"]["value"] > 0.5
        assert set(summary[name]["cpm"]) == {"unet", "unet_resnet"}
    metrics = metric_rows.gather(*summaries)
    key = ["measure", "point", "group", "system", "other", "set"]
    assert not metrics.duplicated(key).any()
    assert set(metrics["measure"]) <= set(MEASURES)
    cpm = metrics.set_index(key).loc[("cpm", "", "", "unet", "", "test")]
    assert cpm["value"] == pytest.approx(summary["test"]["cpm"]["unet"]["value"])
    assert metrics["definition"].str.len().min() > 10


def test_without_the_presence_task_the_rest_is_summarised(run_and_scores):
    run, (*_, (_, segmentation, _, _)) = run_and_scores
    alone = {"unet": run.candidates}
    truth = Truth(run.nodules, run.excluded, run.folds)
    detection = plain(score_systems(alone, truth, 20, 1).summary)
    summary = evaluation_summary.summarise(detection, segmentation, None, None)
    assert summary["statement"] == "" and summary["main_set"] == "out_of_fold"
    assert set(summary["test"]["cpm"]) == {"unet"} and "presence_auc" not in summary["test"]
    metrics = metric_rows.gather(detection, segmentation, None, None)
    assert {"unet", "reader"} <= set(metrics["system"])
    assert not metrics["system"].str.contains("presence").any()


@pytest.mark.parametrize("broken", ["no test", "no candidates", "one class", "no nodules"])
def test_what_cannot_be_told_is_null_with_a_reason(broken):
    run = Run(test=broken != "no test")
    if broken in ("no candidates", "no nodules"):
        run.classified = run.classified.iloc[:0]
    if broken == "no nodules":
        run.nodules = tables.frame("nodules")
    if broken == "one class":
        run.classified = run.classified[run.classified["nodule"] == 0].reset_index(drop=True)
    _, _, _, summaries = evaluated(run, 20)
    summary = plain(evaluation_summary.summarise(*summaries))
    assert ("test" in summary) == (broken != "no test")
    metrics = metric_rows.gather(*summaries)
    assert len(metrics) > 20
    if broken != "no test":
        auc = summary["out_of_fold"]["presence_auc"]
        assert auc["value"] is None and auc["reason"]
        missing = metrics[(metrics["measure"] == "presence_f1") & metrics["value"].isna()]
        assert missing["reason"].ne("").all() and len(missing)
    # A reason stands where there is no interval, and nowhere else.
    assert metrics["reason"].ne("").eq(metrics["low"].isna()).all()
    assert summary["statement"]


def proxy(value, low, high, n=40, scans=30):
    """Numbers as trends.json has them, with a given correlation."""
    rho = {"value": value, "low": low, "high": high}
    pair = {"spearman": rho, "pearson": rho, "spearman_given_diameter": rho}
    return {
        "n_nodules": n,
        "n_nodule_scans": scans,
        "confidence_and_dice": pair,
    }


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (proxy(0.5, 0.2, 0.7), "yes"),
        (proxy(-0.5, -0.7, -0.2), "reversed"),
        (proxy(0.0, -0.1, 0.1), "no"),
        (proxy(0.1, -0.4, 0.5), "cannot tell"),
        (proxy(0.9, 0.8, 1.0, n=4), "cannot tell"),
        (proxy(None, None, None), "cannot tell"),
    ],
)
def test_the_verdict_follows_the_interval(found, expected):
    assert verdict(found) == expected
