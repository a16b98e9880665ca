"""Places of the stored slices seen in three dimensions: as planes for 2-D networks, or as cubes.

A plane is an image like that of a slice: a square of it, with the two parallel planes a slice's
spacing beside it as the other channels. So a network that was trained on slices, or on ImageNet,
can be given planes. The three orthogonal planes are those of Roth et al. (MICCAI 2014,
arXiv:1406.2639), the six oblique ones, each through two opposite edges of the cube, those that
Setio et al. (IEEE TMI 35, 2016) add.
"""

from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from nodules.images import regions
from nodules.prepare.crops import BESIDE, PLAIN, CropSize, Place, Shown, View, laying, places_of
from nodules.prepare.stacks import Stack

Floats = NDArray[np.float64]

HERE = Place(0, 0.0, 0.0)
PLANES, CUBES = "planes", "cubes"  # values of CropSize.view, beside slices


class Plane(NamedTuple):
    """Unit vectors (z, y, x) of a plane's image: down its rows, across its columns."""

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
ALL = (AXIAL, CORONAL, SAGITTAL, *OBLIQUE)  # a network sees the first three, or all


class Spot(NamedTuple):
    """A place on one of the planes through it: fractional indices, and the plane's index in ALL."""

    z: float
    y: float
    x: float
    plane: int

    def shown(
        self, stack: Stack, side_mm: float, side_px: int, view: View = PLAIN
    ) -> NDArray[np.uint8]:
        """(3, side_px, side_px) uint8: the plane before, this one, and the one behind it.

        On the axial plane through a slice it equals `crops.crop`. Pixels outside a slice are 0;
        beyond the ends of the stack the last slice is repeated.
        """
        apart = np.array(BESIDE) * float(stack.geometry.spacing_zyx[0])
        # Greatest distance in mm of any corner of the image from the place.
        reach = side_mm * view.scale * np.sqrt(0.5) + max(map(abs, view.shift))
        pages = [Page.cut(stack, self, ALL[self.plane], far, reach) for far in apart]
        return np.stack([page.laid(side_mm, side_px, view) for page in pages])

    def picture(self, stack: Stack, side_mm: float, side_px: int) -> NDArray[np.uint8]:
        """(side_px, side_px) uint8: the plane itself, to be looked at."""
        return self.shown(stack, side_mm, side_px)[1]


class Page(NamedTuple):
    """A plane through a stack, sampled as an image: float, (along an axis, along the other).

    first: row and column of the place in it; steps: mm between rows and between columns; turned:
    whether its first axis is the plane's `across`, since that is the direction along an axis of the
    stack.
    """

    grey: NDArray[np.float32]
    first: tuple[float, float]
    steps: tuple[float, float]
    turned: bool

    @classmethod
    def cut(cls, stack: Stack, spot: "Spot", plane: Plane, far: float, reach: float) -> "Page":
        """The plane `far` mm from a spot, within `reach` mm around it; linear between voxels.

        Every plane has one direction along an axis of the stack, along which it is sampled at the
        voxels. So it is along the other direction, if that is an axis; along a diagonal the step is
        the smaller of the two spacings.
        """
        spacing = np.asarray(stack.geometry.spacing_zyx, float)
        turned = max(plane.down) < 1
        line, other = (np.array(d) for d in (plane.down, plane.across)[:: -1 if turned else 1])
        middle = np.array(spot[:3]) + far * np.cross(*plane) / spacing
        own = int(line.argmax())
        rows, at_row = _steps(middle[own], spacing[own], reach)
        if max(other) == 1:
            axis = int(other.argmax())
            columns, at_column = _steps(middle[axis], spacing[axis], reach)
            step, along = spacing[axis], (columns - middle[axis]) * spacing[axis]
        else:
            step = float(spacing[other != 0].min())
            columns, at_column = _steps(0.0, step, reach)
            along = columns * step
        index = middle + along[:, None] * other / spacing
        crossed = [axis for axis in range(3) if axis != own]
        grey = _between(stack.array, own, rows, index[:, crossed])
        return cls(grey, (at_row, at_column), (spacing[own], step), turned)

    def laid(self, side_mm: float, side_px: int, view: View) -> NDArray[np.uint8]:
        """(side_px, side_px) uint8 image of it, transformed like `crops.crop`."""
        matrix = laying(1.0, HERE, side_mm, side_px, view)  # from pixels to mm across and down
        if self.turned:
            matrix = matrix[::-1]
        matrix = matrix / np.array(self.steps[::-1])[:, None]
        matrix[:, 2] += self.first[::-1]
        flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
        return np.rint(cv2.warpAffine(self.grey, matrix, (side_px, side_px), flags=flags)).astype(
            np.uint8
        )


def _steps(middle: float, mm: float, reach: float) -> tuple[NDArray[np.int64], float]:
    """Indices within `reach` mm of a place, `mm` apart; and the place's position among them."""
    first, last = np.floor(middle - reach / mm) - 1, np.ceil(middle + reach / mm) + 1
    return np.arange(int(first), int(last) + 1), float(middle - first)


def _between(
    array: NDArray[np.uint8], own: int, rows: NDArray[np.int64], crossed: Floats
) -> NDArray[np.float32]:
    """Grey levels (rows, n) at integer indices along the axis `own` and (n, 2) along the others.

    Beyond the stack its last slice is repeated; outside a slice they are 0.
    """
    low = np.floor(crossed).astype(int)
    share = crossed - low
    total = np.zeros((len(rows), len(crossed)), np.float32)
    for corner in np.ndindex(2, 2):
        index = [*(low + corner).T[:, None]]
        index.insert(own, rows[:, None])
        weight = np.prod(np.where(corner, share, 1 - share), axis=1)[None]
        for axis in (1, 2):
            weight = weight * ((index[axis] >= 0) & (index[axis] < array.shape[axis]))
        held = tuple(np.clip(i, 0, n - 1) for i, n in zip(index, array.shape, strict=True))
        total += array[held] * weight.astype(np.float32)
    return total


class Block(NamedTuple):
    """A cube around a place, mirrored or not: fractional indices (z, y, x), and `turn`.

    Bit k of `turn` mirrors it along axis k, so the turns 0 to 7 are eight views.
    """

    z: float
    y: float
    x: float
    turn: int

    def shown(
        self, stack: Stack, side_mm: float, side_px: int, view: View = PLAIN
    ) -> NDArray[np.uint8]:
        """(1, z, y, x) uint8, side_px isotropic voxels along each side.

        A view rotates, mirrors and shifts it in the plane of the slices, and scales it. Voxels
        outside a slice are 0; beyond the stack its last slice is repeated.
        """
        rows, columns = laid(side_mm, side_px, view)
        depth = (np.arange(side_px) - (side_px - 1) / 2) * side_mm / side_px * view.scale
        away = np.stack(np.broadcast_arrays(depth[:, None, None], rows, columns), axis=-1)
        axes = tuple(axis for axis in range(3) if self.turn >> axis & 1)
        return np.ascontiguousarray(np.flip(sampled(stack, self[:3], away), axes))[None]

    def picture(self, stack: Stack, side_mm: float, side_px: int) -> NDArray[np.uint8]:
        """(side_px, side_px) uint8: its axial plane through the middle, to be looked at."""
        return Spot(*self[:3], 0).picture(stack, side_mm, side_px)


def laid(side_mm: float, side_px: int, view: View) -> tuple[Floats, Floats]:
    """Distances in mm, down and across, of an image's pixels from its centre.

    Each (side_px, side_px). As in `crops.crop`: mirrored, rotated, scaled, then shifted.
    """
    matrix = laying(1.0, HERE, side_mm, side_px, view)
    row, column = np.indices((side_px, side_px))
    across, down = matrix @ np.stack([column.ravel(), row.ravel(), np.ones(side_px**2)])
    return down.reshape(row.shape), across.reshape(row.shape)


def sampled(stack: Stack, place: tuple[float, ...], away_mm: Floats) -> NDArray[np.uint8]:
    """Grey levels (...) of a stack at points (..., 3) given in mm (z, y, x) from a place.

    place: fractional index (z, y, x). The mm are along the stack's own axes, whatever their
    directions in the patient. Linear between voxels.
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
    """A place (z, y, x) on each of the first `planes` planes through it: 3 or 9."""
    return [Spot(*place, plane) for plane in range(planes)]


def blocks(place: tuple[float, float, float], count: int) -> list[Shown]:
    """`count` cubes around a place (z, y, x), each mirrored differently; repeated beyond eight."""
    return [Block(*place, number % 8) for number in range(count)]


def at(place: Place, size: CropSize) -> list[Shown]:
    """Images of a place on a slice: the slice there, or planes through it."""
    return spots(place, size.planes) if size.view == PLANES else [place]


def through(rows: pd.DataFrame, most: int, size: CropSize) -> list[Shown]:
    """Images of a region: up to `most` of its slices, or planes through its middle.

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
