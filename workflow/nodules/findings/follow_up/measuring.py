"""A nodule's extent at a given place of a scan, without a network, alike at every time.

Growth is told by one measure at all times: HU between lung and the nodule's middle give the edge,
an opening takes vessels off, and voxels that the edge cuts count by their share of nodule.
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

LUNG_HU = -850.0  # where no lung is seen around a place
AIRY_HU = -600  # lung and no vessel is below
LEAST_CONTRAST_HU = 150.0  # of a nodule's middle to the lung; ground glass has 200 and more
MIDDLE = 0.25  # of the expected diameter: radius of what stands for a nodule's middle
AROUND_MM = 6.0  # seen beyond the expected extent
OPENING = 0.6  # of the largest inscribed ball: thinner necks are vessels
# Radius beyond which nothing is part of it, in expected diameters: where it was found, and where it
# is looked for, at another time; REACH_MM is added.
REACH, REACH_LOOKING, REACH_MM = 0.65, 1.2, 2.0
MOST_ON_WALL = 0.1  # share of its surface that may lie on no lung: 3 % of a ball lie behind
ROUNDS = 3  # from the last one's centre and diameter
SOLID_HU = -250.0  # solid is above, ground glass below
SOLID_SHARES = (0.1, 0.75)  # of the inner voxels: below, ground glass; above, solid
SMALLEST_MM3 = 4.0  # a ball of 2 mm
LARGEST_MM = 60.0


@dataclass(frozen=True, eq=False)
class Measured:
    """A nodule as measured at a place.

    world:     its centroid, x, y, z in mm (LPS).
    volume_mm3: with voxels at the edge counted by their share. mass_mg: volume times density,
               water as 0 HU and air as -1000 (de Hoop et al., Radiology 255, 2010,
               10.1148/radiol.09090636).
    long_mm, short_mm: in the axial slice of the longest extent. solid_mm: of its solid part.
    apart:     whether it ends by itself: else it runs on into something, a wall or a vessel, and
               its volume says little.
    compact:   share of the ball around its extent that it fills.
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
        """Diameter of the sphere of equal volume."""
        return sphere_diameter(self.volume_mm3)

    @cached_property
    def mean_mm(self) -> float:
        """Mean of the long and the short axis, to a tenth, as Lung-RADS sizes it."""
        return round(self.unrounded_mm, 1)

    @property
    def unrounded_mm(self) -> float:
        """Mean of the long and the short axis, which Fleischner rounds to whole mm."""
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
    """The nodule at a world point (x, y, z, mm); None where nothing stands out there.

    expected_mm: its diameter, about. within_mm: how far from the point its middle may lie.
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
    """Whether a mask ends by itself: not by the reach of `region`, nor by the lungs' wall."""
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
    """The numbers of a mask within a box."""
    mm = geometry.spacing_zyx
    depth = ndimage.distance_transform_edt(mask, sampling=mm)
    inner = depth > 0.5 * depth.max()
    middle = float(hu[inner].mean())
    near = ndimage.binary_dilation(mask, ndimage.generate_binary_structure(3, 1))
    rim = near & inside & ~(region & ~mask)  # without vessels that were taken off
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
    """Solid, part-solid or ground-glass, by the share of inner voxels that are solid."""
    low, high = SOLID_SHARES
    share = float((hu > SOLID_HU).mean())
    return "solid" if share >= high else "ground-glass" if share < low else "part-solid"


def _lung_hu(hu: NDArray[np.float32], inside: Bools) -> float:
    """HU of the lung around."""
    airy = hu[inside & (hu < AIRY_HU)]
    return float(np.median(airy)) if airy.size else LUNG_HU


def _seed(
    hu: NDArray[np.float32], offsets: Floats, size: float, within_mm: float, mm: Floats
) -> tuple[int, int, int] | None:
    """The voxel of a nodule's middle: the brightest on average near the place."""
    sigma = np.maximum(MIDDLE * size / mm, 0.3)
    averaged = ndimage.gaussian_filter(hu, sigma, truncate=2.0)
    distance = np.linalg.norm(offsets, axis=-1)
    reach = within_mm + max(MIDDLE * size, float(np.linalg.norm(mm)) / 2)
    near = distance <= reach
    if not near.any():
        return None
    # Of two alike the nearer: a place at the rim counts as less than one where it is expected.
    score = np.where(near, averaged - 100 * (distance / max(reach, 1e-6)) ** 2, -np.inf)
    z, y, x = np.unravel_index(int(score.argmax()), score.shape)
    return int(z), int(y), int(x)


def _opened(region: Bools, seed: Sequence[int], mm: Floats) -> Bools:
    """The part of a region around a seed, without what hangs on by a neck."""
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
    """The box of a scan's voxels within a cube around a world point."""
    middle = geometry.to_index(at)
    reach = reach_mm / geometry.spacing_zyx
    z, y, x = (
        slice(max(int(np.floor(m - r)), 0), max(min(int(np.ceil(m + r)) + 1, n), 0))
        for m, r, n in zip(middle, reach, geometry.shape, strict=True)
    )
    return z, y, x


def _offsets(box: Box, geometry: Geometry, at: Floats) -> Floats:
    """(z, y, x, 3) mm of each voxel of a box from a world point, along the grid's axes z, y, x."""
    start = np.array([part.start for part in box])
    shape = [part.stop - part.start for part in box]
    index = np.moveaxis(np.indices(shape), 0, -1) + start
    return (index - geometry.to_index(at)) * geometry.spacing_zyx


def _distances(shape: Sequence[int], seed: Sequence[int], mm: Floats) -> Floats:
    """(z, y, x) mm of each voxel from one of them."""
    index = np.moveaxis(np.indices(shape), 0, -1) - np.array(seed)
    return np.linalg.norm(index * mm, axis=-1)
