"""A tiny phantom through every rule, from nothing to the report.

That the same seed gives the same files is held by tests/reliability/test_kills.py.
"""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nodules
from helpers import findings_schema
from helpers.running import run_workflow, succeeded
from helpers.sources import all_rules
from nodules.base import steps, tables
from nodules.datasets import folds, points_csv
from nodules.evaluation import froc
from nodules.images import regions
from nodules.inference import exported

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]
DETECTORS = ["unet", "attention_unet", "transformer"]
TINY = str(Path(__file__).with_name("tiny.yaml"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Results of a whole run; beside them terminal.txt, what it said."""
    workdir = tmp_path_factory.mktemp("tiny")
    done = succeeded(run_workflow(workdir, "--configfile", TINY))
    (workdir / "terminal.txt").write_text(done.stdout + done.stderr)
    return workdir / "results"


def test_report_and_figures_are_there(run):
    assert (run / "report.html").stat().st_size > 1_000_000
    page = (run / "index.html").read_text()
    linked = {link for link in re.findall(r'href="([^"#]+)', page) if "://" not in link}
    assert len(linked) > 100 and all((run / link).is_file() for link in linked)
    figures = {f.stem for f in (run / "figures").glob("*.svg")}
    assert len(figures) >= 10
    assert figures == {f.stem for f in (run / "figures").glob("*.png")}


def test_the_terminal_has_a_line_a_job_and_a_last_word(run):
    """Bounds for this run, which has more rules than the default one, and fewer scans."""
    told = (run.parent / "terminal.txt").read_text()
    lines = told.splitlines()
    assert len(lines) < 200 and len(told) < 20_000 and max(map(len, lines)) < 200
    assert "\r" not in told, "no progress bars where there is no terminal"
    ran = {path.name.removesuffix(".tsv") for path in (run / "benchmarks").iterdir()}
    for rule in ran:
        words = re.sub(r"[,(]? ?\{.*", "", steps.STEPS[rule].words)
        assert any(words[1:] in line for line in lines), rule
    assert not re.search(r"^(local)?rule |^ +input: |^Finished", told, re.MULTILINE)
    assert re.search(r"^Done in \d+:\d\d", told, re.MULTILINE)
    page = next(line for line in lines if line.startswith("The report: "))
    assert (run.parent / page.removeprefix("The report: ")).is_file()
    metrics = tables.read(run / "evaluation/metrics.parquet", "metrics")
    cpm = metrics[(metrics["measure"] == "cpm") & (metrics["set"] == "out_of_fold")]
    value = cpm[(cpm["system"] == "unet") & (cpm["other"] == "")]["value"].item()
    assert any(re.match(rf"  CPM +{value:.3f} .*U-Net alone", line) for line in lines)


def test_every_rule_ran_and_was_measured(run):
    measured = {f.relative_to(run / "benchmarks").parts[0] for f in run.glob("benchmarks/**/*.tsv")}
    measured = {name.removesuffix(".tsv") for name in measured}
    elsewhere = {"fetch_weights", "check_weights"}  # no weights to start from are asked for here
    elsewhere |= {"prepare_lungs", "train_lungs", "find_lungs"}  # test_other_choices.py runs these
    elsewhere |= {"make_ellipsoids", "adopt_scan"}  # test_other_organ.py
    elsewhere |= {
        "export_volumes",
        "predict_scan",
    }  # asked for by name
    elsewhere |= {"train_unet_all", "train_presence_all", "train_malignancy_all"}  # below
    assert measured >= {rule.name for rule in all_rules()} - {"all", "figures"} - elsewhere


def test_summary_has_the_promised_numbers(run):
    summary = json.loads((run / "evaluation" / "summary.json").read_text())
    assert summary["main_set"] == "out_of_fold"
    for part in ("test", "out_of_fold"):
        assert summary[part]["n_scans"] > 0
        assert {"unet", "unet_resnet", "maskrcnn"} <= set(summary[part]["cpm"])
    assert summary["test"]["n_scans"] + summary["out_of_fold"]["n_scans"] == 10


def test_each_network_is_trained_alike_and_detects(run):
    history = tables.read(run / "evaluation/epochs.parquet", "history")
    samples = history[history["model"].isin(DETECTORS)].groupby("model")["samples"].apply(list)
    assert samples["unet"] == samples["attention_unet"] == samples["transformer"]
    hashes = history.groupby(["model", "fold"])["weights_sha256"].last()
    assert hashes.nunique() == len(hashes)
    for name in DETECTORS:
        told = json.loads((run / f"models/{name}/fold_0/model.json").read_text())
        assert told["model"] == told["network"]["name"] == name
        for part in ("fold_0", "fold_1", "test"):
            peaks = tables.read(run / f"detection/{name}/{part}/peaks.parquet", "slice_peaks")
            assert len(peaks) and peaks["probability"].between(0, 1).all()
    assert list(run.glob("models/attention_unet/fold_*/overlays/epoch_02_gates.png"))


def test_the_detector_in_3d_finds_judges_and_draws(run):
    for part in ("fold_0", "fold_1", "test"):
        found = tables.read(run / f"detection/unet3d/{part}/candidates.parquet", "candidates")
        judged = tables.read(run / f"reduction/{part}/candidates.parquet", "classified")
        drawn = tables.read(run / f"reduction/{part}/regions.parquet", "regions")
        assert len(found) and set(judged["candidate"]) <= set(found["candidate"])
        assert judged["confidence"].between(0, 1).all()
        before = tables.read(run / f"reduction/{part}/judged.parquet", "classified")
        assert before.drop(columns="confidence").equals(judged.drop(columns="confidence"))
        assert set(drawn["kind"]) <= {"reduction"} and set(drawn["grid"]) <= {"native"}
    rows = tables.read(run / "evaluation/segmentation.parquet", "segmentation")
    assert "reduction" in set(rows["comparison"])
    for kind in ("hits", "misses", "false_alarms"):
        assert (run / f"gallery/{kind}_3d.png").stat().st_size > 10_000
        assert f"gallery/{kind}_3d.png" in (run / "index.html").read_text()
    for fold in (0, 1):
        path = run / f"detection/unet3d/fold_{fold}_training/alarms.parquet"
        assert set(tables.read(path, "candidates")["seriesuid"]) <= set(
            scans_trained_on(run, fold)
        ), "a false alarm of a left-out scan"


def scans_trained_on(run, fold):
    """UIDs that a fold's networks were trained on."""
    return folds.split(tables.read(run / "folds/folds.parquet", "folds"), fold)[0]


def test_networks_are_compared(run):
    detection = json.loads((run / "evaluation/detection.json").read_text())
    assert {"attention_unet_minus_unet", "transformer_minus_unet"} < set(detection["differences"])
    costs = tables.read(run / "evaluation/system_costs.parquet", "system_costs")
    in_3d = {"unet3d", "unet3d_reduction"}
    assert set(costs["system"]) == {*DETECTORS, *in_3d, "unet_resnet", "maskrcnn"}
    assert {"unet3d_reduction_minus_unet3d", "unet3d_minus_unet"} < set(detection["differences"])
    page = (run / "report/metrics.html").read_text()
    assert "One network against another" in page and "Two stages against one" in page


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


def test_every_listed_location_is_judged_and_the_submission_scores_as_the_track_does(run):
    listed = tables.read(run / "scans" / "locations.parquet", "locations")
    folds = tables.read(run / "folds" / "folds.parquet", "folds")
    for fold, group in folds.groupby("fold"):
        part = "test" if fold == -1 else f"fold_{fold}"
        path = run / "locations" / "presence" / part / "scores.parquet"
        judged = tables.read(path, "location_scores")
        assert set(judged["seriesuid"]) == set(group["seriesuid"])
        for uid, own in judged.groupby("seriesuid"):
            given = listed[listed["seriesuid"] == uid]
            assert own[[*"xyz"]].to_numpy().tolist() == given[[*"xyz"]].to_numpy().tolist()
    track = json.loads((run / "evaluation" / "reduction_track.json").read_text())
    phantom = run / "phantom"
    for name, own in (("test", folds["fold"] == -1), ("out_of_fold", folds["fold"] >= 0)):
        uids = list(folds.loc[own, "seriesuid"])
        marks = run / "submissions" / f"reduction_track_presence_{name}.csv"
        official = froc.evaluate(
            points_csv.read_submission(marks, uids),
            points_csv.read_findings(phantom / "annotations.csv"),
            points_csv.read_findings(phantom / "annotations_excluded.csv"),
            uids,
            bootstrap=0,
        )
        assert official.cpm == track["systems"]["presence"][name]["cpm"]
        assert track["list"][name]["n_locations"] == len(official.mark_status)
    assert "reference nodules" in track["statement"]
    assert track["statement"].split(".")[0] in (run / "report" / "metrics.html").read_text()


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


def test_the_exported_model_finds_in_dicom_what_the_workflow_found(run):
    found = pd.read_csv(run / "predicted" / "findings.csv", dtype={"seriesuid": str})
    details = json.loads((run / "predicted" / "findings.json").read_text())
    assert findings_schema.problems(details) == []
    assert details["seriesuid"] in (run / "predicted" / "reader.html").read_text()
    assert details["form"] == "DICOM" and details["model"]["name"] == "nodules"
    own = tables.read(run / "presence" / "test" / "candidates.parquet", "classified")
    own = own[own["seriesuid"] == details["seriesuid"]]
    own = own.sort_values("confidence", ascending=False, kind="stable")
    assert len(own) > 0, "without a candidate this shows nothing"
    assert len(found) == len(own) and set(found["seriesuid"]) == set(own["seriesuid"])
    same = {"x": "coordX", "y": "coordY", "z": "coordZ", "confidence": "probability"}
    same |= {"probability": "detection", "diameter_mm": "diameter_mm", "volume_mm3": "volume_mm3"}
    for theirs, ours in same.items():
        # To the last bits but for places, whose origin DICOM has as a decimal number.
        assert np.allclose(found[ours], own[theirs], rtol=1e-12, atol=1e-9), theirs
    assert found["malignancy"].between(0, 1).all()
    submitted = pd.read_csv(run / "submissions" / "unet_resnet_test.csv", dtype={"seriesuid": str})
    submitted = submitted[submitted["seriesuid"] == details["seriesuid"]]
    assert np.allclose(sorted(submitted["probability"]), sorted(found["probability"]))


def test_the_model_in_3d_finds_what_the_workflow_found(run):
    """The rule export_volumes, and both stages asked about a held-out scan as MetaImage."""
    succeeded(run_workflow(run.parent, "--configfile", TINY, "--", "export"))
    own = tables.read(run / "reduction" / "test" / "candidates.parquet", "classified")
    assert len(own), "without a candidate this shows nothing"
    for uid, candidates in own.groupby("seriesuid"):
        expected = candidates.sort_values("confidence", ascending=False, kind="stable")
        (header,) = (run / "phantom").glob(f"subset9/{uid}.mhd")
        model = run / "models" / "nodules_3d.luna16"
        found = nodules.predict(header, model, device="cpu", threads=2)
        same = {"x": "x", "y": "y", "z": "z", "confidence": "probability"}
        same |= {"probability": "detection", "diameter_mm": "diameter_mm"}
        for theirs, ours in same.items():
            values = [getattr(finding, ours) for finding in found]
            assert np.allclose(values, expected[theirs], rtol=1e-6, atol=1e-6), theirs


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


def jobs_with(run, *config):
    """Rules that a run with a changed config would still run, with the number of their jobs."""
    arguments = ("--configfile", TINY, "--config", *config, "--dry-run")
    done = succeeded(run_workflow(run.parent, *arguments))
    found = re.findall(r"^([a-z_]+) +(\d+)$", done.stdout + done.stderr, re.M)
    return {name: int(count) for name, count in found}


def test_a_network_more_or_less_trains_no_other_anew(run):
    fewer = jobs_with(run, "detectors=[unet]")
    assert "score_detections" in fewer
    assert not {name for name in fewer if name.startswith(("train_", "detect_", "classify_"))}
    shape = jobs_with(run, "transformer={width: 6}")
    assert shape["train_segmenter"] == 2 and shape["detect_segmenter"] == 3
    assert "train_unet" not in shape and "train_presence" not in shape
    budget = jobs_with(run, "unet={epochs: 1}")
    assert budget["train_segmenter"] == 4 and budget["train_unet"] == 2


def test_a_model_of_all_scans_has_one_network_of_each_kind_that_saw_them_all(run, tmp_path):
    """Trained after the run, beside its folds' networks."""
    workdir = tmp_path / "all"
    shutil.copytree(run.parent, workdir)
    more = ("--config", "export={networks: all}")
    model = "results/models/nodules.luna16"
    succeeded(run_workflow(workdir, "--configfile", TINY, *more, "--", model))
    manifest = exported.read_manifest(workdir / model)
    roles = [network["role"] for network in manifest["networks"]]
    assert roles == ["unet", "presence", "malignancy"]
    for network in manifest["networks"]:
        trained = network["manifest"]["trained_on"]
        assert (trained["scans"], trained["scans_left_out"]) == (10, 0)
        assert trained["all_scans"] is True and trained["fold"] == 2
    assert "trained on all scans" in manifest["ensemble"]
    assert (manifest["data"]["scans trained on"], manifest["data"]["test scans"]) == (10, 0)
    (header,) = workdir.glob(f"results/phantom/subset9/{left_out(run)}.mhd")
    found = nodules.predict(header, workdir / model, device="cpu", threads=2)
    assert found and all(0 <= finding.malignancy <= 1 for finding in found)


def left_out(run):
    """UID of the first scan of the test set."""
    division = tables.read(run / "folds/folds.parquet", "folds")
    return division.loc[division["fold"] == folds.TEST_FOLD, "seriesuid"].iloc[0]
