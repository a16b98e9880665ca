"""Voxel grids in the patient's world: the only module that does coordinate arithmetic.

Array indices are (z, y, x), as in NumPy arrays of volumes; world points are (x, y, z) in mm, LPS,
as in LUNA16's tables. Index 0 is the centre of the first voxel, as in ITK.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Geometry:
    """Origin, spacing, direction and size of a regular voxel grid.

    origin:    (3,) world mm of the centre of voxel (0, 0, 0), in x, y, z.
    spacing:   (3,) mm between neighbouring voxels along the grid's own x, y, z axes.
    direction: (3, 3) matrix whose columns are the world directions of the grid's x, y, z axes.
    shape:     (nz, ny, nx) numbers of voxels.
    """

    origin: Floats
    spacing: Floats
    direction: Floats
    shape: tuple[int, int, int]

    @classmethod
    def build(
        cls, origin: ArrayLike, spacing: ArrayLike, direction: ArrayLike, shape: ArrayLike
    ) -> "Geometry":
        """Build from anything array-like; `direction` may be flat, row-major as in ITK."""
        nz, ny, nx = (int(n) for n in np.asarray(shape))
        return cls(
            np.asarray(origin, float).reshape(3),
            np.asarray(spacing, float).reshape(3),
            np.asarray(direction, float).reshape(3, 3),
            (nz, ny, nx),
        )

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Geometry":
        """Build from a table row with the columns of `to_row`."""
        return cls.build(row["origin"], row["spacing"], row["direction"], row["shape"])

    def to_row(self) -> dict[str, list[float] | list[int]]:
        """Columns for a table: origin (3), spacing (3), direction (9, row-major), shape (3)."""
        return {
            "origin": self.origin.tolist(),
            "spacing": self.spacing.tolist(),
            "direction": self.direction.ravel().tolist(),
            "shape": list(self.shape),
        }

    @property
    def axes(self) -> Floats:
        """(3, 3) matrix whose columns are the world steps, in mm, of one voxel along x, y, z."""
        return self.direction * self.spacing

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel in mm^3."""
        return float(abs(np.linalg.det(self.axes)))

    @property
    def spacing_zyx(self) -> Floats:
        """Spacing in mm in array order (z, y, x)."""
        return self.spacing[::-1]

    def to_world(self, index: ArrayLike) -> Floats:
        """World points (..., 3) as x, y, z mm of array indices (..., 3) as z, y, x."""
        xyz = np.asarray(index, float)[..., ::-1]
        return self.origin + xyz @ self.axes.T

    def to_index(self, world: ArrayLike) -> Floats:
        """Fractional array indices (..., 3) as z, y, x of world points (..., 3) as x, y, z mm."""
        offset = np.asarray(world, float) - self.origin
        return (offset @ np.linalg.inv(self.axes).T)[..., ::-1]

    def encloses(self, world: ArrayLike) -> NDArray[np.bool_]:
        """Whether world points (..., 3) lie within the outer faces of the grid's voxels."""
        index = self.to_index(world)
        return np.all((index >= -0.5) & (index <= np.array(self.shape) - 0.5), axis=-1)

    def reoriented(self) -> tuple["Geometry", tuple[int, int, int], tuple[int, int, int]]:
        """The same grid with its axes permuted and flipped to lie nearest to LPS (x, y, z).

        Returns the new geometry, and the permutation and flips (1 or -1) that reorder an array of
        this grid, both for array axes (z, y, x): `array.transpose(permutation)[::flips[0],
        ::flips[1], ::flips[2]]`. A grid whose direction is near the identity stays as it is.
        """
        nearest = _nearest_axes(self.direction)
        signs = np.array([1 if self.direction[w, g] >= 0 else -1 for w, g in enumerate(nearest)])
        sizes = np.array(self.shape[::-1])
        first = np.where(signs < 0, sizes[list(nearest)] - 1, 0)
        corner = np.zeros(3)
        corner[list(nearest)] = first
        geometry = Geometry.build(
            self.to_world(corner[::-1]),
            self.spacing[list(nearest)],
            self.direction[:, list(nearest)] * signs,
            sizes[list(nearest)][::-1],
        )
        pz, py, px = (2 - nearest[2], 2 - nearest[1], 2 - nearest[0])
        fz, fy, fx = (int(signs[2]), int(signs[1]), int(signs[0]))
        return geometry, (pz, py, px), (fz, fy, fx)

    def thinned(self, steps: ArrayLike) -> "Geometry":
        """The grid of `array[::steps[0], ::steps[1], ::steps[2]]`; steps and axes (z, y, x)."""
        shape = -(-np.array(self.shape) // np.asarray(steps))
        spacing = self.spacing * np.asarray(steps)[::-1]
        return Geometry.build(self.origin, spacing, self.direction, shape)

    def resampled(
        self, corner: ArrayLike, extent: ArrayLike, shape: tuple[int, int, int]
    ) -> "Geometry":
        """Grid of `shape` whose voxels exactly fill a box of this grid.

        corner: (3,) index z, y, x of the box's first voxel; may lie outside the volume.
        extent: (3,) numbers of this grid's voxels in the box, along z, y, x.
        Outer faces of the box and of the new grid coincide, as in OpenCV's `resize`.
        """
        step = np.asarray(extent, float) / np.array(shape)
        first_centre = np.asarray(corner, float) - 0.5 + step / 2
        return Geometry.build(
            self.to_world(first_centre), self.spacing * step[::-1], self.direction, shape
        )


def _nearest_axes(direction: Floats) -> tuple[int, int, int]:
    """Grid axes (0 x, 1 y, 2 z) nearest to world x, y and z; each axis is used once."""
    best = max(
        ((a, b, 3 - a - b) for a in range(3) for b in range(3) if a != b),
        key=lambda axes: sum(abs(direction[w, g]) for w, g in enumerate(axes)),
    )
    return best
