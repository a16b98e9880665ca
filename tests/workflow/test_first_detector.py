"""A tiny run whose first detector is not the U-Net: the second stage and every text follow it."""

import json
from pathlib import Path

import pytest

from helpers.running import run_workflow, succeeded
from nodules.base import tables
from nodules.inference import gates
from nodules.inference.exported import read_manifest

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Results of a whole run of two networks without Mask R-CNN, with planes and cubes."""
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


def test_the_presence_network_is_asked_on_planes_and_its_manifest_says_so(run):
    told = json.loads((run / "models/presence/fold_0/model.json").read_text())
    assert told["input"]["crops"] == {"mm": 32, "px": 32, "view": "planes", "planes": 3}
    assert told["trained_on"]["settings"]["planes"] == 3
    exported = read_manifest(run / "models/nodules.luna16")
    assert exported["input"]["networks"]["presence"]["crops"]["view"] == "planes"


def test_a_network_in_3d_calls_nodules_malignant_under_its_own_name(run):
    scores = tables.read(run / "malignancy/cubes/test/scores.parquet", "malignancy_scores")
    assert set(scores["system"]) == {"cubes"}
    assert not (run / "malignancy/resnet").exists() and not (run / "models/malignancy").exists()
    assert not (run / "gallery/explanations.png").exists()
    summary = json.loads((run / "evaluation/malignancy.json").read_text())
    assert set(summary["sets"]["out_of_fold"]["systems"]) == {"cubes", "radiomics", "diameter"}
    page = (run / "report/malignancy.html").read_text()
    assert "3-D CNN" in page and "ResNet50" not in page
    findings = json.loads((run / "predicted/findings.json").read_text())
    assert all(0 <= found["malignancy"] <= 1 for found in findings["findings"])


def test_gates_are_drawn_where_the_attention_unet_is_trained(run):
    found = gates.read(run / "detection/attention_unet/gates.npz")
    assert found and all(len(one.maps) == 2 for one in found)  # of three levels
    assert (run / "gallery/gates.png").stat().st_size > 10_000
    assert "gallery/gates.png" in (run / "index.html").read_text()


def test_calibration_is_told_of_every_system(run):
    found = tables.read(run / "evaluation/calibration.parquet", "calibration")
    assert set(found["system"]) == {"attention_unet", "attention_unet_resnet", "unet"}
    assert (run / "figures/calibration_by_size.svg").is_file()
    assert "Are scores probabilities?" in (run / "report/metrics.html").read_text()


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
