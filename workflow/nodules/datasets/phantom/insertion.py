"""Nodules in the shapes that real readers outlined: drawn on a grid, placed in a lung, painted.

The outlines written for a nodule are those that its readers would have drawn on this very scan:
along whole pixels, through the first ones outside, as in LIDC.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nodules.datasets.lidc import ContourMm, NoduleShape, ReaderShape
from nodules.datasets.phantom.anatomy import Chest
from nodules.datasets.phantom.fields import Field
from nodules.images.geometry import Geometry

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

OVERSAMPLING = 5  # odd, so that one of the finer pixels lies at each pixel's centre
SMALLEST_MM = 3.0  # diameter of a reference nodule
AGREEING = 3  # fewest readers of a reference nodule
APART_MM = 8.0  # between two nodules: readers' outlines closer than 2.5 mm would be joined
PLACES = ("isolated", "vessel", "pleura")
ARCHITECTURES = ("solid", "part-solid", "ground-glass")


@dataclass(frozen=True)
class Patch:
    """A nodule drawn on a box (z, y, x) of the grid, not yet placed.

    density: share 0-1 of nodule in each voxel. masks: each reader's voxels. ratings: each reader's.
    """

    density: Field
    masks: list[Bools]
    ratings: list[dict[str, int]]

    @property
    def consensus(self) -> Bools:
        """Voxels that at least half of the readers include."""
        return np.mean(self.masks, axis=0) >= 0.5

    def diameter(self, geometry: Geometry) -> float:
        """Diameter in mm of a sphere with the volume of the consensus."""
        return float((6 * self.consensus.sum() * geometry.voxel_mm3 / np.pi) ** (1 / 3))


@dataclass(frozen=True)
class PaintedNodule:
    """A nodule at its place: `corner` is the z, y, x index of its patch's first voxel."""

    patch: Patch
    corner: tuple[int, int, int]
    place: str
    architecture: str

    def centre(self, geometry: Geometry) -> Floats:
        """World x, y, z in mm of the centroid of the consensus."""
        inside = np.argwhere(self.patch.consensus).mean(axis=0)
        return geometry.to_world(inside + self.corner)


def draw_patch(
    rng: np.random.Generator, shape: NoduleShape, geometry: Geometry, readers: int | None = None
) -> Patch | None:
    """Draw a nodule at a random sub-voxel position, as its first `readers` readers saw it.

    None if too few readers have a voxel of it, as when it lies between two slices, or if it is
    smaller than a reference nodule.
    """
    step = geometry.spacing_zyx
    corners = [c.xy_mm for r in shape.readers for c in r.contours]
    reach = max(float(np.abs(xy).max()) for xy in corners)
    tall = max(abs(c.z_mm) for r in shape.readers for c in r.contours) + shape.slice_mm / 2
    half = np.ceil(np.array([tall, reach, reach]) / step).astype(int) + 2
    middle = half + rng.uniform(-0.5, 0.5, 3)
    drawn = [
        _draw_reader(reader, shape, (2 * half + 1).tolist(), middle, step)
        for reader in shape.readers[:readers]
    ]
    seen = [(fine, mask, ratings) for fine, mask, ratings in drawn if mask.any()]
    if len(seen) < min(readers or AGREEING, AGREEING):
        return None
    agreement = np.mean([fine for fine, _, _ in seen], axis=0)
    # Where readers disagree the edge is soft; the border of the consensus is at half density.
    density = np.clip((agreement - 0.2) / 0.6, 0, 1)
    n = OVERSAMPLING
    nz, ny, nx = density.shape
    density = density.reshape(nz, ny // n, n, nx // n, n).mean(axis=(2, 4)).astype(np.float32)
    density = np.stack([cv2.GaussianBlur(plane, (0, 0), 0.45) for plane in density])
    patch = Patch(density, [mask for _, mask, _ in seen], [ratings for _, _, ratings in seen])
    return patch if patch.diameter(geometry) >= SMALLEST_MM else None


def outlines(mask: Bools) -> list[tuple[int, NDArray[np.int64]]]:
    """Slice and corners (n, 2), x and y, of outlines through the first pixels outside a mask."""
    found = []
    for z in np.flatnonzero(mask.any(axis=(1, 2))):
        wider = cv2.dilate(np.pad(mask[z], 1).astype(np.uint8), _CROSS)
        polygons, _ = cv2.findContours(wider, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        found += [(int(z), polygon[:, 0].astype(np.int64) - 1) for polygon in polygons]
    return found


def place_nodule(
    rng: np.random.Generator,
    chest: Chest,
    vessels: Field,
    geometry: Geometry,
    patch: Patch,
    others: Sequence["PaintedNodule"],
) -> PaintedNodule | None:
    """Find room for a nodule in a lung, clear of other nodules; None if there is none.

    Isolated, at a vessel or at the pleura, at random; if no place of that kind is free, any other.
    """
    corners = _corners(rng, chest, patch.density.shape)
    inside = np.argwhere(patch.consensus)
    some = inside if len(inside) <= 300 else inside[rng.choice(len(inside), 300, replace=False)]
    z, y, x = np.moveaxis(corners[:, None] + some[None], -1, 0)
    below = chest.depth[z, y, x].min(axis=1)
    filled = vessels[z, y, x].mean(axis=1)
    clear = (below > 0.2) & _apart(corners, patch, others, geometry)
    wanted = PLACES[rng.choice(len(PLACES), p=(0.55, 0.15, 0.3))]
    suits = {
        "isolated": (below > 4) & (filled < 0.03),
        "vessel": (below > 3) & (filled > 0.03) & (filled < 0.15),
        "pleura": below < 1.2,
    }
    for place in (wanted, *PLACES):
        choice = np.flatnonzero(clear & suits[place])
        if len(choice):
            z0, y0, x0 = (int(i) for i in corners[rng.choice(choice)])
            return PaintedNodule(patch, (z0, y0, x0), place, architecture(patch.ratings))
    return None


def architecture(ratings: Sequence[dict[str, int]]) -> str:
    """Solid (4, 5), part-solid (3) or ground-glass (1, 2), by the median texture rating."""
    texture = float(np.median([r["texture"] for r in ratings]))
    return ARCHITECTURES[0 if texture > 3.25 else 1 if texture > 2.25 else 2]


def paint_nodule(rng: np.random.Generator, hu: Field, nodule: PaintedNodule) -> None:
    """Brighten the nodule's voxels by its density, in place; a vessel inside it stays visible."""
    density = nodule.patch.density
    window = tuple(slice(a, a + n) for a, n in zip(nodule.corner, density.shape, strict=True))
    glass, solid = rng.uniform(-620, -480), rng.uniform(0, 60)
    if float(np.median([r["calcification"] for r in nodule.patch.ratings])) < 6:
        solid = rng.uniform(150, 500)
    if nodule.architecture == "part-solid":
        core = np.stack([cv2.GaussianBlur(plane, (0, 0), 1.2) for plane in density])
        value = glass + (solid - glass) * np.clip((core / core.max() - 0.6) / 0.25, 0, 1)
    else:
        value = np.full_like(density, solid if nodule.architecture == "solid" else glass)
    part = hu[window]
    part += density * np.maximum(value - part, 0)


_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def _draw_reader(
    reader: ReaderShape, shape: NoduleShape, size: list[int], middle: Floats, step: Floats
) -> tuple[Bools, Bools, dict[str, int]]:
    """A reader's mask on the oversampled pixels and on the scan's own, and the ratings."""
    n = OVERSAMPLING
    fine = np.zeros((size[0], size[1] * n, size[2] * n), np.uint8)
    for k in range(size[0]):
        for contour in _nearest(reader, (k - middle[0]) * step[0], shape.slice_mm):
            # Pixel index i of the scan is n * i + (n - 1) / 2 on the finer pixels.
            xy = (_shrunk(contour, shape.pixel_mm) / step[:0:-1] + middle[:0:-1]) * n + (n - 1) / 2
            cv2.fillPoly(fine[k], [np.rint(xy).astype(np.int32)], int(contour.inclusion))
    mask = fine[:, n // 2 :: n, n // 2 :: n].astype(bool)
    return fine.astype(bool), _as_drawn(mask), reader.ratings


def _nearest(reader: ReaderShape, z_mm: float, slice_mm: float) -> list[ContourMm]:
    """Outlines of the reader's slice nearest to z, inclusions first; none beyond half a slice."""
    near = [c for c in reader.contours if -0.5 < (c.z_mm - z_mm) / slice_mm <= 0.5]
    if not near:
        return []
    level = min((abs(c.z_mm - z_mm), c.z_mm) for c in near)[1]
    return sorted((c for c in near if c.z_mm == level), key=lambda c: not c.inclusion)


def _shrunk(contour: ContourMm, pixel_mm: float) -> Floats:
    """The outline moved half a pixel inwards, to the nodule's edge; holes grow by as much."""
    xy = contour.xy_mm
    middle = xy.mean(axis=0)
    radius = max(float(np.linalg.norm(xy - middle, axis=1).mean()), pixel_mm)
    by = -0.5 if contour.inclusion else 0.5
    return middle + (xy - middle) * (1 + by * pixel_mm / radius)


def _as_drawn(mask: Bools) -> Bools:
    """The part of a mask that outlines enclose: notches and holes one pixel wide are lost."""
    drawn = np.zeros(mask.shape, np.uint8)
    for z, corners in outlines(mask):
        polygon = np.zeros(mask.shape[1:], np.uint8)
        cv2.fillPoly(polygon, [corners.astype(np.int32)], 1)
        cv2.polylines(polygon, [corners.astype(np.int32)], True, 0)
        drawn[z] |= polygon
    return drawn.astype(bool)


def _corners(
    rng: np.random.Generator, chest: Chest, size: tuple[int, ...], tries: int = 4000
) -> NDArray[np.int64]:
    """Random first voxels (n, 3) of boxes of `size` centred in a lung and entirely in the grid."""
    lung = np.flatnonzero(chest.depth > 1)
    middle = np.stack(np.unravel_index(rng.choice(lung, tries), chest.depth.shape), axis=1)
    corners = middle - np.array(size) // 2
    fits = np.all((corners >= 0) & (corners + size <= chest.depth.shape), axis=1)
    return corners[fits]


def _apart(
    corners: NDArray[np.int64], patch: Patch, others: Sequence[PaintedNodule], geometry: Geometry
) -> Bools:
    centres = geometry.to_world(corners + (np.array(patch.density.shape) - 1) / 2)
    apart = np.ones(len(corners), bool)
    for other in others:
        gap = np.linalg.norm(centres - other.centre(geometry), axis=1)
        apart &= gap > _radius(patch, geometry) + _radius(other.patch, geometry) + APART_MM
    return apart


def _radius(patch: Patch, geometry: Geometry) -> float:
    """Half the diagonal of the box around all readers' voxels, in mm."""
    voxels = np.argwhere(np.any(patch.masks, axis=0))
    extent = (np.ptp(voxels, axis=0) + 1) * geometry.spacing_zyx
    return float(np.linalg.norm(extent)) / 2
