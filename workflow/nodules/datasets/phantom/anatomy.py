"""A chest without vessels and nodules: body wall, bones, organs, two lungs, airways, table.

Distances are in mm from the middle of the chest: x to the patient's left, y to the back, z from the
lungs' base to their apex. Shapes and HU were chosen by eye, by comparison with real scans.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nodules.datasets.phantom.fields import (
    Field,
    coverage,
    ellipse,
    ellipsoid,
    join,
    meet,
    paint,
    shell,
    smooth_noise,
    tube,
    where,
)
from nodules.images.geometry import Geometry

SLAB = 2  # slices drawn at a time
AIR, LUNG, FAT, MUSCLE, BLOOD = -1000.0, -850.0, -100.0, 50.0, 45.0


@dataclass(frozen=True)
class Build:
    """One person: sizes in mm, HU of blood, position of the ribs, and whether fissures show."""

    height: float  # of the lungs
    width: float  # half the body's width
    depth: float  # half the body's depth
    chest: tuple[float, float]  # half the width and half the depth of the chest cavity
    fat: float
    blood: float  # HU; high with contrast medium
    dome: tuple[float, float]  # height of the right and left diaphragm, as a share of the lungs'
    heart: float  # size, 1 is average
    rib_gap: float
    rib_phase: float
    fissures: bool


@dataclass(frozen=True)
class Space:
    """Coordinates in mm of a grid's voxels, each broadcasting to (z, y, x), and the edge width."""

    x: Field
    y: Field
    z: Field
    t: Field  # z as a share of the lungs' height
    edge: float
    origin: NDArray[np.float64]  # world x, y, z in mm of the middle of the chest at the lungs' base

    @property
    def shape(self) -> tuple[int, int, int]:
        """Size (z, y, x)."""
        return (self.z.size, self.y.size, self.x.size)

    def slab(self, slices: slice) -> "Space":
        """The same coordinates for some of the slices."""
        return replace(self, z=self.z[slices], t=self.t[slices])


@dataclass
class Chest:
    """HU, and depth in mm below the lungs' surface (negative outside), both (z, y, x)."""

    hu: Field
    depth: Field
    build: Build
    space: Space


def draw_build(rng: np.random.Generator, geometry: Geometry) -> Build:
    """Draw a person who fits into the grid."""
    nz, _, nx = geometry.shape
    width = nx * float(geometry.spacing[0]) / 2 * rng.uniform(0.86, 0.95)
    depth = width * rng.uniform(0.64, 0.72)
    fat = width * rng.uniform(0.05, 0.13)
    wall = width * 0.13
    contrast = rng.random() < 0.4
    return Build(
        height=nz * float(geometry.spacing[2]) * rng.uniform(0.86, 0.92),
        width=width,
        depth=depth,
        chest=(width - fat - wall, depth - 0.6 * fat - wall),
        fat=fat,
        blood=rng.uniform(130, 280) if contrast else rng.uniform(35, 55),
        dome=(rng.uniform(0.28, 0.38), rng.uniform(0.2, 0.3)),
        heart=rng.uniform(0.85, 1.1),
        rib_gap=rng.uniform(22, 28),
        rib_phase=rng.uniform(0, 1),
        fissures=rng.random() < 0.7,
    )


def space(geometry: Geometry, build: Build) -> Space:
    """Coordinates of an axial LPS grid's voxels, relative to the middle of the chest."""
    nz, ny, nx = geometry.shape
    middle = geometry.to_world((np.array(geometry.shape) - 1) / 2)
    # The chest lies a little in front of the middle, to leave room for the table.
    origin = middle - (0, 0.06 * build.depth, 0.49 * build.height)
    x = geometry.to_world([(0, 0, i) for i in range(nx)])[:, 0] - origin[0]
    y = geometry.to_world([(0, i, 0) for i in range(ny)])[:, 1] - origin[1]
    z = geometry.to_world([(i, 0, 0) for i in range(nz)])[:, 2] - origin[2]
    x, y, z = (a.astype(np.float32) for a in (x, y, z))
    return Space(
        x=x[None, None, :],
        y=y[None, :, None],
        z=z[:, None, None],
        t=z[:, None, None] / build.height,
        edge=float(geometry.spacing[0]),
        origin=origin,
    )


def draw_chest(rng: np.random.Generator, geometry: Geometry) -> Chest:
    """Draw a chest that fills an axial LPS grid; vessels, nodules and noise are added later."""
    build = draw_build(rng, geometry)
    whole = space(geometry, build)
    wobble = smooth_noise(rng, whole.shape, (5, 7, 7))
    patches = smooth_noise(rng, whole.shape, (9, 17, 17))
    lung_hu = _lung_hu(rng, whole, build)
    hu = np.full(whole.shape, AIR, np.float32)
    depth = np.empty_like(hu)
    # A few slices at a time: the many fields of a slab then fit into the processor's cache.
    for first in range(0, len(hu), SLAB):
        part = slice(first, first + SLAB)
        s = whole.slab(part)
        body = _body(s, build) + 1.5 * wobble[part]
        cavity = _cavity(s, build) + wobble[part]
        lungs = _lungs(s, build, cavity, _mediastinum(s, build)) + 1.2 * wobble[part]
        _paint_table(hu[part], s, build)
        _paint_wall(hu[part], s, build, body, patches[part])
        _paint_organs(hu[part], s, build, cavity)
        _paint_bones(hu[part], s, build, cavity, body)
        paint(hu[part], lungs, lung_hu[part], s.edge)
        depth[part] = -lungs
    return Chest(hu, depth, build, whole)


def hilum(build: Build, side: int) -> tuple[float, float, float]:
    """x, y, z in mm where vessels and bronchi enter the lung on a side (-1 right, 1 left)."""
    return (side * 0.24 * build.chest[0], 0.12 * build.chest[1], 0.55 * build.height)


def carina(build: Build) -> tuple[float, float, float]:
    """x, y, z in mm where the trachea divides."""
    return (0.0, 0.16 * build.chest[1], 0.64 * build.height)


def _body(s: Space, b: Build) -> Field:
    shoulders = 1 - 0.10 * np.clip((s.t - 0.8) / 0.25, 0, 1) ** 2
    return ellipse(s.x, s.y, b.width * shoulders, b.depth * shoulders, 2.3)


def _cavity(s: Space, b: Build) -> Field:
    a, d = b.chest
    top = 1 - np.clip((s.t - 0.25) / 0.80, 0, 1) ** 2.4
    return ellipse(s.x, s.y - 0.06 * d * s.t, a * (0.35 + 0.65 * top), d * (0.45 + 0.55 * top), 2.3)


def _heart(s: Space, b: Build) -> Field:
    a, d = b.chest
    k = b.heart
    # The long axis points to the left, the front and down.
    z = s.z - 0.27 * b.height
    along = s.x - 0.16 * a + 0.35 * z
    return ellipsoid(along, s.y + 0.28 * d, z, (0.42 * a * k, 0.46 * d * k, 0.33 * b.height * k))


def _aorta(s: Space, b: Build) -> Field:
    a, d = b.chest
    radius = 0.1 * a
    top = 0.74 * b.height
    down = ellipse(s.x - 0.15 * a, s.y - 0.50 * d, radius, radius)
    down = meet(down, s.z - top)
    up = ellipse(s.x + 0.10 * a, s.y + 0.16 * d, radius * 1.2, radius * 1.2)
    up = meet(up, s.z - top, 0.4 * b.height - s.z)
    back = (0.25 * a, 0.66 * d, 0.0)
    arch = tube(s.x + 0.10 * a, s.y + 0.16 * d, s.z - top, back, (1.2 * radius, radius))
    return join(down, up, arch)


def _mediastinum(s: Space, b: Build) -> Field:
    """Everything between the lungs."""
    a, d = b.chest
    bend = 0.05 * a * np.sin(3 * s.t + 2 * s.y / d)
    plate = np.abs(s.x - 0.02 * a - bend) - 3.5 + 0 * s.y
    spine = ellipse(s.x, s.y - 0.74 * d, 0.19 * a, 0.27 * d)
    roots = np.exp(-(((s.t - 0.54) / 0.1) ** 2))
    upper = np.clip((s.t - 0.7) / 0.3, 0, 1)
    centre = ellipse(s.x, s.y - 0.02 * d, a * (0.19 + 0.06 * roots - 0.05 * upper), d * 0.38)
    return join(plate, spine, centre, _heart(s, b), _aorta(s, b) - 2)


def _lungs(s: Space, b: Build, cavity: Field, mediastinum: Field) -> Field:
    a, d = b.chest
    # Towards the apex each lung is a separate cone beside the spine.
    inner = a * (-0.4 + 0.5 * np.clip((s.t - 0.55) / 0.45, 0, 1))
    outer = a * (1.05 - 0.38 * np.clip((s.t - 0.35) / 0.65, 0, 1) ** 2)
    narrow = np.sqrt(np.clip(1 - np.clip((s.t - 0.6) / 0.4, 0, 1) ** 2.2, 0.004, 1))
    middle, half = (inner + outer) / 2, (outer - inner) / 2
    cone = ellipse(np.abs(s.x) - middle, s.y - 0.1 * d * s.t, half * narrow, 1.1 * d * narrow)
    cone = np.maximum(cone, where(s.t <= 1))
    return meet(cavity + 1.5, 2.0 - mediastinum, cone, 0.75 * (_diaphragm(s, b) - s.z), smooth=5.0)


def _diaphragm(s: Space, b: Build) -> Field:
    """Height of the diaphragm in mm, (1, y, x)."""
    a, d = b.chest
    peak = np.where(s.x < 0, b.dome[0], b.dome[1])
    round_ = np.square((np.abs(s.x) - 0.42 * a) / (0.66 * a)) + np.square((s.y + 0.22 * d) / d)
    return (b.height * peak * np.maximum(1.05 - round_, -0.2)).astype(np.float32)


def _lung_hu(rng: np.random.Generator, s: Space, b: Build) -> Field:
    """Lung HU (z, y, x): denser towards the back, where blood pools, with a patchy texture."""
    lobules = tuple(max(2, n // 5) for n in s.shape)
    texture = 12 * smooth_noise(rng, s.shape, (4, 6, 6)) + 14 * smooth_noise(
        rng, s.shape, (lobules[0], lobules[1], lobules[2])
    )
    hu = LUNG + rng.uniform(-20, 20) + 50 * s.y / b.chest[1] + texture
    if b.fissures:
        sheet = s.z - b.height * (0.42 + 0.3 * s.y / b.chest[1]) - 0.06 * s.x
        hu = hu + 90 * coverage(np.abs(sheet) * 0.8 - 0.5, 2 * s.edge)
    return hu.astype(np.float32)


def _paint_table(hu: Field, s: Space, b: Build) -> None:
    top = s.y - b.depth * 1.04 - b.depth * 0.12 + b.depth * 0.12 * np.square(s.x / b.width)
    for offset, half, value in ((0.0, 1.2, -250.0), (9.0, 8.0, -930.0), (18.0, 1.2, -100.0)):
        plate = np.abs(top - offset) - half
        paint(hu, np.broadcast_to(plate, s.shape), value, s.edge)


def _paint_wall(hu: Field, s: Space, b: Build, body: Field, patches: Field) -> None:
    """Paint skin, the fat under it, and muscle with fat between its layers."""
    # Thicker in front and at the sides than along the back.
    fat = b.fat * (0.75 - 0.35 * s.y / b.depth) + 2 * patches
    shell(hu, body, FAT, (20.0, 2.5), s.edge)
    layers = np.abs(np.mod(body + 5 * patches, 13.0) - 6.5)
    muscle = MUSCLE - 130 * np.clip(1.5 - layers, 0, 1) * np.clip(patches, 0, 1)
    paint(hu, body + fat, muscle, 2 * s.edge)


def _paint_organs(hu: Field, s: Space, b: Build, cavity: Field) -> None:
    a, d = b.chest
    paint(hu, cavity, FAT + 10, s.edge)
    below = meet(cavity, s.z - _diaphragm(s, b) + 3)
    stomach = ellipsoid(
        s.x - 0.5 * a, s.y + 0.2 * d, s.z - 0.02 * b.height, (0.34 * a, 0.4 * d, 0.2 * b.height)
    )
    paint(hu, below, np.where(s.x < 0.1 * a, 65.0, 48.0).astype(np.float32), s.edge)
    shell(hu, np.maximum(stomach, below + 4), 20.0, (60.0, 4.0), s.edge)
    roots = np.exp(-(((s.t - 0.54) / 0.1) ** 2))
    vessels = ellipse(s.x, s.y + 0.06 * d, a * (0.13 + 0.07 * roots), d * 0.24)
    paint(hu, vessels, 0.7 * b.blood + 15, s.edge)
    shell(hu, _heart(s, b), 0.85 * b.blood, (50.0, 5.0), 3.0)
    paint(hu, _aorta(s, b), b.blood, s.edge)


def _paint_bones(hu: Field, s: Space, b: Build, cavity: Field, body: Field) -> None:
    a, d = b.chest
    # Ribs run down from the spine to the front; one sawtooth in z draws them all.
    down = s.z + 0.3 * b.height * (1 - s.y / d) + b.rib_phase * b.rib_gap
    level = np.mod(down, b.rib_gap) - b.rib_gap / 2
    ribs = (np.sqrt(np.square((cavity - 5.5) / 4.0) + np.square(level / 6.0)) - 1) * 4.0
    ribs = np.maximum(ribs, 0.16 * a - np.abs(s.x))
    ribs = np.maximum(ribs, body + 8)
    shell(hu, ribs, 220.0, (650.0, 1.3), s.edge)
    sternum = ellipse(s.x, s.y + d + 7, 0.16 * a, 6.5)
    sternum = np.maximum(sternum, 0.3 * b.height - s.z)
    shell(hu, sternum, 180.0, (450.0, 1.3), s.edge)
    spine_y = s.y - 0.78 * d
    disc = coverage(11.0 - np.abs(np.mod(s.z, 26.0) - 13.0), 2.0)
    vertebra = ellipse(s.x, spine_y, 0.15 * a, 0.19 * d)
    shell(hu, vertebra, 200 - 115 * disc, (430 - 340 * disc, 1.5), s.edge)
    arch = ellipse(s.x, spine_y - 0.25 * d, 0.13 * a, 0.12 * d)
    wings = ellipse(s.x, spine_y - 0.22 * d + 0.12 * np.abs(s.x), 0.34 * a, 0.055 * d)
    process = ellipse(s.x, spine_y - 0.45 * d, 4.0, 0.17 * d)
    behind = np.maximum(join(arch, wings, process), body + 0.7 * b.fat)
    shell(hu, behind, 260.0, (480.0, 1.5), s.edge)
    paint(hu, ellipse(s.x, spine_y - 0.25 * d, 0.07 * a, 0.075 * d), 30.0, s.edge)
    turned = 0.75 * (np.abs(s.x) - 1.0 * a) + 0.66 * (s.y - 0.72 * d)
    across = -0.66 * (np.abs(s.x) - 1.0 * a) + 0.75 * (s.y - 0.72 * d)
    blade = np.maximum(ellipse(turned, across, 4.0, 0.38 * a), 0.45 * b.height - s.z)
    shell(hu, np.maximum(blade, body + 8), 250.0, (550.0, 1.3), s.edge)
