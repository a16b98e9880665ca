"""Square crops around points of the stored slices, at a fixed physical scale."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.images.geometry import Geometry
from nodules.prepare.stacks import Stack

BESIDE = (-1, 0, 1)  # slices that are the network's three channels
UNTOLD = -1  # label of a nodule without one
SLICES_PER_CANDIDATE = 5  # crops through a candidate whose logits are averaged


class CropSize(NamedTuple):
    """The side of a square crop in mm and in pixels, and how it is cut (`prepare.views`)."""

    mm: float
    px: int
    view: str = "slices"  # or planes, or cubes
    planes: int = 0  # number of planes through each place, for view planes


@dataclass(frozen=True)
class View:
    """How a crop is transformed: mirrored, rotated, scaled and shifted."""

    mirror: bool = False
    angle: float = 0.0  # radians
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)  # mm, rows and columns


def random_view(rng: np.random.Generator, shift_mm: float) -> View:
    """A random view for training: any angle, scale within 10 %, shift within `shift_mm`."""
    return View(
        bool(rng.integers(2)),
        float(rng.uniform(0, 2 * np.pi)),
        float(rng.uniform(0.9, 1.1)),
        (float(rng.uniform(-shift_mm, shift_mm)), float(rng.uniform(-shift_mm, shift_mm))),
    )


PLAIN = View()


class Shown(Protocol):
    """A place that can be cut out as input for a network."""

    def shown(
        self, stack: Stack, side_mm: float, side_px: int, view: View = PLAIN
    ) -> NDArray[np.uint8]:
        """Its image, uint8, channels first."""

    def picture(self, stack: Stack, side_mm: float, side_px: int) -> NDArray[np.uint8]:
        """One plane of it (y, x), to be looked at."""


class Place(NamedTuple):
    """A point on a slice: index of the slice, and row and column in stored pixels."""

    z: int
    y: float
    x: float

    def shown(
        self, stack: Stack, side_mm: float, side_px: int, view: View = PLAIN
    ) -> NDArray[np.uint8]:
        """Its `crop`."""
        return crop(stack, self, side_mm, side_px, view)

    def picture(self, stack: Stack, side_mm: float, side_px: int) -> NDArray[np.uint8]:
        """The crop's middle slice."""
        return crop(stack, self, side_mm, side_px)[1]


def crop(
    stack: Stack, place: Place, side_mm: float, side_px: int, view: View = PLAIN
) -> NDArray[np.uint8]:
    """(3, side_px, side_px) uint8 crop of the slice and its two neighbours.

    Pixels outside the slice are 0; beyond the ends of the stack the last slice is repeated.
    """
    matrix = laying(stack.geometry.spacing[0], place, side_mm, side_px, view)
    planes = np.clip(place.z + np.array(BESIDE), 0, len(stack.array) - 1)
    size, flags = (side_px, side_px), cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    images = [np.ascontiguousarray(stack.array[z]) for z in planes]
    return np.stack([cv2.warpAffine(image, matrix, size, flags=flags) for image in images])


def crop_mask(
    stack: Stack, mask: NDArray[np.bool_], place: Place, side_mm: float, side_px: int
) -> NDArray[np.bool_]:
    """(side_px, side_px) part of a slice's mask (y, x), aligned with its `crop`."""
    matrix = laying(stack.geometry.spacing[0], place, side_mm, side_px, PLAIN)
    size, flags = (side_px, side_px), cv2.WARP_INVERSE_MAP | cv2.INTER_NEAREST
    return cv2.warpAffine(mask.astype(np.uint8), matrix, size, flags=flags) > 0


def laying(
    pixel_mm: float, place: Place, side_mm: float, side_px: int, view: View
) -> NDArray[np.float64]:
    """(2, 3) affine map from a crop's (x, y) to the slice's (x, y), both in pixels."""
    step = side_mm / side_px * view.scale / pixel_mm
    cos, sin = step * np.cos(view.angle), step * np.sin(view.angle)
    turn = np.array([[cos, -sin], [sin, cos]]) @ np.diag([-1.0 if view.mirror else 1.0, 1.0])
    centre = np.array([place.x + view.shift[1] / pixel_mm, place.y + view.shift[0] / pixel_mm])
    offset = centre - turn @ np.full(2, (side_px - 1) / 2)
    return np.column_stack([turn, offset])


def places_of(regions: pd.DataFrame, most: int) -> list[Place]:
    """Up to `most` places through one region, at its mask's centre on evenly spaced slices.

    regions: rows of table `regions` of one region on the slices grid.
    """
    rows = regions.sort_values("z")
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int))
    return [
        Place(int(r.z), r.y0 + (r.height - 1) / 2, r.x0 + (r.width - 1) / 2)
        for r in rows.iloc[chosen].itertuples()
    ]


def place_at(geometry: Geometry, world: tuple[float, float, float]) -> Place | None:
    """The place of a world point (x, y, z), or None if it is outside the stack."""
    if not geometry.encloses(world):
        return None
    z, y, x = geometry.to_index(world)
    return Place(round(float(z)), float(y), float(x))


class CropSample(NamedTuple):
    """A crop: index of its scan in the list, its place, and its label."""

    scan: int
    place: Shown
    label: int


class Nodule(NamedTuple):
    """A nodule: index of its scan in the list, number, label (1 malignant), crops through it."""

    scan: int
    number: int
    label: int  # UNTOLD if unknown
    places: tuple[Shown, ...]

    def crops(self) -> list[CropSample]:
        """Its crops, each with the nodule's label."""
        return [CropSample(self.scan, place, self.label) for place in self.places]
