"""Two real LUNA16 scans through every stage, to the report, with the published configuration."""

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.running import REPOSITORY, run_workflow, succeeded
from nodules.base import tables
from nodules.images import regions
from nodules.images.geometry import Geometry

pytestmark = [pytest.mark.real, pytest.mark.workflow, pytest.mark.timeout(1500)]
OVERLAY = str(Path(__file__).with_name("two_scans.yaml"))


@pytest.fixture(scope="module")
def run(shared_data, tmp_path_factory):
    """Results of a whole run on the real scans."""
    folder = shared_data / "data" / "luna16"
    configs = (str(REPOSITORY / "config" / "luna16.yaml"), OVERLAY)
    workdir = tmp_path_factory.mktemp("real")
    done = run_workflow(workdir, "--configfile", *configs, "--config", f"luna16_dir={folder}")
    succeeded(done)
    return workdir / "results"


def test_the_report_is_written(run):
    assert (run / "report.html").stat().st_size > 1_000_000


def test_scores_cover_both_scans_and_all_four_nodules(run):
    summary = json.loads((run / "evaluation" / "summary.json").read_text())
    assert summary["main_set"] == "out_of_fold"
    assert summary["out_of_fold"]["n_scans"] == 2
    assert summary["out_of_fold"]["n_nodules"] == 4


def test_ratings_and_radiomics_need_no_second_task(run, shared_data):
    """Labels by the database, features by the readers' masks, for all four nodules."""
    folder = shared_data / "data" / "luna16"
    configs = (str(REPOSITORY / "config" / "luna16.yaml"), OVERLAY)
    wanted = [f"results/malignancy/{name}.parquet" for name in ("labels", "radiomics/fold_1")]
    arguments = ("--configfile", *configs, "--config", f"luna16_dir={folder}", "--", *wanted)
    succeeded(run_workflow(run.parent, *arguments))
    labels = tables.read(run / "malignancy" / "labels.parquet", "malignancy_labels")
    uid = next(path.stem for path in (run / "masks").glob("*603192.parquet"))
    (own,) = labels[labels["seriesuid"] == uid].to_dict("records")
    assert list(own["ratings"]) == [5, 5, 5, 4] and own["label"] == 1
    features = tables.read(run / "malignancy" / "radiomics" / "fold_1.parquet", "radiomics")
    (row,) = features.to_dict("records")
    assert row["reason"] == "" and row["seriesuid"] == uid
    sphere = np.pi / 6 * own["diameter_mm"] ** 3
    assert 0.5 < row["morph_volume"] / sphere < 1.5


def test_nodules_lie_where_the_annotations_say(run):
    """Each nodule's readers' mask on the stored slices is centred on its annotation."""
    nodules = tables.read(run / "scans" / "nodules.parquet", "nodules")
    seen = 0
    for path in (run / "masks").glob("*.parquet"):
        grid = Geometry.from_row(
            tables.read(run / "slices" / path.name, "slices").iloc[0].to_dict()
        )
        masks = regions.select(tables.read(path, "regions"), "readers", "slices")
        painted = regions.paint(masks, grid.shape)
        for row in nodules[nodules["seriesuid"] == path.stem].itertuples():
            centre = np.argwhere(painted == row.nodule).mean(axis=0)
            annotated = grid.to_index((row.x, row.y, row.z))
            assert np.abs(centre - annotated)[1:].max() < 0.5
            seen += 1
    assert seen == 4


def test_nodules_are_bright_and_inside_the_stored_slices(run):
    """Isolation has not painted over any of them, and the lung around them is dark."""
    for path in (run / "masks").glob("*.parquet"):
        stack = np.load(run / "slices" / f"{path.stem}.npy", mmap_mode="r")
        masks = regions.select(tables.read(path, "regions"), "readers", "slices")
        painted = regions.paint(masks, stack.shape)
        for number in np.unique(painted[painted > 0]):
            values = stack[painted == number]
            assert np.median(values) > 100
            assert (values == 170).mean() < 0.1  # the grey level of what is painted over
