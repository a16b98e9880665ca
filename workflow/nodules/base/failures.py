"""Why a job failed: the decisive lines of its log, and what to do."""

import re
from collections.abc import Sequence
from pathlib import Path

TRACEBACK = "Traceback (most recent call last)"
MOST_LINES = 12  # shown of a log
REPORT = "This is no defect of the input that the workflow knows: please report it with this log."

# Patterns of system messages, and what a person can do. The first match counts.
REMEDIES = (
    (
        r"CUDA out of memory|OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED",
        "The GPU's memory ran out. Lower the network's `batch` in the config, or use a larger GPU.",
    ),
    (
        r"SIGKILL|MemoryError|Cannot allocate memory|OUT_OF_MEMORY|oom-kill",
        "Most likely the memory ran out. Run fewer jobs at once (--cores 1), or add memory.",
    ),
    (r"No space left on device|Disk quota exceeded", "Free space on the disk."),
    (r"SIGTERM|SIGINT|SIGHUP", "The job was stopped from outside."),
    (r"SIGSEGV|SIGBUS|SIGILL|SIGABRT", "A library crashed. Please report it with this log."),
    (
        r"ModuleNotFoundError|ImportError",
        "The environment lacks a package. Run `make setup`, or install requirements.txt.",
    ),
)


def decisive(rule: str, log: str, seen: bool = True) -> list[str]:
    """The lines of a job's log that say why it failed, at most MOST_LINES.

    For a UserError, the lines from its message, which starts with the rule's name, to the end of
    the log. For a traceback, the error and the last place in this project's own code. For any
    other log, its last three lines.
    seen: whether the terminal has already shown the job's warnings; if not, a UserError's lines are
    preceded by the log's lines "error: ...", one per defect.
    """
    lines = [line.rstrip() for line in log.splitlines() if line.strip()]
    if any(TRACEBACK in line for line in lines):
        return _of_traceback(lines)
    starts = [i for i, line in enumerate(lines) if line.startswith(f"{rule}: ")]
    told = lines[starts[-1] :] if starts else lines[-3:]
    if starts and not seen:
        told = [*(line for line in lines if line.startswith("error: ")), *told]
    if len(told) > MOST_LINES:
        told = [*told[: MOST_LINES - 1], f"... and {len(told) - MOST_LINES + 1} more lines"]
    return told


def _of_traceback(lines: Sequence[str]) -> list[str]:
    """The error, and the last place in this project's code that raised it or led to it."""
    error = [line for line in lines if re.match(r"[\w.]+(Error|Exception|Interrupt|Exit)\b", line)]
    place = re.compile(r'  File "(.*/)?(workflow/(?:nodules|scripts)/[^"]+)", line (\d+)')
    places = [found for line in lines if (found := place.match(line))]
    told = error[-1:] or list(lines[-1:])
    if places:
        told.append(f"({places[-1][2]}, line {places[-1][3]})")
    return told


def remedy(exception: str, told: Sequence[str], log: str) -> str:
    """What to do about a failed job; "" if its own message says so.

    exception: Snakemake's message about it; told: lines from `decisive`; log: the whole log.
    """
    text = "\n".join([exception, *told])
    for pattern, advice in REMEDIES:
        if re.search(pattern, text):
            return advice
    return REPORT if TRACEBACK in log or not told else ""


def ending(exception: str) -> str:
    """How a job without a message of its own ended, from Snakemake's message about it."""
    if signal := re.search(r"died with <Signals\.(\w+)", exception):
        return f"It was ended by {signal[1]} and left no message."
    if status := re.search(r"returned non-zero exit status (\d+)", exception):
        return f"It ended with exit status {status[1]} and left no message."
    return exception.splitlines()[-1] if exception else "It left no message."


def read(paths: Sequence[str]) -> str:
    """The joined text of a job's logs; logs that cannot be read are skipped."""
    texts = []
    for path in paths:
        try:
            texts.append(Path(path).read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
    return "\n".join(texts)
