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
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from reliability import whole
from reliability.watching import UNFINISHED, Watch, kind
from sources import ROOT

CONFIG = Path(__file__).with_name("smallest.yaml")
GENTLE_S = 120  # what a run may take to end by itself after SIGTERM or SIGINT


@dataclass
class Kill:
    """One kill: how, when, what was being written, and what was found broken afterwards."""

    signal: str
    moment: str
    unfinished: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


@cache
def project() -> Path:
    """A copy of the workflow: edits while a long test runs must not reach its runs."""
    folder = Path(tempfile.mkdtemp(prefix="luna16-nodules-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in ("workflow", "config", "profiles", "envs"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "Snakefile", folder)
    return folder


def command(workdir: Path, *arguments: str) -> list[str]:
    """The workflow on the smallest config, in a folder of its own."""
    run = [sys.executable, "-m", "snakemake", "--snakefile", str(project() / "Snakefile")]
    run += ["--configfile", str(CONFIG), "--directory", str(workdir), "--cores", "2"]
    return [*run, *arguments]


def start(workdir: Path, *arguments: str, log: Path | None = None) -> subprocess.Popen[bytes]:
    """Start it as the leader of a process group, its messages in `run.log` or elsewhere."""
    with (log or workdir / "run.log").open("ab") as stream:
        # As many threads as Snakemake gives: results must not hang on the tests' own setting.
        environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
        return subprocess.Popen(
            command(workdir, *arguments),
            stdout=stream,
            stderr=stream,
            env=environment,
            start_new_session=True,
            preexec_fn=_hear_interrupts,
        )


def _hear_interrupts() -> None:
    """What a shell starts in the background ignores SIGINT, and so would all its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def resume(workdir: Path, *targets: str, log: Path | None = None) -> subprocess.Popen[bytes]:
    """Go on as docs/real-scans.md says: release the lock if it is held, then start again."""
    if any((workdir / ".snakemake/locks").glob("*")):
        subprocess.run(command(workdir, "--unlock"), check=True, capture_output=True)
    return start(workdir, "--rerun-incomplete", *targets, log=log)


def alive(group: int) -> list[int]:
    """Processes of a group that still run; those that nobody has waited for yet do not."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, pgrp = path.read_text().rpartition(")")[2].split()[:3]
            if int(pgrp) == group and state not in "ZX":
                found.append(int(path.parent.name))
    return found


def kill(run: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to every process of the run and wait until all of them are gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.pid, number)
    end = time.monotonic() + GENTLE_S
    while run.poll() is None or alive(run.pid):
        time.sleep(0.02)
        assert time.monotonic() < end, f"still running after {number.name}: {alive(run.pid)}"


@dataclass
class Harness:
    """Kills one run after another in a working folder and keeps account."""

    workdir: Path
    seen: set[str] = field(default_factory=set)
    kills: list[Kill] = field(default_factory=list)

    def step(
        self, number: signal.Signals, files: int = 1, delay_s: float = 0.0, new: bool = True
    ) -> bool:
        """Run until so many files have appeared among the results, wait, and kill.

        new: count only files of a kind that has not been met in this working folder before.
        False where the run ended before, which has to be in success.
        """
        with Watch(self.workdir) as watch:
            run = resume(self.workdir)
            for path in self._while_running(run, watch):
                scratch = any(part.startswith(".") for part in path.parts[:-1])
                known = new and kind(path) in self.seen
                if path.parts[0] != "results" or scratch or known:
                    continue
                self.seen.add(kind(path))
                files -= 1
                if files <= 0:
                    time.sleep(delay_s)
                    return self._killed(run, number, f"{kind(path)} + {delay_s:.1f} s")
        return self._ended(run)

    def finish(self) -> None:
        """Go on, undisturbed, to the end."""
        self._ended(resume(self.workdir))

    def _killed(self, run: subprocess.Popen[bytes], number: signal.Signals, moment: str) -> bool:
        if run.poll() is not None:
            return self._ended(run)
        kill(run, number)
        results = self.workdir / "results"
        parts = (p.relative_to(results) for p in results.rglob(".*") if UNFINISHED.match(p.name))
        unfinished = sorted({kind(path) for path in parts})
        self.kills.append(Kill(number.name, moment, unfinished, whole.broken(results)))
        return True

    def _while_running(self, run: subprocess.Popen[bytes], watch: Watch) -> Iterator[Path]:
        while run.poll() is None:
            yield from watch.created(0.5)
        yield from watch.created(0.01)

    def _ended(self, run: subprocess.Popen[bytes]) -> bool:
        status = run.wait()
        tail = (self.workdir / "run.log").read_text()[-4000:]
        assert status == 0, f"the run went on after {len(self.kills)} kills and failed:\n{tail}"
        return False
