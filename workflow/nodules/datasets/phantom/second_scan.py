"""A second scan of the same patient at another time, made from a first one by a known warp.

The truth is exact: where each point went, and the volume of each painted nodule.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nodules.images.geometry import Geometry
from nodules.images.warps import Warp

Floats = NDArray[np.float64]
Field = NDArray[np.float32]

KNOTS = 5  # of the random displacement, along each axis
FINER = 6  # factor by which the displacement's grid is finer than its knots
FINE = (5, 3)  # sample points along a voxel's edge, for a small nodule and for a large one
LARGE_MM = 12.0
PSF_MM = 0.5  # standard deviation of a scanner's in-plane blur


@dataclass(frozen=True)
class Motion:
    """How differently a patient may lie and breathe: bounds of uniform draws, except for bend_mm.

    turn_deg: rotation about each axis; shift_mm: along it; stretch: of it. breath_mm: of the lungs'
    lower end. bend_mm: standard deviation of the displacement at its knots.
    """

    turn_deg: float = 3.0
    shift_mm: float = 15.0
    stretch: float = 0.02
    breath_mm: float = 15.0
    bend_mm: float = 3.0


@dataclass(frozen=True)
class Blob:
    """A nodule of known volume and HU: a ball with bumps around `centre` (x, y, z mm).

    bumps: (n, 4): direction x, y, z, and height as a share of the radius.
    """

    centre: tuple[float, float, float]
    volume_mm3: float
    hu: float
    bumps: tuple[tuple[float, float, float, float], ...] = ()

    @property
    def diameter_mm(self) -> float:
        """Diameter of a ball of equal volume."""
        return float((6 * self.volume_mm3 / np.pi) ** (1 / 3))

    def at(self, centre: Floats, volume_mm3: float) -> "Blob":
        """The same shape at another place and with another volume."""
        x, y, z = (float(value) for value in centre)
        return replace(self, centre=(x, y, z), volume_mm3=volume_mm3)


def draw_bumps(rng: np.random.Generator, count: int = 4, height: float = 0.18) -> tuple:
    """Bumps of a random shape: a tuple of (x, y, z, height)."""
    directions = rng.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    heights = rng.uniform(-height, height, count)
    return tuple((*map(float, d), float(h)) for d, h in zip(directions, heights, strict=True))


def draw_warp(rng: np.random.Generator, geometry: Geometry, motion: Motion = Motion()) -> Warp:
    """A known warp from the second scan's world points to the first's, which lies on `geometry`."""
    angles = np.radians(rng.uniform(-motion.turn_deg, motion.turn_deg, 3))
    matrix = _rotation(angles) * (1 + rng.uniform(-motion.stretch, motion.stretch, 3))
    middle = geometry.to_world((np.array(geometry.shape) - 1) / 2)
    shift = rng.uniform(-motion.shift_mm, motion.shift_mm, 3)
    knots = rng.normal(0, motion.bend_mm, (KNOTS, KNOTS, KNOTS, 3))
    field = ndimage.zoom(knots, (FINER, FINER, FINER, 1), order=3)
    breath = rng.uniform(-motion.breath_mm, motion.breath_mm)
    field[..., 2] += (np.linspace(1, 0, len(field)) ** 2 * breath)[:, None, None]
    grid = geometry.resampled((0, 0, 0), np.array(geometry.shape), field.shape[:3])
    return Warp(matrix, middle + shift - matrix @ middle, field.astype(np.float32), grid)


def paint(hu: Field, geometry: Geometry, blob: Blob, psf_mm: float = PSF_MM) -> None:
    """Put a nodule into a volume (z, y, x), in place, with partial volume and in-plane blur."""
    radius = blob.diameter_mm / 2 * 1.4 + 3 * psf_mm + float(geometry.spacing.max())
    index = geometry.to_index(blob.centre)
    reach = radius / geometry.spacing_zyx
    low = np.maximum(np.floor(index - reach), 0).astype(int)
    high = np.minimum(np.ceil(index + reach) + 1, geometry.shape).astype(int)
    if (high <= low).any():
        return
    share = _share(blob, geometry, low, high)
    sigma = [0.0, *(psf_mm / geometry.spacing_zyx[1:])]
    share = ndimage.gaussian_filter(share, sigma)
    part = hu[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    part += (share * (blob.hu - part)).astype(np.float32)


def seen_again(
    background: NDArray,
    geometry: Geometry,
    warp: Warp,
    target: Geometry,
    blobs: Sequence[Blob] = (),
    blur_mm: float = 0.0,
) -> Field:
    """HU of a background moved by the warp onto another grid, with nodules, without noise.

    warp: from world points of the new scan to the background's. blobs: nodules at their places in
    the new scan. blur_mm: standard deviation of a softer kernel's in-plane blur.
    """
    hu = warp.resample(background, geometry, target, None)
    for blob in blobs:
        paint(hu, target, blob)
    if blur_mm:
        sigma = [blur_mm / float(mm) for mm in target.spacing[:2]]
        for plane in hu:
            cv2.GaussianBlur(plane, (0, 0), sigma[0], dst=plane, sigmaY=sigma[1])
    return hu


def noisy(rng: np.random.Generator, hu: Field, sd: float) -> NDArray[np.int16]:
    """HU with a scanner's noise, whose grain is about a pixel wide, as int16."""
    grain = rng.standard_normal(hu.shape, dtype=np.float32)
    for plane in grain:
        cv2.GaussianBlur(plane, (0, 0), 0.7, dst=plane)
    noise = grain * np.float32(sd / grain[0].std())
    return np.rint(np.clip(hu + noise, -1024, 3071)).astype(np.int16)


def _share(blob: Blob, geometry: Geometry, low: NDArray, high: NDArray) -> Floats:
    """Share of nodule in each voxel of a box, from FINE points along each edge of the voxel."""
    fine = FINE[int(blob.diameter_mm > LARGE_MM)]
    steps = (np.arange(fine) + 0.5) / fine - 0.5
    axes = [(np.arange(a, b)[:, None] + steps).ravel() for a, b in zip(low, high, strict=True)]
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    offset = geometry.to_world(index) - np.array(blob.centre)
    inside = np.linalg.norm(offset, axis=-1) <= _radius(blob, offset)
    z, y, x = (n // fine for n in inside.shape)
    return inside.reshape(z, fine, y, fine, x, fine).mean(axis=(1, 3, 5))


def _radius(blob: Blob, offset: Floats) -> Floats:
    """The nodule's radius in mm in the direction of each offset (..., 3)."""
    return blob.diameter_mm / 2 * _relief(blob, offset) / _unit_size(blob)


def _relief(blob: Blob, offset: Floats) -> Floats:
    """1 plus the bumps in each direction, each an exponential of the cosine to its direction."""
    length = np.maximum(np.linalg.norm(offset, axis=-1), 1e-9)
    relief = np.ones(offset.shape[:-1])
    for x, y, z, height in blob.bumps:
        cosine = offset @ np.array([x, y, z]) / length
        relief += height * np.exp(3 * (cosine - 1))
    return relief


def _unit_size(blob: Blob) -> float:
    """Cube root of the mean cubed relief over all directions, by which a volume is normalised."""
    count = 4000
    k = np.arange(count) + 0.5
    z = 1 - 2 * k / count
    angle = np.pi * (1 + 5**0.5) * k  # the golden angle spreads points evenly over the sphere
    ring = np.sqrt(1 - z * z)
    directions = np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=-1)
    return float(np.mean(_relief(blob, directions) ** 3) ** (1 / 3))


def _rotation(angles: Floats) -> Floats:
    """Rotation matrix (3, 3) about x, then y, then z; angles in radians."""
    turned = np.eye(3)
    for axis, angle in enumerate(angles):
        one, other = [k for k in range(3) if k != axis]
        turn = np.eye(3)
        turn[one, one] = turn[other, other] = np.cos(angle)
        turn[one, other], turn[other, one] = -np.sin(angle), np.sin(angle)
        turned = turn @ turned
    return turned


@dataclass(frozen=True)
class Fate:
    """What became of a nodule: grown, gone, new, unlisted (present, but in no list) or unchanged.

    prior, current: its place (x, y, z mm) at each time, even where it is absent. factor: ratio of
    its volumes. diameter_mm: at the second time, 0 if it is gone.
    """

    name: str
    prior: tuple[float, float, float]
    current: tuple[float, float, float]
    factor: float
    diameter_mm: float


GROWTH = 2.2  # factor of the first nodule's volume
ERASED_HU = -860.0  # lung
LUNG_HU = (-930, -790)  # mean where there is only lung, without air or vessels
NEW_MM = 8.0
NEW_AWAY_MM = 25.0  # distance from other nodules
NOISE_HU = 8.0  # added to the first scan's own


def at_second_time(
    rng: np.random.Generator,
    hu: NDArray[np.int16],
    geometry: Geometry,
    nodules: Sequence[tuple[Floats, float]],
) -> tuple[NDArray[np.int16], list[Fate]]:
    """A phantom scan's patient at a second time, on the same grid, and what became of each nodule.

    nodules: places and diameters in the first scan. The first one grows, the second disappears, the
    last of four or more is no longer listed, a new one appears; the others stay as they are.
    """
    warp = draw_warp(rng, geometry, Motion(2.0, 8.0, 0.01, 10.0, 2.0))
    fates = [
        _fate(k, len(nodules), warp, centre, diameter)
        for k, (centre, diameter) in enumerate(nodules)
    ]
    new = _free_place(rng, hu, geometry, [centre for centre, _ in nodules])
    if new is not None:
        fates.append(Fate("new", _xyz(new), _xyz(warp.inverse(new)), 1.0, NEW_MM))
    blobs = []
    for fate, (centre, diameter) in zip(fates, nodules, strict=False):
        if fate.name == "gone":
            blobs.append(Blob(fate.current, _ball(1.8 * diameter), ERASED_HU))
        elif fate.name == "grown":
            density = _mean_at(hu, geometry, centre)  # so that ground glass stays ground glass
            blobs.append(Blob(fate.current, _ball(fate.diameter_mm), density, draw_bumps(rng)))
    if new is not None:
        blobs.append(Blob(fates[-1].current, _ball(NEW_MM), 30.0, draw_bumps(rng)))
    again = seen_again(hu, geometry, warp, geometry, blobs)
    return noisy(rng, again, NOISE_HU), fates


def _fate(k: int, count: int, warp: Warp, centre: Floats, diameter: float) -> Fate:
    """Fate of nodule k of `count`."""
    prior, current = _xyz(centre), _xyz(warp.inverse(centre))
    if k == 0:
        return Fate("grown", prior, current, GROWTH, diameter * GROWTH ** (1 / 3))
    if k == 1:
        return Fate("gone", prior, current, 0.0, 0.0)
    name = "unlisted" if k == count - 1 and count >= 4 else "unchanged"
    return Fate(name, prior, current, 1.0, diameter)


def _mean_at(hu: NDArray[np.int16], geometry: Geometry, point: Floats) -> float:
    """Mean HU of the 27 voxels around a world point."""
    z, y, x = np.clip(np.rint(geometry.to_index(point)).astype(int), 1, np.array(hu.shape) - 2)
    return float(hu[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2].mean())


def _free_place(
    rng: np.random.Generator, hu: NDArray[np.int16], geometry: Geometry, taken: Sequence[Floats]
) -> Floats | None:
    """A place in the lung away from nodules, vessels and walls; None if there is none."""
    size = np.maximum(np.rint(1.6 * NEW_MM / geometry.spacing_zyx), 1).astype(int)
    coarse = hu.astype(np.float32)
    around = ndimage.uniform_filter(coarse, size, mode="nearest")
    inner = np.argwhere((around > LUNG_HU[0]) & (around < LUNG_HU[1]))
    edge = np.ceil(15 / geometry.spacing_zyx)
    inner = inner[((inner > edge) & (inner < np.array(hu.shape) - 1 - edge)).all(axis=1)]
    for place in geometry.to_world(rng.permutation(inner)[:2000]):
        if all(np.linalg.norm(place - other) > NEW_AWAY_MM for other in taken):
            return place
    return None


def _ball(diameter: float) -> float:
    return float(np.pi / 6 * diameter**3)


def _xyz(point: Floats) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in point)
    return x, y, z
