"""Which scans a run is about: from the config for the phantom, from the folder for real scans.

Runs while the Snakefile is read, so it imports nothing heavy and reads no voxel.
"""

import os
import random
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nodules.files import UserError

SUBSETS = range(10)
LABEL_SUFFIXES = ("_nodules", "_nodule_labels")
HEADER_BYTES = 16_384


class Scan(NamedTuple):
    """One scan's UID, LUNA16 subset, and paths of its header, voxels and nodule label volume.

    labels: header and voxels of a label volume beside the scan; empty where there is none.
    """

    uid: str
    subset: int
    header: str
    data: str
    labels: tuple[str, ...] = ()


def planned(folder: str | os.PathLike[str], config: Mapping[str, Any]) -> list[Scan]:
    """The phantom's scans, known before any is made: scan i of the seed's set, in subset i % 10.

    About one scan in four is stored compressed (`.zraw`).
    """
    return [_planned(Path(folder), config["seed"], i) for i in range(config["phantom"]["scans"])]


def found(folder: str | os.PathLike[str]) -> list[Scan]:
    """Real scans below `folder`: every subset0..9/*.mhd that is no label volume, by subset and UID.

    Any part of the ten subsets will do. `data` is the file that the header names, or the header
    itself where it names none. Raises UserError where there is no folder or no scan in it.
    """
    if not os.fspath(folder):
        raise UserError(
            "luna16_dir is not set: name the folder that holds subset0 .. subset9, with "
            "--config luna16_dir=/path/to/LUNA16, or set data.source to phantom."
        )
    root = Path(folder)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder. Set luna16_dir to the folder of subset0 .. 9.")
    scans = [
        Scan(header.stem, subset, str(header), str(data_file(header)), label_files(header))
        for subset in SUBSETS
        for header in sorted((root / f"subset{subset}").glob("*.mhd"))
        if not header.stem.endswith(LABEL_SUFFIXES)
    ]
    if not scans:
        raise UserError(
            f"{root}: no subset0 .. subset9 with .mhd files in it. Unpack LUNA16's subset*.zip "
            "there, or set luna16_dir to the folder above the subsets."
        )
    return scans


def label_volume(header: Path) -> Path | None:
    """Header of the nodule label volume beside a scan, or None."""
    beside = (header.with_name(header.stem + suffix + ".mhd") for suffix in LABEL_SUFFIXES)
    return next((path for path in beside if path.exists()), None)


def label_files(header: Path) -> tuple[str, ...]:
    """Header and voxels of the label volume beside a scan; empty where there is none."""
    labels = label_volume(header)
    return () if labels is None else (str(labels), str(data_file(labels)))


def _planned(folder: Path, seed: int, index: int) -> Scan:
    """UUID-derived UIDs (root 2.25) can belong to no patient."""
    draw = random.Random(f"phantom scan {index} of seed {seed}")
    uid = f"2.25.{uuid.UUID(int=draw.getrandbits(128), version=4).int}"
    # Scans 1, 5, 9, ..: about a quarter, in any set of two or more.
    suffix = ".zraw" if index % 4 == 1 else ".raw"
    stem = folder / f"subset{index % len(SUBSETS)}" / uid
    return Scan(uid, index % len(SUBSETS), f"{stem}.mhd", f"{stem}{suffix}")


def data_file(header: Path) -> Path:
    """The file that a header's ElementDataFile names; the header itself for LOCAL or none."""
    try:
        with header.open("rb") as stream:
            text = stream.read(HEADER_BYTES)
    except OSError:
        return header
    for line in text.splitlines():
        key, _, value = line.partition(b"=")
        if key.strip() == b"ElementDataFile":
            name = value.strip().decode(errors="replace")
            return header if name in ("", "LOCAL") else header.parent / name
    return header
