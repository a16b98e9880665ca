"""A tiny run whose first detector is not the U-Net: the second stage and every text follow it."""

import json
from pathlib import Path

import pytest

from helpers.running import run_workflow, succeeded
from nodules.base import tables

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Results of a whole run of two networks, without Mask R-CNN and malignancy."""
    workdir = tmp_path_factory.mktemp("first")
    files = ("--configfile", str(HERE / "tiny.yaml"), str(HERE / "first_detector.yaml"))
    succeeded(run_workflow(workdir, *files))
    return workdir / "results"


def test_the_second_stage_follows_the_first(run):
    matched = [path.parts[-3] for path in run.glob("detection/*/test/matches.parquet")]
    assert matched == ["attention_unet"]
    classified = tables.read(run / "presence/fold_0/candidates.parquet", "classified")
    found = run / "detection/attention_unet/fold_0/candidates.parquet"
    assert len(classified) == len(tables.read(found, "candidates"))
    summary = json.loads((run / "evaluation/summary.json").read_text())
    assert list(summary["test"]["cpm"]) == ["attention_unet", "attention_unet_resnet", "unet"]
    assert "attention_unet_candidates" in summary["test"]


def test_texts_follow_it_too(run):
    page = (run / "report/metrics.html").read_text()
    for words in (
        "Attention U-Net + ResNet50",
        "ResNet50 on the Attention U-Net&#x27;s candidates",
    ):
        assert words in page
    for words in ("on the U-Net&#x27;s candidates", "Attention Attention", "Two stages against"):
        assert words not in page


def test_networks_are_compared_without_mask_rcnn_too(run):
    assert "One network against another" in (run / "report/metrics.html").read_text()
    costs = tables.read(run / "evaluation/system_costs.parquet", "system_costs")
    assert set(costs["system"]) == {"attention_unet", "attention_unet_resnet", "unet"}
    assert (run / "figures/system_costs.svg").is_file()
    assert not (run / "figures/confidence_by_system.svg").exists()
