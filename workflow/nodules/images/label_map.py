"""Writing of label volumes, and of synthetic scans, as NIfTI-1 files.

Source: the header file nifti1.h of the NIfTI Data Format Working Group.
"""

import gzip
import os
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodules.base.files import write_bytes
from nodules.images.geometry import Geometry

TYPES = {np.dtype("<u2"): 512, np.dtype("<i2"): 4}
SCANNER, MILLIMETRES = 1, 2
TO_RAS = np.diag([-1.0, -1.0, 1.0])
DESCRIPTION = b"nodule findings; research only"


def in_stored_order(labels: NDArray[Any], stored: Geometry) -> NDArray[Any]:
    """A volume (z, y, x) reoriented nearest to LPS, back in the axis order of its stored grid.

    The inverse of the permutation and flips that `stored.reoriented()` gives.
    """
    _, permutation, (fz, fy, fx) = stored.reoriented()
    return labels[::fz, ::fy, ::fx].transpose(np.argsort(permutation))


def write(
    path: str | os.PathLike[str],
    voxels: NDArray[np.uint16] | NDArray[np.int16],
    grid: Geometry,
    description: bytes = DESCRIPTION,
) -> None:
    """Write labels or int16 HU (z, y, x) on their grid as .nii.gz, atomically.

    Equal volumes give identical files. description: at most 79 bytes.
    """
    element = np.dtype("<i2" if voxels.dtype == np.int16 else "<u2")
    header = _header(grid, TYPES[element], description)
    content = np.ascontiguousarray(voxels, element).tobytes()
    write_bytes(path, gzip.compress(header + b"\0" * 4 + content, 3, mtime=0))


def _header(grid: Geometry, kind: int, description: bytes) -> bytes:
    """The 348 bytes of a NIfTI-1 header; the position is in the sform, without a qform."""
    nz, ny, nx = grid.shape
    axes, origin = TO_RAS @ grid.axes, TO_RAS @ grid.origin
    dx, dy, dz = (float(mm) for mm in grid.spacing)
    header = bytearray(348)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, nx, ny, nz, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, kind, 16)
    struct.pack_into("<8f", header, 76, 1.0, dx, dy, dz, 0.0, 0.0, 0.0, 0.0)
    struct.pack_into("<3f", header, 108, 352.0, 1.0, 0.0)
    struct.pack_into("<b", header, 123, MILLIMETRES)
    header[148 : 148 + len(description)] = description
    struct.pack_into("<2h", header, 252, 0, SCANNER)
    rows = np.column_stack([axes, origin])
    struct.pack_into("<12f", header, 280, *rows.ravel())
    header[344:348] = b"n+1\0"
    return bytes(header)
