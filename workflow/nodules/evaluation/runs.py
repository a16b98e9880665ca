"""The systems of the catalogue that a run has, and the networks and jobs behind them.

The Snakefile reads this module, so it imports nothing slow.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nodules.evaluation.names import MASKRCNN, MASKS, NETWORKS, SYSTEMS, TEST, UNET, Pair

SMALL = "small baseline"


def of_run(detectors: Sequence[str], tasks: Iterable[str], maskrcnn: bool) -> list[str]:
    """Keys of a run's detecting systems, in order, from the config's `detectors` and `tasks`.

    The ResNet50 of the presence task follows the first detector. maskrcnn: whether Mask R-CNN runs
    too; it comes last.
    """
    done = {"", *tasks, *(["maskrcnn"] if maskrcnn else [])}
    return [
        key
        for detector in [*detectors, "maskrcnn"]
        for key, system in SYSTEMS.items()
        if system.networks[0] == detector and system.needs in done
        if system.needs != "presence" or detector == detectors[0]
    ]


def beside(systems: Iterable[str]) -> Pair | None:
    """The first two of a run's systems with confidences per slice, or None without two."""
    known = [key for key in systems if SYSTEMS[key].slices]
    return Pair(known[0], known[1]) if len(known) > 1 else None


def first_detector(systems: Iterable[str]) -> str:
    """The detector that a run's second stage follows and its figures show; "" without systems.

    systems: keys of its detecting systems, in the order of `of_run`.
    """
    return next((SYSTEMS[key].networks[0] for key in systems), "")


def headline(systems: Iterable[str]) -> str:
    """The run's main detecting system: its last one of two stages, else its first.

    Scores play no part in the choice.
    """
    known = list(systems)
    staged = [key for key in known if len(SYSTEMS[key].networks) > 1]
    return staged[-1] if staged else known[0]


def outlining(system: str) -> str:
    """The network whose regions are a detecting system's outlines: the last one that draws any."""
    return next(key for key in reversed(SYSTEMS[system].networks) if key in MASKS)


def is_small(maskrcnn: Mapping[str, Any]) -> bool:
    """Whether Mask R-CNN lacks the published backbone, so that it is no measure of the method."""
    return bool(maskrcnn["backbone"] != "resnet50")


def labelled(text: str, small: bool) -> str:
    """The text, with Mask R-CNN marked as a small baseline if `small`."""
    return text.replace(MASKRCNN, f"{MASKRCNN} ({SMALL})") if small else text


def following(text: str, detector: str) -> str:
    """The text, with the U-Net's name replaced by that of `detector`, the run's first one.

    For texts that name no other detector; repeated application changes nothing.
    """
    name = NETWORKS[detector].name if detector else UNET
    return text.replace(name, UNET).replace(UNET, name)


def regions_of(systems: Iterable[str]) -> dict[str, str]:
    """Path of the regions of each network in the given systems, by the key of its mask."""
    networks = {network for key in systems for network in SYSTEMS[key].networks}
    return {key: mask.regions for key, mask in MASKS.items() if mask.regions and key in networks}


def with_network(network: str, systems: Iterable[str]) -> list[str]:
    """Keys of the given detecting systems that a network is part of."""
    return [key for key in systems if network in SYSTEMS[key].networks]


def steps(systems: Sequence[str], parts: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Network, step (training or inference) and part of each job of the given detecting systems.

    Keys are the jobs' benchmark files below results/benchmarks, `<rule>/<file>.tsv`.
    """
    used = [network for network in NETWORKS.values() if with_network(network.key, systems)]
    return {
        f"{rule}/{network.job.format(part=part)}.tsv": (network.key, step, part)
        for step in ("training", "inference")
        for network in used
        for rule in (network.train if step == "training" else network.apply,)
        for part in parts
        if step == "inference" or part != TEST
    }
