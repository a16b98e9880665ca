"""The cluster tests' own cluster; they run when asked for by `make cluster-test` (-m cluster)."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from one_node import PACKAGES, OneNode, missing

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what takes minutes and daemons unless `-m` names the mark."""
    if "cluster" not in str(config.getoption("markexpr")):
        skip = pytest.mark.skip(reason="needs a SLURM of its own: make cluster-test")
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def cluster() -> Iterator[OneNode]:
    """A running one-node SLURM; it is stopped and its folder removed in every case."""
    if missing():
        pytest.fail(f"no {', '.join(missing())} here; on Debian: apt install {PACKAGES}")
    # A short path: sockets' names have little room.
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, OneNode(Path(folder)) as node:
        yield node
