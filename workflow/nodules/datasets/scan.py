"""One scan of a data set: its UID, its subset and its files."""

from pathlib import Path
from typing import NamedTuple

SUBSETS = range(10)
LUNG_MASKS = "seg-lungs-LUNA16"  # name of LUNA16's lung mask archive and of the folder in it


class Scan(NamedTuple):
    """One scan: UID, LUNA16 subset, and paths of its header, voxels and nodule label volume.

    labels: header and voxels of the label volume beside the scan; empty if there is none.
    """

    uid: str
    subset: int
    header: str
    data: str
    labels: tuple[str, ...] = ()


class Oddity(NamedTuple):
    """A file or folder that resembles part of a data set but is unusual: why, and the remedy.

    uid: the scan that cannot be used because of it; "" if every scan is still usable.
    """

    path: Path
    reason: str
    remedy: str
    uid: str = ""
