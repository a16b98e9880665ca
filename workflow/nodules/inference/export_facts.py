"""Facts for an exported model's manifest: data that it was trained on, software versions."""

from pathlib import Path
from typing import Any

import nodules
from nodules.base import provenance, tables

PACKAGES = ("numpy", "torch", "torchvision", "opencv-python-headless", "connected-components-3d")


def facts_of(inputs: Any, params: Any, folder: Path) -> dict[str, Any]:
    """Version, data and made_with of a model's manifest.

    inputs: of a rule, with tables scans and folds. params: with source and folds. folder: of the
    repository whose commit is recorded.
    """
    scans = tables.read(inputs.scans, "scans")
    used = scans[scans["status"] == "ok"]
    folds = tables.read(inputs.folds, "folds")
    return {
        "version": nodules.__version__,
        "data": {
            "source": params.source,
            "scans": len(used),
            "scans trained on": int((folds["fold"] >= 0).sum()),
            "test scans": int((folds["fold"] < 0).sum()),
            "nodules": int(used["n_nodules"].sum()),
            "folds": params.folds,
            "SHA-256 of the scans": provenance.data_hash(scans),
        },
        "made_with": {
            "commit": provenance.commit(folder),
            **provenance.versions(PACKAGES),
        },
    }
