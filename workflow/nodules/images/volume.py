"""Conversion of voxels to int16 Hounsfield units and of stored grids to patient order (LPS)."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nodules.base.files import FileDefect
from nodules.images.geometry import Geometry

ORTHONORMAL = 1e-3  # largest error of direction^T direction, as for MetaImage headers
SPACING_MM = (0.1, 10.0)  # plausible for chest CT, as for MetaImage headers and `luna16 check`


def as_hu(values: NDArray, place: str, notes: list[str] | None = None) -> NDArray[np.int16]:
    """A volume of real numbers as int16: rounded, and clipped to the range of int16.

    notes: receives a note if any voxel was clipped.
    Raises FileDefect naming `place` if a value is NaN or infinite.
    """
    if values.dtype == np.int16:
        return values
    limits = np.iinfo(np.int16)
    hu = np.empty(values.shape, np.int16)
    beyond = 0
    for plane, out in zip(values, hu, strict=True):  # fits the cache, and copies no whole volume
        if values.dtype.kind == "f":
            if not np.isfinite(plane).all():
                raise FileDefect(place, "there are voxels that are not finite", "Replace the file.")
            plane = np.rint(plane)
        held = np.clip(plane, limits.min, limits.max)
        beyond += int(np.count_nonzero(held != plane))
        np.copyto(out, held, casting="unsafe")
    if beyond and notes is not None:
        told = f"{beyond} voxels" if beyond > 1 else "1 voxel"
        notes.append(f"{told} beyond 16 bits, clipped to {limits.min} or {limits.max} HU")
    return hu


def in_patient_order(
    stored: NDArray[np.int16], geometry: Geometry
) -> tuple[NDArray[np.int16], Geometry]:
    """A stored volume (z, y, x), permuted and flipped to lie nearest to LPS, and its grid.

    No voxel changes its world position; axis 0 then runs from feet to head.
    """
    native, permutation, (fz, fy, fx) = geometry.reoriented()
    native = replace(native, direction=native.direction + 0.0)  # keep -0 out of headers
    return np.ascontiguousarray(stored.transpose(permutation)[::fz, ::fy, ::fx]), native


def grid_of(affine: NDArray, shape: tuple[int, int, int], place: str) -> Geometry:
    """The grid of an affine (4, 4) from indices x, y, z to LPS mm; FileDefect if it is invalid."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or (spacing == 0).any():
        raise FileDefect(place, "its axes make no grid", "Write or convert the file again.")
    geometry = Geometry.build(affine[:3, 3], spacing, affine[:3, :3] / spacing, shape)
    require_grid(geometry, place)
    return geometry


def require_grid(geometry: Geometry, place: str) -> None:
    """Raise FileDefect unless a grid's axes are orthonormal and its spacing is plausible for CT."""
    error = np.abs(geometry.direction.T @ geometry.direction - np.eye(3)).max()
    if not error <= ORTHONORMAL:  # also catches NaN
        raise FileDefect(
            place,
            "its axes are not at right angles, so that its grid is sheared",
            "Resample the scan onto a straight grid.",
        )
    low, high = SPACING_MM
    if (geometry.spacing < low).any() or (geometry.spacing > high).any():
        x, y, z = geometry.spacing
        raise FileDefect(
            place,
            f"its voxels of {x:g} x {y:g} x {z:g} mm are absurd for a chest CT "
            f"({low:g} to {high:g} mm)",
            "Write the scan again with its spacing in mm.",
        )


def same_grid(one: Geometry, other: Geometry, within_mm: float) -> bool:
    """Whether two grids have the same shape and voxels agree to less than `within_mm` per axis."""
    if one.shape != other.shape:
        return False
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(one.shape) - 1)
    return bool(np.abs(one.to_world(corners) - other.to_world(corners)).max() < within_mm)
