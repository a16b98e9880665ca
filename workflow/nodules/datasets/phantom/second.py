"""The phantom's patients that are scanned twice, by name; read by the Snakefile, so light."""

import os
import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodules.datasets.scan import Scan

PATIENTS = 2  # of the phantom's first ones
DAYS = ("2020-01-01", "2020-06-29")  # half a year apart


@dataclass(frozen=True)
class SecondTime:
    """A patient's second scan: the first one's UID, its own, and the files to make."""

    prior: str
    uid: str
    header: str
    data: str


def planned(
    folder: str | os.PathLike[str], scans: Sequence[Scan], config: Mapping[str, Any]
) -> list[SecondTime]:
    """Second scans of the phantom's first PATIENTS patients, before any is made."""
    found = []
    for scan in scans[:PATIENTS]:
        draw = random.Random(f"second time of {scan.uid}, seed {config['seed']}")
        uid = f"2.25.{uuid.UUID(int=draw.getrandbits(128), version=4).int}"
        stem = Path(folder) / uid
        found.append(SecondTime(scan.uid, uid, f"{stem}.mhd", f"{stem}.raw"))
    return found


def pairs(times: Sequence[SecondTime]) -> list[tuple[str, str, str, str, str]]:
    """Rows of the table of pairs: patient, prior, current, and the dates of both."""
    return [(f"phantom {k}", time.prior, time.uid, *DAYS) for k, time in enumerate(times, 1)]
