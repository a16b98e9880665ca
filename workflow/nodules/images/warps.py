"""Mapping of points between scans: a smooth displacement followed by an affine map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from nodules.images.geometry import Geometry

Floats = NDArray[np.float64]

STEPS = 60  # at most, of the fixed-point iteration that inverts the displacement
EXACT_MM = 1e-4


@dataclass(frozen=True, eq=False)
class Warp:
    """Map of world points p (x, y, z, mm) to matrix @ (p + u(p)) + offset.

    field: u, (z, y, x, 3) mm along x, y, z on `grid`, linear between voxels and constant beyond
    the outermost; None for no displacement.
    """

    matrix: Floats
    offset: Floats
    field: NDArray[np.float32] | None = None
    grid: Geometry | None = None

    @classmethod
    def identity(cls) -> "Warp":
        """The warp that maps every point to itself."""
        return cls(np.eye(3), np.zeros(3))

    def __call__(self, points: ArrayLike) -> Floats:
        """Mapped world points (..., 3), mm."""
        from_points = np.asarray(points, float)
        return (from_points + self.displacement(from_points)) @ self.matrix.T + self.offset

    def inverse(self, points: ArrayLike) -> Floats:
        """World points (..., 3) that the warp maps to `points`, mm.

        Fixed-point iteration of p = q - u(p), with q = matrix^-1 @ (points - offset); it converges
        where the field is smooth, its slope below 1, which registration ensures.
        """
        straight = (np.asarray(points, float) - self.offset) @ np.linalg.inv(self.matrix).T
        found = straight - self.displacement(straight)
        for _ in range(STEPS if self.field is not None else 0):
            better = straight - self.displacement(found)
            change = float(np.abs(better - found).max(initial=0.0))
            found = better
            if change < EXACT_MM:
                break
        return found

    def displacement(self, points: ArrayLike) -> Floats:
        """Displacement u at world points (..., 3), mm."""
        at = np.asarray(points, float)
        if self.field is None or self.grid is None:
            return np.zeros(at.shape)
        index = self.grid.to_index(at)
        flat = index.reshape(-1, 3).T
        parts = [
            ndimage.map_coordinates(self.field[..., axis], flat, order=1, mode="nearest")
            for axis in range(3)
        ]
        return np.stack(parts, axis=-1).reshape(at.shape).astype(float)

    def resample(
        self, volume: NDArray, source: Geometry, target: Geometry, fill: float | None
    ) -> NDArray[np.float32]:
        """A volume on the grid `source`, resampled linearly onto `target` (z, y, x).

        The warp maps points of `target` to points of `source`. Slice by slice, to save memory.
        fill: HU beyond the volume; None repeats the volume's edge.
        """
        _, ny, nx = target.shape
        plane = np.stack(np.meshgrid(np.arange(ny), np.arange(nx), indexing="ij"), axis=-1)
        seen = np.empty(target.shape, np.float32)
        beyond = {"mode": "nearest"} if fill is None else {"mode": "constant", "cval": fill}
        for z, out in enumerate(seen):
            index = np.concatenate([np.full((ny, nx, 1), z), plane], axis=-1)
            at = source.to_index(self(target.to_world(index)))
            out[:] = ndimage.map_coordinates(
                volume, np.moveaxis(at, -1, 0), np.float32, order=1, **beyond
            )
        return seen

    def to_dict(self) -> dict[str, list]:
        """The affine part for a JSON file: matrix (3, 3) and offset (3)."""
        return {"matrix": self.matrix.tolist(), "offset": self.offset.tolist()}
