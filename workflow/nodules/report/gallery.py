"""The gallery's choice of hits, misses and false alarms, and what it shows of each."""

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import tables
from nodules.datasets.folds import TEST_FOLD, UNUSED
from nodules.evaluation.names import TEST, part_name
from nodules.findings.hits import hits
from nodules.findings.matches import false_alarms
from nodules.findings.overlaps import on_native
from nodules.images import regions
from nodules.images.geometry import Geometry
from nodules.images.metaimage import read_volume
from nodules.images.spheres import BoxedMask
from nodules.prepare import masks
from nodules.report import planes
from nodules.report.planes import Image

KINDS = ("hits", "misses", "false_alarms")
LINE = 52  # characters of a UID per line
CASE = ["part", "seriesuid", "nodule", "candidate", "x", "y", "z", "diameter_mm", "confidence"]

Mask = NDArray[np.bool_]
Found = set[tuple[str, int]]  # nodules by scan UID and number


@dataclass(frozen=True)
class Scan:
    """A scan on its native grid: HU (z, y, x), and masks with the indices of their first voxels.

    consensus: by nodule; readers: each reader's, by nodule; found: by candidate.
    window: HU shown as black and as white.
    """

    voxels: NDArray[np.int16]
    grid: Geometry
    consensus: Mapping[int, BoxedMask]
    readers: Mapping[int, list[BoxedMask]]
    found: Mapping[int, BoxedMask]
    window: tuple[float, float] = planes.WINDOW


@dataclass(frozen=True)
class View:
    """One plane of a case: grey values, and masks (VIEW_PX, VIEW_PX) to outline on it."""

    plane: planes.Plane
    grey: Image
    consensus: list[Mask]
    readers: list[Mask]
    own: list[Mask]  # of the case's own candidate
    others: list[Mask]  # of other candidates


@dataclass(frozen=True)
class Case:
    """One hit, miss or false alarm: a title, lines of text, and views in three planes."""

    title: str
    lines: tuple[str, ...]
    views: tuple[View, ...]


def part_of(folds: pd.DataFrame) -> dict[str, str]:
    """Part of each scored scan in table `folds`, by UID: test or fold_<k>."""
    return {
        uid: TEST if fold == TEST_FOLD else f"fold_{fold}"
        for uid, fold in zip(folds["seriesuid"], folds["fold"], strict=True)
        if fold != UNUSED
    }


def cases(
    kind: str, candidates: pd.DataFrame, nodules: pd.DataFrame, found_by: Found | None = None
) -> pd.DataFrame:
    """All cases of a kind, with columns CASE, in cross-validation; if it has none, in the test set.

    candidates: table `classified` with matches and a column `part`; nodules: table `nodules`, with
    `part`. Hits and false alarms are sorted by falling confidence, misses by falling diameter. Hits
    and misses have the annotated diameter, false alarms NaN.
    found_by: the nodules found, if overlap decides which are missed; None: distance does.
    """
    chosen = {"hits": _hits, "misses": _misses, "false_alarms": _false_alarms}[kind]
    missed = kind == "misses" and found_by is not None
    found = _unfound(nodules, found_by or set()) if missed else chosen(candidates, nodules)
    leading = found[found["part"] != TEST]
    return (leading if len(leading) else found).reset_index(drop=True)


def choose(kind: str, found: pd.DataFrame, count: int) -> pd.DataFrame:
    """At most `count` cases: the most confident false alarms, an even spread of other kinds."""
    if kind == "false_alarms" or len(found) <= count:
        return found.head(count)
    return found.iloc[np.linspace(0, len(found) - 1, count).round().astype(int)]


def drawn(
    candidates: pd.DataFrame,
    nodules: pd.DataFrame,
    overlap: Mapping[tuple[str, int], float],
    most: int,
    scan: Callable[[str], Scan],
    found_by: Found | None = None,
) -> dict[str, tuple[list[Case], int]]:
    """At most `most` cases of each kind, and how many of the kind there are in all.

    candidates, nodules, found_by: as for `cases`; overlap: as for `case`. scan: opens a scan by its
    UID; only one is in memory at a time.
    """
    every = {kind: cases(kind, candidates, nodules, found_by) for kind in KINDS}
    rows = {kind: choose(kind, every[kind], most).to_dict("records") for kind in KINDS}
    made: dict[tuple[str, int], Case] = {}
    for uid in sorted({row["seriesuid"] for own in rows.values() for row in own}):
        opened_ = scan(uid)
        for kind, own in rows.items():
            for place, row in enumerate(own):
                if row["seriesuid"] == uid:
                    made[kind, place] = case(kind, row, opened_, candidates, overlap)
    return {k: ([made[k, i] for i in range(len(own))], len(every[k])) for k, own in rows.items()}


def read(
    results: Path,
    uid: str,
    header: str,
    found: pd.DataFrame,
    kind: str,
    window: Sequence[float] = planes.WINDOW,
) -> Scan:
    """A scan of a run, with its voxels and all masks that are drawn on it.

    results: the run's folder; header: the scan's MetaImage header; found, kind: as for `opened`,
    of this scan alone; window: HU, empty for the lung window.
    """
    slices = tables.read(results / f"slices/{uid}.parquet", "slices")
    truth = tables.read(results / f"masks/{uid}.parquet", "regions")
    grid = Geometry.from_row(slices.iloc[0].to_dict())
    low, high = window or planes.WINDOW
    return opened(*read_volume(header), truth, found, grid, kind, (low, high))


def opened(
    voxels: NDArray[np.int16],
    grid: Geometry,
    truth: pd.DataFrame,
    found: pd.DataFrame,
    slices: Geometry,
    kind: str,
    window: tuple[float, float] = planes.WINDOW,
) -> Scan:
    """A scan with its masks. truth, found: tables `regions` of its nodules and of its candidates.

    slices: grid of its slices, which some candidates' masks are on; kind: of the reference masks.
    """
    native = truth[truth["grid"] == "native"]
    by_reader = native[native["kind"].str.startswith("reader_")]
    readers: dict[int, list[BoxedMask]] = {}
    for (number, _), rows in by_reader.groupby(["region", "kind"]):
        readers.setdefault(int(number), []).append(regions.box(rows))
    chosen = native[native["kind"] == kind]
    return Scan(
        voxels,
        grid,
        {int(number): regions.box(rows) for number, rows in chosen.groupby("region")},
        readers,
        {int(n): on_native(rows, slices, grid) for n, rows in found.groupby("region")},
        window,
    )


def dice(table: pd.DataFrame, detector: str) -> dict[tuple[str, int], float]:
    """Dice of a detector on each nodule, by scan and nodule, from table `segmentation`."""
    own = table[table["comparison"] == detector]
    keys = zip(own["seriesuid"], own["nodule"], strict=True)
    return dict(zip(keys, own["dice"].astype(float), strict=True))


def found(table: pd.DataFrame, detector: str) -> Found:
    """Nodules that a candidate of a detector overlaps, from table `segmentation`."""
    own = table[(table["comparison"] == detector) & (table["detected"] > 0)]
    return set(zip(own["seriesuid"], own["nodule"].astype(int), strict=True))


def case(
    kind: str,
    row: Mapping[str, Any],
    scan: Scan,
    found: pd.DataFrame,
    overlap: Mapping[tuple[str, int], float],
) -> Case:
    """The case of one row of `choose`.

    found: table `candidates`, for measured diameters. overlap: Dice of nodules, from `dice`.
    """
    own = scan.found.get(int(row["candidate"]))
    nodule = scan.consensus.get(int(row["nodule"]))
    z, y, x = scan.grid.to_index([float(row[axis]) for axis in "xyz"])
    depth = _slice_to_show(kind, float(z), own, nodule)
    uid, nodule_key = str(row["seriesuid"]), (row["seriesuid"], row["nodule"])
    of_case = (found["seriesuid"] == uid) & (found["candidate"] == row["candidate"])
    measured = found.loc[of_case, "diameter_mm"]
    return Case(
        title=_title(kind, row),
        lines=(
            _sizes(row, measured.tolist(), overlap.get(nodule_key)),
            f"x {row['x']:.1f}, y {row['y']:.1f}, z {row['z']:.1f} mm (LPS)",
            f"slice {depth}, slices {scan.grid.spacing_zyx[0]:g} mm apart;"
            f" {part_name(str(row['part']))}",
            *textwrap.wrap(uid, LINE),
        ),
        views=tuple(_views(row, (depth, float(y), float(x)), scan, own)),
    )


def _views(
    row: Mapping[str, Any], point: tuple[float, float, float], scan: Scan, own: BoxedMask | None
) -> Iterator[View]:
    shape = scan.grid.shape
    others = [box for number, box in scan.found.items() if number != row["candidate"]]
    for plane in planes.through(point, scan.grid):

        def shown(boxes: list[BoxedMask], plane: planes.Plane = plane) -> list[Mask]:
            masks_ = (plane.inside(box, shape) for box in boxes)
            return [mask for mask in masks_ if mask.any()]

        yield View(
            plane,
            plane.grey(scan.voxels, scan.window),
            shown(list(scan.consensus.values())),
            shown(scan.readers.get(int(row["nodule"]), [])),
            shown([own] if own is not None else []),
            shown(others),
        )


def _slice_to_show(
    kind: str, centre: float, own: BoxedMask | None, nodule: BoxedMask | None
) -> int:
    """Slice where candidate and nodule overlap most; for a miss or false alarm, its largest."""
    if kind == "hits" and own is not None and nodule is not None:
        (one, low), (other, _) = masks.together([own, nodule])
        box: BoxedMask | None = (one & other, low)
    else:
        box = own if kind == "false_alarms" else nodule
    if box is None or not box[0].any():
        return round(centre)
    areas = box[0].sum(axis=(1, 2))
    # Of several equally large slices, the one nearest to the centre.
    best = np.flatnonzero(areas == areas.max()) + box[1][0]
    return int(best[np.argmin(np.abs(best - centre))])


def _title(kind: str, row: Mapping[str, Any]) -> str:
    if kind == "misses":
        return f"Missed nodule, {_mm(row['diameter_mm'])}"
    word = "Hit" if kind == "hits" else "False alarm"
    return f"{word}, confidence {float(row['confidence']):.2f}"


def _sizes(row: Mapping[str, Any], measured: list[float], overlap: float | None) -> str:
    """The diameters and Dice that a case has, as text."""
    parts = [] if row["nodule"] == 0 else [f"annotated {_mm(row['diameter_mm'])}"]
    parts += [f"measured {_mm(diameter)}" for diameter in measured]
    parts += [] if overlap is None else [f"Dice {overlap:.2f}"]
    return ", ".join(parts)


def _mm(diameter: float) -> str:
    return f"{float(diameter):.1f} mm" if diameter >= 0 else "diameter unknown"


def _hits(candidates: pd.DataFrame, nodules: pd.DataFrame) -> pd.DataFrame:
    """The most confident candidate of each nodule that was hit, by falling confidence."""
    found = candidates[candidates["nodule"] > 0].sort_values(
        ["confidence", "seriesuid", "candidate"], ascending=[False, True, True]
    )
    surest = found.drop_duplicates(["seriesuid", "nodule"])
    annotated = nodules.set_index(["seriesuid", "nodule"])["diameter_mm"]
    place = pd.MultiIndex.from_frame(surest[["seriesuid", "nodule"]])
    return surest.assign(diameter_mm=annotated.reindex(place).to_numpy())[CASE]


def _misses(candidates: pd.DataFrame, nodules: pd.DataFrame) -> pd.DataFrame:
    """Nodules that no candidate hits by the official rule, by falling diameter."""
    marks = {uid: own[["x", "y", "z"]].to_numpy() for uid, own in candidates.groupby("seriesuid")}
    missed = pd.Series(True, nodules.index, dtype=bool)
    for uid, own in nodules.groupby("seriesuid"):
        found = hits(marks.get(uid, ()), own[["x", "y", "z"]], own["diameter_mm"])
        missed[own.index] = ~found.any(axis=0)
    return _as_missed(nodules[missed])


def _unfound(nodules: pd.DataFrame, found: Found) -> pd.DataFrame:
    """Nodules that are not in `found`, by falling diameter."""
    keys = zip(nodules["seriesuid"], nodules["nodule"], strict=True)
    return _as_missed(nodules[[key not in found for key in keys]])


def _as_missed(nodules: pd.DataFrame) -> pd.DataFrame:
    left = nodules.assign(candidate=0, confidence=np.nan)
    return left.sort_values(["diameter_mm", "seriesuid", "nodule"], ascending=[False, True, True])[
        CASE
    ]


def _false_alarms(candidates: pd.DataFrame, nodules: pd.DataFrame) -> pd.DataFrame:
    """Candidates on neither a nodule nor an excluded finding, by falling confidence."""
    return (
        false_alarms(candidates)
        .sort_values(["confidence", "seriesuid", "candidate"], ascending=[False, True, True])
        .assign(diameter_mm=np.nan)[CASE]
    )
