"""Text that others wrote into names and headers: UIDs, names of files, numbers.

Runs while the Snakefile is read, so it imports nothing heavy.
"""

import re

# Digits between single dots, as DICOM has it: `..` would be a folder of its own, and results are
# named after UIDs. The wildcard `uid` of all rules is this pattern.
UID = r"[0-9]+(?:\.[0-9]+)*"
# Of The Cancer Imaging Archive, from which LUNA16 has all its scans.
ARCHIVE = "1.3.6.1.4.1.14519.5.2.1."
MAX_UID = 64  # DICOM's longest
MAX_NAME = 255  # bytes of a file's name on Linux

# Snakemake reads braces as wildcards, angle brackets as names of its own folders.
_READ_BY_SNAKEMAKE = "{}<>"


def is_uid(text: str) -> bool:
    """Whether a text is a series UID, and so may become a path, a wildcard or a shell word."""
    return len(text) <= MAX_UID and re.fullmatch(UID, text) is not None


def is_luna16(stem: str) -> bool:
    """Whether a file's name, without suffix, is of LUNA16's scans and not of somebody's own."""
    return stem.startswith(ARCHIVE)


def is_path(text: str) -> bool:
    """Whether a path means itself to Snakemake and to a person: no braces, no hidden characters."""
    return text.isprintable() and not set(text) & set(_READ_BY_SNAKEMAKE)


def is_voxel_name(name: str) -> bool:
    """Whether the value of ElementDataFile names one file in the header's own folder."""
    other = name.upper() == "LOCAL" or name.upper().startswith("LIST")
    if other or name in ("", ".", "..") or set(name) & set("/\\%"):
        return False
    return is_path(name) and len(name.encode()) <= MAX_NAME


def decimal(text: str) -> float:
    """The number that an ASCII text spells; ValueError for 0_6 and digits of other scripts.

    Python takes those, which nobody writes into a header or a list and other readers refuse.
    """
    if "_" in text or not text.isascii():
        raise ValueError("not an ASCII decimal number")
    return float(text)
