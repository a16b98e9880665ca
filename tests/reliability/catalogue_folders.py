"""What lies among the scans and is none, and unusual input that is right."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from reliability.catalogue import DATA, NONE, Case, header_line
from reliability.catalogue_lists import NODULES, SCANS, rewrite, widened

# Left out, and told.
FOLDERS = [
    Case(
        "a suffix in capitals",
        lambda f: shutil.copy(f / "subset0/2.25.1.mhd", f / "subset0/2.25.4.MHD"),
        "subset0/2.25.4.MHD",
        "left out: its suffix is .MHD",
        "Write the suffix in small letters to use the scan.",
        NONE,
    ),
    Case(
        "a file for a subset",
        lambda f: (f / "subset7").touch(),
        "subset7",
        "no folder of scans, and left out (Not a directory)",
        "Unpack the subset's scans into a folder there.",
        NONE,
    ),
    Case(
        "labels without their scan",
        lambda f: shutil.copy(f / "subset0/2.25.1.mhd", f / "subset0/2.25.4_nodules.mhd"),
        "subset0/2.25.4_nodules.mhd",
        "left out: labels without their scan",
        "Copy the scan there, or remove the labels.",
        NONE,
    ),
]

SECONDS_OF_A_YEAR = 365 * 24 * 3600


def ahead(place: str) -> Callable[[Path], None]:
    """Give a file a time a year ahead."""

    def damage(folder: Path) -> None:
        later = (folder / place).stat().st_mtime + SECONDS_OF_A_YEAR
        os.utime(folder / place, (later, later))

    return damage


FOLDERS += [
    Case(
        f"the time of {what} in the future",
        ahead(place),
        place,
        "its time lies in the future: Snakemake would delete what is made of it",
        "or give the files the present time with `touch`.",
        NONE,
    )
    for what, place in (("voxels", DATA), ("a list", NODULES))
]

# Unusual, and right: nothing is said of it, nothing is left out.
FINE: dict[str, Callable[[Path], object]] = {
    "byte-order mark": rewrite(NODULES, lambda b: b"\xef\xbb\xbf" + b),
    "Windows line ends": rewrite(NODULES, lambda b: b.replace(b"\n", b"\r\n")),
    "further columns": rewrite(NODULES, widened(b"comment")),
    "blank lines": rewrite(NODULES, lambda b: b.replace(b"\n", b"\n\n")),
    "no candidates": lambda f: (f / "candidates_V2.csv").unlink(),
    "no list of scans": lambda f: (f / SCANS).unlink(),
    "spacing as it once was": header_line("ObjectType", "ITK_original_spacing = 2 3 3"),
    "keys of an ultrasound": header_line(
        "ObjectType", "Seq_Frame0000_Timestamp = 1.5\nUltrasoundImageType = BRIGHTNESS"
    ),
    "lengths in mm, said so": header_line(
        "ObjectType", "DistanceUnits = mm\nElementToIntensityFunctionSlope = 1.0"
    ),
    "an index column of pandas": rewrite(
        NODULES,
        lambda b: b"".join(
            (b"%d," % i if i else b",") + line for i, line in enumerate(b.splitlines(True))
        ),
    ),
    "marks of the web on files": lambda f: [
        (f / "subset0" / f"2.25.1.{suffix}:Zone.Identifier").write_text("[ZoneTransfer]")
        for suffix in ("mhd", "raw")
    ],
    "header with Windows line ends": lambda f: (f / "subset0/2.25.1.mhd").write_bytes(
        b"\xef\xbb\xbf" + (f / "subset0/2.25.1.mhd").read_bytes().replace(b"\n", b"\r\n")
    ),
    "hidden files that a system left": lambda f: [
        (f / "subset0" / name).write_bytes(b"\x00\x05\x16\x07")
        for name in ("._2.25.1.mhd", "...mhd", ".DS_Store")
    ],
    "a link to the voxels": lambda f: (
        (f / DATA).rename(f / "elsewhere.raw"),
        (f / DATA).symlink_to(f / "elsewhere.raw"),
    ),
}
