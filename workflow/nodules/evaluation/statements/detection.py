"""Paragraph on whether a second stage improves detection over the first stage alone."""

from collections.abc import Iterator, Mapping
from typing import Any

from nodules.evaluation import names, pairs
from nodules.evaluation.names import SETS, SYSTEMS, Pair
from nodules.evaluation.statements.words import (
    FEWEST_NODULES,
    FEWEST_SCANS,
    counted,
    is_number,
)

# Pairs of systems that differ only in the second stage.
SECOND_STAGES = tuple(
    pair
    for pair in pairs.SYSTEM_PAIRS
    if SYSTEMS[pair.first].networks[:-1] == SYSTEMS[pair.second].networks
)


def write(summary: Mapping[str, Any]) -> str:
    """State in sentences what detection.json shows of second stages, on the leading set."""
    return " ".join(sentence for pair in shown(summary) for sentence in _pair(summary, pair))


def shown(summary: Mapping[str, Any]) -> list[Pair]:
    """Pairs in detection.json that differ only in the second stage."""
    return [pair for pair in SECOND_STAGES if pair.key in summary["differences"]]


def verdict(gap: Mapping[str, Any], n_scans: int, n_nodules: int) -> str:
    """Verdict on a second stage from its paired difference in CPM.

    helps, harms, none (neither is shown), too few (data), or no interval (for another reason).
    """
    if n_scans < FEWEST_SCANS or n_nodules < FEWEST_NODULES:
        return "too few"
    if not is_number(gap["low"]):
        return "no interval"
    return "helps" if gap["low"] > 0 else "harms" if gap["high"] < 0 else "none"


def conclusion(summary: Mapping[str, Any], pair: Pair) -> str:
    """One sentence on whether the second stage of a pair in detection.json helps."""
    differences = summary["differences"][pair.key]
    name = next(key for key in SETS if key in differences)
    found = summary["systems"][pair.first][name]
    stage = f"the second stage ({names.NETWORKS[SYSTEMS[pair.first].networks[-1]].name})"
    return {
        "helps": f"In this run {stage} helps detection.",
        "harms": f"In this run {stage} makes detection worse.",
        "none": f"This run shows neither that {stage} helps detection nor that it harms it.",
        "too few": f"There are too few data to say whether {stage} helps.",
        "no interval": f"Whether {stage} helps cannot be said, as there is no interval.",
    }[verdict(differences[name], found["n_scans"], found["n_nodules"])]


def _pair(summary: Mapping[str, Any], pair: Pair) -> Iterator[str]:
    differences = summary["differences"][pair.key]
    name = next((key for key in SETS if key in differences), None)
    if name is None:
        return
    both = [summary["systems"][key][name] for key in pair.keys]
    n_scans, n_nodules = both[0]["n_scans"], both[0]["n_nodules"]
    first, second = (SYSTEMS[key].said for key in pair.keys)
    basis = f"On {SETS[name].said} (n = {n_scans:,}, with {counted(n_nodules, 'nodule')})"
    if not is_number(both[0]["cpm"]):
        yield f"{basis} no CPM is defined."
        return
    yield (
        f"{basis} {first} reaches a CPM of {both[0]['cpm']:.3f} and {second} one of"
        f" {both[1]['cpm']:.3f}: a paired difference of {_gap(differences[name])}."
    )
    yield conclusion(summary, pair)


def _gap(gap: Mapping[str, Any]) -> str:
    text = f"{gap['value']:+.3f}"
    if not is_number(gap["low"]):
        return f"{text} (no interval)"
    return f"{text} (95 % CI {gap['low']:+.3f} to {gap['high']:+.3f})"
