"""Which of the catalogue's systems a run has, and what they are made by.

The Snakefile reads this module, so it imports nothing that takes time.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nodules.evaluation.names import MASKRCNN, MASKS, NETWORKS, SYSTEMS, TEST, UNET, Pair

SMALL = "small baseline"


def of_run(detectors: Sequence[str], tasks: Iterable[str], maskrcnn: bool) -> list[str]:
    """Keys of the detecting systems of a run, by the config's `detectors` and `tasks`, in order.

    The ResNet50 of the presence task stands behind the first detector. maskrcnn: whether Mask
    R-CNN runs too, which comes last.
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
    """The two of a run's systems that are compared slice by slice; None without two such."""
    known = [key for key in systems if SYSTEMS[key].slices]
    return Pair(known[0], known[1]) if len(known) > 1 else None


def first_detector(systems: Iterable[str]) -> str:
    """The detector that a run's second stage follows and its pictures show.

    systems: keys of its detecting systems, in the order of `of_run`; without any it is "".
    """
    return next((SYSTEMS[key].networks[0] for key in systems), "")


def headline(systems: Iterable[str]) -> str:
    """The detecting system that a run is about: its last one of two stages, else its first.

    No score chooses it.
    """
    known = list(systems)
    staged = [key for key in known if len(SYSTEMS[key].networks) > 1]
    return staged[-1] if staged else known[0]


def outlining(system: str) -> str:
    """The network of a detecting system whose regions are its outlines: the last that draws any."""
    return next(key for key in reversed(SYSTEMS[system].networks) if key in MASKS)


def is_small(maskrcnn: Mapping[str, Any]) -> bool:
    """Whether Mask R-CNN is no measure of the method: its backbone is not the published one."""
    return bool(maskrcnn["backbone"] != "resnet50")


def labelled(text: str, small: bool) -> str:
    """A text in which Mask R-CNN, where it is small, is called so."""
    return text.replace(MASKRCNN, f"{MASKRCNN} ({SMALL})") if small else text


def following(text: str, detector: str) -> str:
    """A text on the U-Net as the first detector, which `detector` is in this run.

    For texts that speak of no other detector; one that has followed already stays as it is.
    """
    name = NETWORKS[detector].name if detector else UNET
    return text.replace(name, UNET).replace(UNET, name)


def regions_of(systems: Iterable[str]) -> dict[str, str]:
    """Path of the regions that each network of some systems draws, by the key of its mask."""
    networks = {network for key in systems for network in SYSTEMS[key].networks}
    return {key: mask.regions for key, mask in MASKS.items() if mask.regions and key in networks}


def with_network(network: str, systems: Iterable[str]) -> list[str]:
    """Keys of those of some detecting systems that a network is part of."""
    return [key for key in systems if network in SYSTEMS[key].networks]


def steps(systems: Sequence[str], parts: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Network, step (training, inference) and part of each job that some detecting systems run.

    The keys are the jobs' benchmark files below results/benchmarks, `<rule>/<file>.tsv`.
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
