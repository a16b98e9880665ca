"""Planning the whole of LUNA16: 888 scans, every job of every stage, without reading a voxel."""

import json
import resource
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

SCANS, SUBSETS = 888, 10
LIMIT_S = 30
CLUSTER_LIMIT_S = 60
HEADER = """\
ObjectType = Image
NDims = 3
BinaryData = True
BinaryDataByteOrderMSB = False
CompressedData = False
TransformMatrix = 1 0 0 0 1 0 0 0 1
Offset = -160 -160 -300
ElementSpacing = 0.7 0.7 1.25
DimSize = 512 512 240
ElementType = MET_SHORT
ElementDataFile = {uid}.raw
"""


@pytest.fixture(scope="module")
def luna16(tmp_path_factory):
    """Headers and empty voxel files of 888 scans in ten subsets, and the lists."""
    folder = tmp_path_factory.mktemp("luna16")
    for k in range(SUBSETS):
        (folder / f"subset{k}").mkdir()
    for i in range(SCANS):
        uid = f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, str(i)).int}"
        header = folder / f"subset{i % SUBSETS}" / f"{uid}.mhd"
        header.write_text(HEADER.format(uid=uid))
        header.with_suffix(".raw").touch()
    for name in ("annotations.csv", "annotations_excluded.csv"):
        (folder / name).write_text("seriesuid,coordX,coordY,coordZ,diameter_mm\n")
    return folder


def plan(
    repository: Path, folder: Path, workdir: Path, *options: str, scheme: str = "kfold"
) -> tuple[str, float]:
    """Output of a full dry run in an empty working folder, and its processor time in seconds.

    A dry run computes in one thread: on a machine with nothing else to do it takes no longer.
    """
    overlay = workdir / "overlay.json"
    settings = {"data": {"source": "luna16"}, "luna16_dir": str(folder)}
    overlay.write_text(json.dumps(settings | {"folds": {"scheme": scheme}}))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(repository / "Snakefile")]
    command += ["--directory", str(workdir), "--configfile", str(overlay), "--dry-run", *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout + done.stderr, seconds


@pytest.mark.workflow
def test_a_dry_run_over_888_scans_takes_under_30_seconds(repository, luna16, tmp_path):
    output, seconds = plan(repository, luna16, tmp_path)
    jobs = dict(line.split() for line in output.splitlines() if len(line.split()) == 2)
    assert jobs["prepare_slices"] == jobs["draw_masks"] == str(SCANS)
    assert jobs["check_scans"] == jobs["make_folds"] == "1"
    assert seconds < LIMIT_S


@pytest.mark.workflow
def test_ten_folds_are_planned_through_the_slurm_profile_in_under_60_seconds(
    repository, luna16, tmp_path
):
    profile = ("--profile", str(repository / "profiles/slurm"))
    output, seconds = plan(repository, luna16, tmp_path, *profile, scheme="official")
    jobs = dict(line.split() for line in output.splitlines() if len(line.split()) == 2)
    assert jobs["prepare_slices"] == jobs["draw_masks"] == str(SCANS)
    assert jobs["train_unet"] == jobs["train_resnet"] == jobs["detect_unet"] == str(SUBSETS)
    assert "profiles/slurm" in output
    assert seconds < CLUSTER_LIMIT_S
