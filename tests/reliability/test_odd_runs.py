"""Whole runs on odd but valid sets of scans: they reach a report that says what has no answer."""

import json
import shutil
from pathlib import Path

import pytest

from helpers.running import PRELOADED
from nodules.base import tables
from reliability import whole
from reliability.killing import start

pytestmark = [pytest.mark.reliability, pytest.mark.workflow, pytest.mark.timeout(1200)]
QUICK = ["tasks=[presence]", "maskrcnn={enabled: false}"]


def finished(workdir: Path, *config: str) -> tuple[Path, dict]:
    """Results of a run that has to succeed, and its summary."""
    workdir.mkdir(exist_ok=True)
    log = workdir / "run.log"
    run = start(workdir, "--config", *config, snakemake=PRELOADED)
    assert run.wait() == 0, log.read_text()[-4000:]
    results = workdir / "results"
    assert whole.broken(results) == []
    assert (results / "report.html").exists()
    return results, json.loads((results / "evaluation/summary.json").read_text())


@pytest.mark.slow
def test_a_set_without_any_nodule(tmp_path, record_property):
    results, summary = finished(tmp_path, "phantom={empty_scans: 1.0}")
    assert len(tables.read(results / "scans/nodules.parquet", "nodules")) == 0
    for part in ("test", "out_of_fold"):
        assert summary[part]["n_nodules"] == 0
        assert all(cpm["value"] is None for cpm in summary[part]["cpm"].values())
        assert summary[part]["presence_auc"]["value"] is None
    assert "no nodule" in (results / "report/metrics.html").read_text().lower()
    record_property("odd", "a run without any nodule: reports what has no answer")


@pytest.mark.slow
def test_a_fold_without_positives(tmp_path, record_property):
    results, summary = finished(tmp_path, "phantom={empty_scans: 0.75}", *QUICK)
    folds = tables.read(results / "folds/folds.parquet", "folds")
    nodules = tables.read(results / "scans/nodules.parquet", "nodules")
    counts = folds["seriesuid"].map(nodules["seriesuid"].value_counts()).fillna(0)
    by_fold = counts.groupby(folds["fold"]).sum()
    assert by_fold.drop(-1).min() == 0 < by_fold.drop(-1).max(), by_fold
    assert summary["out_of_fold"]["n_nodules"] == by_fold.drop(-1).sum()
    record_property("odd", "a run with a fold without nodules: works")


def luna16(workdir: Path, scans: int) -> list[str]:
    """The phantom's scans, all put into subset 3, as somebody has them who loaded one archive."""
    assert start(workdir, "results/phantom/annotations.csv").wait() == 0
    folder = workdir / "luna16"
    (folder / "subset3").mkdir(parents=True)
    for header in sorted((workdir / "results/phantom").glob("subset*/*.mhd"))[:scans]:
        for path in header.parent.glob(f"{header.stem}.*"):
            shutil.copy(path, folder / "subset3")
    for path in (workdir / "results/phantom").glob("*.csv"):
        shutil.copy(path, folder)
    return ["data={source: luna16}", f"luna16_dir={folder}", "folds={test_subset: null}", *QUICK]


@pytest.mark.slow
def test_one_subset_alone(tmp_path, record_property):
    results, summary = finished(tmp_path, *luna16(tmp_path, scans=4))
    sheet = tables.read(results / "scans/scans.parquet", "scans")
    assert len(sheet) == 4 and set(sheet["subset"]) == {3}
    assert summary["main_set"] == "out_of_fold" and "test" not in summary
    assert summary["out_of_fold"]["n_scans"] == 4
    record_property("odd", "a run on one subset alone: works")


def test_one_scan_alone_is_refused_in_words_before_anything_is_made(tmp_path, record_property):
    """Nobody may be trained and tested on one patient."""
    config = luna16(tmp_path, scans=1)
    assert start(tmp_path, "--keep-going", "--config", *config).wait() != 0
    told = (tmp_path / "run.log").read_text()
    assert "only 1 scan outside the test subset" in told and "Traceback" not in told
    assert not list((tmp_path / "results").glob("slices/*"))
    record_property("odd", "one scan alone: refused in words, before anything is made")
