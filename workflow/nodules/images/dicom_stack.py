"""Arrangement of a series' slices: order, completeness, even steps, straightness.

Common readers look at the first and last slice and assume even, straight steps between. A missing
slice then stretches z, and a tilted gantry shifts voxels by centimetres; so every step is checked
here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nodules.base.files import FileDefect
from nodules.images.dicom_headers import UPSIDE_DOWN, Frame, label, labels
from nodules.images.dicom_series import SAME_PLACE_MM, Series
from nodules.images.geometry import Geometry
from nodules.images.volume import SPACING_MM

# Tolerated deviation from even steps, as share of the step and in mm (the larger counts). Some
# scanners round positions to 0.1 mm, so that steps of 0.625 mm become 0.6 and 0.7 mm.
UNEVEN = (0.01, 0.06)
DRIFT_MM = 0.01  # tolerated, sideways from one slice to the next
DRIFT_IN_ALL_MM = 0.1  # tolerated, sideways from the first slice to any other
MISSING_RUN = 2  # up to so many wide gaps in a row are missing slices; more are another step
MOST_TILT = 35.0  # degrees; gantries tilt by up to 30

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices sorted along their normal, one per place, and their positions.

    twins:    pairs of frames at the same place, whose pixels must be equal.
    depths:   (n,) mm along the normal from the first slice.
    sideways: (n, 2) mm by which a slice lies off the normal through the first one, along a row and
              along a column.
    geometry: the grid, valid if the slices are even and straight; its axis z is the normal.
    straight: whether the slices lie along their normal, without a gantry's tilt.
    even:     whether their steps are equal.
    step:     mm between slices; for an uneven stack, its usual finest step.
    """

    frames: list[Frame]
    twins: list[tuple[Frame, Frame]]
    depths: Floats
    sideways: Floats
    geometry: Geometry
    straight: bool
    even: bool
    step: float
    notes: list[str]


def arrange(series: Series) -> Stack:
    """Sort a usable series' slices and measure every step.

    Raises FileDefect for damaged files, missing slices, steps too wide to interpolate, and slices
    that drift sideways more than a tilted gantry explains.
    """
    place = f"series {series.name}"
    damaged = next((frame for frame in series.frames if frame.defect), None)
    if damaged is not None:
        inverted = damaged.defect == UPSIDE_DOWN
        remedy = "Export it as MONOCHROME2." if inverted else "Copy or send the file again."
        raise FileDefect(damaged.name, damaged.defect, remedy)
    frames, twins = _in_order(series)
    if len(frames) < 2:
        raise FileDefect(place, "all its slices lie at one place", "Name a series of slices.")
    rows, columns = _directions(frames[0])
    positions = np.stack([f.position for f in frames if f.position is not None])
    offsets = positions - positions[0]
    depths = offsets @ series.normal
    sideways = np.stack([offsets @ rows, offsets @ columns], axis=1)
    notes = _twin_notes(twins)
    step, even = _steps(place, frames, depths, notes)
    straight = _is_straight(place, depths, sideways, step, notes)
    spacing = frames[0].spacing
    assert spacing is not None  # of a usable series
    shape = (len(frames), *frames[0].shape)
    geometry = Geometry.build(
        positions[0],
        (spacing[1], spacing[0], step),
        np.column_stack([rows, columns, series.normal]),
        shape,
    )
    return Stack(frames, twins, depths, sideways, geometry, straight, even, step, notes)


def _directions(frame: Frame) -> tuple[Floats, Floats]:
    """World directions (LPS unit vectors) along a row and along a column."""
    assert frame.orientation is not None  # of a usable series
    return frame.orientation[0], frame.orientation[1]


def _in_order(series: Series) -> tuple[list[Frame], list[tuple[Frame, Frame]]]:
    """Frames sorted along the normal, one per place, and pairs of frames at the same place."""

    def depth(frame: Frame) -> float:
        return float(np.dot(frame.position, series.normal))  # type: ignore[arg-type]

    ordered: list[Frame] = []
    twins = []
    for frame in sorted(series.frames, key=lambda f: (depth(f), f.instance, f.name, f.index)):
        if not ordered or depth(frame) - depth(ordered[-1]) > SAME_PLACE_MM:
            ordered.append(frame)
            continue
        other = ordered[-1]
        apart = np.abs(np.subtract(frame.position, other.position)).max()  # type: ignore[arg-type]
        if apart > SAME_PLACE_MM:
            raise FileDefect(
                f"series {series.name}",
                f"{label(other)} and {label(frame)} lie in one plane, {apart:.2f} mm apart",
                "Keep the slices of one reconstruction in a folder of their own.",
            )
        twins.append((other, frame))
    return ordered, twins


def _twin_notes(twins: Sequence[tuple[Frame, Frame]]) -> list[str]:
    """The note on duplicate slices, valid once their pixels have been found equal."""
    if not twins:
        return []
    return [f"{len(twins)} slices there twice and equal, left out: {labels(f for _, f in twins)}"]


def _steps(
    place: str, frames: Sequence[Frame], depths: Floats, notes: list[str]
) -> tuple[float, bool]:
    """The step in mm, and whether all steps are equal.

    One or two gaps in a row of over 1.5 steps mean missing slices; more in a row mean that the
    scanner was set to another step there. Raises FileDefect for missing slices and gaps over 10 mm;
    adds a note for other uneven steps.
    """
    gaps = np.diff(depths)
    step = float(np.median(gaps[gaps <= 1.2 * gaps.min()]))
    if (gaps <= 1.2 * gaps.min()).sum() < 0.1 * len(gaps):
        step = float(np.median(gaps))  # a stray near-duplicate must not define the step
    number = np.arange(len(depths))
    off = np.abs(depths - np.polyval(np.polyfit(number, depths, 1), number)).max()
    if off <= max(UNEVEN[0] * step, UNEVEN[1]):
        return float(depths[-1] / len(gaps)), True
    wide = np.flatnonzero(gaps > 1.5 * step)
    runs = np.split(wide, np.flatnonzero(np.diff(wide) > 1) + 1) if len(wide) else []
    lost = [int(i) for run in runs if len(run) <= MISSING_RUN for i in run]
    if lost:
        raise FileDefect(place, _missing(frames, gaps, step, lost), "Add the missing slices.")
    if gaps.max() > SPACING_MM[1]:
        i = int(gaps.argmax())
        raise FileDefect(
            place,
            f"{label(frames[i])} and {label(frames[i + 1])} lie {gaps[i]:.4g} mm apart, "
            f"more than {SPACING_MM[1]:g} mm",
            "Choose a series with thinner steps.",
        )
    odd = int(np.abs(gaps - step).argmax())
    notes.append(
        f"uneven steps of {gaps.min():.4g} to {gaps.max():.4g} mm, {gaps[odd]:.4g} mm from "
        f"{label(frames[odd])} to {label(frames[odd + 1])}: resampled every {step:.4g} mm"
    )
    return step, False


def _missing(frames: Sequence[Frame], gaps: Floats, step: float, lost: Sequence[int]) -> str:
    """The sentence for a message about gaps with missing slices."""
    i = lost[0]
    slices = sum(max(round(float(gaps[k]) / step) - 1, 1) for k in lost)
    count = "a slice is" if slices == 1 else f"{slices} slices are"
    where = f"between {label(frames[i])} and {label(frames[i + 1])}"
    more = f" and at {len(lost) - 1} more places" if len(lost) > 1 else ""
    return f"{count} missing {where}, {gaps[i]:.4g} mm apart where the step is {step:.4g} mm{more}"


def _is_straight(
    place: str, depths: Floats, sideways: Floats, step: float, notes: list[str]
) -> bool:
    """Whether the slices lie along their normal; adds a note if a gantry was tilted.

    Raises FileDefect if they drift sideways more than a gantry tilts.
    """
    drift = np.hypot(*np.diff(sideways, axis=0).T) / np.diff(depths) * step
    in_all = float(np.hypot(*sideways.T).max())
    if drift.max() <= DRIFT_MM and in_all <= DRIFT_IN_ALL_MM:
        return True
    degrees = float(np.degrees(np.arctan(drift.max() / step)))
    told = f"the slices drift sideways by {drift.max():.3f} mm a step ({degrees:.1f} degrees)"
    if degrees > MOST_TILT:
        raise FileDefect(
            place,
            f"{told}, more than a gantry tilts",
            "Keep the slices of one reconstruction in a folder of their own.",
        )
    notes.append(f"gantry tilt: {told}; resampled onto a straight grid")
    return False
