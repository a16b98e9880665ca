"""Models of other runs than the default: networks for lungs, another first detector, all scans."""

from pathlib import Path

import numpy as np
import pytest

import nodules
from helpers.running import run_workflow, succeeded
from nodules.base import tables
from nodules.inference import exported

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]
HERE = Path(__file__).parent
SAME = {"x": "x", "y": "y", "z": "z", "confidence": "probability", "probability": "detection"}


def export(workdir, *config):
    """A tiny run up to its model."""
    files = ("--configfile", str(HERE / "tiny.yaml"), str(HERE / "export.yaml"))
    succeeded(run_workflow(workdir, *files, "--config", *config, "--", "export"))
    return workdir / "results"


def found_in(results, uid):
    (header,) = results.glob(f"phantom/subset*/{uid}.mhd")
    return nodules.predict(header, results / "models/nodules.luna16", device="cpu", threads=2)


def test_lungs_by_networks_and_another_first_detector_give_the_runs_own_candidates(tmp_path):
    results = export(tmp_path, "lungs={method: unet}", "detectors=[attention_unet]")
    manifest = exported.read_manifest(results / "models/nodules.luna16")
    roles = [network["role"] for network in manifest["networks"]]
    assert roles == ["unet"] * 2 + ["presence"] * 2 + ["lungs"] * 2
    assert manifest["input"]["lungs"] == "unet"
    own = tables.read(results / "presence/test/candidates.parquet", "classified")
    assert len(own), "without a candidate this shows nothing"
    for uid, candidates in own.groupby("seriesuid"):
        expected = candidates.sort_values("confidence", ascending=False, kind="stable")
        found = found_in(results, uid)
        for theirs, ours in SAME.items():
            values = [getattr(finding, ours) for finding in found]
            assert np.allclose(values, expected[theirs], rtol=1e-5, atol=1e-5), theirs


def test_a_model_of_all_scans_has_one_network_of_each_kind_that_saw_them_all(tmp_path):
    more = ("detectors=[unet]", "tasks=[presence, malignancy]", "export={networks: all}")
    results = export(tmp_path, *more)
    manifest = exported.read_manifest(results / "models/nodules.luna16")
    assert [network["role"] for network in manifest["networks"]] == [
        "unet",
        "presence",
        "malignancy",
    ]
    for network in manifest["networks"]:
        trained = network["manifest"]["trained_on"]
        assert (trained["scans"], trained["scans_left_out"]) == (6, 0)
        assert trained["all_scans"] is True and trained["fold"] == 2
    assert "trained on all scans" in manifest["ensemble"]
    folds = tables.read(results / "folds/folds.parquet", "folds")
    found = found_in(results, folds.loc[folds["fold"] == -1, "seriesuid"].iloc[0])
    assert all(0 <= finding.malignancy <= 1 for finding in found)
