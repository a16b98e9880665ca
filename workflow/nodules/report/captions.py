"""Figure captions, ready for a paper: what each panel shows, n, intervals and resamples."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nodules.evaluation.names import OUT_OF_FOLD, SETS
from nodules.evaluation.runs import labelled
from nodules.report import lookup, words
from nodules.report.catalogue import TITLES
from nodules.report.words import Words
from nodules.stats.bootstrap import FEWEST

BANDS = "95 % percentile bootstrap, {resamples:,} resamples of whole scans"
PATIENTS = BANDS.replace("scans", "patients")
WILSON = (
    "Bars: 95 % intervals of a share (Wilson), which treat candidates as independent; hollow: no"
    f" bar, with fewer than {FEWEST} candidates or scans"
)
FROC = (
    "Free-response ROC by LUNA16's official rules: share of the reference nodules found against"
    " false positives per scan (logarithmic axis); marks at the seven rates that the CPM averages."
    " Shaded and in brackets: "
)
# Given locations have no masks, so they hit by distance even if `scoring.hit` is overlap.
OF_LOCATIONS = FROC.replace("LUNA16's official rules", "the rules of LUNA16")
EPOCHS = (
    "Thin lines: each fold's network; thick: their mean. No statistical test; nothing is resampled."
)
OF_SLICES = "Slices: scan after scan, each from feet to head; the networks' weights are frozen."
# Each figure's caption, without its title.
_WORDS = {
    "slice_loss": f"""
    Left: loss of every slice with its least-squares line (the axis is logarithmic, the line is
    fitted to the losses themselves); ticks name scans by the last digits of their UIDs.
    Right: the slope and its 95 % interval, robust to dependence within a scan, and the slopes
    after 1,000 shuffles of slices and of whole scans. {OF_SLICES}
    """,
    "mean_confidence": f"""
    Running mean of the confidence over the slices. {OF_SLICES}
    """,
    "window_confidence": f"""
    Top: mean confidence of the last windows of consecutive slices. Bottom: mean loss.
    {OF_SLICES}
    """,
    "epochs": f"""
    Confidence and loss by epoch on each fold's held-out scans. {EPOCHS}
    """,
    "confidence_as_proxy": f"""
    Left: confidence in a nodule against its Dice. Middle: share of correct answers by certainty.
    {WILSON}. Right: mean risk of the cases kept, most confident first; shaded: {BANDS}; dotted: the
    best possible order.
    """,
    "froc": f"""
    {FROC}{BANDS}.
    """,
    "froc_test": f"""
    {FROC}{BANDS}. Supplementary: {SETS[OUT_OF_FOLD].name} has more scans and is the main result.
    """,
    "locations_froc": f"""
    {OF_LOCATIONS}{BANDS}. Locations are given (candidates_V2.csv), so this is not detection.
    """,
    "presence": f"""
    ROC, precision and recall of candidates, and the confusion matrix at the threshold chosen on
    other scans (Youden). Shaded: {BANDS}. Dotted: chance.
    """,
    "reliability": f"""
    Share of nodules among candidates of similar confidence. {WILSON}. In brackets: {BANDS}.
    """,
    "calibration_by_size": f"""
    Mean score of candidates minus the share of them that are nodules, by the candidate's own
    diameter; right: after temperature scaling of each system, fitted on other folds. Lines:
    {BANDS}; hollow: no interval, with fewer than {FEWEST} scans or candidates of a kind.
    """,
    "dice_by_diameter": f"""
    3-D Dice with the readers' consensus by annotated diameter; a missed nodule counts as 0.
    Dots: nodules, for readers one dot per reader and nodule; boxes, for at least {FEWEST} nodules:
    quartiles and median; whiskers: within 1.5 box lengths.
    """,
    "confidence_by_system": f"""
    Left: running mean of the confidence in the answer. Right: share of slices at or below each
    confidence (thick: with a nodule, thin: without). Top: as given; bottom: calibrated on other
    scans (Platt). Differences: paired, {BANDS}. {OF_SLICES}
    """,
    "system_costs": """
    One dot per job: wall-clock time to train a fold's network, mean time to process a scan, and
    peak resident memory. No statistical test; nothing is resampled.
    """,
    "malignancy_roc": f"""
    ROC of malignant against benign by the readers' ratings, each nodule scored by models that
    have not seen its patient. Shaded and in brackets: {PATIENTS}.
    """,
    "malignancy_differences": f"""
    Left: AUC over all nodules, over patients, and within size classes. Right: paired
    differences. Lines: {PATIENTS}; hollow: no interval, with fewer than {FEWEST} cases of a
    kind.
    """,
    "malignancy_by_diameter": f"""
    Probability of malignancy against annotated diameter, and Brier score; in
    brackets: {PATIENTS}.
    """,
    "training": f"""
    Loss on training samples and on each fold's held-out scans, and quality on the
    latter. {EPOCHS}
    """,
    "growth": """
    Left: volume of each nodule measured at two times; right: its change. Lines: 95 %
    intervals for two measurements of one nodule, fitted to pairs of known change; nothing
    is resampled. Triangles: grown or shrunk; circles: within repeatability. Diameters: earlier
    scan.
    """,
}
WORDS = {name: " ".join(text.split()) for name, text in _WORDS.items()}


@dataclass(frozen=True)
class Caption:
    """A figure's caption: its name, title and text."""

    name: str
    title: str
    text: str

    def markdown(self) -> str:
        """The caption as a paragraph of Markdown."""
        return f"**{self.title}.** {self.text}\n"


@dataclass(frozen=True)
class Source:
    """What the captions of one job's figures share.

    resamples: of the bootstrap. small: whether Mask R-CNN is a small baseline. words: fields of
    `report.words.Words`; None if the texts need no rewording.
    """

    resamples: int
    small: bool = False
    words: Mapping[str, Any] | None = None

    @property
    def told(self) -> Words | None:
        """The data set's own words, if it has any."""
        return words.of(self.words)

    def caption(self, name: str, n: str) -> Caption:
        """The caption of a figure. n: the number of cases drawn, in words."""
        text = f"{WORDS[name].format(resamples=self.resamples)} {n}."
        both = (labelled(said, self.small) for said in (TITLES[name], text))
        return Caption(name, *(words.in_text(self.told, said) for said in both))


def counted(name: str, **counts: int) -> str:
    """A set's name and counts, such as `Cross-validation: n = 36 scans, 92 nodules`."""
    shown = ", ".join(lookup.amount(n, units) for units, n in counts.items())
    return f"{lookup.sentence(SETS[name].name)}: n = {shown}"


def sets_counted(sets: Mapping[str, Mapping[str, Any]], **units: str) -> str:
    """`counted` for every pooled set of a results file. units: key of each unit's count."""
    return "; ".join(
        counted(name, **{unit: sets[name][key] for unit, key in units.items()})
        for name in SETS
        if name in sets
    )
