"""Paragraph on whether confidence is a proxy for segmentation quality in a run."""

from collections.abc import Iterator
from typing import Any

from nodules.evaluation import names
from nodules.evaluation.names import RESNET, UNET
from nodules.evaluation.statements.words import (
    FEWEST_NODULES,
    FEWEST_SCANS,
    counted,
    is_number,
    shown,
)

NARROW = 0.4  # an interval around 0 of this width or more leaves room for a real correlation


def write(name: str, numbers: dict[str, Any]) -> str:
    """State what one set's numbers in trends.json do and do not show, with the verdict first."""
    found = numbers["proxy"]
    return " ".join(
        [
            _verdict(found),
            *_basis(name, numbers["n_reference_nodules"], found),
            *_dice(found),
            *_risk(numbers["risk_coverage"]["segmentation"]),
            *_right(found),
            *_slope(numbers["slopes"]["presence_loss"]),
        ]
    )


def verdict(found: dict[str, Any]) -> str:
    """Whether confidence rises with Dice beyond chance: yes, no, reversed or cannot tell."""
    rho = found["confidence_and_dice"]["spearman"]
    too_few = found["n_nodules"] < FEWEST_NODULES or found["n_nodule_scans"] < FEWEST_SCANS
    if too_few or not is_number(rho["low"]):
        return "cannot tell"
    if rho["low"] > 0:
        return "yes"
    if rho["high"] < 0:
        return "reversed"
    return "no" if rho["high"] - rho["low"] < NARROW else "cannot tell"


def _basis(name: str, reference: int, found: dict[str, Any]) -> Iterator[str]:
    where = names.SETS[name].said
    if not reference:
        yield f"On {where} no nodule has readers' masks to measure Dice against."
        return
    n = found["n_nodules"]
    mean = f" (mean Dice of these {found['mean_dice']:.2f})" if n else ""
    yield (
        f"On {where}, of {counted(reference, 'reference nodule')} with readers' masks the {UNET}"
        f" touched {n:,}{mean}."
    )
    if reference > n:
        missed = reference - n
        others = "The other one has" if missed == 1 else f"The other {missed} have"
        yield (
            f"{others} no candidate and so no confidence: nothing that is computed on candidates"
            f" can warn of {'it' if missed == 1 else 'them'}."
        )


def _dice(found: dict[str, Any]) -> Iterator[str]:
    pair = found["confidence_and_dice"]
    if not is_number(pair["spearman"]["value"]):
        yield "The correlation of confidence with Dice is undefined on these nodules."
        return
    yield (
        f"Spearman's correlation of {RESNET}'s confidence with a nodule's Dice is"
        f" {shown(pair['spearman'])}, Pearson's {shown(pair['pearson'])}."
    )
    partial = pair["spearman_given_diameter"]
    if is_number(partial["value"]):
        yield f"With the diameter held fixed, Spearman's is {shown(partial)}."
    own = found["probability_and_dice"]["spearman"]
    if is_number(own["value"]):
        yield f"The {UNET}'s own score correlates with Dice at {shown(own)}."


def _risk(area: dict[str, Any]) -> Iterator[str]:
    half, change = area["risk_of_surest_half"], area["half_minus_all"]
    if is_number(half["value"]):
        yield (
            "Keeping only the half of these nodules with the highest confidence moves the mean of"
            f" 1 - Dice from {area['risk_of_all']:.2f} to {half['value']:.2f},"
            f" a change of {shown(change)}."
        )


def _right(found: dict[str, Any]) -> Iterator[str]:
    auc = found["certainty_and_right"]["auc"]
    if not found["n_candidates"]:
        yield "There is no candidate to classify."
    elif not is_number(auc["value"]):
        share = f"{100 * found['share_right']:.0f} %"
        yield f"Of {found['n_candidates']} candidates {share} are classified correctly at 0.5."
    else:
        yield (
            f"Of {found['n_candidates']} candidates {100 * found['share_right']:.0f} % are"
            " classified correctly at 0.5, and certainty separates right from wrong answers with an"
            f" AUC of {shown(auc)} (0.5 is chance)."
        )


def _slope(slope: dict[str, Any] | None) -> Iterator[str]:
    if slope is None:
        yield "There are too few slices for a slope."
        return
    unusual = "steeper than chance" if slope["p_scans"] <= 0.05 else "no steeper than chance"
    yield (
        f"The slope of {RESNET}'s loss over the slices is {1000 * slope['slope']:+.2g} per 1,000"
        f" slices, {unusual} under shuffled order of the scans (p = {slope['p_scans']:.2g});"
        " the weights are frozen, so it describes the order of the scans and not learning."
    )


def _verdict(found: dict[str, Any]) -> str:
    kind = verdict(found)
    rho = found["confidence_and_dice"]["spearman"]
    n, scans = found["n_nodules"], found["n_nodule_scans"]
    if kind == "yes":
        strength = "weak" if rho["value"] < 0.3 else "moderate" if rho["value"] < 0.6 else "strong"
        size = _at_equal_size(found["confidence_and_dice"]["spearman_given_diameter"])
        return f"In this run confidence is a {strength} proxy for segmentation quality{size}."
    if kind == "reversed":
        return (
            "In this run confidence falls where Dice rises: it is no proxy for segmentation"
            " quality, contrary to the published claim."
        )
    if kind == "no":
        return (
            "In this run confidence is not a proxy for segmentation quality: the interval"
            " includes 0 and is narrow."
        )
    return (
        "This run cannot tell whether confidence is a proxy for segmentation quality:"
        f" {counted(n, 'nodule')} in {counted(scans, 'scan')} cannot settle it."
    )


def _at_equal_size(partial: dict[str, Any]) -> str:
    if not is_number(partial["low"]):
        return ""
    if partial["low"] > 0:
        return " and remains so at equal diameter"
    return ", but at equal diameter no correlation is shown: both may simply follow size"
