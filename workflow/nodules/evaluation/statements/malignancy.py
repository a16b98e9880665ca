"""Paragraph on whether networks and radiomics predict malignancy better than diameter does."""

from collections.abc import Iterator, Mapping
from typing import Any

from nodules.evaluation import names, pairs
from nodules.evaluation.names import MALIGNANCY, TEST, Pair

FEWEST = 10  # nodules of either class; with fewer, an interval over patients means nothing
NARROW = 0.1  # an interval around 0 of this width or more leaves room for a real difference


def main_set(sets: Mapping[str, Any]) -> str | None:
    """The set to report: the first with enough of both classes, else the one that comes closest."""
    fallback = max(sets, key=lambda name: rarer(sets[name]), default=None)
    return next((name for name, own in sets.items() if enough(own)), fallback)


def enough(own: Mapping[str, Any]) -> bool:
    """Whether a set has enough nodules of both classes for a meaningful interval."""
    return rarer(own) >= FEWEST


def rarer(own: Mapping[str, Any]) -> int:
    """Number of a set's nodules in the rarer class."""
    return int(min(own["n_malignant"], own["n_nodules"] - own["n_malignant"]))


def write(summary: Mapping[str, Any]) -> str:
    """State what the numbers in malignancy.json do and do not show, with the verdicts first."""
    name = summary["main_set"]
    if name is None:
        return " ".join(_labels(summary))
    own = summary["sets"][name]
    shuffled = _shuffled(own) if summary["shuffled_labels"] else ()
    basis = [*_labels(summary), *_areas(name, own), *_small_test(summary)]
    return " ".join([*_verdicts(own), *basis, *shuffled])


def verdict(own: Mapping[str, Any], pair: Pair) -> str:
    """Verdict on a pair's first system over the second: better, worse, no better, cannot tell."""
    gap = own["differences"][pair.key]["auc"]
    if not enough(own) or not _is_number(gap["low"]):
        return "cannot tell"
    if gap["low"] > 0:
        return "better"
    if gap["high"] < 0:
        return "worse"
    return "no better" if gap["high"] - gap["low"] < NARROW else "cannot tell"


def _labels(summary: Mapping[str, Any]) -> Iterator[str]:
    steps = summary["steps"]["this run"]
    yield (
        f"Of {steps['reference']} reference nodules {steps['joined']} have readers' ratings and"
        f" {steps['labelled']} a label: {steps['malignant']} malignant, {steps['benign']} benign."
        " The label is the readers' opinion, not a diagnosis."
    )


def _areas(name: str, own: Mapping[str, Any]) -> Iterator[str]:
    areas = [
        f"{MALIGNANCY[system].said} {_shown(found['auc'])}"
        for system, found in own["systems"].items()
        if _is_number(found["auc"]["value"])
    ]
    n, malignant = own["n_nodules"], own["n_malignant"]
    basis = f"On {names.SETS[name].said}, {n} labelled nodules ({malignant} malignant)"
    if not areas:
        yield f"{basis}, no AUC is defined."
        return
    yield f"{basis} of {own['n_patients']} patients, the AUC is: {'; '.join(areas)}."


def _small_test(summary: Mapping[str, Any]) -> Iterator[str]:
    test = summary["sets"].get(TEST)
    if summary["main_set"] != TEST and test and not enough(test):
        n, malignant = test["n_nodules"], test["n_malignant"]
        yield (
            f"The test set has only {malignant} malignant and {n - malignant} benign nodules, too"
            " few for a conclusion."
        )


def _verdicts(own: Mapping[str, Any]) -> Iterator[str]:
    for pair in pairs.MALIGNANCY_PAIRS:
        if pair.key not in own["differences"]:
            continue
        found = own["differences"][pair.key]
        first, second = MALIGNANCY[pair.first].said, MALIGNANCY[pair.second].said
        subject = first[0].upper() + first[1:]
        gap = _shown(found["auc"], signed=True)
        yield {
            "better": f"{subject} is better than {second}: the difference in AUC is {gap}.",
            "worse": f"{subject} is worse than {second}: the difference in AUC is {gap}.",
            "no better": f"{subject} is no better than {second}: the difference in AUC is"
            f" {gap}, a narrow interval that includes 0.",
            "cannot tell": f"This run does not show {first} to be better or worse than {second}:"
            f" the difference in AUC is {gap}.",
        }[verdict(own, pair)]
        within = found["auc_within_size"]
        if pair.second == "diameter" and _is_number(within["low"]):
            yield (
                "Among nodules of one size class, where diameter says little, the difference"
                f" is {_shown(within, signed=True)}."
            )


def _shuffled(own: Mapping[str, Any]) -> Iterator[str]:
    held = [
        found["auc"]["low"] <= 0.5 <= found["auc"]["high"]
        for found in own["systems"].values()
        if _is_number(found["auc"]["low"])
    ]
    yield "In this run the ratings were shuffled among the nodules: nothing can be learned."
    if held and all(held):
        yield "As a check, every AUC interval includes 0.5."
    elif held:
        yield (
            "As a check, not every AUC interval includes 0.5. One in twenty misses it by chance,"
            " and one shuffle may happen to agree with the diameter: try others"
            " (malignancy.shuffle_labels)."
        )


def _shown(number: Mapping[str, Any], signed: bool = False) -> str:
    # Adding 0 after rounding turns -0.000 into 0.000.
    if not _is_number(number["value"]):
        return "undefined"
    form = "+.3f" if signed else ".3f"
    value, low, high = (
        None if number[key] is None else round(number[key], 3) + 0.0
        for key in ("value", "low", "high")
    )
    if not _is_number(low):
        return f"{value:{form}} (no interval)"
    return f"{value:{form}} (95 % interval {low:{form}} to {high:{form}})"


def _is_number(value: float | None) -> bool:
    return value is not None and value == value
