"""What a change makes stale is made again, and nothing else is: a dry run per kind of change."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from helpers.luna16_folder import write_folder
from reliability import whole
from reliability.killing import command, project

pytestmark = [pytest.mark.reliability, pytest.mark.workflow, pytest.mark.timeout(1800)]

IN_3D = {"train_unet3d", "train_reduction"}
TRAININGS = {"train_unet", "train_presence", "train_malignancy", "train_maskrcnn"}
TRAININGS |= {"train_segmenter"} | IN_3D
LONG = {"make_phantom", "prepare_slices", "prepare_volumes"} | TRAININGS


def planned(arguments: list[str]) -> dict[str, int]:
    """Jobs of each rule that a dry run would start."""
    done = subprocess.run([*arguments[:3], "-n", *arguments[3:]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    text = done.stdout + done.stderr
    jobs = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", text, re.M)}
    assert jobs or "Nothing to be done" in text
    return {name: count for name, count in jobs.items() if name not in ("total", "all")}


# A key and its value, a rule that has to run again, and long ones that must not.
KEYS = {
    "scoring={bootstrap: 200}": ("score_detections", LONG),
    "report={gallery: 2}": ("draw_gallery", LONG),
    "candidates={pixel_threshold: 0.05}": ("detect_unet", LONG - {"train_presence"}),
    "maskrcnn={pixel_threshold: 0.05}": ("detect_maskrcnn", LONG),
    "presence={learning_rate: 0.01}": ("train_presence", LONG - {"train_presence"}),
    "malignancy={batch: 5}": ("train_malignancy", LONG - {"train_malignancy"}),
    "malignancy={vote: majority}": ("evaluate_malignancy", LONG),
    "crops={mm: 30}": ("train_presence", LONG - {"train_presence", "train_malignancy"}),
    # What a run is asked for decides no network: none is trained again, and none is lost.
    "tasks=[presence]": ("summarise_run", LONG),
    "tasks=[malignancy]": ("summarise_run", LONG),
    "maskrcnn={enabled: false}": ("summarise_run", LONG),
    "slices={png: all}": ("write_pngs", LONG),
    "lungs={compare: false}": ("write_run", LONG),
    "unet={epochs: 1}": ("train_unet", {"make_phantom", "prepare_slices"} | IN_3D),
    "attention_unet={learning_rate: 0.01}": ("train_segmenter", LONG - {"train_segmenter"}),
    "slices={fill: 100}": ("prepare_slices", {"make_phantom", "prepare_volumes"}),
    "unet3d={patches: 40}": ("train_unet3d", LONG - IN_3D),
    # Which peaks are candidates teaches the second stage, not the first.
    "unet3d={centre_threshold: 0.002}": ("detect_unet3d", LONG - {"train_reduction"}),
    "reduction={mined: 0.5}": ("train_reduction", LONG - {"train_reduction"}),
    "volumes={margin_mm: 5}": ("prepare_volumes", LONG - IN_3D - {"prepare_volumes"}),
    "detectors=[unet]": ("score_detections", LONG),
    "seed=3": ("make_phantom", set()),
}


def test_nothing_is_made_again_without_a_change(undisturbed, record_property):
    assert planned(command(undisturbed.results.parent)) == {}
    record_property("stale", "nothing changed: nothing runs")


@pytest.mark.parametrize("key", KEYS)
def test_a_key_reruns_what_it_decides(undisturbed, record_property, key):
    reruns, rests = KEYS[key]
    jobs = planned(command(undisturbed.results.parent, "--config", key))
    assert reruns in jobs and not rests & set(jobs), jobs
    record_property("stale", "a key of the config: what it decides runs again")


# A file of the library, a rule that has to run again (or none), and long ones that must not.
EDITS = {
    "nodules/prepare/slices.py": ("prepare_slices", {"make_phantom"}),
    "nodules/learning/tasks/slices.py": ("train_unet", {"make_phantom", "prepare_slices"}),
    "nodules/learning/networks/maskrcnn.py": ("train_maskrcnn", LONG - {"train_maskrcnn"}),
    "nodules/learning/networks/attention_unet.py": ("train_segmenter", LONG - {"train_segmenter"}),
    "nodules/learning/tasks/patches3d.py": ("train_unet3d", LONG - IN_3D),
    "nodules/learning/tasks/reduction.py": ("train_reduction", LONG - {"train_reduction"}),
    "nodules/inference/windows.py": ("detect_unet3d", LONG - {"train_reduction"}),
    "nodules/inference/reduction.py": ("reduce_candidates", LONG),
    "nodules/evaluation/stages.py": ("combine_stages", LONG),
    "nodules/inference/detection.py": ("detect_unet", LONG - {"train_presence"}),
    "nodules/inference/candidates.py": ("classify_candidates", LONG),
    "nodules/findings/candidate_hits.py": (
        "match_candidates",
        LONG - {"train_presence", "train_reduction"},
    ),
    "nodules/evaluation/froc.py": ("score_detections", LONG),
    "nodules/evaluation/detection.py": ("score_detections", LONG),
    "nodules/report/figures/trends.py": ("draw_trends", LONG | {"score_detections"}),
    "nodules/report/figures/explanations.py": ("draw_explanations", LONG | {"explain_nodules"}),
    "scripts/detect_unet.py": ("detect_unet", {"make_phantom", "prepare_slices", "train_unet"}),
    "nodules/base/messages.py": (None, LONG),
    "nodules/base/files.py": (None, LONG),
    "nodules/base/tables.py": (None, LONG),
    "nodules/cli/main.py": (None, LONG),
    "schemas/config.schema.yaml": (None, LONG),
}


@contextmanager
def edited(name: str) -> Iterator[None]:
    """A file of the workflow with one comment more, for a while."""
    path = project() / "workflow" / name
    text, stat = path.read_text(), path.stat()
    try:
        path.write_text(text + "\n# edited\n")
        yield
    finally:
        path.write_text(text)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_reruns_what_imports_it(undisturbed, record_property, name):
    reruns, rests = EDITS[name]
    with edited(name):
        jobs = planned(command(undisturbed.results.parent))
    assert not rests & set(jobs), jobs
    assert jobs == {} if reruns is None else reruns in jobs
    what = "code that decides nothing: nothing runs" if reruns is None else "code: what imports it"
    record_property("stale", what)


# What takes long, and what a network learns from.
DEAR = re.compile(
    "make_phantom|prepare_|draw_masks|make_folds|train_|detect_|mine_|reduce_|classify_"
)
LAST = [  # results that hang on every network
    "results/presence/test/candidates.parquet",
    "results/malignancy/resnet/test/scores.parquet",
    "results/detection/maskrcnn/test/candidates.parquet",
    "results/detection/transformer/test/candidates.parquet",
    "results/reduction/test/candidates.parquet",
]


def test_a_check_that_finds_the_same_trains_nothing(undisturbed, tmp_path, record_property):
    """A dry run shows what may follow the check; what does follow only a run can tell."""
    shutil.copytree(undisturbed.results.parent, tmp_path, dirs_exist_ok=True)
    with edited("nodules/datasets/check.py"):
        # --verbose: Snakemake's own list of jobs, with the names of their rules.
        run = command(tmp_path, "--verbose", "--", *LAST)
        done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    jobs = set(re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):$", done.stderr, re.M))
    assert "check_scans" in jobs and not [job for job in jobs if DEAR.match(job)], jobs
    assert whole.differences(tmp_path / "results", undisturbed.results) == []
    record_property("stale", "code of the check: it runs, and trains nothing if it finds the same")


@pytest.fixture(scope="module")
def luna16(tmp_path_factory):
    """A small LUNA16 folder, and the command that checks, divides and cuts its scans."""
    workdir = tmp_path_factory.mktemp("real")
    (workdir / "luna16").mkdir()
    folder = write_folder(workdir / "luna16")
    config = {"luna16_dir": str(folder), "data": {"source": "luna16"}, "folds": {"test_subset": 4}}
    config["slices"] = {"size": 64}
    config["unet"] = {"patch": 64}
    (workdir / "config.yaml").write_text(yaml.safe_dump(config))
    targets = [f"results/masks/2.25.{k}.parquet" for k in (1, 2, 3)]
    run = [sys.executable, "-m", "snakemake", "--snakefile", str(project() / "Snakefile")]
    run += ["--configfile", str(workdir / "config.yaml"), "--directory", str(workdir)]
    run += ["--cores", "2", "--", "results/folds/folds.parquet", *targets]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, run


def change_voxels(folder: Path) -> None:
    path = folder / "subset0/2.25.1.raw"
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


def add_nodule(folder: Path) -> None:
    with (folder / "annotations.csv").open("a") as stream:
        stream.write("2.25.1,1,1,1,4\n")


DATA = {
    "one voxel": (change_voxels, {"check_scans"}),
    "one more nodule": (add_nodule, {"check_scans", "draw_masks"}),
    "a note beside the data": (lambda folder: (folder / "notes.txt").write_text("x"), set()),
}


@pytest.mark.parametrize("what", DATA)
def test_changed_data_reruns_what_reads_it(luna16, record_property, what):
    folder, run = luna16
    kept = {path: path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}
    change, expected = DATA[what]
    try:
        change(folder)
        jobs = planned(run)
    finally:
        for path, content in kept.items():
            path.write_bytes(content)
    assert expected <= set(jobs) and bool(jobs) == bool(expected), jobs
    record_property("stale", "data: what reads it runs again" if jobs else "data: nothing runs")


def run_with(path: Path, content: bytes, run: list[str]) -> list[str]:
    """Rules of the jobs that a run with another content of a file of the data has."""
    kept = path.read_bytes()
    try:
        path.write_bytes(content)
        done = subprocess.run([*run[:3], "--verbose", *run[3:]], capture_output=True, text=True)
    finally:
        path.write_bytes(kept)
        subprocess.run(run, capture_output=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):$", done.stderr, re.M)


# A dry run shows what may follow the check; what does follow only a run can tell.
def test_a_changed_voxel_cuts_its_own_scan_alone(luna16, record_property):
    folder, run = luna16
    path = folder / "subset0/2.25.1.raw"
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    jobs = run_with(path, content, run)
    assert "check_scans" in jobs and jobs.count("prepare_slices") == 1, jobs
    record_property("stale", "data: a changed voxel cuts its own scan again")


def test_a_corrected_annotation_cuts_no_scan(luna16, record_property):
    folder, run = luna16
    path = folder / "annotations.csv"
    jobs = run_with(path, path.read_bytes() + b"2.25.1,1,1,1,4\n", run)
    assert {"check_scans", "draw_masks"} <= set(jobs) and "prepare_slices" not in jobs, jobs
    record_property("stale", "data: a corrected annotation draws masks anew and cuts no scan")
