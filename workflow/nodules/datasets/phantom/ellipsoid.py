"""A phantom organ: an ellipsoid with lesions, cysts and vessels in a body, CT or MR-like.

It shows that the workflow runs for another organ, not how well it does on patients. Cysts are no
lesions. An MR-like scan has no unit: each has its own scale, a bias field and Rician noise.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nodules.datasets.phantom.fields import Field, coverage, ellipsoid, paint, smooth_noise, tube
from nodules.images import label_map
from nodules.images.geometry import Geometry
from nodules.stats import seeds

ORGAN, LESION = 1, 2  # labels
SIDE_MM, HEIGHT_MM = 320.0, 150.0  # field of view of the scan
STEP_MM = (2.0, 10.0)  # between slices
BODY_MM = (140.0, 105.0, 1000.0)  # half axes x, y, z: the body extends beyond the scan
ORGAN_MM = ((62.0, 78.0), (48.0, 58.0), (48.0, 62.0))  # half axes x, y, z
LESION_MM = (7.0, 32.0)  # diameters, uniform in their logarithm
CONTRAST = (0.35, 1.1)  # of a lesion, as a share of the contrast of lesion and organ in LOOKS
CYSTS, VESSELS = 2, 7  # most cysts, and number of vessels, in the organ
SCALES = (0.4, 3.0)  # of an MR-like scan's values
DESCRIPTION = b"built-in phantom, no patient"


class Look(NamedTuple):
    """Value of each tissue. spread: standard deviation between scans of organ and lesions alike."""

    air: float
    fat: float
    body: float
    bone: float
    organ: float
    vessel: float
    cyst: float
    lesion: float
    spread: float
    noise: float


LOOKS = {
    "hu": Look(-1000, -100, 45, 450, 110, 165, 8, 62, 8, 18),
    "percentiles": Look(0, 620, 260, 90, 330, 120, 700, 520, 30, 26),
}


@dataclass(frozen=True)
class Space:
    """Coordinates in mm from the middle of the scan, x to the left, y to the back, z up."""

    x: Field
    y: Field
    z: Field
    grid: Geometry

    @property
    def shape(self) -> tuple[int, int, int]:
        """Size in voxels (z, y, x)."""
        return self.grid.shape

    def ball(self, centre: tuple[float, float, float], axes: tuple[float, float, float]) -> Field:
        """An ellipsoid with this centre and these half axes (x, y, z), in mm."""
        x, y, z = centre
        return ellipsoid(self.x - x, self.y - y, self.z - z, axes)


class Place(NamedTuple):
    """Centre and half axes (x, y, z) of a lesion or cyst, mm."""

    centre: tuple[float, float, float]
    axes: tuple[float, float, float]


def make(
    paths: tuple[str | os.PathLike[str], str | os.PathLike[str]],
    index: int,
    settings: Mapping[str, Any],
    units: str,
    seed: int,
) -> None:
    """Write image and labels of scan `index` as .nii.gz.

    settings: section `phantom` of the config; units: key of LOOKS. Scans of even index are stored
    with rows and columns reversed (RAS), like most NIfTI files.
    """
    rng = seeds.generator(seed, "ellipsoid", index)
    voxels, labels, grid = draw(rng, settings, units)
    if index % 2 == 0:
        _, ny, nx = grid.shape
        flipped = grid.direction * np.array([-1, -1, 1])
        grid = Geometry.build(grid.to_world((0, ny - 1, nx - 1)), grid.spacing, flipped, grid.shape)
        voxels, labels = voxels[:, ::-1, ::-1], labels[:, ::-1, ::-1]
    label_map.write(paths[0], voxels, grid, DESCRIPTION)
    label_map.write(paths[1], labels, grid, DESCRIPTION)


def draw(
    rng: np.random.Generator, settings: Mapping[str, Any], units: str
) -> tuple[NDArray[np.int16], NDArray[np.uint16], Geometry]:
    """Draw a scan (z, y, x), its labels 0, ORGAN and LESION, and their LPS grid."""
    look = LOOKS[units]
    space = _space(rng, settings)
    axes = (rng.uniform(*ORGAN_MM[0]), rng.uniform(*ORGAN_MM[1]), rng.uniform(*ORGAN_MM[2]))
    middle = (-42 + rng.uniform(-8, 8), -10 + rng.uniform(-8, 8), rng.uniform(-8, 8))
    number = _number(rng, settings)
    places = _places(rng, number + int(rng.integers(CYSTS + 1)), middle, axes)
    organ = space.ball(middle, axes) + 2.5 * smooth_noise(rng, space.shape, (4, 6, 6))
    values = _body(rng, space, look)
    tissue = look.organ + rng.normal(0, look.spread)
    paint(values, organ, tissue, 2.0)
    for vessel in _vessels(rng, space, middle, axes):
        paint(values, np.maximum(vessel, organ + 3), look.vessel, 1.5)
    labels = np.where(organ < 0, ORGAN, 0).astype(np.uint16)
    for one in places[:number]:
        wobble = 0.06 * min(one.axes) * smooth_noise(rng, space.shape, (9, 14, 14))
        solid = space.ball(one.centre, one.axes) + wobble
        seen = tissue + (look.lesion - look.organ) * rng.uniform(*CONTRAST)
        paint(values, solid, seen, 2.0)
        labels[coverage(solid, 1.0) >= 0.5] = LESION
    for one in places[number:]:
        paint(values, space.ball(one.centre, one.axes), look.cyst, 2.0)
    return _measured(rng, values, look, units), labels, space.grid


def _number(rng: np.random.Generator, settings: Mapping[str, Any]) -> int:
    """Number of lesions: none in the share of empty scans, else one to `max_nodules`."""
    if rng.random() < settings["empty_scans"]:
        return 0
    return int(rng.integers(1, settings["max_nodules"] + 1))


def _space(rng: np.random.Generator, settings: Mapping[str, Any]) -> Space:
    """The scan's grid, at a random place in the world, and its coordinates."""
    fewest, most = settings["slices"]
    n, count = settings["matrix"], int(rng.integers(fewest, most + 1))
    pixel, step = SIDE_MM / n, float(np.clip(HEIGHT_MM / count, *STEP_MM))
    shape = (count, n, n)
    corner = (-(n - 1) / 2 * pixel, -(n - 1) / 2 * pixel, -(count - 1) / 2 * step)
    z, y, x = (
        (np.arange(m) * mm + first).astype(np.float32)
        for m, mm, first in zip(shape, (step, pixel, pixel), corner[::-1], strict=True)
    )
    origin = np.array(corner) + rng.uniform(-200, 200, 3)
    grid = Geometry.build(origin, (pixel, pixel, step), np.eye(3), shape)
    return Space(x[None, None, :], y[None, :, None], z[:, None, None], grid)


def _places(
    rng: np.random.Generator,
    number: int,
    middle: tuple[float, float, float],
    axes: tuple[float, float, float],
) -> list[Place]:
    """Places of lesions and cysts in the organ, clear of each other; fewer if there is no room."""
    found: list[Place] = []
    for _ in range(200 * number):
        if len(found) == number:
            break
        radius = float(np.exp(rng.uniform(*np.log(LESION_MM)))) / 2
        room = np.array(axes) - 1.3 * radius - 4
        place = rng.normal(size=3)
        place *= rng.uniform() ** (1 / 3) / np.linalg.norm(place) * room
        centre = np.array(middle) + place
        apart = [
            np.linalg.norm(centre - one.centre) - 1.3 * (radius + max(one.axes)) for one in found
        ]
        if min(apart, default=1.0) <= 0 or (room <= 0).any():
            continue
        a, b, c = (radius * stretch for stretch in rng.uniform(0.85, 1.2, 3))
        x, y, z = centre.tolist()
        found.append(Place((x, y, z), (a, b, c)))
    return found


def _body(rng: np.random.Generator, space: Space, look: Look) -> Field:
    """Air, a body with fat and spine, and a cyst outside the organ that looks like a lesion."""
    values = np.full(space.shape, look.air, np.float32)
    body = space.ball((0, 0, 0), BODY_MM)
    paint(values, body, look.fat, 2.0)
    paint(values, body + 18, look.body + 0 * body, 3.0)
    paint(values, space.ball((0, 62, 0), (22, 22, 1000)), look.bone, 2.0)
    cyst = (35 + rng.uniform(-5, 5), -50 + rng.uniform(-5, 5), rng.uniform(-30, 30))
    paint(values, space.ball(cyst, (14, 20, 14)), look.cyst, 2.0)
    paint(values, space.ball((75, -20, 20), (32, 36, 40)), look.body - 30, 2.0)
    return values


def _vessels(
    rng: np.random.Generator,
    space: Space,
    middle: tuple[float, float, float],
    axes: tuple[float, float, float],
) -> Iterator[Field]:
    """Tapering tubes from the organ's middle outwards."""
    for _ in range(VESSELS):
        way = rng.normal(size=3)
        way *= np.array(axes) / np.linalg.norm(way)
        start = np.array(middle) + rng.uniform(-10, 10, 3)
        x, y, z = (c - float(s) for c, s in zip((space.x, space.y, space.z), start, strict=True))
        yield tube(x, y, z, way, (float(rng.uniform(3, 5)), 1.0))


def _measured(rng: np.random.Generator, values: Field, look: Look, units: str) -> NDArray[np.int16]:
    """A scanner's values: noise, and for MR-like scans a bias field and an arbitrary scale."""
    noise = rng.normal(0, look.noise, values.shape).astype(np.float32)
    if units == "hu":
        return np.rint(np.maximum(values + noise, -1024)).astype(np.int16)
    bias = np.exp(0.22 * smooth_noise(rng, values.shape, (2, 3, 3)))
    other = rng.normal(0, look.noise, values.shape).astype(np.float32)
    seen = np.hypot(values * bias + noise, other) * np.exp(rng.uniform(*np.log(SCALES)))
    return np.rint(np.clip(seen, 0, 32_000)).astype(np.int16)
