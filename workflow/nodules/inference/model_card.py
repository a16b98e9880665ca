"""A model's manifest as a model card: contents, performance, data, intended use."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from nodules.base.messages import escaped
from nodules.inference import exported
from nodules.inference.export_froc import at, points_of
from nodules.inference.exporting import SETS

WIDTH = 17
# Operating points of scores, in words.
POINTS = {
    **{"": "", "best_8_per_scan": ", the 8 highest-scoring of each scan"},
    "1": ", at 1 false positive per scan",
}
LEFT_OUT = ("lungs", "slices", "volumes", "output")  # of a network's input: stated elsewhere


def card(manifest: Mapping[str, Any], place: str) -> str:
    """The card as text; optional fields that the manifest lacks are omitted."""
    parts = [
        f"{escaped(manifest['name'])} ({escaped(place)})",
        *_lines("use", [manifest["intended_use"]]),
        *_lines("system", [f"{manifest['system']}: {manifest.get('ensemble', '')}"]),
        *_lines("networks", _networks(manifest)),
        *_lines("input", _input(manifest["input"])),
        *_lines("thresholds", _thresholds(manifest["settings"])),
        *_lines("at the threshold", _at(manifest)),
        *_lines("trained on", _told(manifest.get("data"))),
        *_lines("scores", _scores(manifest.get("scores"))),
        *_lines("made with", _told(manifest.get("made_with"))),
        *_lines("licence", [manifest.get("licence", "not told")]),
        *_lines("SHA-256", [f"{exported.identity(manifest)} of all weights"]),
    ]
    return "\n".join(parts) + "\n"


def _lines(head: str, texts: Iterator[str] | list[str]) -> Iterator[str]:
    """Texts, one a line, the first beside a heading."""
    for number, text in enumerate(texts):
        yield f"  {head if number == 0 else '':{WIDTH}}{escaped(text)}"


def _networks(manifest: Mapping[str, Any]) -> Iterator[str]:
    counts = Counter(network["role"] for network in manifest["networks"])
    for role, count in counts.items():
        own = next(n["manifest"] for n in manifest["networks"] if n["role"] == role)
        shape = own.get("network", {})
        settings = ", ".join(f"{key} {value}" for key, value in shape.get("settings", {}).items())
        kind = f"{shape.get('name', '?')}{f' ({settings})' if settings else ''}"
        yield f"{role}: {count} x {kind}; {own.get('output', '')}"


def _input(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"lungs: {told.get('lungs')}"
    for key in ("slices", "volumes"):
        if key in told:
            yield f"{key}: {_shown(told[key])}"
    for role, own in told.get("networks", {}).items():
        further = {k: v for k, v in own.items() if k not in LEFT_OUT}
        if further:
            yield f"{role}: {_shown(further)}"


def _thresholds(told: Mapping[str, Any]) -> Iterator[str]:
    for key, value in told.items():
        yield f"{key}: {_shown(value)}"


def _at(manifest: Mapping[str, Any]) -> Iterator[str]:
    """False positives and sensitivity at the threshold, from the model's FROC curve."""
    points, threshold = points_of(manifest.get("froc")), manifest["settings"].get("threshold")
    found = None if points is None or threshold is None else at(points, threshold)
    if found is not None:
        where = SETS.get(manifest["froc"].get("set"), "scans of the run")
        yield f"{found[0]:.2f} false positives per scan, sensitivity {found[1]:.3f}: {where}"


def _shown(value: Any) -> str:
    """A value of a manifest in readable form, such as `mm 32, px 64` for a mapping."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(own)}" for key, own in value.items())
    if isinstance(value, list):
        return " to ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _told(told: Any) -> Iterator[str]:
    for key, value in told.items() if isinstance(told, dict) else ():
        yield f"{key}: {value}"


def _scores(rows: Any) -> Iterator[str]:
    """The scores, one a line, grouped by the set of scans that they were measured on."""
    rows = rows if isinstance(rows, list) else []
    for name in dict.fromkeys(row["set"] for row in rows):
        yield f"{name} ({SETS.get(name, 'scans of the run')}):"
        for row in (r for r in rows if r["set"] == name):
            yield f"  {_score(row)}"
    if not rows:
        yield "none are told"


def _score(row: Mapping[str, Any]) -> str:
    """A score in one line, with its interval if any, and the number of cases."""
    point = POINTS.get(row.get("point") or "", f", {row.get('point')}")
    value = "none" if row["value"] is None else f"{row['value']:.3f}"
    known = row["low"] is not None and row["high"] is not None
    interval = f" ({row['low']:.3f} to {row['high']:.3f})" if known else ""
    unit = row["unit"].removesuffix("s") if row["n"] == 1 else row["unit"]
    return f"{row['measure']}, {row['system']}{point}: {value}{interval}, {row['n']} {unit}"
