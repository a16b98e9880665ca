"""One scan of a data set: its UID, its subset and its files."""

from typing import NamedTuple

SUBSETS = range(10)


class Scan(NamedTuple):
    """One scan's UID, LUNA16 subset, and paths of its header, voxels and nodule label volume.

    labels: header and voxels of a label volume beside the scan; empty where there is none.
    """

    uid: str
    subset: int
    header: str
    data: str
    labels: tuple[str, ...] = ()
