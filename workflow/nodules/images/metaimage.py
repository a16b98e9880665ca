"""Reading of MetaImage volumes: voxels checked for completeness and put in patient order (LPS)."""

import os
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NoReturn

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from nodules.base.files import FileDefect, require_regular
from nodules.images import remedies
from nodules.images.geometry import Geometry
from nodules.images.metaimage_header import Header, read_header
from nodules.images.volume import as_hu, in_patient_order

__all__ = [
    "Header",
    "geometry",
    "read_header",
    "read_stored",
    "read_volume",
    "voxel_blocks",
]

BLOCK = 8 << 20  # bytes per read: large compared with a call's overhead, small with a scan


def geometry(header: Header) -> Geometry:
    """The grid of a header as stored on disk."""
    return header.geometry


def read_volume(path: str | os.PathLike[str]) -> tuple[NDArray[np.int16], Geometry]:
    """Read a scan on its native grid, permuted and flipped to lie nearest to LPS.

    Returns a contiguous int16 array (z, y, x) of HU, clipped to the range of int16, and its
    Geometry; axis 0 runs from feet to head. Also reads label volumes.
    Raises UserError for a defective header or voxel file.
    """
    header = read_header(path)
    return in_patient_order(read_stored(header), header.geometry)


def read_values(path: str | os.PathLike[str]) -> tuple[NDArray[Any], Geometry]:
    """Voxels of any type, in stored order (z, y, x), and the grid as stored.

    Raises UserError as `read_volume` does.
    """
    header = read_header(path)
    return _stored(header), header.geometry


def read_stored(header: Header) -> NDArray[np.int16]:
    """Voxels in stored order, as int16 (z, y, x) clipped to the range of int16."""
    return as_hu(_stored(header), str(header.data))


def _stored(header: Header) -> NDArray[Any]:
    voxels = np.empty(header.shape, header.element)
    buffer = voxels.reshape(-1).view(np.uint8)
    filled = 0
    for block in voxel_blocks(header):
        buffer[filled : filled + len(block)] = np.frombuffer(block, np.uint8)
        filled += len(block)
    return voxels


def voxel_blocks(header: Header, seen: Callable[[bytes], object] | None = None) -> Iterator[bytes]:
    """Uncompressed bytes of a voxel file, in blocks of at most 8 MiB.

    Together they are exactly as many as the header says. `seen`, such as a hash's `update`,
    receives the file's bytes as stored.
    Raises UserError if the file is missing, too short, too long or damaged.
    """
    try:
        require_regular(header.data)
        stored = header.data.stat().st_size
        promised = header.compressed_bytes if header.compressed else header.voxel_bytes
        if promised is not None and stored != promised:
            _fail(header, f"{stored} bytes long where its header says {promised}")
        with header.data.open("rb") as stream:
            blocks = _file_blocks(stream, seen)
            yield from _inflate(header, blocks) if header.compressed else blocks
    except OSError as error:
        _fail(header, f"cannot be read ({error.strerror})")


def _file_blocks(stream: BinaryIO, seen: Callable[[bytes], object] | None) -> Iterator[bytes]:
    while block := stream.read(BLOCK):
        if seen is not None:
            seen(block)
        yield block


def _inflate(header: Header, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Uncompressed blocks of a zlib stream; stops at the first byte beyond the header's size."""
    inflater = isal_zlib.decompressobj()
    missing = header.voxel_bytes
    try:
        for packed in blocks:
            full = False
            while (packed or full) and not inflater.eof:
                limit = min(BLOCK, missing + 1)
                block = inflater.decompress(packed, limit)
                packed = inflater.unconsumed_tail
                full = len(block) == limit  # then the inflater may hold more, with no input left
                missing -= len(block)
                if missing < 0:
                    _fail(header, "holds more voxels than its header says")
                yield block
            if inflater.eof and (packed or inflater.unused_data):
                _fail(header, "goes on after the end of its zlib data")
    except isal_zlib.IsalError as error:  # type: ignore[misc]  # its stub says Any
        _fail(header, f"not intact zlib data ({error})")
    if missing:
        _fail(header, f"{missing} bytes of voxels fewer than its header says")
    if not inflater.eof:
        _fail(header, "the zlib data has no end, so its checksum is missing")


def _fail(header: Header, reason: str) -> NoReturn:
    raise FileDefect(str(header.data), reason, remedies.restore_data(header.path))
