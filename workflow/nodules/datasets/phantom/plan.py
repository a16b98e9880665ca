"""The phantom's scans by name, before any is made; read by the Snakefile, so light."""

import os
import random
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nodules.datasets.scan import LUNG_MASKS, SUBSETS, Scan


def planned(folder: str | os.PathLike[str], config: Mapping[str, Any]) -> list[Scan]:
    """The phantom's scans, before any is made: scan i of the seed's set, in subset i % 10.

    About one scan in four is stored compressed (`.zraw`).
    """
    return [_scan(Path(folder), config["seed"], i) for i in range(config["phantom"]["scans"])]


def lung_mask(folder: str | os.PathLike[str], uid: str) -> tuple[str, str]:
    """Header and voxels of a scan's lung mask, compressed as LUNA16's are."""
    stem = Path(folder) / LUNG_MASKS / uid
    return f"{stem}.mhd", f"{stem}.zraw"


def _scan(folder: Path, seed: int, index: int) -> Scan:
    """Scan `index` of a seed; its UUID-derived UID (root 2.25) can be no patient's."""
    draw = random.Random(f"phantom scan {index} of seed {seed}")
    uid = f"2.25.{uuid.UUID(int=draw.getrandbits(128), version=4).int}"
    # Scans 1, 5, 9, ..: about a quarter, in any set of two or more.
    suffix = ".zraw" if index % 4 == 1 else ".raw"
    stem = folder / f"subset{index % len(SUBSETS)}" / uid
    return Scan(uid, index % len(SUBSETS), f"{stem}.mhd", f"{stem}{suffix}")
