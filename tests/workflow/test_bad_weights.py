"""Weights to start from that are no good stop the workflow before anything is computed."""

import pytest
import torch

from helpers.running import run_workflow, succeeded
from nodules.learning.networks.resnet import build

pytestmark = pytest.mark.workflow
CHECKED = {section: f"results/weights/{section}.pth" for section in ("presence", "maskrcnn")}


def run(workdir, section: str, path, *arguments: str):
    config = f"{section}={{weights: {path}}}"
    return run_workflow(workdir, "--cores", "1", "--config", config, *arguments)


@pytest.mark.parametrize("section", CHECKED)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04 cut off", "cannot be read as a state dict of tensors"),
        ({"w": torch.ones(3)}, "weights of another network"),
    ],
    ids=["cut off", "another network's"],
)
def test_bad_weights_are_found_before_anything_else_runs(tmp_path, section, content, message):
    path = tmp_path / "mine.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    done = run(tmp_path, section, path)
    told = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"check_weights: {path}: {message}" in told and "Traceback" not in told
    ran = {file.parent.name for file in (tmp_path / "results").rglob("*") if file.is_file()}
    assert ran <= {"check_weights", "results"}, "logs of this rule, and the config"


@pytest.mark.parametrize("section", CHECKED)
def test_missing_weights_are_named_by_a_dry_run(tmp_path, section):
    done = run(tmp_path, section, tmp_path / "mine.pth", "--dry-run")
    told = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"{section}.weights: there is no file '{tmp_path / 'mine.pth'}'" in told
    assert "Name a state dict, random or imagenet" in told and "Traceback" not in told


def test_missing_weights_of_what_is_left_out_harm_nobody(tmp_path):
    left_out = "maskrcnn={enabled: false, weights: none.pth}"
    succeeded(run_workflow(tmp_path, "--config", left_out, "--dry-run"))


def test_good_weights_are_kept_beside_the_results(tmp_path):
    path = tmp_path / "mine.pth"
    torch.save(build({}, 0).state_dict(), path)
    succeeded(run(tmp_path, "presence", path, "--", CHECKED["presence"]))
    assert (tmp_path / CHECKED["presence"]).read_bytes() == path.read_bytes()
