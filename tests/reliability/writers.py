"""Every way in which the project writes a file, by the name of a file that it writes.

python writers.py FILE      writes it, and is killed when it is half written
"""

import os
import signal
import sys
from pathlib import Path

import matplotlib.figure
import numpy as np
import pandas as pd
import torch

from nodules.base import files, tables
from nodules.learning import state as learning_state
from nodules.learning.networks import weights
from nodules.report import plotting
from nodules.report.pages.page import Page


def figure(path: Path) -> None:
    """Noise, which does not compress."""
    drawn = matplotlib.figure.Figure()
    drawn.subplots().imshow(np.random.default_rng(0).random((300, 300)))
    plotting.save(drawn, [path])


def page(path: Path) -> None:
    """A page of the report, longer than most."""
    written = Page("A page")
    written.text("x" * 2**21)
    written.write(path)


def state(path: Path) -> None:
    """Where a training stands."""
    network = torch.nn.Linear(2**10, 2**10)
    plan = learning_state.Plan("unet", 0, 1, 4, 0.1, "constant", 1, path.parent, "fingerprint")
    optimizer = torch.optim.Adam(network.parameters())
    learning_state.save(plan, network, optimizer, learning_state.Progress())


NOISE = np.random.default_rng(0).random(2**17)
WRITERS = {
    "text.csv": lambda path: files.write_text(path, "x" * 2**21 + "\n"),
    "values.json": lambda path: files.write_json(path, list(range(2**19))),
    "slices.npy": lambda path: files.write_array(path, np.zeros(2**21, np.uint8)),
    "table.parquet": lambda path: tables.write(
        path,
        "excluded",
        pd.DataFrame({"seriesuid": "", **{name: NOISE for name in ("x", "y", "z", "diameter_mm")}}),
    ),
    "scan.raw": lambda path: files.write_bytes(path, bytes(2**21)),
    "page.html": page,
    "training_state.pt": state,
    "model.pt": lambda path: weights.save_state(path, torch.nn.Linear(2**10, 2**10)),
    "figure.png": figure,
    "figure.svg": figure,
}


def die_half_way(path: Path) -> None:
    """In place of the last thing that is done to a file before it gets its name."""
    os.truncate(path, path.stat().st_size // 2)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    files.fsync = die_half_way
    file = Path(sys.argv[1])
    WRITERS[file.name](file)
