"""Detection scores as text for people and as a dictionary for JSON."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from nodules.evaluation import froc
from nodules.evaluation.froc import Difference, Floats, FrocResult
from nodules.stats.bootstrap import SAME, too_few

RATE_LABELS = ("1/8", "1/4", "1/2", "1", "2", "4", "8")

CONVENTIONS = """\
Conventions (noduleCADEvaluationLUNA16)
  A mark hits a finding if it is nearer to its centre than diameter / 2; a negative diameter stands
  for 10 mm. Reference nodules come before excluded findings; a nodule takes its surest mark.
  At most 100 marks a scan: of more, those strictly above the 101st highest probability.
  Marks on excluded findings, and further hits on a nodule, are neither true nor false.
  Sensitivity: divided by all {n_nodules} reference nodules of the listed scans, missed or hit.
  False positives a scan: divided by all {n_scans} listed scans, with or without nodules or marks.
  CPM: mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8, each by linear interpolation.
  Bands: {bootstrap}."""


def describe(results: Mapping[str, FrocResult]) -> str:
    """Format the scores of one or several submissions, and their differences, as text."""
    blocks = [_score_block(name, result) for name, result in results.items()]
    if len(results) > 1:
        blocks.append(_difference_block(results))
    return "\n\n".join([*blocks, _conventions(next(iter(results.values())))]) + "\n"


def to_dict(results: Mapping[str, FrocResult], notes: Sequence[str] = ()) -> dict[str, Any]:
    """Content of the JSON file: one score, or several by name with their differences.

    Notes are included, if there are any, so that nobody who reads only the file misses them.
    """
    told = {"notes": list(notes)} if notes else {}
    if len(results) == 1:
        return next(iter(results.values())).to_dict() | told
    return {
        "submissions": {name: result.to_dict() for name, result in results.items()},
        "differences": [
            {"minuend": minuend, "subtrahend": subtrahend, "cpm": found.cpm}
            | {"ci": [None if bound != bound else bound for bound in found.ci]}
            for minuend, subtrahend, found in differences(results)
        ],
        **told,
    }


def differences(results: Mapping[str, FrocResult]) -> list[tuple[str, str, Difference]]:
    """Minuend (listed later), subtrahend and difference in CPM for every pair of submissions."""
    return [
        (second, first, froc.compare(one, other))
        for (first, one), (second, other) in combinations(results.items(), 2)
    ]


def _score_block(name: str, result: FrocResult) -> str:
    counts = result.counts
    lines = [
        name,
        "=" * len(name),
        f"{result.n_scans} scans, {result.n_nodules} reference nodules",
        "",
        f"{counts.tp:>9}  nodules hit (TP)",
        f"{counts.fn:>9}  nodules missed (FN)",
        "",
        f"{counts.marks:>9}  marks submitted",
        f"{counts.marks_after_cap:>9}  marks after the cap",
        f"{counts.fp:>9}  false positives (FP)",
        f"{counts.dropped_on_excluded:>9}  dropped on excluded findings",
        f"{counts.double:>9}  double: further hits on a nodule",
        "",
        "FP/scan   sensitivity   95 % band",
    ]
    for label, value, band in zip(
        RATE_LABELS, result.sensitivity, result.sensitivity_ci, strict=True
    ):
        lines.append(f"{label:>7}   {value:>11.6f}   {_span(band)}")
    lines += ["", f"{'CPM':>7}   {result.cpm:>11.6f}   {_span(result.cpm_ci)}"]
    if not result.n_nodules:
        lines += ["", "The listed scans hold no reference nodule: sensitivity is undefined."]
    return "\n".join(lines)


def _difference_block(results: Mapping[str, FrocResult]) -> str:
    title = "Differences of CPM"
    lines = [title, "=" * len(title), "Paired: each resample of the scans serves all submissions."]
    for minuend, subtrahend, difference in differences(results):
        lower, upper = difference.ci
        verdict = ""
        if lower == lower:
            verdict = "   contains 0" if lower <= 0 <= upper else "   leaves out 0"
        lines += [
            "",
            f"{minuend} minus {subtrahend}",
            f"{difference.cpm:>+21.6f}   {_span(difference.ci)}{verdict}",
        ]
    return "\n".join(lines)


def _conventions(result: FrocResult) -> str:
    n = len(result.cpm_replicates)
    few = too_few({"scans": result.n_scans, "nodules": result.n_nodules})
    bootstrap = f"none for {few}" if few else "none asked for"
    if n:
        empty = int((result.cpm_replicates != result.cpm_replicates).sum())
        bootstrap = f"{n} resamples of the scans with replacement (seed {result.seed}), 95 %"
        bootstrap += f", {empty} of them without nodules and left out" if empty else ""
        bootstrap += f".\n  A dash in place of a band: {SAME}"
    text = CONVENTIONS.format(
        n_nodules=result.n_nodules, n_scans=result.n_scans, bootstrap=bootstrap
    )
    outside = result.counts.nodules_outside, result.counts.excluded_outside
    if any(outside):
        text += "\n  Ignored, because their scans are not listed: "
        text += f"{outside[0]} reference nodules, {outside[1]} excluded findings."
    return text


def _span(bounds: Sequence[float] | Floats) -> str:
    lower, upper = bounds
    return f"{lower:.6f} to {upper:.6f}" if lower == lower else "-"
