"""Lung masks checked for plausibility, and a second method to find lungs if the first fails.

The methods of `lungs` find air enclosed by tissue. A stoma, a drain, gas under the skin or a thin
chest wall opens that enclosure, and both lungs are lost at once. The second method goes by density
instead: nothing else as large has the HU of lung (air outside, bowel and trachea are gas), so its
cores are found whatever they are connected to. Masks and axes are as in `lungs`.
"""

from typing import Any, NamedTuple

import cc3d
import cv2
import numpy as np

from nodules.images.geometry import Geometry
from nodules.prepare import lungs
from nodules.prepare.coarse_grid import (
    Bools,
    Mask,
    Spacing,
    Volume,
    decimate,
    dilate,
    refine,
    shrink,
)

SECOND, NONE = "density", "none"  # names of methods, beside those of lungs.METHODS

SHELL_MM = 4.0  # tissue that is thinner is not the body: table, blanket, and the thinnest wall
OBLIQUE_MM = 10.0  # range in z over which the body's outline is united, since ribs are oblique
CORE_SMALLEST = 0.015  # of the largest core's volume: smaller cores are blankets and bowel
CORE_EVEN_HU = 50.0  # median deviation in a small core: 20 to 35 in lung, 60 in bubbles and stool
ENCLOSED_SHARE = 0.5  # of a core's voxels that must have tissue on all four sides
AIR_HU, AIR_BIN = (-1100, -975), 10  # range searched for the air outside; width of histogram bins
AIR_SHARE, AIR_ABOVE = 0.01, 40  # least share of all voxels; HU from its level to the limit
CAGE_MM = 6.0  # lung extends no farther in a slice beyond the hull of its cores,
CAGE_Z_MM = (5.0, 30.0)  # those in the slice itself and in slices up to this far below and above,
REACH_MM = 25.0  # nor farther from its cores: the sharp edge over the diaphragm is about as deep

# Plausibility, on a grid of about 4 mm.
MEASURE_MM = 4.0
LARGEST_LITRES = 12.0  # the largest lungs of healthy people hold about 10
BODY_SHARE = (0.02, 0.75)  # of the body's cross-section: both lungs take 0.2 to 0.45, one lung 0.1
HIGHEST_HU = -400.0  # median: that of lungs is -910 to -780
SMALLEST_EXTENT_MM = 40.0  # the lungs of a newborn are about 60 high
OUTSIDE_SHARE = 0.2  # most of the mask that may lie outside the body's hull
SOLID_SHARE = 0.02  # least of the mask in cores of lung: 0.3 to 0.6 in lungs, none in bowel
MISSED_LITRES, MISSED_SHARE = 0.02, 0.1  # most outside it in lung-like cores; share of it


class Plausibility(NamedTuple):
    """Measures of a lung mask, and what speaks against it."""

    litres: float
    extent_mm: float  # along z, from the first to the last slice with lung
    left: float  # share of its volume left of the body's middle (the patient's left)
    body_share: float  # of the body's volume, in the slices that hold lung
    hu: float  # median within the mask
    missed_litres: float  # cores of lung-like density within the body but not in the mask
    reason: str  # why it cannot be right, as a sentence; empty if nothing speaks against it

    @property
    def plausible(self) -> bool:
        """Whether nothing speaks against the mask."""
        return not self.reason

    @property
    def statement(self) -> str:
        """One sentence: the reason, or the measures."""
        if self.left != self.left:  # NaN for a region that is not lung
            return f"{self.litres:.2f} litres over {self.extent_mm:.0f} mm, median {self.hu:.0f}."
        return self.reason or (
            f"Lungs of {self.litres:.2f} litres over {self.extent_mm:.0f} mm, "
            f"{100 * self.left:.0f} % of them on the left, "
            f"{100 * self.body_share:.0f} % of the body at these slices, "
            f"median {self.hu:.0f} HU."
        )


class Lungs(NamedTuple):
    """A lung mask, and how it was found."""

    mask: Mask  # uint8 (z, y, x); empty if `method` is NONE
    method: str  # the requested method, SECOND, or NONE if neither gave plausible lungs
    plausibility: Plausibility  # of `mask`, or of the first method's mask if `method` is NONE
    first: Plausibility  # of the requested method's mask

    def row(self, uid: str) -> dict[str, Any]:
        """A scan's row of table `lungs`."""
        measured = self.plausibility._asdict()
        del measured["reason"]
        method = "" if self.method == NONE else self.method
        return {"seriesuid": uid, "method": method, **measured, "objection": self.first.reason}


def search(method: str, volume: Volume, geometry: Geometry) -> Lungs:
    """Lungs by the requested method; if these are implausible, by density; otherwise none.

    method: a key of `lungs.METHODS`. volume: int16 HU (z, y, x) on `geometry`. If the first
    method's lungs are plausible, the mask is exactly that of `lungs.find`.
    """
    coarse, spacing = decimate(volume, geometry)
    if method == "volume":
        return settled(method, lungs.enclosed(coarse, spacing), coarse, spacing, geometry)
    mask = lungs.find(method, volume, geometry)
    found = shrink(mask, geometry)
    return settled(method, found, coarse, spacing, geometry, mask)


def settled(
    method: str,
    found: Bools,
    coarse: Volume,
    spacing: Spacing,
    geometry: Geometry,
    mask: Mask | None = None,
) -> Lungs:
    """A method's lungs if they are plausible; otherwise lungs by density; otherwise none.

    found: on the coarse grid, like the int16 HU of `coarse`; mask: the same on the native grid, if
    the method worked there.
    """
    first = measure(coarse, found, spacing)
    if first.plausible:
        return Lungs(refine(found, geometry) if mask is None else mask, method, first, first)
    found = dense(coarse, spacing)
    second = measure(coarse, found, spacing)
    if second.plausible:
        return Lungs(refine(found, geometry), SECOND, second, first)
    return Lungs(np.zeros(geometry.shape, np.uint8), NONE, first, first)


def plausibility(mask: Mask, volume: Volume, geometry: Geometry) -> Plausibility:
    """Plausibility of any lung mask, uint8 (z, y, x), like `volume`, int16 HU, on `geometry`."""
    coarse, spacing = decimate(volume, geometry)
    return measure(coarse, shrink(mask, geometry), spacing)


def density(volume: Volume, geometry: Geometry) -> Mask:
    """The second method's lung mask: uint8 (z, y, x) from int16 HU."""
    return refine(dense(*decimate(volume, geometry)), geometry)


def dense(coarse: Volume, spacing: Spacing) -> Bools:
    """Lungs by their density, on the coarse grid: int16 HU (z, y, x).

    Cores of lung-like density within the body are grown into the air around them, within the cage
    that they span, but not into airways or gas behind walls.
    """
    averaged, low = lungs.soft(coarse, spacing), gas_below(coarse)
    inside, core = _inside(averaged, coarse, low, spacing)
    gas = lungs.cores(averaged, (lungs.PADDING_HU, low), spacing)
    outside = _outside(gas, inside)
    walled, bullae = lungs.by_walls(gas & inside & ~outside, coarse, spacing, len(gas))
    gas, core = walled | (outside & inside), core | bullae
    air = (coarse < lungs.AIR_HU) & inside & _cage(core, spacing)
    air &= dilate(core, spacing, REACH_MM) & ~dilate(gas, spacing, lungs.GUT_EDGE_MM)
    lungs.remove_airways(air, spacing, _middle(inside))
    return lungs.whole(air, coarse, spacing) & ~dilate(gas, spacing, lungs.CORE_MM / 2)


def _outside(gas: Bools, inside: Bools) -> Bools:
    """Components of cores of gas that lie mostly outside the body."""
    labels = cc3d.connected_components(gas, connectivity=6)
    counts = np.bincount(labels[gas], minlength=1)
    beyond = np.bincount(labels[gas & ~inside], minlength=len(counts))
    return np.asarray(np.take(2 * beyond > counts, labels, mode="clip")) & gas


def body(coarse: Volume, spacing: Spacing) -> Bools:
    """The largest component of tissue that is thicker than a shell."""
    side = max(1, round(SHELL_MM / spacing[1]))
    tissue = np.empty(coarse.shape, np.uint8)
    for image, out in zip(coarse, tissue, strict=True):
        above = cv2.inRange(image, lungs.AIR_HU, np.iinfo(np.int16).max)
        cv2.morphologyEx(above, cv2.MORPH_OPEN, np.ones((side, side), np.uint8), dst=out)
    solid = tissue > 0
    labels = cc3d.connected_components(solid, connectivity=6)
    counts = np.bincount(labels[solid], minlength=1)
    return np.asarray(labels == counts.argmax()) & solid


def hull(near: Bools) -> Bools:
    """Convex hull of the mask's pixels in each slice."""
    # The first and last pixel of each row suffice: a few hundred points instead of thousands.
    first = near.argmax(axis=2)
    last = near.shape[2] - 1 - near[:, :, ::-1].argmax(axis=2)
    filled = np.zeros(near.shape, np.uint8)
    for image, left, right, out in zip(near, first, last, filled, strict=True):
        (y,) = np.nonzero(image.any(axis=1))
        if len(y):
            points = np.stack([np.concatenate([left[y], right[y]]), np.concatenate([y, y])], 1)
            cv2.fillConvexPoly(out, cv2.convexHull(points.astype(np.int32)), 1)
    return filled.view(np.bool_)


def spread(mask: Bools, spacing: Spacing, below_mm: float, above_mm: float) -> Bools:
    """Union of each slice with the slices up to `below_mm` below and `above_mm` above it."""
    near = mask.copy()
    for step in range(1, min(len(mask), int(max(below_mm, above_mm) / spacing[0]) + 1)):
        if step * spacing[0] <= below_mm:
            near[step:] |= mask[:-step]
        if step * spacing[0] <= above_mm:
            near[:-step] |= mask[step:]
    return near


def _inside(averaged: Volume, coarse: Volume, low: float, spacing: Spacing) -> tuple[Bools, Bools]:
    """The body's hull, and the cores of lung-like density in it that may be lungs.

    These have a size comparable to the largest, and most of their voxels have tissue on all four
    sides: a blanket below the chin or in an armpit is in the hull, yet open to one side. Small ones
    must also be homogeneous, which bubbles under the skin are not.
    """
    tissue = spread(body(coarse, spacing), spacing, OBLIQUE_MM, OBLIQUE_MM)
    inside = hull(tissue)
    core = lungs.cores(averaged, (low, lungs.LUNG_HU[1]), spacing) & inside
    between = _between(tissue, averaged, low)
    labels = cc3d.connected_components(core, connectivity=6)
    counts = np.bincount(labels[core], minlength=1)
    held = np.bincount(labels[core & between], minlength=len(counts))
    chosen = (counts >= max(1, CORE_SMALLEST * counts.max())) & (held >= ENCLOSED_SHARE * counts)
    chosen[0] = False
    for label in np.flatnonzero(chosen & (counts < lungs.SECOND_SHARE * counts.max())):
        hu = coarse[labels == label]
        chosen[label] = np.median(np.abs(hu - np.median(hu))) < CORE_EVEN_HU
    return inside, np.asarray(np.take(chosen, labels, mode="clip"))


def _between(tissue: Bools, averaged: Volume, low: float) -> Bools:
    """Pixels with tissue on both sides in their row and in their column.

    A pixel at the image's edge that is not gas counts as tissue, for scans cropped to the lungs.
    """
    wall = tissue.copy()
    for edge in ((slice(None), (0, -1)), (slice(None), slice(None), (0, -1))):
        wall[edge] |= averaged[edge] > low
    between = np.ones(wall.shape, np.bool_)
    for axis in (1, 2):
        place = np.arange(wall.shape[axis]).reshape(-1, *(1,) * (2 - axis))
        first = wall.argmax(axis=axis)
        last = wall.shape[axis] - 1 - np.flip(wall, axis).argmax(axis=axis)
        between &= (place > np.expand_dims(first, axis)) & (place < np.expand_dims(last, axis))
    return between


def gas_below(coarse: Volume) -> float:
    """HU below which voxels are gas, from the level of air in this scan, which may be below -1000.

    Never above the usual limit, since the only air in a scan cropped to the lungs is theirs.
    """
    usual = lungs.LUNG_HU[0]
    air = coarse[(coarse > AIR_HU[0]) & (coarse < AIR_HU[1])]
    if air.size < AIR_SHARE * coarse.size:
        return usual
    counts = np.bincount((air - AIR_HU[0]) // AIR_BIN)
    return min(usual, AIR_HU[0] + int(counts.argmax()) * AIR_BIN + AIR_ABOVE)


def _cage(core: Bools, spacing: Spacing) -> Bools:
    """Where lung may be around its cores, which excludes bubbles under the skin of the chest.

    The chest widens downwards, so a slice's cage includes cores from farther above than below.
    """
    reach = round(CAGE_MM / spacing[1])
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    cage = hull(spread(core, spacing, *CAGE_Z_MM)).view(np.uint8)
    for image in cage:
        cv2.dilate(image, disc, dst=image)
    return cage > 0


def _middle(inside: Bools) -> float:
    """The column with half of the body on either side."""
    columns = np.cumsum(np.count_nonzero(inside, axis=(0, 1)))
    return float(np.searchsorted(columns, columns[-1] / 2))


def measure(coarse: Volume, found: Bools, spacing: Spacing) -> Plausibility:
    """Plausibility of a mask on the coarse grid, measured on a grid of about MEASURE_MM."""
    step = max(1, round(MEASURE_MM / spacing[0]))
    size = tuple(max(1, round(n * spacing[1] / MEASURE_MM)) for n in coarse.shape[:0:-1])
    hu = np.empty((len(coarse[::step]), *size[::-1]), np.int16)
    mask = np.empty(hu.shape, np.uint8)
    for z in range(len(hu)):
        cv2.resize(coarse[z * step], size, dst=hu[z], interpolation=cv2.INTER_AREA)
        shown = found[z * step].view(np.uint8)
        cv2.resize(shown, size, dst=mask[z], interpolation=cv2.INTER_NEAREST)
    return _measured(hu, mask > 0, (spacing[0] * step, MEASURE_MM))


def _measured(hu: Volume, found: Bools, spacing: Spacing) -> Plausibility:
    """Plausibility of a mask on a grid of about MEASURE_MM."""
    litre = float(spacing[0] * spacing[1] ** 2) / 1e6
    low = gas_below(hu)
    inside, lung = _inside(lungs.soft(hu, spacing), hu, low, spacing)
    held = np.flatnonzero(found.any(axis=(1, 2)))
    voxels = int(np.count_nonzero(found))
    middle = round(_middle(inside))
    around = int(np.count_nonzero((inside | found)[held]))
    numbers = Plausibility(
        litres=voxels * litre,
        extent_mm=float((held[-1] - held[0] + 1) * spacing[0]) if len(held) else 0.0,
        left=int(np.count_nonzero(found[:, :, middle:])) / voxels if voxels else 0.0,
        body_share=voxels / around if around else 0.0,
        hu=float(np.median(hu[found])) if voxels else 0.0,
        missed_litres=int(np.count_nonzero(lung & ~found)) * litre,
        reason="",
    )
    outside = int(np.count_nonzero(found & ~inside)) / max(1, voxels)
    ends = bool(found[0].any() or found[-1].any())
    solid = int(np.count_nonzero(found & lung)) / max(1, voxels)
    gas = numbers.hu < low or (solid < SOLID_SHARE and not ends)
    return numbers._replace(reason=_objection(numbers, outside, ends, gas))


def _objection(found: Plausibility, outside: float, ends: bool, gas: bool) -> str:
    """The first thing that speaks against a mask, as a sentence, or an empty string.

    outside: share of the mask outside the body; ends: whether the scan ends within the mask; gas:
    whether it consists of gas and its edges.
    """
    few, most = BODY_SHARE
    if found.litres == 0:
        return f"No lung was found{_beside(found)}."
    if outside > OUTSIDE_SHARE:
        return f"{outside:.0%} of what was found lies outside the body: air around the patient."
    if found.hu > HIGHEST_HU:
        return f"What was found holds no air: its median is {found.hu:.0f} HU, not about -850 HU."
    if gas:
        return (
            f"What was found ({found.litres:.2f} litres, median {found.hu:.0f} HU) is gas, as in "
            "stomach or bowel: there is none of lung's even density, about -850 HU"
            f"{_beside(found)}."
        )
    if found.litres > LARGEST_LITRES:
        return f"{found.litres:.1f} litres were found; lungs hold {LARGEST_LITRES:.0f} at most."
    if not few <= found.body_share <= most:
        return (
            f"What was found is {found.body_share:.1%} of the body's cross-section, where lungs "
            f"are {few:.0%} to {most:.0%}{_beside(found)}."
        )
    if found.extent_mm < SMALLEST_EXTENT_MM and not ends:
        return (
            f"What was found is {found.extent_mm:.0f} mm high, less than a newborn's lungs "
            f"({SMALLEST_EXTENT_MM:.0f} mm or more), though the scan goes on above and below."
        )
    if found.missed_litres > max(MISSED_LITRES, MISSED_SHARE * found.litres):
        return f"{found.litres:.2f} litres were found{_beside(found)}."
    return ""


def _beside(found: Plausibility) -> str:
    """Lung-like volume outside the mask, as the end of a sentence; empty if negligible."""
    if found.missed_litres <= MISSED_LITRES:
        return ""
    return f", and {found.missed_litres:.2f} litres of lung's density in the body are not among it"
