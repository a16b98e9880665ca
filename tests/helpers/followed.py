"""A drawn patient scanned twice, by a known warp, with nodules of known volume."""

from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np

from nodules.datasets.phantom.anatomy import draw_chest
from nodules.datasets.phantom.fields import blur
from nodules.datasets.phantom.second_scan import Blob, Motion, draw_warp, noisy, paint, seen_again
from nodules.datasets.phantom.vessels import draw_vessels
from nodules.findings.follow_up.compare import Spot, Time
from nodules.findings.size import sphere_volume
from nodules.images.geometry import Geometry
from nodules.images.warps import Warp
from nodules.prepare import lung_search

DAYS = (date(2021, 1, 1), date(2021, 7, 1))


@dataclass(frozen=True, eq=False)
class Patient:
    """Two times, the warp from the second's world points to the first's, and the nodules of each.

    first, second: by name; a nodule of one name is the same one.
    """

    prior: Time
    current: Time
    warp: Warp
    first: dict[str, Blob]
    second: dict[str, Blob]


@cache
def chest(seed: int, matrix: int = 176, step: float = 2.5) -> tuple[np.ndarray, Geometry]:
    """HU of a drawn chest with vessels, without noise, and its grid."""
    rng = np.random.default_rng(seed)
    pixel, count = 310 / matrix, round(190 / step)
    grid = Geometry.build(
        (-155, -155, -100), (pixel, pixel, step), np.eye(3), (count, matrix, matrix)
    )
    drawn = draw_chest(rng, grid)
    draw_vessels(rng, drawn)
    return blur(drawn.hu, 0.5, 0.08).astype(np.float32), grid


def lungs_of(hu: np.ndarray, grid: Geometry) -> np.ndarray:
    """The lungs' mask."""
    return lung_search.search("volume", hu, grid).mask


@cache
def open_places(seed: int, count: int = 6) -> tuple[tuple[float, float, float], ...]:
    """World points well within a chest's lungs, 45 mm apart and more."""
    hu, grid = chest(seed)
    inner = np.argwhere(lungs_of(np.rint(hu).astype(np.int16), grid))[::7]
    points = grid.to_world(np.random.default_rng(seed).permutation(inner))
    reach = np.ceil(14 / grid.spacing_zyx).astype(int)
    chosen: list[np.ndarray] = []
    for point in points:
        z, y, x = np.rint(grid.to_index(point)).astype(int)
        box = tuple(
            slice(max(at - r, 0), at + r + 1) for at, r in zip((z, y, x), reach, strict=True)
        )
        low = min(z, y, x) - reach.max() > 0 and z + reach[0] < len(hu)
        airy = float(np.mean(hu[box] < -700)) > 0.97
        if low and airy and all(np.linalg.norm(point - other) > 45 for other in chosen):
            chosen.append(point)
    return tuple((float(x), float(y), float(z)) for x, y, z in chosen[:count])


def time_of(hu: np.ndarray, grid: Geometry, blobs: dict[str, Blob], **known) -> Time:
    """A time whose list names the nodules in order."""
    spots = [Spot(k, b.centre, b.diameter_mm) for k, b in enumerate(blobs.values(), 1)]
    return Time(hu=hu, geometry=grid, lungs=lungs_of(hu, grid), spots=spots, **known)


def within(grid: Geometry, world: tuple[float, float, float], diameter_mm: float) -> np.ndarray:
    """The voxels (z, y, x) of a ball around a world point."""
    offsets = np.moveaxis(np.indices(grid.shape), 0, -1) - grid.to_index(world)
    return np.linalg.norm(offsets * grid.spacing_zyx, axis=-1) <= diameter_mm / 2


@cache
def patient(seed: int = 3) -> Patient:
    """Nodules `grown`, `same`, `gone` and `new`."""
    rng = np.random.default_rng(seed)
    background, grid = chest(seed)
    warp = draw_warp(rng, grid, Motion(2.0, 8.0, 0.01, 8.0, 2.0))
    names = ("grown", "same", "gone", "new")
    first, second = {}, {}
    for name, place in zip(names, open_places(seed), strict=False):
        blob = Blob(place, sphere_volume(12.0), 30.0)
        factor = 2.0 if name == "grown" else 1.0
        if name != "new":
            first[name] = blob
        if name != "gone":
            second[name] = blob.at(warp.inverse(np.array(place)), blob.volume_mm3 * factor)
    before = background.copy()
    for blob in first.values():
        paint(before, grid, blob)
    after = seen_again(background, grid, warp, grid, list(second.values()))
    return Patient(
        time_of(noisy(rng, before, 10), grid, first, uid="2.25.1", day=DAYS[0]),
        time_of(noisy(rng, after, 10), grid, second, uid="2.25.2", day=DAYS[1]),
        warp,
        first,
        second,
    )
