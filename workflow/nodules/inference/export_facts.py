"""Facts for an exported model's manifest: data that it was trained on, software versions."""

from pathlib import Path
from typing import Any

import nodules
from nodules.base import provenance, tables

HELD_OUT = -1  # column `fold` of the test; below it is what neither taught nor tested
PACKAGES = ("numpy", "torch", "torchvision", "opencv-python-headless", "connected-components-3d")


def facts_of(inputs: Any, params: Any, folder: Path) -> dict[str, Any]:
    """Version, data and made_with of a model's manifest.

    inputs: of a rule, with tables scans and folds. params: with source, folds and whole (True if
    the networks were trained on all scans). folder: of the repository whose commit is recorded.
    """
    scans = tables.read(inputs.scans, "scans")
    used = scans[scans["status"] == "ok"]
    fold = tables.read(inputs.folds, "folds")["fold"]
    taught = (fold >= 0) | params.whole
    return {
        "version": nodules.__version__,
        "data": {
            "source": params.source,
            "scans": len(used),
            "scans trained on": int(taught.sum()),
            "test scans": int(((fold == HELD_OUT) & ~taught).sum()),
            "nodules": int(used["n_nodules"].sum()),
            "folds": params.folds,
            "SHA-256 of the scans": provenance.data_hash(scans),
        },
        "made_with": {
            "commit": provenance.commit(folder),
            **provenance.versions(PACKAGES),
        },
    }
