"""Lung segmentation: the published two-means method per slice, and a 3-D method.

Masks are uint8 (z, y, x) of 0 and 1 on the scan's native LPS grid; an empty mask means that no lung
was found, which is not an error. Both methods include nodules at the pleura on purpose.
"""

import math
from collections.abc import Callable, Iterator

import cc3d
import cv2
import fill_voids
import numpy as np
from numpy.typing import NDArray

from nodules.images.geometry import Geometry

Mask = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Volume = NDArray[np.int16]
Spacing = tuple[float, float]  # mm of z and of the pixels

# The per-slice method's numbers, as published for slices of 512 x 512: pixels and shares of a side.
ERODE, ERODE_ANCHOR = np.ones((4, 4), np.uint8), (1, 1)
DILATE, DILATE_ANCHOR = np.ones((10, 10), np.uint8), (4, 4)
MIDDLE = (100 / 512, 400 / 512)
LARGEST_SIDE = 475 / 512
FIRST_ROW, LAST_ROW = 40 / 512, 472 / 512

# The 3-D method's numbers.
GRID_MM = 2.0  # it works on a grid of about this size, finer than a lung's shape needs
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


def two_means_threshold(pixels: NDArray[np.int16]) -> float:
    """HU halfway between the two means that split the pixels with the least squared error.

    pixels: int16 of any shape. The two clusters of one-dimensional 2-means always lie on either
    side of a cut, so the best of all cuts in the histogram is the global optimum, found with
    integer sums (Otsu 1979: the least variance within is the greatest variance between). If all
    pixels are equal, their value. Raises ValueError if there are no pixels.
    """
    if pixels.size == 0:
        raise ValueError("two means of no pixels")
    low = int(pixels.min())
    counts = np.bincount(pixels.ravel().astype(np.intp) - low)
    values = np.flatnonzero(counts)
    if len(values) == 1:
        return float(low)
    counts = counts[values]
    below_n, below_sum = np.cumsum(counts)[:-1], np.cumsum(counts * values)[:-1]
    n, total = int(counts.sum()), int((counts * values).sum())
    low_mean, high_mean = below_sum / below_n, (total - below_sum) / (n - below_n)
    # n_low / n * n_high * (difference of means)^2: the squared error that the cut explains.
    best = np.argmax(below_n / n * (n - below_n) * (high_mean - low_mean) ** 2)
    return float((low_mean[best] + high_mean[best]) / 2 + low)


def slice_kmeans(volume: Volume, geometry: Geometry) -> Mask:
    """Lung mask slice by slice: two-means threshold, erosion, dilation, choice of components.

    volume: int16 HU (z, y, x). Returns uint8 (z, y, x). This is the method of the published
    experiment. It works in pixels and shares of a side, so `geometry` is unused. It keeps the
    trachea and gas in the bowel, and on slices far from the lungs it may keep anything.
    """
    del geometry
    mask = np.zeros(volume.shape, np.uint8)
    for image, out in zip(volume, mask, strict=True):
        _kmeans_slice(image, out)
    return mask


def _kmeans_slice(image: Volume, out: Mask) -> None:
    """Paint one slice's lungs into `out`."""
    rows, cols = (slice(*(round(share * n) for share in MIDDLE)) for n in image.shape)
    middle = image[rows, cols].copy()
    # Extremes (padding, metal) would attract the means, so they are replaced by the mean.
    level = round(float(middle.mean()))
    low, high, _, _ = cv2.minMaxLoc(image)
    middle[(middle == low) | (middle == high)] = level
    threshold = two_means_threshold(middle)
    air = cv2.inRange(image, low + 1, min(math.ceil(threshold), high) - 1)
    if level < threshold:
        air[(image == low) | (image == high)] = 255
    air = cv2.erode(air, ERODE, anchor=ERODE_ANCHOR)
    air = cv2.dilate(air, DILATE, anchor=DILATE_ANCHOR)
    cv2.dilate(
        _central_components(np.asarray(air, np.uint8)), DILATE, dst=out, anchor=DILATE_ANCHOR
    )


def _central_components(air: Mask) -> Mask:
    """The 8-connected components that are neither too large nor near the first or last rows.

    Contours take a quarter of the time of labelling; a test ensures that both give the same.
    """
    kept = np.zeros_like(air)
    rows, cols = air.shape
    contours, tree = cv2.findContours(air, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    parents = tree[0, :, 3] if contours else np.zeros(0, int)
    for outer in np.flatnonzero(parents < 0).tolist():
        _, top, width, height = cv2.boundingRect(contours[outer])
        small = height < LARGEST_SIDE * rows and width < LARGEST_SIDE * cols
        if small and top > FIRST_ROW * rows and top + height < LAST_ROW * rows:
            holes = [contours[hole] for hole in np.flatnonzero(parents == outer).tolist()]
            cv2.drawContours(kept, [contours[outer], *holes], -1, 1, cv2.FILLED)
    return kept


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


def close(mask: Bools, spacing: Spacing, radius_mm: float) -> Bools:
    """Close a mask with a ball: fill every place that no ball outside the mask reaches.

    mask: bool (z, y, x). spacing: mm of z and of the pixels. The first and last slices are repeated
    beyond the ends, since a scan may end within the lungs.
    """
    reach = [math.ceil(radius_mm / mm) + 1 for mm in spacing]
    padded = np.pad(mask, ((0, 0), (reach[1],) * 2, (reach[1],) * 2))
    padded = np.pad(padded, ((reach[0],) * 2, (0, 0), (0, 0)), mode="edge")
    closed = ~dilate(~dilate(padded, spacing, radius_mm), spacing, radius_mm)
    return closed[reach[0] : -reach[0], reach[1] : -reach[1], reach[1] : -reach[1]]


def dilate(mask: Bools, spacing: Spacing, radius_mm: float) -> Bools:
    """Voxels whose centre lies within `radius_mm` of a mask voxel's centre.

    mask: bool (z, y, x). spacing: mm of z and of the pixels. Distances within a slice are OpenCV's
    (5 x 5 mask, off by 2 % at most), combined across slices by Pythagoras.
    """
    near = np.zeros(mask.shape, np.bool_)
    box = around(mask, tuple(math.ceil(radius_mm / mm) for mm in (spacing[0], *[spacing[1]] * 2)))
    distance = np.full(mask[box].shape, np.inf, np.float32)
    for image, out in zip(mask[box], distance, strict=True):
        if image.any():
            out[:] = cv2.distanceTransform((~image).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    slices = len(distance)
    for step in range(min(int(radius_mm / spacing[0]), slices - 1) + 1):
        across = step * spacing[0]
        disc = distance <= math.sqrt(radius_mm**2 - across**2) / spacing[1]
        near[box][step:] |= disc[: slices - step]
        near[box][: slices - step] |= disc[step:]
    return near


def around(mask: Bools, reach: tuple[int, ...] = (0, 0, 0)) -> tuple[slice, ...]:
    """Bounding box of a mask plus `reach` voxels, within the array; empty for an empty mask."""
    front, side = np.any(mask, axis=0), np.any(mask, axis=2)
    found = (np.any(side, axis=1), np.any(front, axis=1), np.any(front, axis=0))
    box = []
    for line, more in zip(found, reach, strict=True):
        at = np.flatnonzero(line)
        box.append(slice(max(at[0] - more, 0), at[-1] + 1 + more) if len(at) else slice(0))
    return tuple(box)


def grow(mask: Mask, geometry: Geometry, margin_mm: float) -> Mask:
    """A mask with everything within `margin_mm` of it, in 3-D, accurate to about half of GRID_MM.

    mask: uint8 (z, y, x) on `geometry`; the result likewise.
    """
    spacing = (geometry.spacing_zyx[0] * z_step(geometry), GRID_MM)
    return refine(dilate(shrink(mask, geometry), spacing, margin_mm), geometry)


def shrink(mask: Mask, geometry: Geometry) -> Bools:
    """A native mask on the coarse grid."""
    chosen, (rows, cols) = mask[coarse_slices(geometry)], coarse_size(geometry)
    coarse = np.empty((len(chosen), rows, cols), np.uint8)
    for image, out in zip(chosen, coarse, strict=True):
        cv2.resize(image, (cols, rows), dst=out, interpolation=cv2.INTER_NEAREST)
    return coarse > 0


def z_step(geometry: Geometry) -> int:
    """Step in native slices between those that the 3-D method uses."""
    return max(1, int(GRID_MM / geometry.spacing_zyx[0]))


def coarse_slices(geometry: Geometry) -> slice:
    """The native slices that the 3-D method uses."""
    step = z_step(geometry)
    return slice(min((step - 1) // 2, geometry.shape[0] - 1), None, step)


def decimate(volume: Volume, geometry: Geometry) -> tuple[Volume, Spacing]:
    """The volume on square pixels of about GRID_MM, and its spacing (z, pixel) in mm."""
    step, (rows, cols) = z_step(geometry), coarse_size(geometry)
    _, height, width = volume.shape
    kernel = [2 * (n // (2 * small)) + 1 for n, small in ((width, cols), (height, rows))]
    chosen = volume[coarse_slices(geometry)]
    coarse = np.empty((len(chosen), rows, cols), np.int16)
    for image, out in zip(chosen, coarse, strict=True):
        cv2.resize(cv2.blur(image, kernel), (cols, rows), dst=out)
    return coarse, (geometry.spacing_zyx[0] * step, GRID_MM)


def coarse_size(geometry: Geometry) -> tuple[int, int]:
    """Rows and columns of a slice in square pixels of about GRID_MM."""
    _, mm_y, mm_x = geometry.spacing_zyx
    _, height, width = geometry.shape
    return max(1, round(height * mm_y / GRID_MM)), max(1, round(width * mm_x / GRID_MM))


def refine(mask: Bools, geometry: Geometry) -> Mask:
    """The coarse mask on the native grid: linear between pixel centres and between slices."""
    shape, step = geometry.shape, z_step(geometry)
    fine = np.empty(shape, np.uint8)
    grey = mask.view(np.uint8) * np.uint8(255)
    positions = (np.arange(shape[0]) - coarse_slices(geometry).start) / step
    for position, out in zip(np.clip(positions, 0, len(mask) - 1), fine, strict=True):
        low = int(position)
        image = grey[low]
        if position > low:
            share = position - low
            image = cv2.addWeighted(image, 1 - share, grey[low + 1], share, 0)
        cv2.resize(image, (shape[2], shape[1]), dst=out)
        cv2.threshold(out, 127, 1, cv2.THRESH_BINARY, dst=out)
    return fine


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
