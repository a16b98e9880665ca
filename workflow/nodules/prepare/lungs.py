"""Lungs in 3-D, by the air that the body encloses; and the methods of the config by name.

Masks are uint8 (z, y, x) of 0 and 1 on the scan's native LPS grid; an empty mask means that no lung
was found, which is not an error. All methods include nodules at the pleura on purpose.
"""

import math
from collections.abc import Callable, Iterator

import cc3d
import cv2
import fill_voids
import numpy as np

from nodules.images.geometry import Geometry
from nodules.prepare.coarse_grid import (
    Bools,
    Mask,
    Spacing,
    Volume,
    around,
    close,
    decimate,
    dilate,
    refine,
)
from nodules.prepare.lung_kmeans import slice_kmeans

AIR_HU = -400  # between lung, about -850, and soft tissue, about 40
GAS_HU = -940  # a lung's mean is above, since it contains blood; gas in the bowel is below
WALL_MM = 6.0  # thinner tissue encloses no air: the table's shell, a blanket
CLOSING_MM = 15.0  # radius of the closing ball, which a nodule of 30 mm just fits
AIRWAY_MM2 = (40.0, 700.0)  # cross-section of a trachea or main bronchus
AIRWAY_MM = 25.0  # what is tracked over less is a bubble, and the search goes on
MIDLINE_MM = 30.0  # a trachea is closer to the body's middle
SMALLEST_SHARE = 0.02  # of the largest part's volume: smaller parts are not lung
SECOND_SHARE = 0.25  # of the largest part's volume: smaller parts must have cores of lung
SMALLEST_MM2 = 600.0  # mean cross-section of the largest part: if less, there is no lung

# HU of lung averaged over SOFT_MM, which removes vessels and noise, but not walls.
SOFT_MM = 6.0
LUNG_HU = (-960, -500)  # below is gas (outside, gut, trachea), above is tissue
PADDING_HU = -1500  # values below are padding, not HU
CORE_MM = 10.0  # square around a core, all of its kind: edges between gas and tissue are thinner
CORE_SHARE = 0.1  # of a small part: lung has more (0.6 in a whole lung), bubbles less
GUT_MM3 = 5000.0  # smaller gas cores are bronchi or noise
GUT_EDGE_MM = 8.0  # from a core of gas to just beyond its wall
GUT_SHELL_MM = (6.0, 10.0)  # distance of the wall from a core of gas
GUT_SHELL_SHARE = 0.35  # tissue in it: at least 0.47 around bowel, at most 0.25 around bullae


def volume(volume: Volume, geometry: Geometry) -> Mask:
    """Lung mask in 3-D: air inside the body, without airways and bowel, closed over nodules.

    volume: int16 HU (z, y, x) on a grid near LPS, feet first. Returns uint8 (z, y, x). Works on a
    grid of about 2 mm. Each lung is filled and closed with a ball of 15 mm radius, so that nodules
    up to about 30 mm at the pleura, at vessels and at the hilum are included.
    """
    coarse, spacing = decimate(volume, geometry)
    return refine(enclosed(coarse, spacing), geometry)


def enclosed(coarse: Volume, spacing: Spacing) -> Bools:
    """Method `volume` on the coarse grid: int16 HU (z, y, x)."""
    air, middle = _air_inside(coarse, spacing)
    remove_airways(air, spacing, middle)
    return whole(air, coarse, spacing)


def whole(air: Bools, coarse: Volume, spacing: Spacing) -> Bools:
    """The parts of `air` that are lungs, each filled and closed over its nodules."""
    lungs = np.zeros(air.shape, np.bool_)
    chest = around(air)
    for box, part in _lung_parts(air[chest], coarse[chest], spacing):
        gut = _gut(part, coarse[chest][box], spacing)
        if gut.any():
            apart = part & ~dilate(gut, spacing, GUT_EDGE_MM)
            part = cc3d.largest_k(apart, k=1, connectivity=6) > 0
        filled = close(fill_voids.fill(part), spacing, CLOSING_MM)
        lungs[chest][box] |= filled & ~dilate(gut, spacing, CORE_MM / 2) if gut.any() else filled
    return lungs


METHODS: dict[str, Callable[[Volume, Geometry], Mask]] = {
    "volume": volume,
    "slice_kmeans": slice_kmeans,
}


def find(method: str, volume: Volume, geometry: Geometry) -> Mask:
    """Lung mask by the method named in the config; KeyError for any other name."""
    return METHODS[method](volume, geometry)


def _air_inside(coarse: Volume, spacing: Spacing) -> tuple[Bools, float]:
    """Air that tissue separates from the sides of the image, and the body's middle column."""
    tissue = (coarse >= AIR_HU).view(np.uint8)
    size = max(1, round(WALL_MM / spacing[1]))
    opened = np.stack([cv2.morphologyEx(s, cv2.MORPH_OPEN, np.ones((size, size))) for s in tissue])
    labels = cc3d.connected_components(opened == 0, connectivity=6)
    inside = np.ones(int(labels.max()) + 1, np.bool_)
    for side in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        inside[side] = False
    columns = np.cumsum(opened.sum(axis=(0, 1)))
    return (tissue == 0) & np.take(inside, labels, mode="clip"), float(
        np.searchsorted(columns, columns[-1] / 2)
    )


def remove_airways(air: Bools, spacing: Spacing, middle: float) -> None:
    """Remove trachea and main bronchi from `air`, in place, tracked slice by slice downwards."""
    seed, previous, length = None, 0.0, 0.0
    for image in air[::-1]:
        count, labels, stats, centres = cv2.connectedComponentsWithStats(
            image.view(np.uint8), connectivity=4
        )
        areas = stats[:, cv2.CC_STAT_AREA] * spacing[1] ** 2
        airway = (areas >= AIRWAY_MM2[0]) & (areas <= AIRWAY_MM2[1])
        if seed is None:
            box = stats[:, cv2.CC_STAT_WIDTH] * stats[:, cv2.CC_STAT_HEIGHT]
            airway &= abs(centres[:, 0] - middle) * spacing[1] < MIDLINE_MM
            airway &= stats[:, cv2.CC_STAT_AREA] > box / 2
        else:
            airway &= np.isin(np.arange(count), np.unique(labels[seed]))
            airway &= areas < 2 * previous
        airway[0] = False
        if airway.any():
            seed = airway[labels]
            previous = float(areas[airway].sum())
            image &= ~seed
            length += spacing[0]
        elif length >= AIRWAY_MM:
            return
        else:
            seed, length = None, 0.0


def _lung_parts(
    air: Bools, coarse: Volume, spacing: Spacing
) -> Iterator[tuple[tuple[slice, ...], Bools]]:
    """Bounding box and mask of each component that is large enough and is not bowel gas."""
    if not air.any():
        return
    labels = cc3d.connected_components(air, connectivity=6)
    counts = np.bincount(labels[air]).astype(float)
    biggest = None
    pixels = SMALLEST_MM2 / spacing[1] ** 2
    for label in np.argsort(-counts):
        if counts[label] < (SMALLEST_SHARE * biggest if biggest else pixels):
            return
        everywhere = labels == label
        box = around(everywhere)
        part, hu = everywhere[box], coarse[box]
        if hu[part].mean() < GAS_HU:
            continue
        if biggest is None:
            if counts[label] / len(part) < pixels:
                continue
            biggest = counts[label]
        small = counts[label] < SECOND_SHARE * biggest
        if small and cores(soft(hu, spacing), LUNG_HU, spacing)[part].mean() < CORE_SHARE:
            continue
        yield box, part


def soft(coarse: Volume, spacing: Spacing) -> Volume:
    """HU averaged over about SOFT_MM within each slice; int16 (z, y, x)."""
    size = (2 * int(SOFT_MM / spacing[1] / 2) + 1,) * 2
    averaged = np.empty_like(coarse)
    for image, out in zip(coarse, averaged, strict=True):
        cv2.blur(image, size, dst=out)
    return averaged


def cores(averaged: Volume, hu: tuple[float, float], spacing: Spacing) -> Bools:
    """Centres of squares of CORE_MM that lie entirely between two HU, both exclusive."""
    element = np.ones((2 * int(CORE_MM / spacing[1] / 2) + 1,) * 2, np.uint8)
    found = np.empty(averaged.shape, np.uint8)
    for image, out in zip(averaged, found, strict=True):
        cv2.erode(cv2.inRange(image, hu[0] + 1, hu[1] - 1), element, dst=out)
    return found > 0


def _gut(part: Bools, coarse: Volume, spacing: Spacing) -> Bools:
    """Cores of gas in a part that are stomach or bowel, which touch it from below."""
    gas = cores(soft(coarse, spacing), (PADDING_HU, LUNG_HU[0]), spacing) & part
    volumes = np.cumsum(np.count_nonzero(part, axis=(1, 2)))
    middle = int(np.searchsorted(volumes, volumes[-1] / 2))
    # Gas centred in the lower half has about half of its volume there.
    if np.count_nonzero(gas[:middle]) * spacing[0] * spacing[1] ** 2 < GUT_MM3 / 2:
        return np.zeros_like(gas)
    return by_walls(gas, coarse, spacing, middle)[0]


def by_walls(gas: Bools, coarse: Volume, spacing: Spacing, top: int) -> tuple[Bools, Bools]:
    """Large components of cores of gas: those with a wall of tissue around them, and those without.

    Those with one are bowel or airways, the others bullae. Only components centred below `top`.
    """
    labels = cc3d.connected_components(gas, connectivity=6)
    counts = np.bincount(labels[gas], minlength=1)
    reach = tuple(math.ceil(GUT_SHELL_MM[1] / mm) for mm in (spacing[0], *[spacing[1]] * 2))
    walled, free = np.zeros_like(gas), np.zeros_like(gas)
    for label in np.flatnonzero(counts * spacing[0] * spacing[1] ** 2 >= GUT_MM3):
        component = labels == label
        if np.nonzero(component)[0].mean() >= top:
            continue
        box = around(component, reach)
        inner, outer = (dilate(component[box], spacing, mm) for mm in GUT_SHELL_MM)
        tissue = (coarse[box][outer & ~inner] >= AIR_HU).mean()
        (walled if tissue > GUT_SHELL_SHARE else free)[box] |= component[box]
    return walled, free
