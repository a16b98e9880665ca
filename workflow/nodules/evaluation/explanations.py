"""Evaluation of explanation maps: share inside the nodule, and dependence on the weights."""

from typing import Any

import pandas as pd

from nodules.stats import bootstrap

METHODS = {"gradcam": "Grad-CAM", "saliency": "Saliency"}
UNCHANGED = 0.5  # with a higher mean rank correlation, the map hardly depends on the weights
# Means of each method, defined in `metrics`. Listed here as well, so that an edit of a word there
# does not make the maps stale.
MEASURES = (
    "share_inside",
    "area_share",
    "excess",
    "share_inside_randomised",
    "learned",
    "rank_correlation",
    "ssim",
)


def summarise(
    table: pd.DataFrame, part: str, stage: str, replicates: int, seed: int
) -> dict[str, Any]:
    """Content of explanations.json: means of MEASURES with 95 % intervals over scans.

    table: `explanations`; part: the scans explained; stage: of the network, used by Grad-CAM.
    A nodule whose map is 0 throughout has no share; `n_without_map` counts these, and each mean has
    its own `n`.
    """
    found: dict[str, Any] = {"part": part, "gradcam_stage": stage, "methods": {}}
    for method in METHODS:
        rows = with_differences(table[table["method"] == method])
        scan, n_scans = bootstrap.codes(rows["seriesuid"].to_numpy())
        drawn = bootstrap.weights(n_scans, replicates, seed)
        numbers = {
            name: bootstrap.estimate_mean(
                rows[name], scan, drawn, "nodules", "no labelled nodule has a map"
            ).to_dict()
            | {"n": int(rows[name].notna().sum())}
            for name in MEASURES
        }
        counts = {"n_nodules": len(rows), "n_scans": n_scans}
        counts["n_without_map"] = int(rows["share_inside"].isna().sum())
        found["methods"][method] = counts | numbers
    found["statement"] = "\n".join(
        sentence(METHODS[method], numbers) for method, numbers in found["methods"].items()
    )
    return found


def with_differences(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of table `explanations` with the differences among MEASURES: excess and learned."""
    inside = rows["share_inside"]
    return rows.assign(
        excess=inside - rows["area_share"], learned=inside - rows["share_inside_randomised"]
    )


def sentence(name: str, numbers: dict[str, Any]) -> str:
    """A method's result in words, without a conclusion if the interval allows both answers."""
    if not numbers["n_nodules"]:
        return f"{name}: no labelled nodule to explain."
    inside, area, excess, chance, learned, alike = (
        numbers[key]
        for key in (
            *("share_inside", "area_share", "excess"),
            *("share_inside_randomised", "learned", "rank_correlation"),
        )
    )
    return (
        f"{name}: {_percent(inside)} of the map lies inside the nodule, which takes"
        f" up {_percent(area)} of the crop: {_side(excess)} its area. With randomised"
        f" weights {_percent(chance)} lies inside: the trained network's share is"
        f" {_side(learned)} theirs. The two maps' rank correlation is {_number(alike)}:"
        f" {_change(alike)}."
    )


def _side(difference: dict[str, Any]) -> str:
    low, high = difference["low"], difference["high"]
    if _known(low) and low > 0:
        return "more than"
    if _known(high) and high < 0:
        return "less than"
    return "not clearly different from"


def _change(alike: dict[str, Any]) -> str:
    low, high = alike["low"], alike["high"]
    if _known(high) and high < UNCHANGED:
        return "the map changes with the weights"
    if _known(low) and low >= UNCHANGED:
        return "the map hardly depends on what was learned"
    return "too few nodules to say whether the map changes"


def _known(value: float | None) -> bool:
    return value is not None and value == value


def _percent(number: dict[str, Any]) -> str:
    value, low, high = (number[key] for key in ("value", "low", "high"))
    if not _known(value):
        return "an undefined share"
    bounds = f" ({100 * low:.0f} to {100 * high:.0f} %)" if _known(low) else ""
    return f"{100 * value:.0f} %{bounds}"


def _number(number: dict[str, Any]) -> str:
    value, low, high = (number[key] for key in ("value", "low", "high"))
    if not _known(value):
        return "undefined"
    return f"{value:.2f}" + (f" ({low:.2f} to {high:.2f})" if _known(low) else "")
