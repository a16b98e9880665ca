"""The phantom organ's scans by name, before any is made; read by the Snakefile, so light."""

from collections.abc import Mapping
from typing import Any

from nodules.datasets.scan import SUBSETS
from nodules.datasets.sources.case import Case, Listing

FOLDER = "results/phantom"
VALUES = {0: "background", 1: "organ", 2: "lesion"}


def cases(folder: str, config: Mapping[str, Any]) -> Listing:
    """Scan i of the set, each of another patient, in subset i % 10, in the Decathlon's layout."""
    named = [f"phantom_{i:03d}" for i in range(config["phantom"]["scans"])]
    return Listing(
        [
            Case(
                name,
                f"{folder}/imagesTr/{name}.nii.gz",
                f"{folder}/labelsTr/{name}.nii.gz",
                patient=name,
                subset=i % len(SUBSETS),
                values=tuple(VALUES),
            )
            for i, name in enumerate(named)
        ],
        [],
    )
