"""Voxel values of any scan or label volume as its file defines them, not rounded to HU."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodules.images import reading
from nodules.images.geometry import Geometry
from nodules.images.volume import in_patient_order


def read(path: str | os.PathLike[str], channel: int = 0) -> tuple[NDArray[Any], Geometry]:
    """Values (z, y, x) on the grid reoriented nearest to LPS, and that grid.

    path: any format that `reading.read` takes; values of DICOM are int16 HU. channel: which volume
    of a 4-D NIfTI file. Raises UserError if the file cannot be read.
    """
    path = Path(path)
    if reading.suffix_of(path):
        return in_patient_order(*reading.stored_values(path, channel))
    found = reading.read(path)
    return np.asarray(found.voxels), found.geometry
