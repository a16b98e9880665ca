"""Hints at what may cause a low score; nothing is ever corrected.

If hardly any mark hits, the usual mistakes in coordinates are tried. For each, the nodules that
the marks would hit without it are counted, by the official rule and under the same cap.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base.messages import shown
from nodules.datasets import submissions
from nodules.datasets.points_csv import twins
from nodules.datasets.submissions import Lists
from nodules.evaluation.froc import Floats, FrocResult, Ints
from nodules.findings.hits import UNKNOWN_DIAMETER_MM

Table = Mapping[str, Any]  # a pandas DataFrame, or a dict of equally long columns

FEWEST = 5  # nodules, findings or marks: with fewer, no hint is given
HARDLY = 0.2  # share of nodules within reach; published detectors hit more than 0.8
REACHED = 0.5  # share of all nodules that lie in scans with marks
LARGEST_MATRIX = 1024  # voxel indices are below this on every axis
AXES = "xyz"
UNITS = ((10.0, "cm"), (1000.0, "m"), (0.001, "micrometres"))
WITHIN = 0.9  # share of the excluded findings inside nodules; in LUNA16 it is 0.10

Triple = tuple[int, ...]  # one number for each axis


@dataclass(frozen=True)
class Mistake:
    """A way to miswrite coordinates: world axis i is signs[i] x scale x column axes[i]."""

    axes: Triple
    signs: Triple
    scale: float = 1.0
    unit: str = ""

    def describe(self) -> str:
        """The mistake in words; "" if there is none."""
        wrong = [f"the coordinates are in {self.unit}"] if self.unit else []
        if self.axes != (0, 1, 2):
            wrong.append(f"the columns hold {','.join(_order(self.axes))} in this order")
        flipped = [AXES[i] for i in range(3) if self.signs[i] < 0]
        if flipped == ["x", "y"]:
            wrong.append("x and y have the other sign (RAS in place of LPS)")
        elif flipped:
            wrong.append(f"{' and '.join(flipped)} {_have(len(flipped))} the other sign")
        return ", and ".join(wrong)


@dataclass(frozen=True)
class _Pairs:
    """Every pair of a mark kept by the cap and a nodule of its scan; arrays (n,) or (3, n)."""

    nodule: Ints  # row of the nodule
    mark_xyz: Floats
    nodule_xyz: Floats
    squared_radius: Floats
    n_nodules: int  # within reach, that is in scans with marks


def notes(marks: Mapping[str, Table], lists: Lists, results: Mapping[str, FrocResult]) -> list[str]:
    """Notes to show with the scores of submissions, of a sentence or two each."""
    told = [swapped(lists.nodules, lists.excluded), submissions.apart(marks)]
    told.append(repeated(lists.nodules, lists.scans))
    for name, own in marks.items():
        # If the files are parts of one submission, one note says so; none on each part's coverage.
        few = "" if told[1] else coverage(own, lists.nodules, results[name])
        wrong = coordinates(own, lists.nodules, results[name])
        also = doubled(own)
        told += [f"{name}: {text}" for text in (few, wrong or unranked(own), also) if text]
    return [text for text in told if text]


def swapped(nodules: Table, excluded: Table) -> str:
    """A note if reference nodules and excluded findings seem to be swapped, else "".

    LUNA16 has many excluded findings around every nodule. Given as nodules, they outnumber the
    true nodules, given as excluded, and enclose nearly all of them.
    """
    n_nodules, n_excluded = len(nodules["x"]), len(excluded["x"])
    uids = {uid: i for i, uid in enumerate(dict.fromkeys([*excluded["seriesuid"]]))}
    inner, outer = _side_by_side(_scan_of(excluded, uids), _scan_of(nodules, uids), len(uids))
    delta = _xyz(excluded)[:, inner] - _xyz(nodules)[:, outer]
    inside = (delta * delta).sum(axis=0) < _squared_radius(nodules)[outer]
    n_inside = len(np.unique(inner[inside]))
    if n_excluded < FEWEST or n_nodules <= n_excluded or n_inside < WITHIN * n_excluded:
        return ""
    return (
        f"{n_inside:,} of {n_excluded:,} excluded findings lie within reference nodules, and of "
        f"these there are {n_nodules:,}. Are the lists swapped? LUNA16's annotations.csv is for "
        "--annotations, and annotations_excluded.csv, the longer one, for --excluded"
    )


def repeated(nodules: Table, scans: Collection[str]) -> str:
    """A note if reference nodules of listed scans are listed twice, or nearly so, else ""."""
    listed = set(scans)
    again = [row for row, _ in twins(nodules) if nodules["seriesuid"][row] in listed]
    if not again:
        return ""
    return (
        f"reference nodules within 1 mm of another that is listed before them: {len(again):,}, the "
        f"first in scan {shown(nodules['seriesuid'][again[0]])}. Each counts as a nodule of its "
        "own, as by the official rules; where two are one, remove a line"
    )


def unranked(marks: Table) -> str:
    """A note if all marks have the same probability, so that nothing ranks them, else ""."""
    probability = np.asarray(marks["probability"])
    if len(probability) < FEWEST or (probability != probability[0]).any():
        return ""
    return (
        f"all {len(probability):,} marks have the probability {probability[0]:g}. The score ranks "
        "marks by it: without a rank there is one point of the FROC, and a line to it"
    )


def doubled(marks: Table) -> str:
    """A note if there are no marks, or if marks repeat the exact place of another, else ""."""
    size = len(marks["probability"])
    if not size:
        return "there is no mark in it, only a header"
    columns = {name: np.asarray(marks[name]) for name in ("seriesuid", *AXES)}
    again = int(pd.DataFrame(columns).duplicated().sum())
    if not again:
        return ""
    return (
        f"{again:,} of {size:,} marks stand at the very place of another mark. Of those on no "
        "nodule each counts as a false positive, as by the official rules. Perhaps a file was "
        "joined to itself"
    )


def coverage(marks: Table, nodules: Table, result: FrocResult) -> str:
    """A note if most nodules lie in scans without any mark, else ""."""
    marked = set(np.asarray(marks["seriesuid"], dtype=object).tolist())
    uids = np.asarray(nodules["seriesuid"], dtype=object)[result.nodule_listed].tolist()
    reached = sum(uid in marked for uid in uids)
    if not marked or reached >= REACHED * result.n_nodules:
        return ""
    return (
        f"marks lie in only {len(marked):,} of the {result.n_scans:,} listed scans, so at most "
        f"{reached:,} of {result.n_nodules:,} nodules can be hit. If it was made for these scans "
        "alone, list them alone in --scans; if other files hold the rest, give all with --together"
    )


def coordinates(marks: Table, nodules: Table, result: FrocResult) -> str:
    """A note if hardly any nodule is hit, with the mistake that would explain it, else ""."""
    pairs = _pairs(marks, nodules, result)
    found, reach = result.counts.tp, pairs.n_nodules
    if not reach or found >= HARDLY * reach:
        return ""
    hits = {mistake: _hit(pairs, mistake) for mistake in usual_mistakes()}
    best = max(hits, key=lambda mistake: hits[mistake])  # among equals the first, the simplest
    start = (
        f"{found:,} of {reach:,} nodules in scans with marks are hit by "
        f"{result.counts.marks_after_cap:,} marks. "
    )
    if hits[best] > max(2 * found, HARDLY * reach):
        return (
            f"{start}If {best.describe()} in the submission, {hits[best]:,} would be. Nothing was "
            "changed: coordinates must be world mm, LPS, as in annotations.csv"
        )
    return start + _without_geometry(marks, nodules) if reach >= FEWEST else ""


def _without_geometry(marks: Table, nodules: Table) -> str:
    """A hint from the numbers alone, if no mistake in axes or units explains the score."""
    xyz, centres = _xyz(marks), _xyz(nodules)
    if (xyz >= 0).all() and (centres < 0).any():
        are_whole = (xyz == np.round(xyz)).all() and (xyz < LARGEST_MATRIX).all()
        what = "whole numbers from 0 on, as voxel indices are" if are_whole else "never below 0"
        also = "" if are_whole else ", as voxel indices or mm from the volume's corner are"
        return (
            f"Their coordinates are {what}{also}; what they would hit cannot be tried without the "
            "scans' headers. World mm = Offset + TransformMatrix x (voxel index x ElementSpacing)"
        )
    return (
        "Axes negated or in another order, cm and m don't explain it: look at the ids, and whether "
        "the coordinates are world mm, LPS, of these scans"
    )


def usual_mistakes() -> Iterator[Mistake]:
    """Axes in every order and sign, likely ones first; then cm, m and micrometres."""
    orders = sorted(permutations(range(3)), key=lambda axes: (axes != (0, 1, 2), axes != (2, 1, 0)))
    signs = sorted(product((1, -1), repeat=3), key=lambda s: (s != (1, 1, 1), s != (-1, -1, 1)))
    for axes, flips in product(orders, signs):
        mistake = Mistake(axes, flips)
        if mistake.describe():
            yield mistake
    for scale, unit in UNITS:
        for flips in signs[:2]:
            yield Mistake((0, 1, 2), flips, scale, unit)


def _hit(pairs: _Pairs, mistake: Mistake) -> int:
    """Number of nodules that the marks would hit if a mistake were undone."""
    factors = np.array(mistake.signs) * mistake.scale
    squares = np.zeros(len(pairs.nodule))
    with np.errstate(over="ignore"):  # 1e300 mm is far from everything
        for axis, column in enumerate(mistake.axes):
            delta = factors[axis] * pairs.mark_xyz[column] - pairs.nodule_xyz[axis]
            squares += delta * delta
    return len(np.unique(pairs.nodule[squares < pairs.squared_radius]))


def _pairs(marks: Table, nodules: Table, result: FrocResult) -> _Pairs:
    """All pairs of a mark kept by the cap and a nodule of the same listed scan."""
    index = {uid: i for i, uid in enumerate(result.scans)}
    kept = np.flatnonzero(result.mark_status != "capped")
    mark, nodule = _side_by_side(
        _scan_of(marks, index)[kept], _scan_of(nodules, index), len(result.scans)
    )
    return _Pairs(
        nodule,
        _xyz(marks)[:, kept[mark]],
        _xyz(nodules)[:, nodule],
        _squared_radius(nodules)[nodule],
        len(np.unique(nodule)),
    )


def _side_by_side(one_scan: Ints, other_scan: Ints, n_scans: int) -> tuple[Ints, Ints]:
    """Rows of all pairs from two tables that share a scan; scan -1 belongs to no scan."""
    order = np.argsort(one_scan, kind="stable")
    starts = np.searchsorted(one_scan[order], np.arange(n_scans + 1))
    listed = np.flatnonzero(other_scan >= 0)
    first, many = starts[other_scan[listed]], np.diff(starts)[other_scan[listed]]
    within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    return order[np.repeat(first, many) + within], np.repeat(listed, many)


def _squared_radius(findings: Table) -> Floats:
    diameter = np.asarray(findings["diameter_mm"], float)
    radius = np.where(diameter < 0, UNKNOWN_DIAMETER_MM, diameter) / 2
    return np.asarray(radius * radius)


def _scan_of(table: Table, index: Mapping[str, int]) -> Ints:
    uids = np.asarray(table["seriesuid"], dtype=object).tolist()
    return np.fromiter((index.get(uid, -1) for uid in uids), np.int64, len(uids))


def _xyz(table: Table) -> NDArray[np.float64]:
    """Coordinates x, y, z as (3, n)."""
    return np.stack([np.asarray(table[name], float) for name in AXES])


def _order(axes: Triple) -> list[str]:
    """Names of the axes in the order of the submission's columns."""
    return [AXES[axes.index(column)] for column in range(3)]


def _have(number: int) -> str:
    return "has" if number == 1 else "have"
