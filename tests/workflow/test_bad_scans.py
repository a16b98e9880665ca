"""Bad scans in the workflow itself: it stops before long work, or goes on without them."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from helpers.luna16_folder import write_folder
from nodules.base import tables

SHEET = "results/scans/scans.parquet"
FOLDS = "results/folds/folds.parquet"


@pytest.fixture
def snakemake(repository, tmp_path):
    """Run Snakemake on a small LUNA16 folder; gives the exit status and what it printed."""
    (tmp_path / "luna16").mkdir()
    write_folder(tmp_path / "luna16")

    def run(on_bad_scan: str, *arguments: str, **settings: object) -> tuple[int, str]:
        overlay = {
            "luna16_dir": f"{tmp_path}/luna16/",
            "data": {"source": "luna16", "on_bad_scan": on_bad_scan},
            "folds": {"n": 2, "test_subset": 4},
        } | settings
        (tmp_path / "overlay.json").write_text(json.dumps(overlay))
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(repository / "Snakefile")]
        command += ["--directory", str(tmp_path), "--cores", "1", *arguments]
        command += ["--configfile", str(tmp_path / "overlay.json")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
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


def hidden_files(folder):
    """What systems leave beside files that they copied; `...mhd` would be the UID `..`."""
    for name in ("._2.25.1.mhd", "...mhd", ".mhd"):
        (folder / name).write_bytes(b"\0\5\x16\7")


def header_line(path, key, value):
    """Replace the value of a header's key."""
    lines = path.read_text().splitlines()
    path.write_text("\n".join(f"{key} = {value}" if key in line else line for line in lines))


NO_UID = "the file's name is not a series UID. Name the header as LUNA16 does"
ODD = {
    "{uid}": "{uid}",
    "<results>": "<results>",
    "<b>$(x) 1": "<b>$(x) 1",
    "2..1": "2..1",
    os.fsdecode(b"1\xff"): "1\\udcff",
    "1\n2": "1\\n2",
}


@pytest.mark.workflow
@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
def test_stop_names_a_header_that_is_none_before_anything_runs(snakemake, tmp_path, name):
    hidden_files(tmp_path / "luna16/subset0")
    (tmp_path / f"luna16/subset0/{name}.mhd").touch()
    status, output = snakemake("stop", FOLDS, "--dry-run")
    assert status != 0
    assert f"luna16/subset0/{ODD[name]}.mhd: {NO_UID}" in output
    assert "Exception" not in output and "Traceback" not in output


@pytest.mark.workflow
@pytest.mark.parametrize("place", ["subset0/2.25.1.mhd", "annotations.csv"])
def test_a_pipe_is_named_and_not_waited_for(snakemake, tmp_path, place):
    (tmp_path / "luna16" / place).unlink()
    os.mkfifo(tmp_path / "luna16" / place)
    status, output = snakemake("stop", FOLDS, "--dry-run")
    assert status != 0
    assert f"luna16/{place}: " in output and "it is not a regular file" in output


@pytest.mark.workflow
def test_stop_looks_for_no_voxels_that_a_header_may_not_name(snakemake, tmp_path):
    folder = tmp_path / "luna16/subset0"
    header_line(folder / "2.25.1.mhd", "ElementDataFile", "../../../../etc/shadow")
    header_line(folder / "2.25.2.mhd", "ElementDataFile", "{x}.raw")
    status, output = snakemake("stop", FOLDS)
    assert status != 0
    assert "ElementDataFile = ../../../../etc/shadow points out of the header's folder" in output
    assert "ElementDataFile = {x}.raw cannot be the name of a voxel file" in output
    assert "check_scans: 2 of 3 scans cannot be used" in output


@pytest.mark.workflow
def test_skip_tells_everything_that_is_no_scan_and_goes_on(snakemake, tmp_path):
    folder = tmp_path / "luna16/subset0"
    hidden_files(folder)
    for name in ODD:
        (folder / f"{name}.mhd").touch()
    (folder / "2.25.2.zraw").unlink()
    os.mkfifo(folder / "2.25.2.zraw")
    os.mkfifo(folder / "2.25.4.mhd")
    header_line(folder / "2.25.1.mhd", "ElementDataFile", "<results>.raw")
    (tmp_path / "luna16/subset4/2.25.5_nodules.mhd").symlink_to("nowhere")
    status, output = snakemake("skip", SHEET)
    assert status == 0, output
    sheet = tables.read(tmp_path / SHEET, "scans").set_index("seriesuid")
    assert sheet.index[sheet["status"] == "ok"].tolist() == ["2.25.3"]
    assert set(sheet.index) == {"2.25.1", "2.25.2", "2.25.3", "2.25.4", *ODD.values()}
    assert all(f"luna16/subset0/{told}.mhd: {NO_UID}" in output for told in ODD.values())
    assert output.count("it is not a regular file") == 2
    assert "ElementDataFile = <results>.raw cannot be the name" in output
    assert "2.25.5_nodules.mhd: left out: labels without their scan" in output


@pytest.mark.workflow
def test_a_folder_that_snakemake_would_misread_is_named(snakemake, tmp_path):
    (tmp_path / "luna16").rename(tmp_path / "{x}<results>")
    folder = str(tmp_path / "{x}<results>")
    status, output = snakemake("skip", FOLDS, "--dry-run", luna16_dir=folder)
    assert status != 0
    assert f"luna16_dir {folder}: Snakemake takes braces" in output


@pytest.mark.workflow
def test_a_subset_of_bad_scans_is_named_before_anything_is_trained(snakemake, tmp_path):
    shutil.copytree(tmp_path / "luna16/subset4", tmp_path / "luna16/subset6")
    for path in (tmp_path / "luna16/subset6").iterdir():
        path.rename(path.with_stem("2.25.6"))
    (tmp_path / "luna16/subset4/2.25.3.raw").write_bytes(b"")
    header_line(tmp_path / "luna16/subset6/2.25.6.mhd", "ElementDataFile", "2.25.6.raw")
    status, output = snakemake("skip", FOLDS, folds={"scheme": "official"})
    assert status != 0
    assert "make_folds: folds.scheme official: none of the scans of subset4 can be used" in output
    (tmp_path / "luna16/subset4").rename(tmp_path / "subset4")
    status, output = snakemake("skip", FOLDS, folds={"scheme": "official"})
    assert status == 0, output
