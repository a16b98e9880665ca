"""A training that the scheduler stops in every way it has ends as one that nobody stopped."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from helpers.running import PRELOADED
from nodules.base import tables
from nodules.base.files import sha256
from on_slurm import jobs, on_cluster, on_phantom, start
from one_node import ACCOUNT, OneNode

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]
FOLDER = Path("results/models/unet/fold_0")
MODEL = str(FOLDER / "model.pt")
EPOCHS = 16
# Two threads everywhere: a sum's last bits hang on their number.
LONG = ["--config", f"unet={{epochs: {EPOCHS}, repeat: 16}}", "--set-threads", "train_unet=2"]
# Both stages of the detector in 3-D, of which the second learns from what the first has found.
STAGES = {name: Path(f"results/models/{name}/fold_0") for name in ("unet3d", "reduction")}
LONG_3D = ["--config", "unet3d={epochs: 12, patches: 48}", "reduction={epochs: 12, cubes: 96}"]
LONG_3D += ["--set-threads", "train_unet3d=2", "train_reduction=2", "mine_alarms=2"]
# SLURM's shortest limit. It looks every half minute: notice comes after 20 to 50 seconds, the end
# after 60 to 90.
NOTICED_S = 55
ONE_MINUTE = ["--set-resources", "train_unet:runtime=1", "train_unet:slurm_extra=--signal=TERM@10"]


@pytest.fixture(scope="module")
def prepared(cluster: OneNode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder in which only the networks are missing."""
    workdir = tmp_path_factory.mktemp("prepared")
    # In two runs: once a checkpoint has been passed, --until is no longer kept to.
    here(cluster, workdir, "--", "results/folds/folds.parquet")
    here(cluster, workdir, "--until", "draw_masks", "--", MODEL)
    return workdir


@pytest.fixture(scope="module")
def undisturbed(cluster: OneNode, prepared: Path, tmp_path_factory) -> Path:
    """The same training on this machine, in one go."""
    workdir = copy_of(prepared, tmp_path_factory.mktemp("undisturbed"))
    here(cluster, workdir, "--", MODEL)
    return workdir


@pytest.fixture(scope="module")
def workdir(prepared: Path, tmp_path_factory) -> Path:
    """A working folder for the training on the cluster."""
    return copy_of(prepared, tmp_path_factory.mktemp("disturbed"))


def here(cluster: OneNode, workdir: Path, *arguments: str, settings: Sequence[str] = LONG) -> None:
    """Run on this machine, without SLURM."""
    command = [*PRELOADED, *on_phantom(workdir, *settings, "--cores", "2", *arguments)]
    log = workdir / "here.log"
    assert start(cluster, command, log).wait() == 0, log.read_text()[-6000:]


def copy_of(folder: Path, place: Path) -> Path:
    """Another copy of a working folder, times of change included."""
    return Path(shutil.copytree(folder, place, dirs_exist_ok=True))


def epochs_done(workdir: Path, folder: Path = FOLDER) -> int:
    return len(list((workdir / folder / "checkpoints").glob("*.pt")))


def wait_for_epochs(
    workdir: Path, running: subprocess.Popen[bytes], more: int, folder: Path = FOLDER
) -> None:
    """Wait until a training has come some epochs further."""
    aim = epochs_done(workdir, folder) + more
    while running.poll() is None and epochs_done(workdir, folder) < aim:
        time.sleep(0.2)


def on_the_node(cluster: OneNode, running: subprocess.Popen[bytes]) -> str:
    """Number of the training's job, once it runs."""
    while running.poll() is None:
        if found := cluster.command("squeue", "-h", "-t", "R", "-p", "gpu", "-o", "%A").split():
            return found[0]
        time.sleep(0.2)
    raise AssertionError("the run has ended")


def started_again(cluster: OneNode, running: subprocess.Popen[bytes], job: str) -> str:
    """Number of the training's job, once the one that was sent back has left the node."""
    while running.poll() is None and cluster.command("squeue", "-h", "-t", "R", "-j", job).strip():
        time.sleep(0.1)
    return on_the_node(cluster, running)


def hold_until_noticed(cluster: OneNode, workdir: Path, job: str) -> None:
    """Stop a training where it is, so that it needs more time than it has on any machine.

    SLURM wakes what it gives notice to, so the job may be over before its time is.
    """
    (training,) = training_processes(workdir)
    os.kill(training, signal.SIGSTOP)
    try:
        while clock := cluster.command("squeue", "-h", "-t", "R", "-j", job, "-o", "%M"):
            if seconds(clock) >= NOTICED_S:
                return
            time.sleep(0.5)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(training, signal.SIGCONT)


def training_processes(workdir: Path) -> list[int]:
    """Processes that run the training script in a working folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().decode().split("\0")
            script = len(words) > 1 and words[1].endswith(".train_unet.py")
            if script and (process / "cwd").resolve() == workdir.resolve():
                found.append(int(process.name))
    return found


def seconds(clock: str) -> int:
    """Minutes and seconds, as squeue writes them, in seconds."""
    minutes, rest = clock.split(":")
    return 60 * int(minutes) + int(rest)


def test_a_cancelled_training_fails_cleanly(cluster: OneNode, workdir: Path) -> None:
    log = workdir / "cancelled.log"
    running = start(cluster, on_cluster(workdir, *LONG, "--retries", "0", "--", MODEL), log)
    wait_for_epochs(workdir, running, 2)
    job = on_the_node(cluster, running)
    cluster.command("scancel", job)
    assert running.wait() != 0
    assert re.search(rf"SLURM-job '{job}' failed, SLURM status is: 'CANCELLED", log.read_text())
    assert not (workdir / MODEL).exists()
    assert (workdir / FOLDER / "training_state.pt").exists()
    assert not list((workdir / FOLDER).rglob(".*.part*"))


def test_the_next_run_goes_on_through_time_limit_preemption_and_requeue(
    cluster: OneNode, workdir: Path
) -> None:
    before = {job.id for job in jobs(cluster)}
    log = workdir / "limited.log"
    command = on_cluster(workdir, *LONG, *ONE_MINUTE, "--retries", "9", "--", MODEL)
    running = start(cluster, command, log)
    wait_for_epochs(workdir, running, 1)
    limited = on_the_node(cluster, running)
    hold_until_noticed(cluster, workdir, limited)
    wait_for_epochs(workdir, running, 2)
    preempted = on_the_node(cluster, running)
    # Both GPUs for somebody more important.
    urgent = ["--account", ACCOUNT, "--partition", "urgent", "--gpus", "2", "--time", "1"]
    cluster.command("sbatch", *urgent, "--output", "/dev/null", "--wrap", "sleep 2")
    wait_for_epochs(workdir, running, 2)
    requeued = on_the_node(cluster, running)
    cluster.command("scontrol", "requeue", requeued)
    # The same job, started again by SLURM itself; on a busy machine its minute is too short to end.
    assert started_again(cluster, running, requeued) == requeued
    assert running.wait() == 0, log.read_text()[-6000:]
    mine = [job for job in jobs(cluster) if job.rule == "train_unet" and job.id not in before]
    states = {job.id: job.state for job in mine}
    assert len({limited, preempted, requeued}) == 3
    assert states[limited] != "COMPLETED"
    assert states[preempted] != "COMPLETED"
    assert list(states.values()).count("COMPLETED") == 1
    assert {job.minutes for job in mine} == {1}
    assert log.read_text().count("Stopped by SIGTERM; the state is in") >= 2
    assert "going on at epoch" in (workdir / "results/logs/train_unet/fold_0.log").read_text()


def test_its_weights_are_those_of_an_undisturbed_training(workdir: Path, undisturbed: Path) -> None:
    history = [
        tables.read(w / FOLDER / "history.parquet", "history") for w in (workdir, undisturbed)
    ]
    assert list(history[0]["weights_sha256"]) == list(history[1]["weights_sha256"])
    assert len(set(history[0]["weights_sha256"])) == EPOCHS
    assert sha256(workdir / MODEL) == sha256(undisturbed / MODEL)


def test_both_stages_in_3d_go_on_with_the_same_weights(
    cluster: OneNode, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each is cancelled in the midst of its training, and the next run goes on."""
    last = str(STAGES["reduction"] / "model.pt")
    prepared = tmp_path_factory.mktemp("prepared_3d")
    here(cluster, prepared, "--", "results/folds/folds.parquet", settings=LONG_3D)
    until = ("--until", "draw_masks", "prepare_volumes", "--", last)
    here(cluster, prepared, *until, settings=LONG_3D)
    whole = copy_of(prepared, tmp_path_factory.mktemp("undisturbed_3d"))
    here(cluster, whole, "--", last, settings=LONG_3D)
    cut = copy_of(prepared, tmp_path_factory.mktemp("disturbed_3d"))
    command = on_cluster(cut, *LONG_3D, "--retries", "0", "--", last)
    for name, folder in STAGES.items():
        running = start(cluster, command, cut / f"cancelled_{name}.log")
        wait_for_epochs(cut, running, 2, folder)
        cluster.command("scancel", on_the_node(cluster, running))
        assert running.wait() != 0
        assert not (cut / folder / "model.pt").exists()
        assert (cut / folder / "training_state.pt").exists()
    log = cut / "finished.log"
    assert start(cluster, command, log).wait() == 0, log.read_text()[-6000:]
    for name, folder in STAGES.items():
        assert "going on at epoch" in (cut / f"results/logs/train_{name}/fold_0.log").read_text()
        histories = [tables.read(w / folder / "history.parquet", "history") for w in (cut, whole)]
        assert list(histories[0]["weights_sha256"]) == list(histories[1]["weights_sha256"])
        assert sha256(cut / folder / "model.pt") == sha256(whole / folder / "model.pt")
