"""Writing of a volume as MetaImage header and voxel file, as in LUNA16."""

import os
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nodules.base import files
from nodules.images.geometry import Geometry

# First lines of each header; MetaImage requires ElementDataFile to be last.
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
    """Write voxels (z, y, x) and then their header, each atomically.

    header, data: files in one folder; a `.zraw` is compressed.
    Does not use SimpleITK, which silently writes only part of the voxels to a full disk.
    """
    voxels, fields = array.astype("<i2").tobytes(), dict(HEADER)
    if Path(data).suffix == ".zraw":
        voxels = zlib.compress(voxels)
        fields |= {"CompressedData": True, "CompressedDataSize": len(voxels)}
    fields |= {
        "TransformMatrix": _numbers(geometry.direction.T),  # one axis after the other
        "Offset": _numbers(geometry.origin),
        "ElementSpacing": _numbers(geometry.spacing),
        "DimSize": _numbers(geometry.shape[::-1]),
        "ElementType": "MET_SHORT",
        "ElementDataFile": Path(data).name,
    }
    files.write_bytes(data, voxels)
    files.write_text(header, "".join(f"{key} = {value}\n" for key, value in fields.items()))


def _numbers(values: ArrayLike) -> str:
    """Numbers as text for a header, exact to the last bit."""
    return " ".join(str(value) for value in np.asarray(values).ravel().tolist())
