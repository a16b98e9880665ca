"""Paragraph on the false-positive-reduction track: its ceiling, and what its score leaves out."""

from collections.abc import Iterator, Mapping
from typing import Any

from nodules.evaluation import names
from nodules.evaluation.names import REDUCERS, SETS
from nodules.evaluation.statements.words import counted


def write(summary: Mapping[str, Any]) -> str:
    """State in sentences what reduction_track.json shows for the pooled sets."""
    return " ".join(
        sentence
        for name in SETS
        if name in summary["list"]
        for sentence in (
            *_list(name, summary["list"][name]),
            *(
                sentence
                for system in names.present(REDUCERS.values(), summary["systems"])
                for sentence in _system(system, summary["systems"][system.key][name])
            ),
        )
    )


def _list(name: str, found: Mapping[str, Any]) -> Iterator[str]:
    beyond = found["n_nodules"] - found["n_reached"]
    yield (
        f"On {SETS[name].said} the list has {counted(found['n_locations'], 'location')} in"
        f" {counted(found['n_scans'], 'scan')} and hits {found['n_reached']:,} of"
        f" {counted(found['n_nodules'], 'reference nodule')}"
        + (f": no classifier of this list can find the other {beyond:,}." if beyond else ".")
    )
    if found["n_scans_without_locations"]:
        yield f"It has none in {counted(found['n_scans_without_locations'], 'scan')}."
    yield (
        f"Of its {counted(found['labelled_nodule'], 'location')} labelled as a nodule,"
        f" {found['labelled_nodule_on_none']:,} lie outside every nodule; of the others,"
        f" {found['labelled_none_on_one']:,} lie within one."
    )


def _system(system: names.System, found: Mapping[str, Any]) -> Iterator[str]:
    places = ", ".join(f"{n:,} {reason}" for reason, n in found["not_judged"].items())
    if places:
        yield f"Given probability 0, not judged by {system.said}: {places}."
    if found["capped"]:
        yield (
            f"The official limit of 100 marks per scan leaves out {found['capped']:,} of the"
            f" locations as ranked by {system.said}, and with them"
            f" {counted(found['n_nodules_capped'], 'nodule')}."
        )
