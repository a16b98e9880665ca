"""Several networks in one tiny run: each is trained, detects, is scored and stands in the report."""

import json
import re
from pathlib import Path

import pytest

from helpers.running import run_workflow, succeeded
from nodules.base import tables

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(900)]
HERE = Path(__file__).parent
FILES = ("--configfile", str(HERE / "tiny.yaml"), str(HERE / "networks.yaml"))
# As networks.yaml has them: the second stage follows the first, whichever that is.
DETECTORS = ["attention_unet", "unet", "transformer"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Results of a whole run of three networks, without Mask R-CNN and malignancy."""
    workdir = tmp_path_factory.mktemp("networks")
    succeeded(run_workflow(workdir, *FILES))
    return workdir / "results"


def jobs_of(run, *config):
    """Rules that a run with a changed config would still run, with the number of their jobs."""
    done = succeeded(run_workflow(run.parent, *FILES, "--config", *config, "--dry-run"))
    found = re.findall(r"^([a-z_]+) +(\d+)$", done.stdout + done.stderr, re.M)
    return {name: int(count) for name, count in found}


def test_each_network_has_its_own_folders(run):
    for name in DETECTORS:
        for fold in ("fold_0", "fold_1"):
            told = json.loads((run / f"models/{name}/{fold}/model.json").read_text())
            assert told["model"] == told["network"]["name"] == name
        for part in ("fold_0", "fold_1", "test"):
            found = tables.read(run / f"detection/{name}/{part}/candidates.parquet", "candidates")
            assert len(found) == 0 or found["probability"].between(0, 1).all()
    assert list(run.glob("models/attention_unet/fold_*/overlays/epoch_02_gates.png"))


def test_networks_are_trained_for_the_same_number_of_steps(run):
    history = tables.read(run / "evaluation/epochs.parquet", "history")
    samples = history[history["model"].isin(DETECTORS)].groupby("model")["samples"].apply(list)
    assert set(samples.index) == set(DETECTORS)
    assert samples["unet"] == samples["attention_unet"] == samples["transformer"]
    hashes = history.groupby(["model", "fold"])["weights_sha256"].last()
    assert hashes.nunique() == len(hashes)


def test_all_are_scored_and_the_second_stage_follows_the_first(run):
    summary = json.loads((run / "evaluation/summary.json").read_text())
    scored = ["attention_unet", "attention_unet_resnet", "unet", "transformer"]
    assert list(summary["test"]["cpm"]) == scored
    assert "attention_unet_candidates" in summary["test"]
    assert [path.parts[-3] for path in run.glob("detection/*/test/matches.parquet")] == DETECTORS[
        :1
    ]
    detection = json.loads((run / "evaluation/detection.json").read_text())
    pairs = {"attention_unet_minus_unet", "transformer_minus_unet"}
    assert pairs < set(detection["differences"])


def test_the_report_compares_them(run):
    costs = tables.read(run / "evaluation/system_costs.parquet", "system_costs")
    assert set(costs["system"]) == {*DETECTORS, "attention_unet_resnet"}
    assert set(costs["step"]) == {"training", "inference"}
    assert (run / "figures/system_costs.svg").is_file()
    assert not (run / "figures/confidence_by_system.svg").exists()
    page = (run / "report/metrics.html").read_text()
    for words in ("One network against another", "Attention U-Net + ResNet50", "Swin U-Net alone"):
        assert words in page
    assert "ResNet50 on the Attention U-Net&#x27;s candidates" in page
    assert "Two stages against one" not in page


def test_a_network_more_or_less_trains_no_other_anew(run):
    assert jobs_of(run) == {}
    fewer = jobs_of(run, "detectors=[attention_unet, unet]")
    assert fewer and not {name for name in fewer if name.startswith(("train", "detect", "class"))}
    shape = jobs_of(run, "transformer={width: 6}")
    assert shape["train_segmenter"] == 2 and shape["detect_segmenter"] == 3
    assert "train_unet" not in shape and "train_presence" not in shape
    budget = jobs_of(run, "unet={epochs: 1}")
    assert budget["train_segmenter"] == 4 and budget["train_unet"] == 2
