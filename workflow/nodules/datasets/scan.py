"""One scan of a data set: its UID, its subset and its files."""

from pathlib import Path
from typing import NamedTuple

SUBSETS = range(10)
LUNG_MASKS = "seg-lungs-LUNA16"  # LUNA16's archive of lung masks, and the folder in it


class Scan(NamedTuple):
    """One scan's UID, LUNA16 subset, and paths of its header, voxels and nodule label volume.

    labels: header and voxels of a label volume beside the scan; empty where there is none.
    """

    uid: str
    subset: int
    header: str
    data: str
    labels: tuple[str, ...] = ()


class Oddity(NamedTuple):
    """A file or folder that looks as if it belonged to the scans: what it is, what to do.

    uid: of the scan that cannot be used because of it; "" where it harms none.
    """

    path: Path
    reason: str
    remedy: str
    uid: str = ""
