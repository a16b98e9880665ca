"""Reading of NRRD files (.nrrd, .nhdr): voxels and their grid in LPS.

Source: "Definition of NRRD File Format" of the teem project. Not read by ITK, which silently
assumes LPS if a file has no space.
"""

import io
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from isal import igzip, isal_zlib
from numpy.typing import NDArray

from nodules.base.files import FileDefect, require_regular
from nodules.base.messages import shown
from nodules.images.foreign import decimal, is_voxel_name
from nodules.images.geometry import Geometry
from nodules.images.volume import grid_of

AGAIN = "Write or copy the file again."
SUFFIXES = (".nrrd", ".nhdr")
HEADER_BYTES = 65_536
MAX_VOXELS = 2**30
# Signs that convert a space's x, y, z to LPS.
SPACES = {
    **dict.fromkeys(("left-posterior-superior", "lps"), (1, 1, 1)),
    **dict.fromkeys(("right-anterior-superior", "ras"), (-1, -1, 1)),
    **dict.fromkeys(("left-anterior-superior", "las"), (1, -1, 1)),
}
TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "int64", "int64_t"), "i8"),
    **{"float": "f4", "double": "f8"},
}
Fields = dict[str, str]


def read_values(path: str | os.PathLike[str]) -> tuple[NDArray[Any], Geometry]:
    """Voxels of any type, in stored order (z, y, x), and the grid as stored.

    Raises FileDefect if the file is truncated, of another kind, or lacks its position in space.
    """
    path, place = Path(path), str(path)
    fields, start = _header(path)
    nz, ny, nx = shape = _shape(fields, place)
    geometry = _geometry(fields, shape, place)
    kind = fields.get("type", "").lower()
    if kind not in TYPES:
        raise FileDefect(place, f"its voxels have the type {shown(kind)}", "Store HU as int16.")
    order = ">" if fields.get("endian", "").lower() == "big" else "<"
    element = np.dtype(order + TYPES[kind])
    content = _voxels(path, fields, start, nz * ny * nx * element.itemsize)
    missing = nz * ny * nx * element.itemsize - len(content)
    if missing > 0:
        raise FileDefect(place, f"{missing} bytes of voxels are missing", AGAIN)
    if fields.get("byte skip") == "-1":  # the voxels are the last bytes of the file
        content = content[-nz * ny * nx * element.itemsize :]
    return np.frombuffer(content, element, nz * ny * nx).reshape(shape), geometry


def data_file(path: Path) -> Path | None:
    """The voxel file beside a header; None if it names none, or not one file beside it."""
    try:
        name = _header(path)[0].get("data file")
    except FileDefect:  # reported when the file is read
        return None
    return path.with_name(name) if name is not None and is_voxel_name(name) else None


def _header(path: Path) -> tuple[Fields, int]:
    """Fields of a header by lower-case name, and the offset of the first byte after it."""
    head = _read(path, HEADER_BYTES)
    if not head.startswith(b"NRRD"):
        raise FileDefect(str(path), "it is no NRRD file", AGAIN)
    ends = [head.find(mark) + len(mark) for mark in (b"\n\n", b"\n\r\n") if mark in head]
    start = min(ends, default=len(head))
    fields = {}
    for line in head[:start].splitlines()[1:]:
        key, colon, value = line.decode("latin-1").partition(": ")
        if colon and not line.startswith(b"#"):
            fields[key.strip().lower().replace("datafile", "data file")] = value.strip()
    return fields, start


def _shape(fields: Fields, place: str) -> tuple[int, int, int]:
    """Number of voxels along z, y, x."""
    sizes = fields.get("sizes", "").split()
    if fields.get("dimension") != "3" or len(sizes) != 3:
        raise FileDefect(place, "it is not one 3-D volume", "Store the scan as one 3-D volume.")
    plain = [word.isascii() and word.isdigit() and len(word) < 10 for word in sizes]
    numbers = [int(word) if known else 0 for word, known in zip(sizes, plain, strict=True)]
    if min(numbers) < 1 or float(np.prod(numbers, dtype=float)) > MAX_VOXELS:
        raise FileDefect(place, f"its sizes {shown(fields['sizes'])} are absurd", AGAIN)
    nx, ny, nz = numbers
    return nz, ny, nx


def _geometry(fields: Fields, shape: tuple[int, int, int], place: str) -> Geometry:
    """The stored grid in LPS."""
    space = fields.get("space", "")
    if space.lower() not in SPACES:
        told = f"its space is {shown(space)}" if space else "it has no field `space`"
        raise FileDefect(
            place,
            f"{told}, so it says not where its voxels lie in the patient",
            "Write it with one of the spaces LPS, RAS, LAS.",
        )
    affine = np.eye(4)
    for name, columns in (("space directions", slice(0, 3)), ("space origin", slice(3, 4))):
        words = fields.get(name, "").replace("(", " ").replace(")", " ").replace(",", " ").split()
        try:
            numbers = np.array([decimal(word) for word in words])
            affine[:3, columns] = numbers.reshape(-1, 3).T
        except ValueError as error:
            reason = f"its field `{name}` is missing or no list of numbers"
            raise FileDefect(place, reason, AGAIN) from error
    return grid_of(np.diag([*SPACES[space.lower()], 1]) @ affine, shape, place)


def _voxels(path: Path, fields: Fields, start: int, most: int) -> bytes:
    """Uncompressed bytes of the voxels; gzip data are cut after `most` bytes."""
    place = str(path)
    name = fields.get("data file")
    skip = fields.get("byte skip", "0")
    if fields.get("line skip", "0") != "0" or skip not in ("0", "-1"):
        raise FileDefect(place, "it skips lines or bytes before its voxels", "Write it plainly.")
    if name is not None and not is_voxel_name(name):
        reason = f"its data file {shown(name)} is not one file beside it"
        raise FileDefect(place, reason, "Store header and voxels in one .nrrd.")
    content = _read(path)[start:] if name is None else _read(path.with_name(name))
    encoding = fields.get("encoding", "").lower()
    if encoding == "raw":
        return content
    if encoding not in ("gzip", "gz"):
        reason = f"its voxels are stored as {shown(encoding) or 'nobody knows what'}"
        raise FileDefect(place, reason, "Write it as raw or gzip.")
    try:
        with igzip.IGzipFile(fileobj=io.BytesIO(content)) as packed:
            return packed.read(most + 1)[:most]  # one byte more: the checksum comes at the end
    except (EOFError, OSError, zlib.error, isal_zlib.IsalError) as error:  # type: ignore[misc]
        raise FileDefect(place, f"its voxels are not intact gzip data ({error})", AGAIN) from error


def _read(path: Path, most: int = -1) -> bytes:
    """The first `most` bytes of a file, by default all."""
    try:
        require_regular(path)
        with path.open("rb") as stream:
            return stream.read(most)
    except OSError as error:
        raise FileDefect(str(path), f"cannot be read ({error.strerror})", AGAIN) from error
