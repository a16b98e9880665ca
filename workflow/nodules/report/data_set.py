"""How the report adapts to a data set: its own words, and the stages that it cannot have.

Imported while the Snakefile is parsed, so it imports nothing slow.
"""

from collections.abc import Mapping
from typing import Any

from nodules.datasets.source import SOURCES
from nodules.report.words import REGIONS


def words(config: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `report.words.Words` for a run's rules; empty if the texts need no rewording."""
    dataset, source = config["dataset"], config["data"]["source"]
    own = {name: dataset[name] for name in ("lesion", "lesions", "organ")}
    usual = own == {"lesion": "nodule", "lesions": "nodules", "organ": "lungs"}
    overlap = config["scoring"]["hit"] == "overlap"
    if SOURCES[source].scans and usual and not overlap:
        return {}
    data = "built-in phantom scans" if SOURCES[source].made else f"scans ({source})"
    data = "LUNA16 scans" if source == "luna16" else data
    return (
        own
        | {"overlap": overlap, "ct": dataset["units"] == "hu", "data": data}
        | {"read": bool(SOURCES[source].scans)}
    )


def left_out(config: Mapping[str, Any]) -> dict[str, str]:
    """Stages that are impossible without LUNA16's layout, each with the reason."""
    if SOURCES[config["data"]["source"]].scans:
        return {}
    said = {
        "benign or malignant": "the data set has no readers' ratings",
        "how far the readers agree": "the data set has one label volume, not one per reader",
        "LUNA16's false-positive-reduction track": "the data set has no list of locations to judge",
        "growth between two times": "scans are compared over time in LUNA16's layout only",
        "the exported model, tried on a scan": "it is tried on the phantom chest only",
    }
    if config["region"]["method"] != "lungs":
        where = REGIONS.get(config["region"]["method"], REGIONS["whole"])
        said["agreement of several ways to find the region"] = f"the region is {where}"
    if config["dataset"]["units"] != "hu":
        said["luna16 predict"] = "it reads CT in HU; these scans' values are scaled by percentiles"
    return said
