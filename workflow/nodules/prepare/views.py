"""Places of the stored slices seen in three dimensions: planes for networks for pictures, cubes.

A plane is a picture like that of a slice: a square of it, and the two parallel ones a slice's step
beside it as the other channels. So a network that learned from slices, or from ImageNet, can be
shown planes. The three orthogonal planes are those of Roth et al. (MICCAI 2014, arXiv:1406.2639),
the six oblique ones, each through two opposite edges of the cube, those that Setio et al. (IEEE TMI
35, 2016) add.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from nodules.images import regions
from nodules.prepare.crops import BESIDE, PLAIN, CropSize, Place, Shown, View, places_of
from nodules.prepare.stacks import Stack

Floats = NDArray[np.float64]

PLANES, CUBES = "planes", "cubes"  # CropSize.view of a network that sees these; else slices


class Plane(NamedTuple):
    """Unit vectors (z, y, x) of a plane's picture: down its rows, across its columns."""

    down: tuple[float, float, float]
    across: tuple[float, float, float]


_Z, _Y, _X = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
_H = float(np.sqrt(0.5))
AXIAL, CORONAL, SAGITTAL = Plane(_Y, _X), Plane(_Z, _X), Plane(_Z, _Y)
# Each contains one axis and a diagonal between the two others.
OBLIQUE = (
    *(Plane(_Z, (0.0, s * _H, _H)) for s in (1, -1)),
    *(Plane(_Y, (s * _H, 0.0, _H)) for s in (1, -1)),
    *(Plane((s * _H, _H, 0.0), _X) for s in (1, -1)),
)
ALL = (AXIAL, CORONAL, SAGITTAL, *OBLIQUE)  # of which a network sees the first three, or all


class Spot(NamedTuple):
    """A place on one of the planes through it: fractional indices, and its number in ALL."""

    z: float
    y: float
    x: float
    plane: int

    def shown(
        self, stack: Stack, side_mm: float, side_px: int, view: View = PLAIN
    ) -> NDArray[np.uint8]:
        """(3, side_px, side_px) uint8: the plane before, this one, and the one behind it.

        Of the axial plane through a slice it is what `crops.crop` shows. Outside a slice is 0; at
        the ends of the stack the last slice is repeated.
        """
        down, across = (np.array(axis) for axis in ALL[self.plane])
        rows, columns = laid(side_mm, side_px, view)
        apart = np.array(BESIDE) * float(stack.geometry.spacing_zyx[0])
        away = apart[:, None, None, None] * np.cross(down, across)
        return sampled(stack, self[:3], rows[..., None] * down + columns[..., None] * across + away)

    def picture(self, stack: Stack, side_mm: float, side_px: int) -> NDArray[np.uint8]:
        """(side_px, side_px) uint8: the plane itself, for people."""
        return self.shown(stack, side_mm, side_px)[1]


class Block(NamedTuple):
    """A cube around a place, as it is or mirrored: fractional indices (z, y, x), and its turn.

    Bit k of `turn` mirrors it along axis k, so that the turns 0 to 7 are eight views.
    """

    z: float
    y: float
    x: float
    turn: int

    def shown(
        self, stack: Stack, side_mm: float, side_px: int, view: View = PLAIN
    ) -> NDArray[np.uint8]:
        """(1, z, y, x) uint8, side_px voxels along each side, of equal steps.

        A view turns, mirrors and shifts it in the plane of the slices, and scales it. Outside a
        slice is 0; beyond the stack its last slice is repeated.
        """
        rows, columns = laid(side_mm, side_px, view)
        depth = (np.arange(side_px) - (side_px - 1) / 2) * side_mm / side_px * view.scale
        away = np.stack(np.broadcast_arrays(depth[:, None, None], rows, columns), axis=-1)
        axes = tuple(axis for axis in range(3) if self.turn >> axis & 1)
        return np.ascontiguousarray(np.flip(sampled(stack, self[:3], away), axes))[None]

    def picture(self, stack: Stack, side_mm: float, side_px: int) -> NDArray[np.uint8]:
        """(side_px, side_px) uint8: its middle as the slices lie, for people."""
        return Spot(*self[:3], 0).picture(stack, side_mm, side_px)


def laid(side_mm: float, side_px: int, view: View) -> tuple[Floats, Floats]:
    """How far down and across a picture's pixels lie from its middle, mm, each (side_px, side_px).

    As `crops.crop` lays them: mirrored, turned, scaled, then shifted.
    """
    line = (np.arange(side_px) - (side_px - 1) / 2) * side_mm / side_px * view.scale
    v, u = np.meshgrid(line, line * (-1 if view.mirror else 1), indexing="ij")
    cos, sin = np.cos(view.angle), np.sin(view.angle)
    return sin * u + cos * v + view.shift[0], cos * u - sin * v + view.shift[1]


def sampled(stack: Stack, place: tuple[float, ...], away_mm: Floats) -> NDArray[np.uint8]:
    """Grey levels (...) of a stack at points (..., 3) given in mm (z, y, x) from a place.

    place: fractional index (z, y, x). The mm are along the stack's own axes, whatever way these lie
    in the patient. Linear between voxels.
    """
    index = np.asarray(place) + away_mm / stack.geometry.spacing_zyx
    index[..., 0] = np.clip(index[..., 0], 0, len(stack.array) - 1)
    flat = index.reshape(-1, 3)
    low, high = np.floor(flat.min(axis=0)).astype(int), np.ceil(flat.max(axis=0)).astype(int) + 1
    first, last = np.clip(low, 0, stack.array.shape), np.clip(high, 0, stack.array.shape)
    near = np.pad(stack.array[tuple(map(slice, first, last))], 1)
    found = ndimage.map_coordinates(near, (flat - first + 1).T, np.float32, order=1)
    return np.rint(found).astype(np.uint8).reshape(index.shape[:-1])


def spots(place: tuple[float, float, float], planes: int) -> list[Shown]:
    """A place (z, y, x) on each of `planes` planes through it: 3 or 9."""
    return [Spot(*place, plane) for plane in range(planes)]


def blocks(place: tuple[float, float, float], count: int) -> list[Shown]:
    """`count` cubes around a place (z, y, x), each mirrored in its own way as far as there are."""
    return [Block(*place, number % 8) for number in range(count)]


def at(place: Place, size: CropSize) -> list[Shown]:
    """What is shown of a place on a slice: the slice there, or planes through it."""
    return spots(place, size.planes) if size.view == PLANES else [place]


def through(rows: pd.DataFrame, most: int, size: CropSize) -> list[Shown]:
    """What is shown of a region: up to `most` of its slices, or planes through its middle.

    rows: of table `regions`, of one region on the slices grid.
    """
    if size.view == PLANES:
        return spots(middle_of(rows), size.planes)
    return [*places_of(rows, most)]


def middle_of(rows: pd.DataFrame) -> tuple[float, float, float]:
    """Mean index (z, y, x) of a region's voxels."""
    mask, corner = regions.box(rows)
    z, y, x = (np.argwhere(mask).mean(axis=0) + corner).tolist()
    return z, y, x
