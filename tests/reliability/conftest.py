"""What the tests of reliability share: a run that is left alone, and a table of what was tried."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from helpers.running import PRELOADED
from reliability import whole
from reliability.killing import Harness

KINDS = {
    "kill": "Kills survived",
    "place": "Where they struck",
    "torn": "Kinds of files that they left half written",
    "input": "Defective inputs",
    "odd": "Odd but valid input",
    "stale": "Changes",
    "fault": "Faults",
    "memory": "Memory",
    "fuzz": "Fuzzing",
}


class Undisturbed(NamedTuple):
    """A run that was left alone: its folder of results, and their kinds as they appeared."""

    results: Path
    kinds: list[str]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Undisturbed:
    """A run that is left alone."""
    workdir = tmp_path_factory.mktemp("undisturbed")
    kinds = Harness(workdir, PRELOADED).finish()
    assert whole.broken(workdir / "results") == []
    return Undisturbed(workdir / "results", kinds)


def pytest_terminal_summary(terminalreporter) -> None:
    """One table of what the tests say they tried, with record_property, and what failed."""
    reports = terminalreporter.stats
    kept = Counter(
        (name, value)
        for report in reports.get("passed", [])
        for name, value in report.user_properties
        if name in KINDS
    )
    if not kept or not terminalreporter.config.getoption("--reliability"):
        return
    write = terminalreporter.write_line
    terminalreporter.section("reliability")
    for name, title in KINDS.items():
        own = {value: count for (kind, value), count in kept.items() if kind == name}
        if own:
            write(f"{title}: {sum(own.values())} tried, {sum(own.values())} as promised")
            for value, count in sorted(own.items()):
                write(f"  {count:5d}  {value}")
    lost = [r for r in reports.get("failed", []) + reports.get("error", [])]
    write(f"Promises broken: {len(lost)}; tests not run here: {len(reports.get('skipped', []))}")
    for report in lost:
        write(f"         {report.nodeid}")
