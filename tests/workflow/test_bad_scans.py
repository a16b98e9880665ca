"""Bad scans in the workflow itself: it stops before long work, or goes on without them."""

import json
import subprocess
import sys

import pytest

from luna16_folder import write_folder
from nodules import tables

SHEET = "results/scans/scans.parquet"
FOLDS = "results/folds/folds.parquet"


@pytest.fixture
def snakemake(repository, tmp_path):
    """Run Snakemake on a small LUNA16 folder; gives the exit status and what it printed."""
    (tmp_path / "luna16").mkdir()
    write_folder(tmp_path / "luna16")

    def run(on_bad_scan: str, *arguments: str) -> tuple[int, str]:
        overlay = {
            "luna16_dir": str(tmp_path / "luna16"),
            "data": {"source": "luna16", "on_bad_scan": on_bad_scan},
            "folds": {"n": 2, "test_subset": 4},
        }
        (tmp_path / "overlay.json").write_text(json.dumps(overlay))
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(repository / "Snakefile")]
        command += ["--directory", str(tmp_path), "--cores", "1", *arguments]
        command += ["--configfile", str(tmp_path / "overlay.json")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.workflow
def test_stop_names_a_missing_voxel_file_before_anything_runs(snakemake, tmp_path):
    (tmp_path / "luna16/subset0/2.25.2.zraw").unlink()
    status, output = snakemake("stop", FOLDS, "--dry-run")
    assert status != 0
    assert "2.25.2.zraw" in output


@pytest.mark.workflow
def test_stop_lists_every_defect_and_writes_no_sheet(snakemake, tmp_path):
    (tmp_path / "luna16/subset0/2.25.1.raw").write_bytes(b"")
    (tmp_path / "luna16/subset0/2.25.2.zraw").write_bytes(b"")
    status, output = snakemake("stop", FOLDS)
    assert status != 0
    assert "2.25.1.raw: 0 bytes long where its header says 864" in output
    assert "2.25.2.zraw: 0 bytes long" in output
    assert "check_scans: 2 of 3 scans cannot be used" in output
    assert "Traceback" not in output
    assert not (tmp_path / SHEET).exists()


@pytest.mark.workflow
def test_skip_goes_on_without_the_bad_scan_and_checks_it_again_when_it_is_there(
    snakemake, tmp_path
):
    data = tmp_path / "luna16/subset0/2.25.2.zraw"
    content = data.read_bytes()
    data.unlink()
    status, output = snakemake("skip", SHEET)
    assert status == 0, output
    sheet = tables.read(tmp_path / SHEET, "scans")
    assert sheet["status"].tolist() == ["ok", "skipped", "ok"]
    assert "2.25.2.zraw: cannot be read" in output
    data.write_bytes(content)
    status, output = snakemake("skip", FOLDS)
    assert status == 0, output
    assert len(tables.read(tmp_path / FOLDS, "folds")) == 3
