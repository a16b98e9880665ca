"""Segmentation and size of the nodule at a given place, without a network.

Growth needs the same measure at all times: the edge lies half way between the HU of lung and of
the nodule's middle, a morphological opening removes vessels, and voxels on the edge count by their
share of nodule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from nodules.findings.extent import axes
from nodules.findings.size import sphere_diameter
from nodules.images.geometry import Geometry

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Box = tuple[slice, slice, slice]

LUNG_HU = -850.0  # assumed if no lung is seen around a place
AIRY_HU = -600  # lung is below, vessels are above
LEAST_CONTRAST_HU = 150.0  # between a nodule's middle and lung; ground glass has 200 and more
MIDDLE = 0.25  # radius of a nodule's middle, in expected diameters
AROUND_MM = 6.0  # examined beyond the expected extent
OPENING = 0.6  # times the radius of the largest inscribed ball: thinner necks are vessels
# Radius beyond which nothing belongs to the nodule, in expected diameters, with REACH_MM added: at
# a finding's own place, and at a mapped place where it is looked for.
REACH, REACH_LOOKING, REACH_MM = 0.65, 1.2, 2.0
MOST_ON_WALL = 0.1  # share of its surface that may touch a wall; cuts 3 % off the volume of a ball
ROUNDS = 3  # each from the centre and diameter of the one before
SOLID_HU = -250.0  # solid is above, ground glass below
SOLID_SHARES = (0.1, 0.75)  # of the inner voxels: below, ground glass; from here on, solid
SMALLEST_MM3 = 4.0  # a ball 2 mm wide
LARGEST_MM = 60.0


@dataclass(frozen=True, eq=False)
class Measured:
    """A nodule as measured at a place.

    world:     its centroid, x, y, z in mm (LPS).
    volume_mm3: with edge voxels counted by their share. mass_mg: volume times density, with water
               at 0 HU and air at -1000 (de Hoop et al., Radiology 255, 2010,
               10.1148/radiol.09090636).
    long_mm, short_mm: in the axial slice of the longest extent. solid_mm: mean of both axes of its
               solid part, to a tenth.
    apart:     whether it ends by itself; otherwise it continues into a wall or a vessel, and its
               volume says little.
    compact:   share that it fills of the ball around it.
    texture:   solid, part-solid or ground-glass, by the HU of its inner voxels.
    box, mask: its voxels (z, y, x) on the scan's native grid.
    """

    world: tuple[float, float, float]
    volume_mm3: float
    mass_mg: float
    mean_hu: float
    long_mm: float
    short_mm: float
    solid_mm: float
    texture: str
    compact: float
    apart: bool
    box: Box
    mask: Bools

    @property
    def diameter_mm(self) -> float:
        """Diameter in mm of the sphere of equal volume."""
        return sphere_diameter(self.volume_mm3)

    @cached_property
    def mean_mm(self) -> float:
        """Mean of the long and the short axis to a tenth of a mm, as in Lung-RADS."""
        return round(self.unrounded_mm, 1)

    @property
    def unrounded_mm(self) -> float:
        """Mean of the long and the short axis; Fleischner rounds it to whole mm."""
        return (self.long_mm + self.short_mm) / 2


@dataclass(frozen=True, eq=False)
class Scene:
    """A scan to measure in: HU (z, y, x), its grid, and its lungs on the same grid."""

    hu: NDArray[np.int16]
    geometry: Geometry
    lungs: NDArray[np.uint8]


def measure(
    scene: Scene, world: ArrayLike, expected_mm: float, within_mm: float = 0.0
) -> Measured | None:
    """Measure the nodule at a world point (x, y, z, mm); None if nothing stands out there.

    expected_mm: its approximate diameter. within_mm: how far from the point to look for it.
    """
    at, size, found = np.asarray(world, float), max(expected_mm, 2.0), None
    reach = REACH_MM + size * (REACH_LOOKING if within_mm else REACH)
    for turn in range(ROUNDS):
        near = within_mm if turn == 0 else 0.0
        found = _once(scene, at, min(size, LARGEST_MM), near, reach)
        if found is None:
            return None
        at, size = np.array(found.world), max(found.diameter_mm, 2.0)
    return found


def _once(scene: Scene, at: Floats, size: float, within_mm: float, reach: float) -> Measured | None:
    """One round of `measure`."""
    box = _box(scene.geometry, at, reach + AROUND_MM + within_mm)
    hu = scene.hu[box].astype(np.float32)
    if min(hu.shape) < 2:
        return None
    inside = scene.lungs[box] > 0
    mm = scene.geometry.spacing_zyx
    offsets = _offsets(box, scene.geometry, at)
    lung = _lung_hu(hu, inside)
    seed = _seed(hu, offsets, size, within_mm, mm)
    if seed is None:
        return None
    from_seed = _distances(hu.shape, seed, mm)
    middle = float(hu[from_seed <= max(MIDDLE * size, float(mm.min()))].mean())
    if middle - lung < LEAST_CONTRAST_HU:
        return None
    bright = (hu > (middle + lung) / 2) & inside
    region = bright & (from_seed <= reach)
    mask = _opened(region, seed, mm)
    if not mask.any():
        return None
    apart = _apart(mask, hu > (middle + lung) / 2, inside, region)
    return _described(mask, region, hu, inside, lung, box, scene.geometry, apart)


def _apart(mask: Bools, bright: Bools, inside: Bools, region: Bools) -> bool:
    """Whether a mask ends by itself, not cut off by the reach of `region` or by the lungs' wall."""
    rim = ndimage.binary_dilation(mask) & ~mask
    if (rim & bright & inside & ~region).any():
        return False
    return float((rim & bright & ~inside).sum()) <= MOST_ON_WALL * float(rim.sum())


def _described(
    mask: Bools,
    region: Bools,
    hu: NDArray[np.float32],
    inside: Bools,
    lung: float,
    box: Box,
    geometry: Geometry,
    apart: bool,
) -> Measured | None:
    """Measurements of a mask (z, y, x) within a box; None if it is smaller than SMALLEST_MM3."""
    mm = geometry.spacing_zyx
    depth = ndimage.distance_transform_edt(mask, sampling=mm)
    inner = depth > 0.5 * depth.max()
    middle = float(hu[inner].mean())
    near = ndimage.binary_dilation(mask, ndimage.generate_binary_structure(3, 1))
    rim = near & inside & ~(region & ~mask)  # without the vessels that the opening removed
    share = np.clip((hu - lung) / max(middle - lung, 1.0), 0, 1)
    share = np.where(ndimage.binary_erosion(mask), 1.0, share) * (rim | mask)
    volume = float(share.sum() * geometry.voxel_mm3)
    if volume < SMALLEST_MM3:
        return None
    index = np.argwhere(mask)
    weights = share[tuple(index.T)]
    centre = (index * weights[:, None]).sum(axis=0) / weights.sum()
    start = np.array([part.start for part in box])
    reach = np.linalg.norm((index - centre) * mm, axis=1).max() + float(mm.min()) / 2
    mean = float(hu[mask].mean())
    solid = mask & (hu > SOLID_HU)
    pixel = (float(mm[1]), float(mm[2]))
    long_mm, short_mm = axes(mask, pixel)
    x, y, z = geometry.to_world(centre + start)
    return Measured(
        world=(float(x), float(y), float(z)),
        volume_mm3=volume,
        mass_mg=volume * max(middle + 1000, 0.0) / 1000,
        mean_hu=mean,
        long_mm=long_mm,
        short_mm=short_mm,
        solid_mm=round(float(np.mean(axes(solid, pixel))), 1),
        texture=_texture(hu[inner]),
        compact=volume / (4 / 3 * np.pi * float(reach) ** 3),
        apart=apart,
        box=box,
        mask=mask,
    )


def _texture(hu: NDArray[np.float32]) -> str:
    """Texture by the share of inner voxels that are solid: solid, part-solid or ground-glass."""
    low, high = SOLID_SHARES
    share = float((hu > SOLID_HU).mean())
    return "solid" if share >= high else "ground-glass" if share < low else "part-solid"


def _lung_hu(hu: NDArray[np.float32], inside: Bools) -> float:
    """Median HU of the surrounding lung; LUNG_HU if there is none."""
    airy = hu[inside & (hu < AIRY_HU)]
    return float(np.median(airy)) if airy.size else LUNG_HU


def _seed(
    hu: NDArray[np.float32], offsets: Floats, size: float, within_mm: float, mm: Floats
) -> tuple[int, int, int] | None:
    """Voxel (z, y, x) at a nodule's middle: the brightest near the place after smoothing."""
    sigma = np.maximum(MIDDLE * size / mm, 0.3)
    averaged = ndimage.gaussian_filter(hu, sigma, truncate=2.0)
    distance = np.linalg.norm(offsets, axis=-1)
    reach = within_mm + max(MIDDLE * size, float(np.linalg.norm(mm)) / 2)
    near = distance <= reach
    if not near.any():
        return None
    # Prefer the nearer of two similar voxels: at the edge of the search, one loses 100 HU.
    score = np.where(near, averaged - 100 * (distance / max(reach, 1e-6)) ** 2, -np.inf)
    z, y, x = np.unravel_index(int(score.argmax()), score.shape)
    return int(z), int(y), int(x)


def _opened(region: Bools, seed: Sequence[int], mm: Floats) -> Bools:
    """The part of a region around a seed, without what is attached by a thin neck."""
    labels, _ = ndimage.label(region)
    if not labels[tuple(seed)]:
        return np.zeros_like(region)
    own = labels == labels[tuple(seed)]
    depth = ndimage.distance_transform_edt(np.pad(own, 1), sampling=mm)[1:-1, 1:-1, 1:-1]
    from_seed = _distances(own.shape, seed, mm)
    ball = float(depth[from_seed <= depth[tuple(seed)]].max())
    core = own & (depth >= OPENING * ball)
    cores, _ = ndimage.label(core, ndimage.generate_binary_structure(3, 3))
    if cores[tuple(seed)]:
        core = cores == cores[tuple(seed)]
    away = ndimage.distance_transform_edt(~core, sampling=mm)
    return np.asarray(own & (away < OPENING * ball + 0.5 * float(mm.max())))


def _box(geometry: Geometry, at: Floats, reach_mm: float) -> Box:
    """Box of the scan's voxels within a cube around a world point, clipped to the scan."""
    middle = geometry.to_index(at)
    reach = reach_mm / geometry.spacing_zyx
    z, y, x = (
        slice(max(int(np.floor(m - r)), 0), max(min(int(np.ceil(m + r)) + 1, n), 0))
        for m, r, n in zip(middle, reach, geometry.shape, strict=True)
    )
    return z, y, x


def _offsets(box: Box, geometry: Geometry, at: Floats) -> Floats:
    """Offsets (z, y, x, 3) in mm of a box's voxels from a world point, along the grid's axes."""
    start = np.array([part.start for part in box])
    shape = [part.stop - part.start for part in box]
    index = np.moveaxis(np.indices(shape), 0, -1) + start
    return (index - geometry.to_index(at)) * geometry.spacing_zyx


def _distances(shape: Sequence[int], seed: Sequence[int], mm: Floats) -> Floats:
    """Distances (z, y, x) in mm of all voxels from one of them."""
    index = np.moveaxis(np.indices(shape), 0, -1) - np.array(seed)
    return np.linalg.norm(index * mm, axis=-1)
