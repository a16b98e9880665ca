"""The false-positive-reduction track: given locations scored officially, and what they reach."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.score_command import score_in
from nodules.base import tables
from nodules.base.files import UserError, read_json, write_json
from nodules.datasets import folds, points_csv
from nodules.evaluation import locations as track
from nodules.evaluation.detection import Truth
from nodules.evaluation.metric_rows import LISTED, gather
from nodules.evaluation.sets import of, scans_by_set
from nodules.evaluation.statements import locations as statement
from nodules.inference.locations import OUTSIDE_SCAN

POINT = ["seriesuid", "x", "y", "z"]
# Scan 1 has two nodules, scan 2 none, scan 3 one.
NODULES = [("2.25.1", 0, 0, 0, 1, 10.0), ("2.25.1", 50, 0, 0, 2, 6.0), ("2.25.3", 0, 0, 0, 1, 8.0)]
LOCATIONS = [
    ("2.25.1", 1, 0, 0, 1, 0.9),  # hits
    ("2.25.2", 5, 5, 5, 0, 0.85),
    ("2.25.1", 0, 2, 0, 1, 0.8),  # hits the same nodule again
    ("2.25.1", 50, 0, 3, 1, 0.7),  # lies at the radius of 3 mm, which is no hit
    ("2.25.3", 0, 0, 1, 0, 0.6),  # hits, and is labelled as none
    ("2.25.1", 0, 0, 30, 0, 0.1),
]


def folds_of(uids, fold):
    base = {"subset": 0, "n_nodules": 0}
    rows = [{"seriesuid": u, "patient": u, "fold": fold(i)} | base for i, u in enumerate(uids)]
    return tables.frame("folds", rows)


def tables_of(locations, nodules, uids, fold=lambda i: i % 2):
    """Table `locations`, what a classifier says of it (table `location_scores`), and the truth."""
    listed = pd.DataFrame(locations, columns=[*POINT, "label", "probability"])
    given_ = tables.frame("locations", listed.drop(columns="probability"))
    said = track.numbered(given_).drop(columns="label")
    said = said.assign(probability=listed["probability"].astype(float), logit=0.0, reason="")
    reference = pd.DataFrame(nodules, columns=[*POINT, "nodule", "diameter_mm"])
    truth = Truth(
        tables.frame("nodules", reference), tables.frame("excluded"), folds_of(uids, fold)
    )
    return given_, tables.frame("location_scores", said), truth


@pytest.fixture
def small():
    return tables_of(LOCATIONS, NODULES, ["2.25.1", "2.25.2", "2.25.3"])


def scored(locations, said, truth, replicates=50):
    return track.score({"presence": said}, locations, truth, replicates, 0)


def test_the_score_by_hand(small):
    found = scored(*small).summary["systems"]["presence"]["out_of_fold"]
    # A third of the nodules before any false alarm, two thirds from two in three scans on.
    assert list(found["sensitivity"].values()) == pytest.approx([1 / 3] * 3 + [2 / 3] * 4)
    assert found["cpm"] == pytest.approx(11 / 21)
    assert (found["n_scans"], found["n_nodules"]) == (3, 3)
    assert {"tp": 2, "fp": 3, "fn": 1, "double": 1}.items() <= found["counts"].items()


def test_what_the_list_can_reach_by_hand(small):
    found = scored(*small).summary["list"]["out_of_fold"]
    assert (found["n_nodules"], found["n_reached"]) == (3, 2)
    assert found["reached"]["value"] == pytest.approx(2 / 3)
    assert found["reached"]["reason"] == "3 scans and 3 nodules, where an interval needs 5"
    assert found["not_reached"] == [{"seriesuid": "2.25.1", "nodule": 2, "diameter_mm": 6.0}]
    assert (found["on_a_nodule"], found["n_locations"]) == (3, 6)
    assert (found["labelled_nodule"], found["labelled_nodule_on_none"]) == (3, 1)
    assert found["labelled_none_on_one"] == 1
    assert found["n_scans_without_locations"] == 0


def test_the_paragraph_says_what_no_classifier_can_find(small):
    locations, said, truth = small
    text = scored(locations, said, truth).summary["statement"]
    assert "6 locations in 3 scans and hits 2 of 3 reference nodules: no classifier of this" in text
    assert "Of its 3 locations labelled as a nodule, 1 lie outside every nodule" in text
    assert "probability 0" not in text and "limit of 100" not in text
    lost = said.assign(reason=np.where(said["location"] == 3, OUTSIDE_SCAN, ""))
    text = scored(locations, lost, truth).summary["statement"]
    assert "Given probability 0, not judged by the ResNet50: 1 outside the scan." in text


def test_a_statement_needs_no_set_that_the_run_lacks():
    assert statement.write({"list": {}, "systems": {"presence": {}}}) == ""


def test_a_location_that_hits_two_nodules_reaches_both():
    beside = [("2.25.1", 0, 0, 0, 1, 10.0), ("2.25.1", 6, 0, 0, 2, 10.0)]
    given_, _, truth = tables_of([("2.25.1", 3, 0, 0, 1, 0.9)], beside, ["2.25.1"])
    assert track.reach(given_, truth.nodules)[1].tolist() == [True, True]


def test_nodules_that_fall_to_the_official_limit_are_counted():
    crowd = [("2.25.1", 100 + 10 * i, 0, 0, 0, 0.5 + i / 1000) for i in range(120)]
    made = tables_of([*crowd, ("2.25.1", 0, 0, 0, 1, 0.1)], NODULES, ["2.25.1", "2.25.3"])
    found = scored(*made).summary
    assert found["systems"]["presence"]["out_of_fold"]["capped"] == 21
    assert found["systems"]["presence"]["out_of_fold"]["n_nodules_capped"] == 1
    assert found["list"]["out_of_fold"]["n_reached"] == 1
    assert "leaves out 21 of the locations" in found["statement"]
    assert "and with them 1 nodule." in found["statement"]


def test_a_list_that_was_not_judged_whole_is_refused(small):
    locations, said, truth = small
    for wrong in (said.iloc[1:], pd.concat([said, said.iloc[:1]]), said.assign(x=said["x"] + 1)):
        with pytest.raises(UserError, match="run snakemake again from classify_locations"):
            scored(locations, wrong, truth)
    # In which order the parts were read, and scans of no fold, change nothing.
    elsewhere = locations.iloc[:1].assign(seriesuid="2.25.9")
    more = pd.concat([elsewhere, locations], ignore_index=True)
    one, other = scored(more, said.iloc[::-1], truth), scored(locations, said, truth)
    assert str(one.summary) == str(other.summary)  # NaN equals NaN


def test_a_scan_that_is_kept_out_of_training_and_test_is_neither_judged_nor_scored():
    uids = ["2.25.1", "2.25.2", "2.25.3"]
    number = (0, folds.UNUSED, 1)
    given_, said, truth = tables_of(LOCATIONS, NODULES, uids, fold=lambda i: number[i])
    judged = said[said["seriesuid"] != "2.25.2"]
    found = scored(given_, judged, truth).summary["list"]["out_of_fold"]
    assert (found["n_scans"], found["n_locations"]) == (2, 5)


def test_without_a_location_there_is_no_track(small):
    _, said, truth = small
    with pytest.raises(UserError, match=r"candidates_V2\.csv"):
        scored(tables.frame("locations"), said.iloc[:0], truth)


def test_every_number_becomes_a_row_of_the_metrics(small, tmp_path):
    write_json(tmp_path / "track.json", scored(*small).summary)
    nothing = {"systems": {}, "differences": {}}
    rows = gather(nothing, {}, None, None, track=read_json(tmp_path / "track.json"))
    pooled = rows[rows["set"] == "out_of_fold"]
    assert (
        list(pooled["measure"])
        == ["locations_reached", "locations_cpm"] + ["locations_sensitivity"] * 7
    )
    reached, cpm = pooled.iloc[0], pooled.iloc[1]
    assert (reached["system"], reached["n"], reached["unit"]) == (LISTED, 3, "nodules")
    assert (cpm["system"], cpm["n"], cpm["unit"]) == ("presence", 3, "scans")
    assert (reached["value"], cpm["value"]) == pytest.approx((2 / 3, 11 / 21))


coordinate = st.integers(-6, 6)
places = st.lists(st.tuples(st.sampled_from("12"), *[coordinate] * 3), max_size=12)


@given(places, places)
def test_the_ceiling_is_what_the_official_score_finds_without_a_threshold(points, centres):
    uids = ["2.25.1", "2.25.2"]
    locations = [(f"2.25.{s}", x, y, z, 1, 0.5) for s, x, y, z in points]
    nodules = [(f"2.25.{s}", x, y, z, i, 4.0) for i, (s, x, y, z) in enumerate(centres, 1)]
    given_, _, truth = tables_of(locations, nodules, uids)
    found = track.ceiling(given_, truth.nodules, uids, 10, 0)
    by_hand = [
        any(s == t and (x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2 < 4 for t, a, b, c in points)
        for s, x, y, z in centres
    ]
    assert found["n_reached"] == sum(by_hand)
    assert [row["nodule"] for row in found["not_reached"]] == [
        i for i, hit in enumerate(by_hand, 1) if not hit
    ]
    if locations:
        _, said, _ = tables_of(locations, nodules, uids)
        counts = scored(given_, said, truth).summary["systems"]["presence"]["out_of_fold"]["counts"]
        assert counts["tp"] == found["n_reached"]


def test_luna16_score_gives_the_submission_the_same_numbers(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(5)
    uids = [f"2.25.{i}" for i in range(1, 9)]
    nodules = [(u, *rng.uniform(-80, 80, 3), 1, 9.0) for u in uids[:6]]
    near = [(u, x + 1, y, z + 2, 1, rng.beta(3, 2)) for u, x, y, z, _, _ in nodules[:5]]
    far = [(rng.choice(uids), *rng.uniform(-90, 90, 3), 0, rng.beta(2, 3)) for _ in range(1200)]
    given_, said, truth = tables_of([*near, *far], nodules, uids, fold=lambda i: i % 4 - 1)
    found = scored(given_, said, truth, replicates=40).summary["systems"]["presence"]
    assert found["test"]["capped"] > 0  # the limit of 100 marks is met
    text = truth.nodules.rename(columns={axis: f"coord{axis.upper()}" for axis in "xyz"})
    lists = {"annotations.csv": text.to_csv(index=False)}
    lists["excluded.csv"] = "seriesuid,coordX,coordY,coordZ,diameter_mm\n"
    for name, own in scans_by_set(truth.folds).items():
        points_csv.write_submission(tmp_path / f"{name}.csv", of(said, own))
        files = lists | {"scans.csv": "\n".join(own)}
        run = score_in(tmp_path, files, monkeypatch, capsys)
        status, _, _ = run(f"{name}.csv", "--bootstrap", "40", "--json", f"{name}.json")
        official = json.loads((tmp_path / f"{name}.json").read_text())
        assert status == 0
        for key in ("cpm", "cpm_ci", "sensitivity", "sensitivity_ci", "n_scans", "n_nodules"):
            assert official[key] == found[name][key]
        same = ("tp", "fp", "fn", "double", "marks", "marks_after_cap")
        assert {k: official["counts"][k] for k in same} == {
            k: found[name]["counts"][k] for k in same
        }


def test_a_published_submission_for_888_scans_taken_as_given_locations(shared_data):
    data = shared_data / "data"
    uids = points_csv.read_scans(data / "luna16" / "seriesuids.csv")
    path = data / "submissions" / "deeplung_dpn26" / "deeplung_dpn26_submission.csv"
    marks = pd.DataFrame(points_csv.read_submission(path, uids)).assign(label=0)
    findings = {
        name: pd.DataFrame(points_csv.read_findings(data / "luna16" / f"{name}.csv"))
        for name in ("annotations", "annotations_excluded")
    }
    nodules = findings["annotations"]
    nodules["nodule"] = nodules.groupby("seriesuid").cumcount() + 1
    locations = tables.frame("locations", marks[[*POINT, "label"]])
    said = track.numbered(locations).drop(columns="label")
    said = said.assign(probability=marks["probability"], logit=0.0, reason="")
    truth = Truth(
        tables.frame("nodules", nodules),
        tables.frame("excluded", findings["annotations_excluded"]),
        folds_of(uids, lambda i: i % 10),
    )
    found = scored(locations, said, truth, replicates=0).summary
    # What the challenge's own script says of it.
    own, listed = found["systems"]["presence"]["out_of_fold"], found["list"]["out_of_fold"]
    assert round(own["cpm"], 6) == 0.841966
    assert (own["counts"]["tp"], own["counts"]["marks_after_cap"]) == (1136, 52708)
    assert listed["n_reached"] - own["n_nodules_capped"] == 1136
    assert len(listed["not_reached"]) == 1186 - listed["n_reached"]
