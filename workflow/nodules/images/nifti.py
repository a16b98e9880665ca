"""Reading of NIfTI files (.nii, .nii.gz): voxels, and their grid from sform or qform.

Source: the header files nifti1.h and nifti2.h of the NIfTI Data Format Working Group. NIfTI's
world points are RAS; they are converted to LPS here and nowhere else.
"""

import contextlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from isal import igzip, isal_zlib
from numpy.typing import NDArray

from nodules.base.files import FileDefect, require_regular
from nodules.images.geometry import Geometry
from nodules.images.volume import as_hu, grid_of, in_patient_order

AGAIN = "Convert or copy the file again."
SUFFIXES = (".nii", ".nii.gz")
MAX_VOXELS = 2**30
MAX_OFFSET = 2**24  # bytes; header extensions come before the voxels
HEADER_BYTES = 1024
DISAGREE_MM = 0.5  # tolerance between qform and sform: the quaternion has single precision
TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}
TYPES |= {1024: "i8", 1280: "u8"}
UNITS_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # unknown, m, mm, micrometre
# Used fields: name, type, count, offset in NIfTI-1, offset and type in NIfTI-2.
FIELDS = (
    ("dim", "i2", 8, 40, 16, "i8"),
    ("datatype", "i2", 2, 70, 12, "i2"),
    ("pixdim", "f4", 8, 76, 104, "f8"),
    ("vox_offset", "f4", 1, 108, 168, "i8"),
    ("scl_slope", "f4", 1, 112, 176, "f8"),
    ("scl_inter", "f4", 1, 116, 184, "f8"),
    ("xyzt_units", "u1", 1, 123, 500, "i4"),
    ("qform_code", "i2", 1, 252, 344, "i4"),
    ("sform_code", "i2", 1, 254, 348, "i4"),
    ("quatern", "f4", 3, 256, 352, "f8"),
    ("qoffset", "f4", 3, 268, 376, "f8"),
    ("srow", "f4", 12, 280, 400, "f8"),
)
SIZES = {348: b"n+1\0", 540: b"n+2\0\r\n\x1a\n"}
MAGIC_AT = {348: 344, 540: 4}
TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Header:
    """A NIfTI header: the stored grid, and the voxels' type, byte offset and scale."""

    geometry: Geometry
    element: np.dtype[Any]
    offset: int
    slope: float
    intercept: float


def read_volume(path: str | os.PathLike[str]) -> tuple[NDArray[np.int16], Geometry]:
    """Read a scan: int16 HU (z, y, x) on its grid reoriented nearest to LPS, and that grid.

    Raises FileDefect if the file is truncated, of another kind, or lacks its position in space.
    """
    values, stored = read_values(path)
    return in_patient_order(as_hu(values, str(path)), stored)


def read_values(
    path: str | os.PathLike[str], channel: int | None = None
) -> tuple[NDArray[Any], Geometry]:
    """Voxels of any type, rescaled, in stored order (z, y, x), and the grid as stored.

    channel: which volume of a 4-D file, from 0; a 3-D file has only channel 0. None refuses 4-D
    files. Raises FileDefect as `read_volume` does.
    """
    with _opened(Path(path)) as stream:
        header = _header(stream.read(HEADER_BYTES), str(path), channel)
        nz, ny, nx = header.geometry.shape
        end = header.offset + nz * ny * nx * header.element.itemsize
        # No more than the header declares: a small file may unpack to an enormous size.
        stream.seek(0)
        content = stream.read(end)
    if len(content) < end:
        raise FileDefect(str(path), f"{end - len(content)} bytes of voxels are missing", AGAIN)
    stored = np.frombuffer(content, header.element, nz * ny * nx, header.offset)
    values = stored.reshape(nz, ny, nx)
    if (header.slope, header.intercept) != (1.0, 0.0):
        values = values * header.slope + header.intercept
    return values, header.geometry


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file, decompressing it if its name ends in .gz; errors become FileDefect."""
    try:
        require_regular(path)
        opened = igzip.open if path.suffix.lower() == ".gz" else open
        with opened(path, "rb") as stream:
            yield stream
    except (EOFError, zlib.error, isal_zlib.IsalError) as error:  # type: ignore[misc]
        raise FileDefect(str(path), f"not intact gzip data ({error})", AGAIN) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileDefect(str(path), f"cannot be read ({reason})", AGAIN) from error


def _header(content: bytes, place: str, channel: int | None) -> Header:
    """The header of a NIfTI-1 or NIfTI-2 file of either byte order, for one of its volumes."""
    fields = _fields(content, place)
    dim = fields["dim"]
    several = int(dim[4]) if dim[0] >= 4 and channel is not None else 1
    if not 3 <= dim[0] <= 7 or (dim[4 + (several > 1) : dim[0] + 1] > 1).any():
        raise FileDefect(place, "it is not one 3-D volume", "Store the scan as one 3-D volume.")
    if (channel or 0) >= several:
        reason = f"it has no channel {channel}, but {several}, counted from 0"
        raise FileDefect(place, reason, "Name one that it has in dataset.channel.")
    nx, ny, nz = (int(n) for n in dim[1:4])
    if min(nx, ny, nz) < 1 or nx * ny * nz > MAX_VOXELS:
        raise FileDefect(place, f"its size {nx} x {ny} x {nz} is absurd for a chest CT", AGAIN)
    code = int(fields["datatype"][0])
    if code not in TYPES:
        remedy = "Store HU as 16-bit whole numbers."
        raise FileDefect(place, f"its voxels have the type {code}, which is no HU", remedy)
    slope, intercept = float(fields["scl_slope"][0]), float(fields["scl_inter"][0])
    if slope == 0 or not np.isfinite([slope, intercept]).all():  # 0: not scaled
        slope, intercept = 1.0, 0.0
    offset = float(fields["vox_offset"][0])
    if not 0 <= offset <= MAX_OFFSET:
        raise FileDefect(place, f"its voxels begin at byte {offset:.0f}, which is absurd", AGAIN)
    geometry = _geometry(fields, (nz, ny, nx), place)
    element = np.dtype(("<" if fields["dim"].dtype.str[0] == "<" else ">") + TYPES[code])
    first = max(int(offset), fields["size"][0])
    first += (channel or 0) * nx * ny * nz * element.itemsize
    return Header(geometry, element, first, slope, intercept)


def _fields(content: bytes, place: str) -> dict[str, NDArray]:
    """The FIELDS of a header, each as an array."""
    for order in "<>":
        size = int(np.frombuffer(content[:4].ljust(4, b"\0"), f"{order}i4")[0])
        if size not in SIZES:
            continue
        magic = content[MAGIC_AT[size] :][: len(SIZES[size])]
        if magic in (b"ni1\0", b"ni2\0\r\n\x1a\n"):
            remedy = "Store header and voxels in one .nii."
            raise FileDefect(place, "its voxels are in another file (.img)", remedy)
        if magic != SIZES[size] or len(content) < size:
            break
        found = {"size": np.array([size + 4])}  # with the four bytes that announce extensions
        for name, kind, count, first, second, wide in FIELDS:
            at, own = (first, kind) if size == 348 else (second, wide)
            found[name] = np.frombuffer(content, np.dtype(order + own), count, at)
        return found
    raise FileDefect(place, "it is no NIfTI file", AGAIN)


def _geometry(fields: dict[str, NDArray], shape: tuple[int, int, int], place: str) -> Geometry:
    """The stored grid in LPS, from the sform, else the qform; if both are set, they must agree."""
    forms = []
    if fields["sform_code"][0] > 0:
        forms.append(np.vstack([fields["srow"].astype(float).reshape(3, 4), [0, 0, 0, 1]]))
    if fields["qform_code"][0] > 0:
        forms.append(_qform(fields))
    if not forms:
        raise FileDefect(
            place,
            "it has neither sform nor qform, so it says not where its voxels lie",
            "Convert the scan again from its DICOM files.",
        )
    unit = UNITS_MM.get(int(fields["xyzt_units"][0]) & 7, 1.0)
    grids = [
        grid_of(TO_LPS @ np.diag([unit, unit, unit, 1]) @ form, shape, place) for form in forms
    ]
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(shape) - 1)
    apart = np.abs(grids[0].to_world(corners) - grids[-1].to_world(corners)).max()
    if apart > DISAGREE_MM:
        raise FileDefect(
            place,
            f"its sform and its qform disagree by {apart:.1f} mm",
            "Set the code of the wrong one to 0.",
        )
    return grids[0]


def _qform(fields: dict[str, NDArray]) -> NDArray:
    """The affine (4, 4) of a qform, as METHOD 2 of nifti1.h."""
    b, c, d = (float(value) for value in fields["quatern"])
    a = np.sqrt(max(1.0 - b * b - c * c - d * d, 0.0))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    pixdim = fields["pixdim"].astype(float)
    scale = pixdim[1:4] * [1.0, 1.0, -1.0 if pixdim[0] < 0 else 1.0]
    affine = np.eye(4)
    affine[:3, :3] = rotation * scale
    affine[:3, 3] = fields["qoffset"]
    return affine
