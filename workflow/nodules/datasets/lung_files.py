"""Paths of lung masks: one folder, as in LUNA16, with a header and a voxel file per scan.

Runs while the Snakefile is read, so it imports nothing heavy and reads no voxel.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nodules.base.files import FileDefect, UserError
from nodules.base.messages import escaped
from nodules.datasets.luna16 import data_file
from nodules.datasets.phantom.plan import lung_mask
from nodules.datasets.scan import LUNG_MASKS, Scan
from nodules.images.foreign import is_path

USED_BY = ("given", "unet")  # values of lungs.method that need masks
MISSING = (
    "Copy it there from LUNA16's seg-lungs-LUNA16, name the folder that holds it in"
    " lungs.masks_dir, or choose another lungs.method."
)

Files = tuple[str, str]  # header and voxels of a mask


def folder(data: str, masks_dir: str) -> Path:
    """Folder of the masks: the one named in the config, else LUNG_MASKS beside the scans.

    The archive contains a folder of its own name, and may have been unpacked into one of that name.
    """
    root = Path(masks_dir) if masks_dir else Path(data) / LUNG_MASKS
    return root / LUNG_MASKS if (root / LUNG_MASKS).is_dir() else root


def of_scan(root: Path, uid: str) -> Files | None:
    """Header and voxels of a scan's mask, or None if there is no header."""
    header = root / f"{uid}.mhd"
    return (str(header), str(data_file(header))) if header.is_file() else None


def at_hand(data: str, config: Mapping[str, Any], scans: Iterable[Scan]) -> dict[str, Files]:
    """Lung masks of a run's scans, by UID: the phantom's, or those of which both files exist.

    Raises UserError if `lungs.method` needs masks and the folder has none of these scans and, with
    `data.on_bad_scan: stop`, for the first scan without one if every scan must have its own.
    """
    settings, found = config["lungs"], list(scans)
    if config["data"]["source"] == "phantom" and not settings["masks_dir"]:
        return {scan.uid: lung_mask(data, scan.uid) for scan in found}
    root = folder(data, settings["masks_dir"])
    if not is_path(str(root)):
        raise UserError(
            f"lungs.masks_dir {escaped(str(root))}: Snakemake takes braces, angle brackets and"
            " characters that cannot be printed for something else. Name a link to the folder."
        )
    named = {scan.uid: files for scan in found if (files := of_scan(root, scan.uid))}
    there = {uid: files for uid, files in named.items() if Path(files[1]).is_file()}
    if settings["method"] in USED_BY and found and not there:
        raise UserError(
            f"{escaped(str(root))}: no lung mask of any of the {len(found)} scans, which"
            f" lungs.method {settings['method']} needs. Unpack LUNA16's seg-lungs-LUNA16 there,"
            " name another folder in lungs.masks_dir, or choose lungs.method volume."
        )
    if settings["method"] == "given" and config["data"]["on_bad_scan"] == "stop":
        for uid in (scan.uid for scan in found if scan.uid not in there):
            place = named[uid][1] if uid in named else str(root / f"{uid}.mhd")
            raise FileDefect(place, f"this file of scan {uid}'s lung mask is missing", MISSING)
    return there
