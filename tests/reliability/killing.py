"""Start the workflow, kill all of it at a moment, go on as docs/real-scans.md says."""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from helpers.sources import ROOT
from reliability import whole
from reliability.watching import UNFINISHED, Watch, kind

CONFIG = Path(__file__).with_name("smallest.yaml")
AS_USERS_DO = (sys.executable, "-m", "snakemake")
GENTLE_S = 60  # what a run may take to end by itself after SIGTERM or SIGINT


@dataclass
class Kill:
    """One kill: how, when, what was being written, and what was found broken afterwards."""

    signal: str
    moment: str
    unfinished: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        """Stage of the run, or the kind of the file beside the results."""
        return Path(self.moment.removeprefix("results/")).parts[0].split(" ")[0]


@cache
def project() -> Path:
    """A copy of the workflow: edits while a long test runs must not reach its runs."""
    folder = Path(tempfile.mkdtemp(prefix="luna16-nodules-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in ("workflow", "config", "profiles", "envs"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "Snakefile", folder)
    return folder


def command(workdir: Path, *arguments: str, snakemake: Sequence[str] = AS_USERS_DO) -> list[str]:
    """The workflow on the smallest config, in a folder of its own."""
    run = [*snakemake, "--snakefile", str(project() / "Snakefile")]
    run += ["--configfile", str(CONFIG), "--directory", str(workdir), "--cores", "2"]
    return [*run, *arguments]


def start(
    workdir: Path, *arguments: str, log: Path | None = None, snakemake: Sequence[str] = AS_USERS_DO
) -> subprocess.Popen[bytes]:
    """Start it as the leader of a process group, its messages in `run.log` or elsewhere."""
    with (log or workdir / "run.log").open("ab") as stream:
        # As many threads as Snakemake gives: results must not hang on the tests' own setting.
        environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
        return subprocess.Popen(
            command(workdir, *arguments, snakemake=snakemake),
            stdout=stream,
            stderr=stream,
            env=environment,
            start_new_session=True,
            preexec_fn=_hear_interrupts,
        )


def _hear_interrupts() -> None:
    """What a shell starts in the background ignores SIGINT, and so would all its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def resume(workdir: Path, *targets: str, **options) -> subprocess.Popen[bytes]:
    """Go on as docs/real-scans.md says: release the lock if it is held, then start again."""
    if any((workdir / ".snakemake/locks").glob("*")):
        subprocess.run(command(workdir, "--unlock"), check=True, capture_output=True)
    return start(workdir, "--rerun-incomplete", *targets, **options)


def alive(group: int) -> list[int]:
    """Processes of a group that still run; those that nobody has waited for yet do not."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, pgrp = path.read_text().rpartition(")")[2].split()[:3]
            if int(pgrp) == group and state not in "ZX":
                found.append(int(path.parent.name))
    return found


def kill(run: subprocess.Popen[bytes], number: signal.Signals) -> bool:
    """Send a signal to every process of the run and wait until all of them are gone.

    False where Snakemake itself is left after its jobs and has to be killed: if SIGTERM comes
    while its scheduler holds its lock, 9.27 waits for this lock for ever.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.pid, number)
    end = time.monotonic() + GENTLE_S
    while run.poll() is None or alive(run.pid):
        time.sleep(0.02)
        if time.monotonic() > end:
            assert alive(run.pid) == [run.pid], f"still running after {number.name}"
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            return False
    return True


@dataclass
class Harness:
    """Runs the workflow in a folder, kills it where it is told to, and keeps account."""

    workdir: Path
    snakemake: Sequence[str] = AS_USERS_DO
    kills: list[Kill] = field(default_factory=list)
    _whole: set[tuple[Path, int]] = field(default_factory=set)

    def step(self, number: signal.Signals, moments: Collection[str], delay_s: float = 0.0) -> bool:
        """Run until a result of one of these kinds appears, wait, and kill.

        False where the run ended before, which has to be in success.
        """
        with Watch(self.workdir) as watch:
            run = resume(self.workdir, snakemake=self.snakemake)
            for found in self._results(run, watch):
                if found in moments:
                    time.sleep(delay_s)
                    return self._killed(run, number, f"{found} + {delay_s:.1f} s")
        return self._ended(run)

    def finish(self) -> list[str]:
        """Go on, undisturbed, to the end; the kinds of results in the order of appearance."""
        with Watch(self.workdir) as watch:
            run = resume(self.workdir, snakemake=self.snakemake)
            order = list(dict.fromkeys(self._results(run, watch)))
        self._ended(run)
        return order

    def _killed(self, run: subprocess.Popen[bytes], number: signal.Signals, moment: str) -> bool:
        if run.poll() is not None:
            return self._ended(run)
        name = number.name if kill(run, number) else f"{number.name}, then SIGKILL"
        results = self.workdir / "results"
        parts = (p.relative_to(results) for p in results.rglob(".*") if UNFINISHED.match(p.name))
        unfinished = sorted({kind(path) for path in parts})
        broken = whole.broken(results, self._whole)
        self.kills.append(Kill(name, moment, unfinished, broken))
        return True

    @staticmethod
    def _results(run: subprocess.Popen[bytes], watch: Watch) -> Iterator[str]:
        """Kinds of results, logs and benchmarks as they appear; no scratch files."""
        for path in _while_running(run, watch):
            scratch = any(part.startswith(".") for part in path.parts[:-1])
            if path.parts[0] == "results" and not scratch:
                yield kind(path)

    def _ended(self, run: subprocess.Popen[bytes]) -> bool:
        status = run.wait()
        tail = (self.workdir / "run.log").read_text()[-4000:]
        assert status == 0, f"the run went on after {len(self.kills)} kills and failed:\n{tail}"
        return False


def _while_running(run: subprocess.Popen[bytes], watch: Watch) -> Iterator[Path]:
    while run.poll() is None:
        yield from watch.created(0.5)
    yield from watch.created(0.01)
