"""A tiny run of other choices: first detector, views of the classifiers, and lungs by networks."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import nodules
from helpers.running import run_workflow, succeeded
from nodules.base import tables
from nodules.datasets import folds
from nodules.inference import gates
from nodules.inference.exported import read_manifest

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]
HERE = Path(__file__).parent
FILES = ("--configfile", str(HERE / "tiny.yaml"), str(HERE / "other_choices.yaml"))
AGREEMENT = "evaluation/lung_agreement.parquet"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Results of a whole run of two networks without Mask R-CNN, with planes and cubes."""
    workdir = tmp_path_factory.mktemp("choices")
    succeeded(run_workflow(workdir, *FILES))
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


def test_the_exported_model_finds_what_the_workflow_found(run):
    """Its own lungs by networks, another first detector and planes included."""
    manifest = read_manifest(run / "models/nodules.luna16")
    assert manifest["input"]["lungs"] == "unet"
    roles = [one["role"] for one in manifest["networks"]]
    assert roles == ["unet"] * 2 + ["presence"] * 2 + ["malignancy"] * 2 + ["lungs"] * 2
    own = tables.read(run / "presence/test/candidates.parquet", "classified")
    assert len(own), "without a candidate this shows nothing"
    same = {"x": "x", "y": "y", "z": "z", "confidence": "probability", "probability": "detection"}
    for uid, candidates in own.groupby("seriesuid"):
        expected = candidates.sort_values("confidence", ascending=False, kind="stable")
        (header,) = run.glob(f"phantom/subset*/{uid}.mhd")
        found = nodules.predict(header, run / "models/nodules.luna16", device="cpu", threads=2)
        for theirs, ours in same.items():
            values = [getattr(finding, ours) for finding in found]
            assert np.allclose(values, expected[theirs], rtol=1e-5, atol=1e-5), theirs


def test_a_scans_lungs_are_found_by_networks_that_have_not_seen_its_patient(run):
    division = tables.read(run / "folds/folds.parquet", "folds")
    for row in division.itertuples():
        told = (run / f"logs/find_lungs/{row.seriesuid}.log").read_text()
        asked = told.split("networks of folds ")[1].split("\n")[0]
        assert asked == ("0, 1" if row.fold == folds.TEST_FOLD else str(row.fold))
        answer = np.load(run / f"lungs/unet/answers/{row.seriesuid}.npy")
        assert answer.dtype == np.uint8 and answer.shape[1:] == (64, 64)


def test_a_lung_network_says_what_it_was_trained_on(run):
    told = json.loads((run / "models/lungs/fold_0/model.json").read_text())
    assert told["model"] == "lungs" and told["input"] == {"context": 0, "px": 64}
    assert told["trained_on"]["masks"] == "lungs"
    division = tables.read(run / "folds/folds.parquet", "folds")
    assert told["trained_on"]["scans"] == int((division["fold"] == 1).sum())


def test_the_lungs_used_are_compared_with_all_others(run):
    table = tables.read(run / AGREEMENT, "lung_agreement")
    for _, own in table.groupby("seriesuid"):
        others = {"volume", "slice_kmeans", "given", "unet"} - set(own["method"])
        assert set(own["other"]) == others
    given = table[table["other"] == "given"]
    assert (given["dice"] > 0.85).all()  # this little taught networks see nothing; density helps


def test_given_masks_are_used_and_a_damaged_one_stops_the_check(run, tmp_path):
    workdir = tmp_path / "given"
    shutil.copytree(run.parent, workdir)
    succeeded(with_given_masks(workdir, "", f"results/{AGREEMENT}"))
    table = tables.read(workdir / "results" / AGREEMENT, "lung_agreement")
    assert set(table["method"]) == {"given"}
    assert set(table["other"]) == {"volume", "slice_kmeans"}  # networks are not asked here
    masks = tmp_path / "masks"
    shutil.copytree(workdir / "results/phantom/seg-lungs-LUNA16", masks)
    voxels = sorted(masks.glob("*.zraw"))[0]
    voxels.write_bytes(voxels.read_bytes()[:-5])
    done = with_given_masks(workdir, str(masks), "results/scans/scans.parquet")
    assert done.returncode and f"{voxels}: " in done.stdout + done.stderr


def with_given_masks(workdir, masks, target):
    """Run on to a target with lungs by given masks: the phantom's own, or those of a folder."""
    lungs = f"lungs={{method: given, masks_dir: '{masks}'}}"
    return run_workflow(workdir, *FILES, "--config", lungs, "--", target)
