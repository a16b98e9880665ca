"""Where the lungs are: the published two-means method per slice, and a 3-D method.

Masks are uint8 (z, y, x) of 0 and 1 on the scan's native LPS grid; an empty mask means that no
lung was found, which is no error. Both methods keep the nodules at the pleura inside on purpose.
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
GRID_MM = 2.0  # it works on a grid of about this size: finer than a lung's shape needs
AIR_HU = -400  # between lung, about -850, and soft tissue, about 40
GAS_HU = -940  # mean of a lung is above, for it holds blood; gas in the bowel is below
WALL_MM = 6.0  # thinner tissue does not hold air in: the table's shell, a blanket
CLOSING_MM = 15.0  # radius of the ball that does not enter bays; a nodule of 30 mm just fits it
AIRWAY_MM2 = (40.0, 700.0)  # cross-section of a trachea or main bronchus
AIRWAY_MM = 25.0  # what is followed over less is a bubble, and the search goes on
MIDLINE_MM = 30.0  # a trachea lies nearer to the body's middle
SMALLEST_SHARE = 0.02  # of the largest part's volume: smaller parts are not lung
SECOND_SHARE = 0.25  # of the largest part's volume: smaller parts must have cores of lung
SMALLEST_MM2 = 600.0  # mean cross-section of the largest part: below, there is no lung

# What lung is made of, once averaged over SOFT_MM: vessels and noise are gone, walls are not.
SOFT_MM = 6.0
LUNG_HU = (-960, -500)  # below is gas (outside, gut, trachea), above is tissue
PADDING_HU = -1500  # below is no HU: it fills what the scanner did not see
CORE_MM = 10.0  # a core's surroundings are of its kind: the edge of gas and tissue is thinner
CORE_SHARE = 0.1  # of a small part: that of lung is above (0.6 in a whole lung), of bubbles below
GUT_MM3 = 5000.0  # gas cores of less are bronchi or noise
GUT_EDGE_MM = 8.0  # from a core of gas to beyond its wall
GUT_SHELL_MM = (6.0, 10.0)  # from a core of gas: where its wall is
GUT_SHELL_SHARE = 0.35  # of that, tissue: 0.47 and more about gut, 0.25 and less about bullae


def two_means_threshold(pixels: NDArray[np.int16]) -> float:
    """HU halfway between the two means that split the pixels with the least squared error.

    pixels: int16 of any shape. The two clusters of one-dimensional 2-means are always the two
    sides of a cut, so the best of all cuts in the histogram is the global optimum, found in
    integer sums (Otsu 1979: least variance within is most variance between). Where all pixels
    are equal, their value. Raises ValueError for no pixels.
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
    # n_low / n * n_high * (difference of means)^2 is the squared error that the cut explains.
    best = np.argmax(below_n / n * (n - below_n) * (high_mean - low_mean) ** 2)
    return float((low_mean[best] + high_mean[best]) / 2 + low)


def slice_kmeans(volume: Volume, geometry: Geometry) -> Mask:
    """Lung mask slice by slice: two-means threshold, erosion, dilation, choice of components.

    volume: int16 HU (z, y, x). Returns uint8 (z, y, x). The method is the one of the published
    experiment, by pixels and shares of a side, so that `geometry` plays no part: it keeps
    the trachea and gas in the bowel, and on slices far from the lungs it may keep anything.
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
    # The extremes (padding, metal) would draw the means to themselves: they take the mean's value.
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

    By contours, in a quarter of the time of labelling; a test holds the two to be equal.
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

    volume: int16 HU (z, y, x) on a grid near LPS, feet first. Returns uint8 (z, y, x). Works on
    a grid of about 2 mm. Each lung is filled and closed with a ball of 15 mm radius, so that
    nodules up to about 30 mm at the pleura, at vessels and at the hilum are inside.
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
    """Lung mask by the method that the config names; KeyError for another name."""
    return METHODS[method](volume, geometry)


def close(mask: Bools, spacing: Spacing, radius_mm: float) -> Bools:
    """Close a mask with a ball: fill every place that no ball outside the mask reaches.

    mask: bool (z, y, x). spacing: mm of z and of the pixels. Beyond the first and the last slice
    the mask is taken to go on as it is there, since a scan may end within the lungs.
    """
    reach = [math.ceil(radius_mm / mm) + 1 for mm in spacing]
    padded = np.pad(mask, ((0, 0), (reach[1],) * 2, (reach[1],) * 2))
    padded = np.pad(padded, ((reach[0],) * 2, (0, 0), (0, 0)), mode="edge")
    closed = ~dilate(~dilate(padded, spacing, radius_mm), spacing, radius_mm)
    return closed[reach[0] : -reach[0], reach[1] : -reach[1], reach[1] : -reach[1]]


def dilate(mask: Bools, spacing: Spacing, radius_mm: float) -> Bools:
    """Voxels whose centre lies within `radius_mm` of a mask voxel's centre.

    mask: bool (z, y, x). spacing: mm of z and of the pixels. Distances in a slice are OpenCV's
    (5 x 5 mask, off by 2 % at most); across slices they are added by Pythagoras.
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
    """Box of a mask and `reach` voxels around it, within the array; empty for an empty mask."""
    front, side = np.any(mask, axis=0), np.any(mask, axis=2)
    found = (np.any(side, axis=1), np.any(front, axis=1), np.any(front, axis=0))
    box = []
    for line, more in zip(found, reach, strict=True):
        at = np.flatnonzero(line)
        box.append(slice(max(at[0] - more, 0), at[-1] + 1 + more) if len(at) else slice(0))
    return tuple(box)


def grow(mask: Mask, geometry: Geometry, margin_mm: float) -> Mask:
    """A mask with everything within `margin_mm` of it, in 3-D, to about half of GRID_MM.

    mask: uint8 (z, y, x) on `geometry`; returns the same.
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
    """Of how many native slices the 3-D method looks at one."""
    return max(1, int(GRID_MM / geometry.spacing_zyx[0]))


def coarse_slices(geometry: Geometry) -> slice:
    """The native slices that the 3-D method looks at."""
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
    """Rows and columns of square pixels of about GRID_MM that fill a slice."""
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
    """Air that tissue parts from the sides of the image, and the column of the body's middle."""
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
    """Take trachea and main bronchi out of `air`, followed slice by slice from the head down."""
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
    """HU averaged over about SOFT_MM in the slice; int16 (z, y, x)."""
    size = (2 * int(SOFT_MM / spacing[1] / 2) + 1,) * 2
    averaged = np.empty_like(coarse)
    for image, out in zip(coarse, averaged, strict=True):
        cv2.blur(image, size, dst=out)
    return averaged


def cores(averaged: Volume, hu: tuple[float, float], spacing: Spacing) -> Bools:
    """Voxels in the middle of a square of CORE_MM, all of it between two HU, ends apart."""
    element = np.ones((2 * int(CORE_MM / spacing[1] / 2) + 1,) * 2, np.uint8)
    found = np.empty(averaged.shape, np.uint8)
    for image, out in zip(averaged, found, strict=True):
        cv2.erode(cv2.inRange(image, hu[0] + 1, hu[1] - 1), element, dst=out)
    return found > 0


def _gut(part: Bools, coarse: Volume, spacing: Spacing) -> Bools:
    """Cores of gas in a part that are stomach or bowel, touching it from below."""
    gas = cores(soft(coarse, spacing), (PADDING_HU, LUNG_HU[0]), spacing) & part
    volumes = np.cumsum(np.count_nonzero(part, axis=(1, 2)))
    middle = int(np.searchsorted(volumes, volumes[-1] / 2))
    # What has its middle in the lower half has about half of its volume there.
    if np.count_nonzero(gas[:middle]) * spacing[0] * spacing[1] ** 2 < GUT_MM3 / 2:
        return np.zeros_like(gas)
    return by_walls(gas, coarse, spacing, middle)[0]


def by_walls(gas: Bools, coarse: Volume, spacing: Spacing, top: int) -> tuple[Bools, Bools]:
    """The large components of cores of gas: with a wall of tissue about them, and without.

    Those with are gut, airways; those without, bullae. `top`: only what is centred below it.
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
