"""What the page shows of a scan, whatever its source, and how it is passed to the page's script."""

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodules.images.geometry import Geometry
from nodules.prepare import lung_search
from nodules.report.viewer import levels

FORMAT = 1
RESEARCH = "Research only. Not a medical device: not for diagnosis or any decision about a patient."
MARGIN_MM = 15.0  # kept around the lungs
NUMBERS = ("probability", "confidence", "diameter_mm", "volume_mm3", "long_mm", "short_mm")

Corner = tuple[int, int, int]
Mask = tuple[Corner, NDArray[np.bool_]]  # index of the first voxel, and mask (z, y, x)
Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Found:
    """A finding of the computer.

    numbers: by the names of `findings.found.COLUMNS`; None if unknown. mask: on the scan's native
    grid. seen: where a network looked: a square picture, its heat map, and a sentence.
    """

    number: int
    world: tuple[float, float, float]
    numbers: Mapping[str, Any]
    reported: bool
    side: str = ""
    mask: Mask | None = None
    seen: tuple[NDArray[np.uint8], NDArray[np.uint8], str] | None = None


@dataclass(frozen=True)
class Link:
    """A finding's place in the prior scan (x, y, z in mm there), and a sentence on it.

    diameter_mm: its diameter there; None if it was not seen there.
    """

    finding: int
    world: tuple[float, float, float]
    told: str
    diameter_mm: float | None = None


@dataclass(frozen=True, eq=False)
class Shown:
    """A scan with its findings.

    voxels:   int16 HU (z, y, x) on geometry, the grid nearest to LPS.
    outlines: name and mask of contours that are not the computer's.
    froc:     its name, and rows of threshold, false alarms per scan, sensitivity.
    model:    name, sha256, trained (a sentence), limits (sentences).
    prior:    voxels, grid and UID of an earlier scan; links: findings in it. prior_when: its date
              and how long before this one, in words; "" if unknown.
    affine:   matrix (3, 3) and offset (3,) from this scan's world to the prior's; None if unknown.
    """

    uid: str
    voxels: NDArray[np.int16]
    geometry: Geometry
    findings: Sequence[Found]
    threshold: float
    headline: str
    model: Mapping[str, str]
    notes: Sequence[str] = ()
    outlines: Sequence[tuple[str, Mask]] = ()
    froc: tuple[str, NDArray[np.float64]] | None = None
    malignancy: str = ""
    prior: tuple[NDArray[np.int16], Geometry, str] | None = None
    prior_when: str = ""
    links: Sequence[Link] = field(default=())
    affine: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    @property
    def case(self) -> str:
        """Hash of scan, grid and findings, which ties readings to them; the same for any crop."""
        return case_of(self.uid, self.geometry, self.findings)


def case_of(uid: str, geometry: Geometry, findings: Sequence[Found]) -> str:
    """Hash (24 hex digits) of a scan, its grid and findings, which ties readings to them."""
    rows = [[f.number, *f.world, _number(f.numbers.get("probability"))] for f in findings]
    grid = geometry.to_row()
    grid["direction"] = [value + 0.0 for value in grid["direction"]]  # -0 would change the hash
    told = json.dumps([FORMAT, uid, grid, sorted(rows)])
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def whole(shape: tuple[int, ...]) -> Box:
    """The box that holds all of a volume."""
    z, y, x = (slice(0, n) for n in shape)
    return z, y, x


def around_lungs(shown: Shown) -> Box:
    """The box of a scan's lungs, findings and outlines, with a margin."""
    masks = [f.mask for f in shown.findings if f.mask] + [mask for _, mask in shown.outlines]
    return box_of_lungs(
        shown.voxels, shown.geometry, [finding.world for finding in shown.findings], masks
    )


def box_of_lungs(
    voxels: NDArray[np.int16],
    geometry: Geometry,
    places: Sequence[tuple[float, float, float]],
    masks: Sequence[Mask] = (),
) -> Box:
    """The box of lungs, places (x, y, z mm) and masks, with a margin; all if there are no lungs."""
    lungs = lung_search.search("volume", voxels, geometry).mask
    if not lungs.any():
        return whole(voxels.shape)
    lines = [np.flatnonzero(lungs.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1))]
    ends = [np.array([line[0] for line in lines]), np.array([line[-1] for line in lines])]
    ends += [np.rint(geometry.to_index(place)) for place in places]
    for corner, mask in masks:
        ends += [np.array(corner), np.array(corner) + mask.shape - 1]
    reach = np.ceil(MARGIN_MM / geometry.spacing_zyx)
    low = np.maximum(np.min(ends, axis=0) - reach, 0).astype(int)
    high = np.minimum(np.max(ends, axis=0) + reach + 1, voxels.shape).astype(int)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return z, y, x


def cut(geometry: Geometry, box: Box) -> Geometry:
    """The geometry of a box within a grid."""
    corner = [part.start for part in box]
    shape = tuple(part.stop - part.start for part in box)
    return replace(geometry, origin=geometry.to_world(corner), shape=(shape[0], shape[1], shape[2]))


def told(
    shown: Shown,
    box: Box,
    volume: Mapping[str, Any],
    prior: Mapping[str, Any] | None,
    save: str = "",
) -> dict[str, Any]:
    """A scan as the page's script takes it, ready for JSON (types.js: Case).

    box: the part of the scan that is shown. volume, prior: from `spec`. save: URL that stores
    readings; "" for none.
    """
    corner = (box[0].start, box[1].start, box[2].start)
    findings = sorted(shown.findings, key=lambda f: -(_number(f.numbers.get("probability")) or 0.0))
    return {
        "format": FORMAT,
        "case": shown.case,
        "seriesuid": shown.uid,
        "headline": shown.headline[:1].upper() + shown.headline[1:],
        "notes": list(shown.notes),
        "volume": dict(volume),
        "findings": [_finding(finding, corner) for finding in findings],
        "outlines": [{"name": n, "mask": _packed(m, corner)} for n, m in shown.outlines],
        "threshold": _number(shown.threshold) or 0.0,
        "froc": shown.froc and {"told": shown.froc[0], "points": shown.froc[1].tolist()},
        "model": {key: shown.model.get(key, "") for key in ("name", "sha256", "trained", "limits")},
        "malignancy": shown.malignancy,
        "research": RESEARCH,
        "prior": _prior(shown, prior),
        "save": save,
    }


def spec(
    name: str, geometry: Geometry, box: Box, steps: NDArray[np.int16], url: str = ""
) -> dict[str, Any]:
    """How the voxels of a box are coded, and where their pieces are (types.js: VolumeSpec)."""
    grid = cut(geometry, box)
    depth = levels.depth_of(grid.shape)
    return {
        "name": name,
        "grid": {
            "origin": grid.origin.tolist(),
            "axes": grid.axes.ravel().tolist(),
            "shape": list(grid.shape),
        },
        "spacing": grid.spacing_zyx.tolist(),
        "levels": steps.tolist(),
        "coding": "differences" if len(steps) <= 256 else "wide",
        "depth": depth,
        "pieces": math.ceil(grid.shape[0] / depth),
        "corner": [part.start for part in box],
        "whole": list(geometry.shape),
        "url": url,
    }


def _finding(finding: Found, corner: Corner) -> dict[str, Any]:
    x, y, z = finding.world
    return {
        "number": finding.number,
        **{"x": x, "y": y, "z": z},
        **{key: _number(finding.numbers.get(key)) for key in (*NUMBERS, "mean_hu", "malignancy")},
        "reported": finding.reported,
        "side": finding.side,
        "mask": finding.mask and _packed(finding.mask, corner),
        "seen": finding.seen and _seen(*finding.seen),
    }


def _number(value: Any) -> float | None:
    """A number for JSON; None if it is missing or not finite."""
    return None if value is None or not math.isfinite(value) else float(value)


def _packed(mask: Mask, corner: Corner) -> dict[str, Any]:
    """A mask's corner relative to `corner`, its shape, and its bits as base64."""
    at, voxels = mask
    return {
        "corner": [int(a - b) for a, b in zip(at, corner, strict=True)],
        "shape": list(voxels.shape),
        "bits": _text(np.packbits(voxels)),
    }


def _seen(image: NDArray[np.uint8], heat: NDArray[np.uint8], words: str) -> dict[str, Any]:
    return {"px": len(image), "image": _text(image), "heat": _text(heat), "told": words}


def _text(values: NDArray[np.uint8]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def _prior(shown: Shown, volume: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The prior scan: its voxels, the map to it from this scan, and the findings linked to it."""
    if shown.prior is None or volume is None:
        return None
    matrix, offset = shown.affine or (np.eye(3), _shift(shown))
    links = [
        {"finding": k.finding, "at": list(k.world), "told": k.told, "mm": k.diameter_mm}
        for k in shown.links
    ]
    return {
        "volume": dict(volume),
        "told": shown.prior[2],
        "when": shown.prior_when,
        "matrix": matrix.ravel().tolist(),
        "offset": offset.tolist(),
        "links": links,
    }


def _shift(shown: Shown) -> NDArray[np.float64]:
    """Shift (3,) from this scan's world to the prior's, mm: the links' median, else the lungs'."""
    by_number = {finding.number: finding for finding in shown.findings}
    apart = [np.subtract(k.world, by_number[k.finding].world) for k in shown.links]
    if apart:
        return np.asarray(np.median(apart, axis=0), float)
    assert shown.prior is not None
    middles = [
        _lung_middle(voxels, grid)
        for voxels, grid in ((shown.voxels, shown.geometry), shown.prior[:2])
    ]
    return np.asarray(middles[1] - middles[0], float)


def _lung_middle(voxels: NDArray[np.int16], geometry: Geometry) -> NDArray[np.float64]:
    """World point at the centre of the lungs' box, or of the scan if there are no lungs."""
    mask = lung_search.search("volume", voxels, geometry).mask
    lines = [np.flatnonzero(mask.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1))]
    if not len(lines[0]):
        return geometry.to_world((np.array(geometry.shape) - 1) / 2)
    return geometry.to_world([(line[0] + line[-1]) / 2 for line in lines])
