"""Grouping of DICOM frames into series, and the choice of a study's scan, with the reasons."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nodules.base.files import UserError
from nodules.images.dicom_headers import Frame, labels

FEWEST = 10  # slices of a scan
SAME = 1e-3  # largest difference of direction cosines, and of pixel spacing in mm, in a series
SAME_PLACE_MM = 0.01  # slices closer than this lie at the same place
AXIAL = np.cos(np.radians(45))  # a gantry tilts by 30 degrees at most
COVERED = 2 / 3  # of the study's longest series
ORTHONORMAL = 1e-3
PROJECTIONS = {"MIP", "MINIP", "MPR", "PROJECTION IMAGE", "MAX_IP", "MIN_IP", "AVERAGE"}
# Sharp kernels by maker: GE; Siemens B50 to B80, I50 to I80 (iterative), Bl, Br and Qr; Canon FC50
# to FC59 and FC8x; Philips.
LUNG_KERNEL = re.compile(
    r"LUNG|BONE|EDGE|^[BI][5-8]\d|^BL\d|^[BQ]R[5-8]\d|^FC[58]\d|^Y[A-D]$|^L$", re.IGNORECASE
)
TRY_SERIES = "Choose with --series UID."

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Series:
    """Frames of one series UID, frame of reference, orientation, matrix, spacing and kernel.

    name: the series UID, followed by `:1`, `:2`, ... if it holds several series.
    """

    name: str
    frames: tuple[Frame, ...]

    @property
    def first(self) -> Frame:
        """The first frame, for the attributes that all frames share."""
        return self.frames[0]

    @cached_property
    def normal(self) -> Floats:
        """(3,) unit normal of the slices, right-handed with rows and columns."""
        return normal_of(self.frames)

    @cached_property
    def depths(self) -> Floats:
        """Sorted distinct positions along the normal, mm; empty if any slice lacks its position."""
        positions = [frame.position for frame in self.frames if frame.position is not None]
        if self.first.orientation is None or len(positions) < len(self.frames):
            return np.empty(0)
        depths = np.sort(np.stack(positions) @ self.normal)
        return depths[np.diff(depths, prepend=-np.inf) > SAME_PLACE_MM]

    def is_in(self, names: Iterable[str]) -> bool:
        """Whether `names` include this series' name or its UID, which series may share."""
        return bool({self.name, self.first.series} & set(names))

    @property
    def step(self) -> float:
        """Median distance between neighbouring slices in mm; NaN for fewer than two places."""
        return float(np.median(np.diff(self.depths))) if len(self.depths) > 1 else float("nan")

    @property
    def length(self) -> float:
        """Distance between the first and the last slice in mm."""
        return float(np.ptp(self.depths)) if len(self.depths) else 0.0

    @property
    def axial(self) -> bool:
        """Whether the slices' normal is within 45 degrees of the body's long axis."""
        return bool(abs(self.normal[2]) >= AXIAL)


def normal_of(frames: Sequence[Frame]) -> Floats:
    """(3,) unit normal of frames of one orientation, row x column; NaN without an orientation."""
    rows = frames[0].orientation
    if rows is None:
        return np.full(3, np.nan)
    normal = np.cross(rows[0], rows[1])
    return normal / max(float(np.linalg.norm(normal)), 1e-9)


def group(frames: Iterable[Frame]) -> list[Series]:
    """Frames grouped into series, in order of their first frames.

    Frames that differ in study, patient, series UID, frame of reference, modality, size, kernel,
    orientation or pixel spacing are never joined.
    """
    groups: dict[tuple[object, ...], list[list[Frame]]] = {}
    for frame in frames:
        key = (
            *(frame.study, frame.patient, frame.series, frame.frame_of_reference, frame.modality),
            *("LOCALIZER" in frame.image_type, frame.shape, frame.samples, frame.kernel),
        )
        own = groups.setdefault(key, [])
        like = next((g for g in own if _same_grid(g[0], frame)), None)
        if like is None:
            own.append([frame])
        else:
            like.append(frame)
    parts = [part for own in groups.values() for whole in own for part in _by_acquisition(whole)]
    uids = [part[0].series or "without UID" for part in parts]
    names = [
        uid if uids.count(uid) == 1 else f"{uid}:{uids[: i + 1].count(uid)}"
        for i, uid in enumerate(uids)
    ]
    return [Series(name, tuple(part)) for name, part in zip(names, parts, strict=True)]


def _same_grid(one: Frame, other: Frame) -> bool:
    """Whether two frames have the same orientation and pixel spacing, or both lack them."""
    for mine, others in ((one.orientation, other.orientation), (one.spacing, other.spacing)):
        if (mine is None) != (others is None):
            return False
        if mine is not None and others is not None and np.abs(mine - others).max() > SAME:
            return False
    return True


def _by_acquisition(frames: list[Frame]) -> list[list[Frame]]:
    """Frames of a series, split by acquisition if that separates all slices at the same place."""
    whole = Series("", tuple(frames))
    by: dict[str, list[Frame]] = {}
    for frame in frames:
        by.setdefault(frame.acquisition, []).append(frame)
    parts = list(by.values())
    if len(whole.depths) in (0, len(frames)) or len(parts) == 1:
        return [frames]
    alone = all(len(Series("", tuple(part)).depths) == len(part) > 1 for part in parts)
    return parts if alone else [frames]


def unplaced(series: Series) -> str:
    """Which tag of the slices' place is missing, and in which slices; "" if all have a place."""
    tags = {
        "ImageOrientationPatient": [f for f in series.frames if f.orientation is None],
        "PixelSpacing": [f for f in series.frames if f.spacing is None],
        "ImagePositionPatient": [f for f in series.frames if f.position is None],
    }
    lost = next(((tag, frames) for tag, frames in tags.items() if frames), None)
    return f"{lost[0]} is missing or unreadable in {labels(lost[1])}" if lost else ""


def unusable(series: Series, fewest: int = FEWEST) -> str:
    """Why a series cannot be a chest CT, or ""."""
    first, n = series.first, len(series.frames)
    if first.modality != "CT":
        return f"its modality is {first.modality or 'not given'}, not CT"
    if "LOCALIZER" in first.image_type:
        return "it is a localiser"
    if first.samples != 1:
        return "it is in colour"
    if lacking := unplaced(series):
        return lacking
    assert first.orientation is not None and first.spacing is not None  # else unplaced
    if np.abs(first.orientation @ first.orientation.T - np.eye(2)).max() > ORTHONORMAL:
        return "its ImageOrientationPatient is not two unit vectors at right angles"
    if (first.spacing <= 0).any() or min(first.shape) < 1:
        return "it has no pixel spacing or no pixels"
    places = len(series.depths)
    if places < fewest:
        where = "one place" if places == 1 else f"{places} places"
        twice = f" at {where}" if places < n else ""
        return f"it has {n} {'slice' if n == 1 else 'slices'}{twice}, fewer than {fewest}"
    return ""


def _ranking(series: Series, longest: float) -> tuple[tuple[float, str], ...]:
    """Criteria by priority: a number, smaller is better, and the reason against a larger one."""
    derived = bool(PROJECTIONS & set(series.first.image_type))
    kernel = series.first.kernel
    return (
        (float(not series.axial), "its slices are not axial"),
        (float(derived), "it is a projection or reformat of others"),
        (float(series.length < COVERED * longest), f"it covers {series.length:.0f} mm alone"),
        (round(series.step, 1), f"its slices are thicker: every {series.step:.4g} mm"),
        (-float(len(series.depths)), f"it has fewer slices: {len(series.depths)}"),
        (
            float(not LUNG_KERNEL.search(kernel)),
            f"its kernel {kernel or '(none given)'} is none for lungs",
        ),
    )


def choose(
    found: Sequence[Series], wanted: Iterable[str] = (), fewest: int = FEWEST
) -> tuple[Series | None, dict[str, str]]:
    """The series that is a study's scan, or None if none is usable; and the reason for each series.

    wanted: names or UIDs of series; if given, only these can be chosen.
    The first criterion that differs decides: axial; no projection; at least two thirds of the
    longest; thinnest steps; most slices; a lung kernel. Raises UserError if none differs.
    """
    reasons = {series.name: unusable(series, fewest) for series in found}
    named = [series for series in found if series.is_in(wanted)]
    usable = [series for series in found if not reasons[series.name]]
    if wanted:
        usable = [series for series in usable if series in named]
        reasons |= {s.name: "another was asked for" for s in found if named and s not in named}
    if not usable:
        return None, reasons
    longest = max(series.length for series in usable)
    ranked = sorted(usable, key=lambda s: [value for value, _ in _ranking(s, longest)])
    best, rest = ranked[0], ranked[1:]
    reasons[best.name] = "asked for" if wanted else "the only one" if not rest else "the best"
    for other in rest:
        pairs = zip(_ranking(best, longest), _ranking(other, longest), strict=True)
        reason = next((said for (mine, _), (value, said) in pairs if value != mine), "")
        if not reason:
            raise UserError(
                f"series {best.name} and {other.name}: nothing tells which is the scan "
                f"({len(best.depths)} slices every {best.step:.4g} mm both). {TRY_SERIES}"
            )
        reasons[other.name] = reason
    return best, reasons
