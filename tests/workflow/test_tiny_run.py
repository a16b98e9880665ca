"""A tiny phantom through every rule, from nothing to the report.

That the same seed gives the same files is held by tests/reliability/test_kills.py.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from helpers.running import run_workflow, succeeded
from helpers.sources import all_rules
from nodules.base import tables
from nodules.images import regions

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(900)]
TINY = str(Path(__file__).with_name("tiny.yaml"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Results of a whole run."""
    workdir = tmp_path_factory.mktemp("tiny")
    succeeded(run_workflow(workdir, "--configfile", TINY))
    return workdir / "results"


def test_report_and_figures_are_there(run):
    assert (run / "report.html").stat().st_size > 1_000_000
    figures = {f.stem for f in (run / "figures").glob("*.svg")}
    assert len(figures) >= 10
    assert figures == {f.stem for f in (run / "figures").glob("*.png")}


def test_every_rule_ran_and_was_measured(run):
    measured = {f.relative_to(run / "benchmarks").parts[0] for f in run.glob("benchmarks/**/*.tsv")}
    measured = {name.removesuffix(".tsv") for name in measured}
    elsewhere = {"fetch_weights", "check_weights"}  # no weights to start from are asked for here
    elsewhere |= {"prepare_lungs", "train_lungs", "find_lungs"}  # test_lungs.py runs these
    assert measured >= {rule.name for rule in all_rules()} - {"all", "figures"} - elsewhere


def test_summary_has_the_promised_numbers(run):
    summary = json.loads((run / "evaluation" / "summary.json").read_text())
    assert summary["main_set"] == "test"
    for part in ("test", "out_of_fold"):
        assert summary[part]["n_scans"] > 0
        assert {"unet", "unet_resnet", "maskrcnn"} <= set(summary[part]["cpm"])
    assert summary["test"]["n_scans"] + summary["out_of_fold"]["n_scans"] == 10


def test_every_scan_is_judged_by_networks_that_have_not_seen_it(run):
    folds = tables.read(run / "folds" / "folds.parquet", "folds")
    for fold, group in folds.groupby("fold"):
        part = "test" if fold == -1 else f"fold_{fold}"
        scores = tables.read(run / "evaluation" / "slices" / f"{part}.parquet", "slice_scores")
        assert set(scores["seriesuid"]) == set(group["seriesuid"])
        beside = run / "detection" / "maskrcnn" / part / "confidence.parquet"
        confident = tables.read(beside, "slice_confidence")
        assert list(confident["slice"]) == list(scores["slice"])
        answers = run / "presence" / part / "slices.parquet"
        answered = tables.read(answers, "slice_confidence")
        assert list(answered["slice"]) == list(scores["slice"])
    assert set(folds.loc[folds["fold"] == -1, "subset"]) == {9}


def test_every_nodule_is_judged_by_networks_that_have_not_seen_its_patient(run):
    folds = tables.read(run / "folds" / "folds.parquet", "folds")
    nodules = tables.read(run / "scans" / "nodules.parquet", "nodules")
    for fold, group in folds.groupby("fold"):
        part = "test" if fold == -1 else f"fold_{fold}"
        path = run / "malignancy" / "resnet" / part / "scores.parquet"
        scores = tables.read(path, "malignancy_scores")
        expected = nodules[nodules["seriesuid"].isin(group["seriesuid"])]
        # One network a fold; on the test every fold's.
        assert len(scores) == len(expected) * (2 if part == "test" else 1)
        assert set(scores["seriesuid"]) == set(expected["seriesuid"])
        others = folds.loc[folds["fold"] != fold, "patient"]
        assert not set(group["patient"]) & set(others)


def test_explanations_are_measured_and_drawn(run):
    table = tables.read(run / "evaluation" / "explanations.parquet", "explanations")
    assert set(table["method"]) == {"gradcam", "saliency"}
    assert table["share_inside"].dropna().between(0, 1).all()
    found = json.loads((run / "evaluation" / "explanations.json").read_text())
    assert found["part"] == "test" and "Grad-CAM: " in found["statement"]
    assert (run / "gallery" / "explanations.png").stat().st_size > 10_000


def test_every_slice_is_stored_with_its_row(run):
    for path in (run / "slices").glob("*.npy"):
        stack = np.load(path, mmap_mode="r")
        table = tables.read(path.with_suffix(".parquet"), "slices")
        assert stack.dtype == np.uint8 and stack.shape == tuple(table["shape"].iloc[0])
        assert list(table["slice"]) == list(range(len(stack)))
        pictures = list((run / "slices" / "png" / path.stem).glob("*.png"))
        masks = regions.select(
            tables.read(run / "masks" / path.with_suffix(".parquet").name, "regions"),
            "readers",
            "slices",
        )
        assert len(pictures) == masks["z"].nunique()


def test_nothing_is_left_to_do(run):
    done = succeeded(run_workflow(run.parent, "--configfile", TINY, "--dry-run"))
    assert "Nothing to be done" in done.stdout + done.stderr


def test_an_edited_threshold_repeats_detection_but_no_training(run):
    arguments = (
        "--configfile",
        TINY,
        "--config",
        "candidates={pixel_threshold: 0.05}",
        "--dry-run",
    )
    done = succeeded(run_workflow(run.parent, *arguments))
    text = done.stdout + done.stderr
    assert re.search(r"^detect_unet +3$", text, re.M)
    assert not re.search(r"^detect_maskrcnn ", text, re.M)
    assert not re.search(r"^(train_unet|prepare_slices|check_scans) ", text, re.M)
