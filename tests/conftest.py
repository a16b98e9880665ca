"""Fixtures and settings that all tests share."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before numpy or torch start their thread pools: tests are many and small, and must repeat exactly.
os.environ["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS") or "1"
os.environ["OPENBLAS_NUM_THREADS"] = os.environ.get("OPENBLAS_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "agg"

import pytest
from hypothesis import settings

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)

REPOSITORY = Path(__file__).resolve().parents[1]

# Slow machines must not fail a property, and a failure must come again on the next run.
settings.register_profile("repeatable", deadline=None, derandomize=True, database=None)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--reliability`, for the tests that take an hour: `make reliability`."""
    parser.addoption("--reliability", action="store_true", help="run tests marked so, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests marked `reliability` unless they are asked for."""
    if not config.getoption("--reliability"):
        left_out = [item for item in items if item.get_closest_marker("reliability")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=_longest_first)


def _longest_first(item: pytest.Item) -> float:
    """Files of whole runs before those of unit tests, so that no core is idle at the end.

    A test that takes long has a timeout of its own; next come those that start Snakemake.
    """
    marker = item.get_closest_marker("timeout")
    if marker:
        return -float(marker.args[0])
    return -1.0 if item.get_closest_marker("workflow") else 0.0


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Commands set PyTorch's threads, and tests that run side by side would fight for cores."""
    _back_to_one_thread()  # fixtures of a module may have run a command, too
    yield
    _back_to_one_thread()


def _back_to_one_thread() -> None:
    torch = sys.modules.get("torch")
    if torch is not None:
        # OpenMP also takes a list, a number for each level of nesting.
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"].split(",")[0]))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the two real LUNA16 scans, which the repository itself may not hold.

    Taken from the environment variable LUNA16_SHARED, else `shared` beside the repository.
    """
    folder = Path(os.environ.get("LUNA16_SHARED") or REPOSITORY.parent / "shared")
    if not (folder / "data" / "luna16").is_dir():
        pytest.skip(f"no real scans: {folder} holds no data/luna16 (set LUNA16_SHARED)")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium, one at a time: two Playwrights cannot run in one process."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("no Chromium on the path")
    with playwright.sync_playwright() as running:
        # Tests may run as root, where Chromium has no sandbox.
        found = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()
