"""The official LUNA16 detection score (FROC, CPM), rule by rule, on tables in memory.

The rules are those of the challenge's script `noduleCADEvaluationLUNA16`:

1. At most 100 marks per scan. With more, the 101st highest probability is the threshold and only
   marks strictly above it are kept.
2. A mark hits a finding if its squared distance is strictly below (diameter / 2) squared. A
   negative diameter stands for 10 mm.
3. Reference nodules come first. Every mark that hits one leaves the pool of false positives; the
   nodule takes the highest probability; a mark that hits two nodules counts for both.
4. A mark still in the pool that hits an excluded finding is dropped: neither true nor false.
5. A missed nodule stays in the denominator. Marks left in the pool are false positives; their
   number is divided by all scans of the list, with or without nodules or marks.
6. The curve is scikit-learn's `roc_curve`, rescaled. Sensitivities at 1/8 to 8 false positives per
   scan are linearly interpolated; their mean is the CPM. The bootstrap resamples scans.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nodules.findings.hits import hits
from nodules.stats.bootstrap import CONFIDENCE, interval, too_few

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Table = Mapping[str, Any]  # a pandas DataFrame, or a dict of equally long columns
Bools = NDArray[np.bool_]
# Hits (m, n), from rows of a scan's marks (m,), rows of its nodules (n,), hits by distance (m, n).
Hit = Callable[[Ints, Ints, Bools], Bools]

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # false positives per scan
MAX_MARKS = 100

# False positives per scan at which bands are drawn: 32 points per octave; every RATE_STEPth point
# is exactly one of RATES.
GRID: Floats = 2.0 ** np.linspace(-3, 3, 193)
RATE_STEP = 32

STATUS = np.array(["FP", "TP", "double", "dropped", "capped"])
_FP, _TP, _DOUBLE, _DROPPED, _CAPPED = range(len(STATUS))


@dataclass(frozen=True)
class Points:
    """Marks or findings as arrays, one row each."""

    scan: Ints  # index of the scan in the sorted list; -1: not in the list
    xyz: Floats  # (n, 3) world mm
    value: Floats  # probability of a mark, diameter (mm) of a finding


@dataclass(frozen=True)
class Counts:
    """Outcome counts of the marks and nodules of the listed scans."""

    tp: int  # nodules hit by at least one mark
    fp: int
    fn: int  # nodules without a hit
    dropped_on_excluded: int
    double: int  # further hits on a nodule that has one
    marks: int
    marks_after_cap: int
    nodules_outside: int  # ignored, as their scans are not in the list
    excluded_outside: int


@dataclass(frozen=True)
class Curve:
    """Corners of the FROC curve, starting at (0, 0): (n,) arrays."""

    fp_per_scan: Floats
    sensitivity: Floats
    threshold: Floats  # marks at or above it count; inf at the first point


@dataclass(frozen=True)
class FrocResult:
    """Score of one set of marks; NaN where undefined, without nodules or resamples."""

    scans: tuple[str, ...]  # sorted
    n_nodules: int
    counts: Counts
    curve: Curve
    sensitivity: Floats  # (7,), at RATES
    sensitivity_ci: Floats  # (7, 2), lower and upper bound
    cpm: float
    cpm_ci: tuple[float, float]
    band: Floats  # (193, 2), lower and upper bound at GRID
    rate_replicates: Floats  # (bootstrap, 7), at RATES; NaN where a resample holds no nodule
    seed: int
    mark_status: NDArray[np.str_]  # one of STATUS for each row of the marks
    mark_nodule: Ints  # row of the nodule that a TP or double mark hits; -1: none
    nodule_mark: Ints  # row of the mark that each nodule is credited with; -1: missed or outside
    nodule_probability: Floats  # its probability; NaN: missed or outside
    nodule_listed: NDArray[np.bool_]  # False: the nodule's scan is not in the list

    @property
    def cpm_replicates(self) -> Floats:
        """CPM of each resample: (bootstrap,)."""
        return self.rate_replicates.mean(axis=1)

    @property
    def n_scans(self) -> int:
        """Number of scans in the list, the divisor of the false positives."""
        return len(self.scans)

    def to_dict(self) -> dict[str, Any]:
        """Content of a JSON file on the score; undefined numbers are None."""
        keys = [f"{rate:g}" for rate in RATES]
        return {
            "cpm": _number(self.cpm),
            "cpm_ci": [_number(bound) for bound in self.cpm_ci],
            "sensitivity": {k: _number(v) for k, v in zip(keys, self.sensitivity, strict=True)},
            "sensitivity_ci": {
                k: [_number(bound) for bound in v]
                for k, v in zip(keys, self.sensitivity_ci, strict=True)
            },
            "counts": asdict(self.counts),
            "n_scans": self.n_scans,
            "n_nodules": self.n_nodules,
            "bootstrap": {
                "replicates": len(self.cpm_replicates),
                "without_nodules": int(np.isnan(self.cpm_replicates).sum()),
                "seed": self.seed,
                "confidence": CONFIDENCE,
            },
        }


@dataclass(frozen=True)
class Difference:
    """CPM of one set of marks minus another's, over the same resamples of the same scans."""

    cpm: float
    ci: tuple[float, float]
    sensitivity: tuple[float, ...]  # at RATES
    sensitivity_ci: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class _Matching:
    """Outcome of rules 1 to 5."""

    status: Ints  # (marks,) index into STATUS
    mark_nodule: Ints  # (marks,) row of the nodule hit, or -1
    nodule_mark: Ints  # (nodules,) row of the mark credited, or -1
    double: int


@dataclass(frozen=True)
class _Events:
    """Steps of the curve: detected nodules and false marks, by descending probability."""

    scan: Ints
    probability: Floats
    is_hit: NDArray[np.bool_]


def evaluate(
    marks: Table,
    nodules: Table,
    excluded: Table | None,
    scans: Sequence[str],
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    hit: Hit | None = None,
) -> FrocResult:
    """Score marks by LUNA16's rules.

    `marks` has columns seriesuid, x, y, z (world mm) and probability (any finite number, higher
    means more confident); `nodules` and `excluded` have diameter_mm in place of probability.
    `scans` are the UIDs to score, nodule-free ones included. Findings of other scans are ignored
    and counted. No number depends on the order of rows or scans; of marks that find one nodule with
    equal probability, the first row is its hit. With fewer than five scans or nodules there are no
    resamples and so no intervals (`nodules.stats.bootstrap.too_few`).
    hit: rule that replaces the distance, for data sets with another rule than LUNA16's.
    Raises ValueError for a mark of an unlisted scan, a scan listed twice, an empty list, or a
    number that is not finite.
    """
    listed = tuple(sorted(scans))
    index = {uid: i for i, uid in enumerate(listed)}
    if not listed or len(index) < len(listed):
        raise ValueError("the list of scans is empty or names a scan twice")
    points = _points(marks, "probability", index)
    if (points.scan < 0).any():
        raise ValueError("a mark belongs to a scan that is not in the list")
    reference, irrelevant = (_points(t, "diameter_mm", index) for t in (nodules, excluded))
    matching = _match(points, reference, irrelevant, len(listed), hit)
    in_list = reference.scan >= 0
    per_scan = np.bincount(reference.scan[in_list], minlength=len(listed))
    events = _events(points, reference, matching)
    curve = _curve(events, len(listed), int(per_scan.sum()))
    sensitivity = sensitivity_at(curve, RATES)
    few = too_few({"scans": len(listed), "nodules": int(per_scan.sum())})
    replicates = _bootstrap(events, per_scan, 0 if few else bootstrap, seed)
    at_rates = replicates[:, ::RATE_STEP]
    band = interval(replicates)
    lower, upper = interval(at_rates.mean(axis=1))
    probability = _credited(points, matching)
    return FrocResult(
        scans=listed,
        n_nodules=int(in_list.sum()),
        counts=_count(points, reference, irrelevant, matching),
        curve=curve,
        sensitivity=sensitivity,
        sensitivity_ci=band[::RATE_STEP],
        cpm=float(sensitivity.mean()),
        cpm_ci=(float(lower), float(upper)),
        band=band,
        rate_replicates=at_rates,
        seed=seed,
        mark_status=STATUS[matching.status],
        mark_nodule=matching.mark_nodule,
        nodule_mark=matching.nodule_mark,
        nodule_probability=probability,
        nodule_listed=in_list,
    )


def compare(one: FrocResult, other: FrocResult) -> Difference:
    """CPM and sensitivities of `other` minus `one`, with intervals by paired bootstrap.

    Raises ValueError unless both were scored on the same scans and number of nodules, with the
    same seed and number of resamples: only then is replicate i the same draw of scans in both.
    """
    paired = (one.scans, one.seed, one.n_nodules) == (other.scans, other.seed, other.n_nodules)
    if not paired or len(one.cpm_replicates) != len(other.cpm_replicates):
        raise ValueError("a paired difference needs the same scans, nodules, resamples and seed")
    lower, upper = interval(other.cpm_replicates - one.cpm_replicates)
    bounds = interval(other.rate_replicates - one.rate_replicates)
    return Difference(
        other.cpm - one.cpm,
        (float(lower), float(upper)),
        tuple((other.sensitivity - one.sensitivity).tolist()),
        tuple((float(low), float(high)) for low, high in bounds),
    )


def sensitivity_at(curve: Curve, rates: ArrayLike) -> Floats:
    """Sensitivity at false-positive rates, linear between corners, constant beyond the last."""
    return np.asarray(np.interp(np.asarray(rates, float), curve.fp_per_scan, curve.sensitivity))


def _credited(marks: Points, matching: _Matching) -> Floats:
    """Probability of the mark that each nodule is credited with; NaN without one."""
    found = matching.nodule_mark >= 0
    probability = np.full(len(found), np.nan)
    probability[found] = marks.value[matching.nodule_mark[found]]
    return probability


def _points(table: Table | None, value: str, index: Mapping[str, int]) -> Points:
    """Columns of a table as arrays; None counts as an empty table."""
    if table is None:
        return Points(np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros(0))
    uids = np.asarray(table["seriesuid"], dtype=object).tolist()
    scan = np.fromiter((index.get(uid, -1) for uid in uids), np.int64, len(uids))
    numbers = [np.asarray(table[name], dtype=np.float64) for name in ("x", "y", "z", value)]
    if not all(np.isfinite(column).all() for column in numbers):
        raise ValueError(f"x, y, z and {value} must be finite numbers")
    return Points(scan, np.stack(numbers[:3], axis=1), numbers[3])


def _match(
    marks: Points, nodules: Points, excluded: Points, n_scans: int, hit: Hit | None
) -> _Matching:
    """Apply rules 1 to 5 scan by scan."""
    status = np.full(len(marks.scan), _CAPPED)
    mark_nodule = np.full(len(marks.scan), -1)
    nodule_mark = np.full(len(nodules.scan), -1)
    double = 0
    tables = (marks, nodules, excluded)
    for rows, targets, others in zip(*(_by_scan(t.scan, n_scans) for t in tables), strict=True):
        kept = rows[_within_cap(marks.value[rows])]
        xyz = marks.xyz[kept]
        on_nodule = hits(xyz, nodules.xyz[targets], nodules.value[targets])
        on_nodule = hit(kept, targets, on_nodule) if hit else on_nodule
        is_hit = on_nodule.any(axis=1)
        on_excluded = hits(xyz, excluded.xyz[others], excluded.value[others]).any(axis=1)
        # The first true condition decides: nodules come before excluded findings.
        status[kept] = np.select([is_hit, on_excluded], [_DOUBLE, _DROPPED], _FP)
        for nodule, by in zip(targets, on_nodule.T, strict=True):
            candidates = kept[by]
            if not candidates.size:
                continue
            best = candidates[np.argmax(marks.value[candidates])]
            double += candidates.size - 1
            mark_nodule[candidates] = nodule
            nodule_mark[nodule] = best
    credited = nodule_mark >= 0
    status[nodule_mark[credited]] = _TP
    mark_nodule[nodule_mark[credited]] = np.flatnonzero(credited)
    return _Matching(status, mark_nodule, nodule_mark, double)


def _by_scan(scan: Ints, n_scans: int) -> list[Ints]:
    """Rows of each scan, in table order; rows with -1 belong to no scan."""
    order = np.argsort(scan, kind="stable")
    starts = np.searchsorted(scan[order], np.arange(n_scans + 1))
    return [order[a:b] for a, b in pairwise(starts)]


def _within_cap(probability: Floats) -> NDArray[np.bool_]:
    """Rule 1: which of one scan's marks are kept. Ties at the threshold are all dropped."""
    if len(probability) <= MAX_MARKS:
        return np.ones(len(probability), bool)
    return probability > np.sort(probability)[-(MAX_MARKS + 1)]


def _events(marks: Points, nodules: Points, matching: _Matching) -> _Events:
    """Detected nodules and false marks by descending probability, without missed nodules."""
    found = matching.nodule_mark >= 0
    false = matching.status == _FP
    probability = np.r_[marks.value[matching.nodule_mark[found]], marks.value[false]]
    scan = np.r_[nodules.scan[found], marks.scan[false]]
    order = np.argsort(-probability, kind="stable")
    return _Events(scan[order], probability[order], order < found.sum())


def _tie_ends(probability: Floats) -> Ints:
    """Index of the last value in each run of equal values of a sorted array."""
    return np.flatnonzero(np.r_[np.diff(probability) != 0, np.ones(min(len(probability), 1), bool)])


def _curve(events: _Events, n_scans: int, n_nodules: int) -> Curve:
    """FROC curve: scikit-learn's `roc_curve`, with collinear points dropped, rescaled."""
    ends = _tie_ends(events.probability)
    tps = np.cumsum(events.is_hit)[ends]
    fps = ends + 1 - tps
    if len(ends) > 2:
        is_corner = np.r_[True, (np.diff(fps, 2) != 0) | (np.diff(tps, 2) != 0), True]
        tps, fps, ends = tps[is_corner], fps[is_corner], ends[is_corner]
    tps, fps = np.r_[0, tps], np.r_[0, fps]
    # Divide, then multiply again, as the official script does, to round equally.
    fp_per_scan = fps / max(fps[-1], 1) * fps[-1] / n_scans
    tpr = tps / max(tps[-1], 1)
    sensitivity = tpr * tps[-1] / n_nodules if n_nodules else np.full(len(tps), np.nan)
    return Curve(fp_per_scan, sensitivity, np.r_[np.inf, events.probability[ends]])


def _bootstrap(events: _Events, nodules_per_scan: Ints, replicates: int, seed: int) -> Floats:
    """Sensitivity at GRID for resamples of the scans with replacement: (replicates, 193).

    A resample is a weight per scan, so the events stay sorted and a cumulative sum gives its curve.
    Only points at which the number of hits changes on either side are kept; the others lie on
    horizontal lines whatever the weights. A resample without nodules gives a row of NaN.
    """
    n_scans = len(nodules_per_scan)
    ends = np.r_[-1, _tie_ends(events.probability)]
    n_hits = np.r_[0, np.cumsum(events.is_hit)][ends + 1]
    n_false = ends + 1 - n_hits
    rises = np.diff(n_hits) > 0
    kept = np.r_[True, rises] | np.r_[rises, True]
    n_hits, n_false = n_hits[kept], n_false[kept]
    hit_scan, false_scan = events.scan[events.is_hit], events.scan[~events.is_hit]
    rng = np.random.default_rng(seed)
    result = np.full((replicates, len(GRID)), np.nan)
    for row in result:
        weight = np.bincount(rng.integers(n_scans, size=n_scans), minlength=n_scans)
        n_nodules = weight @ nodules_per_scan
        if n_nodules:
            false = np.r_[0, np.cumsum(weight[false_scan])][n_false]
            hit = np.r_[0, np.cumsum(weight[hit_scan])][n_hits]
            row[:] = np.interp(GRID, false / n_scans, hit / n_nodules)
    return result


def _count(marks: Points, nodules: Points, excluded: Points, matching: _Matching) -> Counts:
    status = matching.status
    tp = int((matching.nodule_mark >= 0).sum())
    return Counts(
        tp=tp,
        fp=int((status == _FP).sum()),
        fn=int((nodules.scan >= 0).sum()) - tp,
        dropped_on_excluded=int((status == _DROPPED).sum()),
        double=matching.double,
        marks=len(marks.scan),
        marks_after_cap=int((status != _CAPPED).sum()),
        nodules_outside=int((nodules.scan < 0).sum()),
        excluded_outside=int((excluded.scan < 0).sum()),
    )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
