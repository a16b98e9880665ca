"""What lies among the scans and is none, and unusual input that is right."""

import shutil
from collections.abc import Callable
from pathlib import Path

from reliability.catalogue import DATA, NONE, Case
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

# Unusual, and right: nothing is said of it, nothing is left out.
FINE: dict[str, Callable[[Path], object]] = {
    "byte-order mark": rewrite(NODULES, lambda b: b"\xef\xbb\xbf" + b),
    "Windows line ends": rewrite(NODULES, lambda b: b.replace(b"\n", b"\r\n")),
    "further columns": rewrite(NODULES, widened(b"comment")),
    "blank lines": rewrite(NODULES, lambda b: b.replace(b"\n", b"\n\n")),
    "no candidates": lambda f: (f / "candidates_V2.csv").unlink(),
    "no list of scans": lambda f: (f / SCANS).unlink(),
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
