"""Lungs by networks and by given masks, on a tiny phantom, from nothing to the slices."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from helpers.running import run_workflow, succeeded
from nodules.base import tables
from nodules.datasets import folds

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]
TINY = str(Path(__file__).with_name("tiny.yaml"))
SMALL = ["phantom={scans: 5}", "folds={test_subset: 4}"]
TARGET = "results/evaluation/lung_agreement.parquet"


def lungs_by(workdir: Path, method: str, masks: str = "", target: str = TARGET):
    """Run the workflow up to the comparison of lungs, or to another target."""
    lungs = f"lungs={{method: {method}, masks_dir: '{masks}'}}"
    return run_workflow(workdir, "--configfile", TINY, "--config", lungs, *SMALL, "--", target)


@pytest.fixture(scope="module")
def by_unet(tmp_path_factory):
    """The working folder of a run in which lungs are found by networks."""
    workdir = tmp_path_factory.mktemp("unet")
    succeeded(lungs_by(workdir, "unet"))
    return workdir


def test_a_scans_lungs_are_found_by_networks_that_have_not_seen_its_patient(by_unet):
    results = by_unet / "results"
    division = tables.read(results / "folds/folds.parquet", "folds")
    for row in division.itertuples():
        told = (results / f"logs/find_lungs/{row.seriesuid}.log").read_text()
        asked = told.split("networks of folds ")[1].split("\n")[0]
        assert asked == ("0, 1" if row.fold == folds.TEST_FOLD else str(row.fold))
        answer = np.load(results / f"lungs/unet/answers/{row.seriesuid}.npy")
        assert answer.dtype == np.uint8 and answer.shape[1:] == (64, 64)


def test_a_lung_network_says_what_it_was_trained_on(by_unet):
    told = json.loads((by_unet / "results/models/lungs/fold_0/model.json").read_text())
    assert told["model"] == "lungs" and told["input"] == {"context": 0, "px": 64}
    assert told["trained_on"]["masks"] == "lungs"
    division = tables.read(by_unet / "results/folds/folds.parquet", "folds")
    assert told["trained_on"]["scans"] == int((division["fold"] == 1).sum())


def test_the_lungs_used_are_compared_with_all_others(by_unet):
    table = tables.read(by_unet / TARGET, "lung_agreement")
    for _, own in table.groupby("seriesuid"):
        others = {"volume", "slice_kmeans", "given", "unet"} - set(own["method"])
        assert set(own["other"]) == others
    given = table[table["other"] == "given"]
    assert (given["dice"] > 0.85).all()  # this little taught networks see nothing; density helps


def test_given_masks_are_used_and_a_damaged_one_stops_the_check(by_unet, tmp_path):
    workdir = tmp_path / "given"
    shutil.copytree(by_unet, workdir)
    succeeded(lungs_by(workdir, "given"))
    table = tables.read(workdir / TARGET, "lung_agreement")
    assert set(table["method"]) == {"given"}
    assert set(table["other"]) == {"volume", "slice_kmeans"}  # networks are not asked here
    masks = tmp_path / "masks"
    shutil.copytree(workdir / "results/phantom/seg-lungs-LUNA16", masks)
    voxels = sorted(masks.glob("*.zraw"))[0]
    voxels.write_bytes(voxels.read_bytes()[:-5])
    done = lungs_by(workdir, "given", str(masks), "results/scans/scans.parquet")
    assert done.returncode and f"{voxels}: " in done.stdout + done.stderr
