"""One phantom scan: its grid, chest, nodules, noise, and the truth about each finding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodules.datasets.lidc import NoduleShape
from nodules.datasets.phantom.anatomy import Chest, draw_chest
from nodules.datasets.phantom.fields import Field, blur
from nodules.datasets.phantom.insertion import (
    AGREEING,
    PaintedNodule,
    draw_patch,
    paint_nodule,
    place_nodule,
)
from nodules.datasets.phantom.vessels import draw_vessels
from nodules.images.geometry import Geometry

Floats = NDArray[np.float64]

FOV_MM = (300.0, 380.0)
Z_STEPS_MM = (1.25, 1.5, 1.8, 2.0, 2.5, 3.0)
HEIGHT_MM = (90.0, 165.0)  # of the scan; the z step is chosen to fit
PADDING = (-2048, -3024)
GOLDEN = (5**0.5 - 1) / 2
# Smallest and largest diameter, and share of the nodules drawn. In LIDC half are under 6.5 mm; on
# this coarse grid those look like vessels, and a small set must train a network in minutes.
DIAMETER_BINS_MM = ((4.0, 6.5, 0.1), (6.5, 9.0, 0.25), (9.0, 14.0, 0.4), (14.0, 30.0, 0.25))
FINDING_MM = 6.0  # findings of few readers are smaller, which is why few marked them
# Range of the mean texture rating, and share. Most of LIDC's nodules are solid; here others get a
# larger share, so that a small set has some.
TEXTURES = ((3.5, 5.0, 0.7), (2.0, 3.4, 0.18), (1.0, 1.9, 0.12))


@dataclass(frozen=True)
class Phantom:
    """A scan on an axial LPS grid: int16 HU (z, y, x) and its findings.

    nodules: reference nodules, three readers or more; findings: those of fewer readers. junctions:
    world x, y, z (n, 3) of places where vessels branch in the lungs. lungs: int16 (z, y, x), 3 in
    the left and 4 in the right lung, as in LUNA16.
    """

    geometry: Geometry
    hu: NDArray[np.int16]
    nodules: list[PaintedNodule]
    findings: list[PaintedNodule]
    junctions: Floats
    lungs: NDArray[np.int16]


@dataclass(frozen=True)
class Request:
    """The shapes to draw in a scan: of its reference nodules and of findings of few readers."""

    nodules: list[NoduleShape]
    findings: list[NoduleShape]


def is_empty(index: int, share: float) -> bool:
    """Whether scan `index` has no nodule: a share of any set, spread over subsets and folds."""
    return ((index + 1) * GOLDEN) % 1.0 < share


def choose_shapes(
    rng: np.random.Generator, library: Sequence[NoduleShape], index: int, config: Mapping[str, Any]
) -> Request:
    """Draw a scan's nodule shapes, none in an empty scan, and at times a finding of few readers."""
    count = (
        0 if is_empty(index, config["empty_scans"]) else rng.integers(1, config["max_nodules"] + 1)
    )
    few = int(rng.integers(0, 2))
    small = [shape for shape in library if shape.diameter_mm < FINDING_MM] or library
    return Request(
        [choose_shape(rng, library) for _ in range(int(count))],
        [choose_shape(rng, small) for _ in range(few)],
    )


def choose_shape(rng: np.random.Generator, library: Sequence[NoduleShape]) -> NoduleShape:
    """A nodule of a randomly drawn texture and size; any one if the library has none like that."""
    low, high, _ = TEXTURES[rng.choice(len(TEXTURES), p=[t[2] for t in TEXTURES])]
    small, large, _ = DIAMETER_BINS_MM[
        rng.choice(len(DIAMETER_BINS_MM), p=[b[2] for b in DIAMETER_BINS_MM])
    ]
    fitting = [
        shape
        for shape in library
        if small <= shape.diameter_mm < large
        and low <= np.mean([r.ratings["texture"] for r in shape.readers]) <= high
    ]
    pool = fitting or library
    return pool[int(rng.integers(len(pool)))]


def draw_grid(rng: np.random.Generator, config: Mapping[str, Any]) -> Geometry:
    """Draw an axial LPS grid whose pixels cover a body and whose z step covers the lungs."""
    matrix, (fewest, most) = config["matrix"], config["slices"]
    count = int(rng.integers(fewest, most + 1))
    steps = [s for s in Z_STEPS_MM if HEIGHT_MM[0] <= s * count <= HEIGHT_MM[1]]
    nearest = min(Z_STEPS_MM, key=lambda s: abs(s * count - sum(HEIGHT_MM) / 2))
    step = float(rng.choice(steps or [nearest]))
    fov = rng.uniform(*FOV_MM)
    x, y = -fov / 2 + rng.uniform(-20, 20), -fov / 2 + rng.uniform(-40, 20)
    origin = np.round([x, y, rng.uniform(-350, -50)], 3)
    pixel = round(fov / matrix, 6)
    return Geometry.build(origin, (pixel, pixel, step), np.eye(3), (count, matrix, matrix))


def draw_phantom(rng: np.random.Generator, request: Request, config: Mapping[str, Any]) -> Phantom:
    """Draw one scan; a shape for which the lungs have no room is left out."""
    geometry = draw_grid(rng, config)
    chest = draw_chest(rng, geometry)
    vessels, junctions = draw_vessels(rng, chest)
    nodules: list[PaintedNodule] = []
    findings: list[PaintedNodule] = []
    for shape in request.nodules:
        nodules += _placed(rng, chest, vessels, geometry, shape, None, nodules)
    for shape in request.findings:
        readers = int(rng.integers(1, AGREEING))
        findings += _placed(rng, chest, vessels, geometry, shape, readers, nodules + findings)
    hu = blur(chest.hu, rng.uniform(0.45, 0.65), rng.uniform(0.05, 0.12))
    for nodule in nodules + findings:
        paint_nodule(rng, hu, nodule)
    hu += _noise(rng, chest)
    _pad(hu, chest, int(rng.choice(PADDING)))
    return Phantom(
        geometry,
        np.rint(hu).astype(np.int16),
        nodules,
        findings,
        _in_lung(chest, geometry, junctions + chest.space.origin),
        np.where(chest.depth > 0, np.where(chest.space.x > 0, 3, 4), 0).astype(np.int16),
    )


def _placed(
    rng: np.random.Generator,
    chest: Chest,
    vessels: Field,
    geometry: Geometry,
    shape: NoduleShape,
    readers: int | None,
    others: Sequence[PaintedNodule],
) -> list[PaintedNodule]:
    """The placed nodule in a list; empty if it cannot be drawn (in 8 tries) or has no room."""
    for _ in range(8):
        patch = draw_patch(rng, shape, geometry, readers)
        if patch is not None:
            nodule = place_nodule(rng, chest, vessels, geometry, patch, others)
            return [] if nodule is None else [nodule]
    return []


def _noise(rng: np.random.Generator, chest: Chest) -> Field:
    """Noise with the grain of a reconstruction, strongest in the middle of the body."""
    s, b = chest.space, chest.build
    white = rng.standard_normal(s.shape, dtype=np.float32)
    grain = blur(white, rng.uniform(0.6, 0.9), 0.0)
    middle = np.exp(-np.square(s.x / b.width) - np.square(s.y / b.depth))
    return grain * (rng.uniform(8, 22) / grain[0].std() * (0.5 + middle))


def _pad(hu: Field, chest: Chest, value: int) -> None:
    """Clip HU to a scanner's range and fill the outside of the round field of view, in place."""
    s = chest.space
    middle_y = float(s.y.mean())
    radius = (s.x.size / 2 + 0.5) * s.edge
    outside = np.square(s.x) + np.square(s.y - middle_y) > radius * radius
    np.clip(hu, -1024, 3071, out=hu)
    hu[:, outside[0]] = value


def _in_lung(chest: Chest, geometry: Geometry, points: Floats) -> Floats:
    """The world points (n, 3) more than 2 mm below a lung's surface."""
    index = np.rint(geometry.to_index(points)).astype(int)
    index = np.clip(index, 0, np.array(geometry.shape) - 1)
    return points[chest.depth[tuple(index.T)] > 2]
