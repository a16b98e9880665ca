"""A volume as a MetaImage header and a voxel file, in LUNA16's own layout."""

import os
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nodules.base import files
from nodules.images.geometry import Geometry

# First lines of each header; MetaImage wants ElementDataFile last.
HEADER = {
    "ObjectType": "Image",
    "NDims": 3,
    "BinaryData": True,
    "BinaryDataByteOrderMSB": False,
    "CompressedData": False,
}


def write_volume(
    header: str | os.PathLike[str],
    data: str | os.PathLike[str],
    array: NDArray[np.int16],
    geometry: Geometry,
) -> None:
    """Write voxels (z, y, x), then the header that makes them a scan, each whole or not at all.

    header, data: files of one folder; voxels in a `.zraw` are compressed.
    Not by SimpleITK, which on a full disk writes a part of the voxels and says nothing.
    """
    voxels, fields = array.astype("<i2").tobytes(), dict(HEADER)
    if Path(data).suffix == ".zraw":
        voxels = zlib.compress(voxels)
        fields |= {"CompressedData": True, "CompressedDataSize": len(voxels)}
    fields |= {
        "TransformMatrix": _numbers(geometry.direction.T),  # an axis after the other
        "Offset": _numbers(geometry.origin),
        "ElementSpacing": _numbers(geometry.spacing),
        "DimSize": _numbers(geometry.shape[::-1]),
        "ElementType": "MET_SHORT",
        "ElementDataFile": Path(data).name,
    }
    files.write_bytes(data, voxels)
    files.write_text(header, "".join(f"{key} = {value}\n" for key, value in fields.items()))


def _numbers(values: ArrayLike) -> str:
    """Numbers as a header has them, to the last bit."""
    return " ".join(str(value) for value in np.asarray(values).ravel().tolist())
