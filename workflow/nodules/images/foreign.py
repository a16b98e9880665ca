"""Checks of foreign text in names and headers: UIDs, file names, numbers.

Imported while the Snakefile is parsed, so it imports nothing heavy.
"""

import re

# Digits between single dots, as in DICOM: results are named after UIDs, and `..` would be the
# parent folder. The wildcard `uid` of all rules is this pattern.
UID = r"[0-9]+(?:\.[0-9]+)*"
# Prefix of The Cancer Imaging Archive, the source of all LUNA16 scans.
ARCHIVE = "1.3.6.1.4.1.14519.5.2.1."
MAX_UID = 64  # characters, DICOM's limit
MAX_NAME = 255  # bytes of a file name on Linux

# Snakemake reads braces as wildcards, angle brackets as names of its own folders.
_READ_BY_SNAKEMAKE = "{}<>"


def is_uid(text: str) -> bool:
    """Whether a text is a UID, and so is safe as a path, a wildcard and a shell word."""
    return len(text) <= MAX_UID and re.fullmatch(UID, text) is not None


def is_luna16(stem: str) -> bool:
    """Whether a file name without suffix has the UID prefix of LUNA16's scans."""
    return stem.startswith(ARCHIVE)


def is_path(text: str) -> bool:
    """Whether a path is printable and has no brackets that Snakemake interprets ({}<>)."""
    return text.isprintable() and not set(text) & set(_READ_BY_SNAKEMAKE)


def is_voxel_name(name: str) -> bool:
    """Whether the value of ElementDataFile names one file in the header's own folder."""
    other = name.upper() == "LOCAL" or name.upper().startswith("LIST")
    if other or name in ("", ".", "..") or set(name) & set("/\\%"):
        return False
    return is_path(name) and len(name.encode()) <= MAX_NAME


def decimal(text: str) -> float:
    """The number that an ASCII text spells; ValueError for 0_6 and digits of other scripts.

    Python's `float` accepts those, but they have no place in headers or lists, and other readers
    refuse them.
    """
    if "_" in text or not text.isascii():
        raise ValueError("not an ASCII decimal number")
    return float(text)
