"""A run's messages on the terminal: one line per job, the reason for a failure, and a summary.

`Terminal` replaces Snakemake's own messages there; Snakemake's log file in .snakemake/log keeps
all of them. Events have the names and fields of snakemake_interface_logger_plugins. Each job's own
messages go to its log (with QUIET_JOBS set, `jobs.run` writes only warnings to the terminal).
"""

import contextlib
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from nodules.base import failures, steps
from nodules.base.messages import for_terminal
from nodules.base.progress import Progress, clock, spoken

QUIET_JOBS = "NODULES_QUIET_JOBS"

# First words of Snakemake's messages outside its events that nobody needs on the terminal.
NOISE = (
    "Assuming unrestricted",
    "Auto-selected partition",
    "Building DAG",
    "Cleaning up SLURM",
    "Complete log",
    "Conda environments: ig",
    "DAG of jobs will",
    "Elapsed time",
    "Execute ",
    "Group jobs: inactive",
    "Job ",
    "Processed ",
    "Removing output",
    "SLURM run ID",
    "Select jobs",
    "Shutting down",
    "Singularity containers: ig",
    "Touching output",
    "Unable to clean up shadow",
    "Updating checkpoint",
    "Using shell",
    "Will exit after finishing",
)
# Repeats what the failed job's own lines and the closing summary say.
SAID = ("Exiting because a job", "WorkflowError:\nAt least one job")
SILENT_S = 1800  # without a terminal: after so long without a line, list the running jobs again


class Terminal(logging.Handler):
    """A handler for Snakemake's logger that writes one line per job.

    outstanding: returns the number of unfinished jobs of each rule. real: returns whether the scans
    are real ones, not the phantom. now: a clock, in seconds.
    """

    def __init__(
        self,
        stream: TextIO,
        outstanding: Callable[[], Mapping[str, int]],
        real: Callable[[], bool] = lambda: False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.stream, self.outstanding, self.now = stream, outstanding, now
        self.began = now()
        self.progress = Progress(
            lambda rule: steps.expected(rule, real()), lambda: steps.parallel_jobs(real())
        )
        self.rules_done: set[str] = set()
        self._doing: dict[int, tuple[str, str, bool]] = {}  # rule, words, whether it runs locally
        self._per_scan: set[int] = set()
        self._seen = 0
        self._spoke = self.began
        self._total = 0
        self._exception = ""
        self._status = ""
        self._events = {
            "run_info": self._plan,
            "job_info": self._job_starts,
            "job_finished": self._job_is_done,
            "progress": self._look_again,
            "job_error": self._job_failed,
            "error": self._exception_raised,
            None: self._say,
        }
        threading.Thread(target=self._tick, args=(stream.isatty(),), daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Print what an event means to a person; other events go to the log file only."""
        try:
            if act := self._events.get(getattr(record, "event", None)):
                act(record)
        except Exception:
            self.handleError(record)

    def last_word(self, lines: Sequence[str], failed: bool) -> None:
        """Print the closing summary: run time and outcome. lines: what to look at next."""
        took = clock(self.now() - self.began)
        stopped = [
            f"Stopped after {took}, {self.progress.done} of {self._total} jobs done.",
            "What is finished is kept: the same command goes on from there.",
        ]
        with self._held():
            self._doing = {}
            self._erase()
            for line in [*(stopped if failed else [f"Done in {took}."]), *lines]:
                self._print(line)

    def _plan(self, record: logging.LogRecord) -> None:
        jobs = {name: n for name, n in getattr(record, "stats", {}).items() if name in steps.STEPS}
        self.progress.plan(jobs, self.now())
        self._total = sum(jobs.values())
        left = spoken(self.progress.seconds_left(self.now()))
        about = left if left.startswith("under") else f"about {left}"
        self._print(f"{self._total} jobs, {about}. Their own messages are in results/logs.")
        self._print("   time  done         left  job")

    def _look_again(self, record: logging.LogRecord) -> None:
        """Plan again when the number of jobs has changed, as it may after a checkpoint."""
        total: int = getattr(record, "total", 0)
        if total != (self._seen or total):
            jobs = {name: n for name, n in self.outstanding().items() if name in steps.STEPS}
            self.progress.plan(jobs, self.now())
            self._total = self.progress.done + sum(jobs.values())
        self._seen = total

    def _job_starts(self, record: logging.LogRecord) -> None:
        fields = record.__dict__
        job, rule, here = fields["jobid"], fields["rule_name"], bool(fields["local"])
        if rule not in steps.STEPS:
            return
        words = steps.words(rule, fields["wildcards"])
        self.progress.start(job, rule, self.now())
        if steps.PER_SCAN in fields["wildcards"]:
            self._per_scan.add(job)
            number, total = self.progress.begun(rule), self.progress.planned(rule)
            if here:
                words = f"{words}, scan {number} of {total}"
        self._doing[job] = rule, words, here
        if here and (job not in self._per_scan or _is_tenth(number, total)):
            self._line(words)

    def _job_is_done(self, record: logging.LogRecord) -> None:
        job: int = record.__dict__["job_id"]
        self.progress.finish(job, self.now())
        rule, words, here = self._doing.pop(job, ("", "", True))
        self.rules_done.add(rule)
        # Cluster jobs are all submitted at once and wait in the queue: print them when done.
        if not here and job in self._per_scan:
            number, total = self.progress.ended(rule), self.progress.planned(rule)
            if _is_tenth(number, total):
                self._line(f"{words}: {number} of {total} scans done")
        elif not here:
            self._line(f"{words}: done")

    def _job_failed(self, record: logging.LogRecord) -> None:
        fields = record.__dict__
        rule, said = fields["rule_name"], fields["rule_msg"] or ""
        # The rule's own log comes first in the list; the cluster's logs follow.
        log = failures.read(fields["log"][:1]) or failures.read(fields["log"][1:])
        self.progress.give_up(fields["jobid"])
        _, words, here = self._doing.pop(fields["jobid"], (rule, rule, True))
        told = failures.decisive(rule, log, seen=here)
        advice = failures.remedy(f"{self._exception}\n{said}", told, log)
        self._print(f"\nFAILED: {words}")
        told = told or [failures.ending(self._exception)]
        for line in [*said.splitlines()[:1], *told]:
            self._print(f"  {line}")
        if advice:
            self._print(f"  {advice}")
        self._print(f"  Its log: {', '.join(fields['log']) or 'none'}\n")
        self._exception = ""

    def _exception_raised(self, record: logging.LogRecord) -> None:
        """Keep a rule's exception for its job's failure message; print any other exception."""
        text = record.getMessage()
        kind = getattr(record, "exception", "")
        if kind == "RuleException":
            self._exception = text
        elif kind == "UserError":
            # Its message is enough; leave out the traceback.
            lines = text.splitlines()[1:]
            self._print("\n".join(line for line in lines if not line.startswith("  File ")))
        else:
            self._say(record)

    def _say(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        noise = NOISE + SAID if record.levelno < logging.WARNING else SAID
        if record.levelno >= logging.INFO and text and not text.startswith(noise):
            self._print(text)

    def _line(self, words: str) -> None:
        """Print one row of the table of jobs: elapsed time, share done, time left, words."""
        now = self.now()
        share, left = self.progress.share(now), spoken(self.progress.seconds_left(now))
        done = f"{min(int(100 * share), 99)} %"
        self._print(f"{clock(now - self.began):>7}  {done:>4}  {left:>11}  {_sentence(words)}")

    def _print(self, text: str) -> None:
        status, self._spoke = self._status, self.now()
        self._erase()
        self.stream.write(f"{for_terminal(text, self.stream.encoding)}\n{status}")
        self.stream.flush()
        self._status = status

    def _erase(self) -> None:
        """Erase the status line."""
        if self._status:
            self.stream.write("\r\x1b[2K")
            self._status = ""

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """Hold the handler's lock, under which logging also calls `emit`."""
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def _tick(self, tty: bool) -> None:
        """Report the running jobs: in a status line on a terminal, elsewhere every SILENT_S."""
        while True:
            time.sleep(1 if tty else 60)
            with self._held():
                running = [words for _, words, here in self._doing.values() if here]
                if running and tty:
                    self._show_status(running)
                elif running and self.now() - self._spoke > SILENT_S:
                    self._line(f"still: {'; '.join(running)}")

    def _show_status(self, running: Sequence[str]) -> None:
        now = self.now()
        share, left = self.progress.share(now), spoken(self.progress.seconds_left(now))
        text = f"{clock(now - self.began):>7}  {int(100 * share):>2} %  {left:>11}  ... "
        text = (text + "; ".join(running))[: shutil.get_terminal_size().columns - 1]
        self._erase()
        self._status = for_terminal(text, self.stream.encoding)
        self.stream.write(self._status)
        self.stream.flush()


def attach(
    logger: logging.Logger, outstanding: Callable[[], Mapping[str, int]], real: Callable[[], bool]
) -> Any:
    """Replace the handler through which Snakemake writes to the terminal with a Terminal.

    Returns the Terminal, or None, changing nothing, if Snakemake has no such handler. Jobs started
    from now on write to their logs and draw no progress bars.
    """
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":
            stream = getattr(handler, "stream", sys.stderr)
            terminal = Terminal(stream, outstanding, real)
            logger.removeHandler(handler)
            logger.addHandler(terminal)
            os.environ.update({QUIET_JOBS: "yes", "TQDM_DISABLE": "1"})
            return terminal
    return None


def _is_tenth(number: int, total: int) -> bool:
    """Whether a count is 1 or has just reached another tenth of the total."""
    return number == 1 or number * 10 // total != (number - 1) * 10 // total


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
