"""Catalogue of the measures in tables `metrics` and `comparison`: words, definitions, sections.

Rows of these tables hold the keys of a measure, operating point and group. Words, formats and
definitions are looked up here, so that nothing has to be parsed out of a name.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from nodules.evaluation import names
from nodules.evaluation.detection import BEST, PER_SCAN, WITHIN
from nodules.evaluation.froc import RATES
from nodules.evaluation.froc_text import RATE_LABELS
from nodules.evaluation.names import RESNET, UNET
from nodules.stats.calibration import BINS

# Sections of the page of numbers; malignancy has a page of its own.
DETECTION, SEGMENTATION, PRESENCE = "detection", "segmentation", "presence"
PROXY, SLOPES, SLICES = "proxy", "slopes", "slices"
EXPLANATIONS, MALIGNANCY = "explanations", "malignancy"
CALIBRATION = "calibration"  # of every detecting system's scores
LOCATIONS = "locations"  # given locations: the false-positive-reduction track
DETECTED_ONLY = "detected only"  # group of nodules that a network's region touches


@dataclass(frozen=True)
class Measure:
    """One measure, independent of system, set, operating point and group.

    unit: the cases that it is taken over and that `n` counts. source: path of keys to it in a
    results file, empty if it is put together from several. words: its row or column heading.
    difference: definition of its paired difference. form, scale: how a page formats a value.
    """

    key: str
    section: str
    unit: str
    words: str
    definition: str
    source: tuple[str, ...] = ()
    difference: str = ""
    form: str = ".3f"
    scale: float = 1


@dataclass(frozen=True)
class Point:
    """An operating point: the rule for which marks of a detector count."""

    key: str
    words: str
    definition: str


@dataclass(frozen=True)
class Series:
    """A quantity followed over the slices of a set, and the network it comes from.

    network: "" for the first detector. As everywhere in this module, text about the U-Net stands
    for that detector (`runs.following`).
    """

    key: str
    network: str
    words: str


def _detection() -> Iterator[Measure]:
    cpm = f"mean official sensitivity at {', '.join(RATE_LABELS)} false positives per scan"
    gap = "difference in CPM, paired over scans"
    yield Measure("cpm", DETECTION, "scans", "CPM", cpm, difference=gap)
    yield Measure("sensitivity", DETECTION, "scans", "Sensitivity", "official sensitivity")
    for key, unit, words, text in (
        (
            "recall",
            "nodules",
            "Nodules found",
            "share of the reference nodules hit by the official rule",
        ),
        (
            "false_alarms_per_scan",
            "scans",
            "False positives per scan",
            "false positives by the official rule, mean over all scans",
        ),
        ("candidates_per_scan", "scans", "Candidates per scan", "candidates, mean over all scans"),
    ):
        yield Measure(key, DETECTION, unit, words, text, (key,), form=".2f")


def _segmentation() -> Iterator[Measure]:
    grid = "of each nodule on the native grid"
    missed = "mean over nodules, 0 for a missed one"
    share = f"share of the reference's voxels that are covered, {missed}"
    distance = "average symmetric surface distance, mean over the nodules touched, mm"
    gap = "mean difference in Dice over the nodules that both have"
    for key, source, words, text, difference in (
        ("dice", "dice", "Dice", f"3-D Dice {grid}, {missed}", gap),
        ("iou", "iou", "IoU", f"3-D IoU {grid}, {missed}", ""),
        ("voxel_sensitivity", "sensitivity", "Voxel sensitivity", share, ""),
        ("surface_mm", "surface_mm", "Surface distance (mm)", distance, ""),
    ):
        yield Measure(key, SEGMENTATION, "nodules", words, text, (source,), difference)


def _presence() -> Iterator[Measure]:
    on = f"{RESNET} on the {UNET}'s candidates"
    ranked, called = f"{on}; no threshold", f"{on}; threshold chosen on validation (Youden)"
    before, after = "before temperature scaling", "after temperature scaling"
    given = "as the network gives it"
    ece = f"expected calibration error over {BINS} equal-width bins"
    brier = "mean squared difference between confidence and truth"
    for key, words, text in (
        ("auc", "AUC", ranked),
        ("average_precision", "Average precision", ranked),
        ("f1", "F1", called),
        ("mcc", "Matthews correlation (MCC)", called),
        ("precision", "Precision", called),
        ("recall", "Recall", called),
        ("sensitivity", "Sensitivity (the same as recall)", called),
        ("specificity", "Specificity", called),
        ("accuracy", "Accuracy", called),
        ("balanced_accuracy", "Balanced accuracy", called),
    ):
        yield Measure(f"presence_{key}", PRESENCE, "candidates", words, text, ("measures", key))
    for key, stage, source, words, text in (
        ("ece", "before", "ece", f"ECE, {given}", f"{ece}, {before}"),
        ("brier", "before", "brier", f"Brier score, {given}", f"{brier}, {before}"),
        ("ece_scaled", "after", "ece", f"ECE, {after}", f"{ece}, {after}"),
        ("brier_scaled", "after", "brier", f"Brier score, {after}", f"{brier}, {after}"),
    ):
        path = ("calibration", stage, source)
        yield Measure(f"presence_{key}", PRESENCE, "candidates", words, text, path)


def _calibration() -> Iterator[Measure]:
    gap = "mean score of the candidates minus the share of them that are nodules"
    ece = f"expected calibration error over {BINS} equal-width bins"
    given, after = "as the system gives it", "after temperature scaling"
    fitted = "divisor of the score's logit, fitted on other folds (mean over folds)"
    for key, words, text in (
        ("gap", f"Gap, {given}", f"{gap}, {given}"),
        ("gap_scaled", f"Gap, {after}", f"{gap}, {after}"),
        ("ece", f"ECE, {given}", f"{ece}, {given}"),
        ("ece_scaled", f"ECE, {after}", f"{ece}, {after}"),
        ("temperature", "Temperature", fitted),
    ):
        yield Measure(f"calibration_{key}", CALIBRATION, "candidates", words, text, (key,))


def _proxy() -> Iterator[Measure]:
    kinds = {
        "spearman": ("Spearman", "Spearman's rank correlation of"),
        "pearson": ("Pearson", "Pearson's correlation of"),
        "spearman_given_diameter": (
            "Spearman, diameter held fixed",
            "Spearman's rank correlation, the diameter's rank held fixed, of",
        ),
        "auc": ("AUC", "area under the ROC curve of"),
    }
    touched = f"nodule's candidates and the nodule's Dice; nodules touched by the {UNET}"
    for pair, unit, own, words, text in (
        (
            "confidence_and_dice",
            "nodules",
            ("spearman", "pearson", "spearman_given_diameter"),
            f"{RESNET}'s confidence and Dice",
            f"{RESNET}'s highest confidence among a {touched}",
        ),
        (
            "probability_and_dice",
            "nodules",
            ("spearman", "pearson"),
            f"{UNET}'s own score and Dice",
            f"the {UNET}'s highest probability among a {touched}",
        ),
        (
            "certainty_and_right",
            "candidates",
            ("spearman", "pearson", "auc"),
            f"{RESNET}'s certainty and correctness",
            "a candidate's certainty, max(p, 1 - p), and whether it is classified correctly at 0.5",
        ),
    ):
        for kind in own:
            title, of = f"{kinds[kind][0]}: {words}", f"{kinds[kind][1]} {text}"
            yield Measure(f"{kind}_{pair}", PROXY, unit, title, of, (pair, kind))


def _slopes() -> Iterator[Measure]:
    own = "least-squares slope, textbook interval, which treats slices as independent"
    robust = "the same slope, interval robust to dependence within a scan"
    for key, unit, text in (("slope", "slices", own), ("slope_scans", "scans", robust)):
        yield Measure(key, SLOPES, unit, "Slope", text, form=".2g", scale=1000)


def _malignancy() -> Iterator[Measure]:
    area, rated = "area under the ROC curve over", "benign or malignant by the readers' ratings"
    patients = f"{area} patients: highest score, and malignant if any labelled nodule is"
    within = f"{area} pairs of nodules of one size class, pooled"
    brier = "Brier score: mean squared difference between probability and label"
    for key, unit, words, text in (
        ("auc", "nodules", "AUC, all nodules", f"{area} the labelled nodules"),
        ("patient_auc", "patients", "AUC, patients by their highest score", patients),
        ("auc_within_size", "nodules", "AUC within size classes, pooled", within),
        ("brier", "nodules", "Brier score (lower is better)", brier),
    ):
        gap = f"paired difference of the {text}; {rated}"
        full = f"{text}; {rated}"
        yield Measure(f"malignancy_{key}", MALIGNANCY, unit, words, full, (key,), gap)


def _explanations() -> Iterator[Measure]:
    for key, words, text in (
        (
            "share_inside",
            "Share of the map inside the nodule",
            "share of the map inside the nodule's mask",
        ),
        (
            "area_share",
            "Share of the crop's area inside",
            "the mask's share of the crop's area: the chance level",
        ),
        ("excess", "Difference between the two", "share inside minus area share"),
        (
            "share_inside_randomised",
            "Share inside, randomised weights",
            "share inside for the map of randomised weights",
        ),
        (
            "learned",
            "Share inside, trained minus randomised",
            "share inside minus that of randomised weights",
        ),
        (
            "rank_correlation",
            "Rank correlation of trained and randomised",
            "Spearman's rank correlation of the map and that of randomised weights",
        ),
        (
            "ssim",
            "Structural similarity (SSIM) of the two",
            "structural similarity of the map and that of randomised weights",
        ),
    ):
        full = f"{text}; mean over labelled nodules"
        yield Measure(key, EXPLANATIONS, "nodules", words, full, (key,))


def _slices() -> Iterator[Measure]:
    mean, error = "mean over the slices of the confidence in", "expected calibration error of p"
    squares = "mean squared difference between p and presence, over the slices; lower is better"
    area = "area under the ROC curve of p against presence, over the slices"
    precision = "average precision of p against presence, over the slices"
    bins = f"over {BINS} equal-width bins; lower is better"
    for key, words, text in (
        ("certainty", "Mean confidence in the answer", f"{mean} the answer, max(p, 1 - p)"),
        ("confidence", "Mean confidence in a nodule", f"{mean} a nodule, p"),
        ("brier", "Brier score", squares),
        ("ece", "ECE", f"{error} {bins}"),
        ("auc", "AUC of slices", area),
        ("average_precision", "Average precision of slices", precision),
    ):
        yield Measure(f"slice_{key}", SLICES, "slices", words, text, (key,))


def _locations() -> Iterator[Measure]:
    mean = f"mean official sensitivity at {', '.join(RATE_LABELS)} false positives per scan"
    reached = "share of the reference nodules that a listed location hits by the official rule"
    for key, unit, words, text, source in (
        ("cpm", "scans", "CPM", f"{mean}, for given locations", ()),
        ("sensitivity", "scans", "Sensitivity", "official sensitivity of given locations", ()),
        ("reached", "nodules", "Nodules hit by the list", reached, ("reached",)),
    ):
        yield Measure(f"locations_{key}", LOCATIONS, unit, words, text, source)


MEASURES = {
    measure.key: measure
    for section in (
        _detection(),
        _segmentation(),
        _presence(),
        _calibration(),
        _proxy(),
        _slopes(),
        _malignancy(),
        _explanations(),
        _slices(),
        _locations(),
    )
    for measure in section
}
RATE_POINTS = {
    f"{rate:g}": Point(
        f"{rate:g}",
        f"{label} FP per scan",
        f"at {label} false positive{'' if rate == 1 else 's'} per scan",
    )
    for rate, label in zip(RATES, RATE_LABELS, strict=True)
}
MARK_POINTS = {
    "all": Point("all", "all candidates", "all candidates, no threshold"),
    BEST: Point(
        BEST,
        f"the {PER_SCAN} highest-scoring of each scan",
        f"only the {PER_SCAN} highest-scoring candidates of each scan",
    ),
    WITHIN: Point(
        WITHIN,
        f"at most {PER_SCAN} false positives per scan",
        f"at the lowest threshold with at most {PER_SCAN} false positives per scan",
    ),
}
POINTS = RATE_POINTS | MARK_POINTS
SERIES = {
    series.key: series
    for series in (
        Series("presence_loss", "presence", f"{RESNET}'s loss (nat)"),
        Series("unet_loss", "", f"{UNET}'s loss (nat per pixel)"),
        Series("confidence", "presence", "Confidence in a nodule"),
        Series("certainty", "presence", "Confidence in the answer"),
    )
}


def of_section(section: str) -> list[Measure]:
    """Measures of a section, in the order in which they are shown."""
    return [measure for measure in MEASURES.values() if measure.section == section]


def held_against(system: str, group: str) -> str:
    """Words for what a mask is compared with, on which nodules; system "" means any network."""
    only = ", only nodules that one touches" if group == DETECTED_ONLY else ""
    mask = names.MASKS[system].definition if system else "regions against the readers' consensus"
    return mask + only


def definition(measure: Measure, system: str = "", point: str = "", group: str = "") -> str:
    """Full definition of a number: its measure, the marks that count, and the reference."""
    if point in MARK_POINTS:
        return f"{measure.definition}; {MARK_POINTS[point].definition}"
    if point:
        return f"{measure.definition} {RATE_POINTS[point].definition}"
    if measure.section == SEGMENTATION:
        return f"{measure.definition}: {held_against(system, group)}"
    return measure.definition
