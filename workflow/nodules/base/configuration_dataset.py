"""Contradictions in the configuration that depend on the data set (data.source)."""

from collections.abc import Iterator, Mapping
from typing import Any

IN_A_FOLDER = ("decathlon", "nnunet", "table")  # values of data.source that need dataset.dir
RATED = ("phantom", "luna16")  # values with readers' ratings and LUNA16's lists
PHANTOMS = ("phantom", "ellipsoid")


def contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    """One sentence per contradiction."""
    source, dataset = config["data"]["source"], config["dataset"]
    if source in IN_A_FOLDER and not dataset["dir"]:
        yield (
            f"dataset.dir: name the folder of the data set for data.source {source}, for example"
            " --config dataset='{dir: /data/scans}'"
        )
    if source not in IN_A_FOLDER and dataset["dir"]:
        yield f"dataset.dir: is named, but with data.source {source} nothing of it is read"
    if source in RATED:
        yield from _of_rated(config, source)
    else:
        yield from _without_ratings(config, source)
    if both := set(dataset["lesion_labels"]) & set(dataset["organ_labels"]):
        value = min(both)
        yield f"dataset.organ_labels: {value} is named as a lesion's label, too; name it once"


def _of_rated(config: Mapping[str, Any], source: str) -> Iterator[str]:
    """Settings that do not apply to scans in LUNA16's own layout."""
    if config["dataset"]["units"] != "hu":
        yield f"dataset.units: the scans of data.source {source} are CT in HU; leave it at hu"
    if config["region"]["method"] == "mask":
        yield (
            f"region.method: mask is for other data sets; for data.source {source} set"
            " lungs.method to given"
        )


def _without_ratings(config: Mapping[str, Any], source: str) -> Iterator[str]:
    """Stages that need readers' ratings, LUNA16's lists or HU, which the data set lacks."""
    if "malignancy" in config["tasks"]:
        yield (
            f"tasks: malignancy needs readers' ratings, which data.source {source} has not; set"
            " tasks to [presence]"
        )
    if config["scoring"]["reduction_track"]:
        yield (
            f"scoring.reduction_track: needs LUNA16's list of locations, which data.source {source}"
            " has not; set it to false"
        )
    if config["follow_up"]["pairs"]:
        yield "follow_up.pairs: scans are laid together by their lungs; only LUNA16's layout has it"
    if config["region"]["method"] == "lungs" and config["dataset"]["units"] != "hu":
        yield "region.method: lungs are found in HU; choose body, mask or none for other units"
