"""Voxels of any scan or label volume as its file means them: rounded to HU they need not be."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodules.images import nifti, reading
from nodules.images.geometry import Geometry
from nodules.images.volume import in_patient_order


def read(path: str | os.PathLike[str], channel: int = 0) -> tuple[NDArray[Any], Geometry]:
    """Values (z, y, x) on the grid nearest to LPS, and that grid; forms as `reading.read` takes.

    channel: which volume of a 4-D NIfTI file. Of other forms values are int16.
    Raises UserError where the file cannot be read.
    """
    if reading.suffix_of(Path(path)) in nifti.SUFFIXES:
        values, stored = nifti.read_values(path, channel)
        return in_patient_order(values, stored)
    found = reading.read(path)
    return np.asarray(found.voxels), found.geometry
