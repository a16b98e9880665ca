"""What the catalogues of defective input share: how a case is written, and the usual remedies.

A case's damage is done to the folder of `luna16_folder.write_folder`: scans 2.25.1 (raw) and
2.25.2 (zraw) in subset0, 2.25.3 (flipped) in subset4, and the five lists.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

COUNT = 6 * 9 * 8  # voxels of every scan of the folder
DATA = "subset0/2.25.1.raw"

ARCHIVE_HEADER = "Restore the header from LUNA16's archive."
ARCHIVE_DATA = "Copy or unpack the file again from LUNA16's archive."
# Of scans that are not LUNA16's, as those of the folder.
AGAIN_HEADER = "Write the header again, as whoever converted the scan did: convert it once more."
AGAIN_DATA = "Copy the file again from where the scan was converted, or convert it once more."
LINE = "Correct or remove the line."
EXPORT = "Export it again."
NAMED = "The first line must name the columns, separated by commas."


class Case(NamedTuple):
    """One defect: what it is, how it is made, and what is said: place, reason and remedy.

    place: file (and line) below the folder. skipped: scans left out because of it; none where the
    defect is told and harms nothing, `all` where no scan can be used.
    """

    name: str
    damage: Callable[[Path], object]
    place: str
    reason: str
    remedy: str
    skipped: tuple[str, ...] = ("2.25.1",)


ALL = ("all",)
NONE = ()


def pipe(place: str) -> Callable[[Path], None]:
    """Put a named pipe in a file's place: who opens it waits for a writer."""

    def damage(folder: Path) -> None:
        (folder / place).unlink()
        os.mkfifo(folder / place)

    return damage


def header_line(key: str, line: str, scan: str = "subset0/2.25.1.mhd") -> Callable[[Path], None]:
    """Replace a header's line; an empty one removes it."""

    def damage(folder: Path) -> None:
        path = folder / scan
        lines = path.read_text().splitlines()
        assert sum(old.startswith(f"{key} ") for old in lines) == 1
        new = [line if old.startswith(f"{key} ") else old for old in lines]
        path.write_text("\n".join(filter(None, new)) + "\n")

    return damage
