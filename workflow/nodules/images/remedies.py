"""Remedies for damaged files: LUNA16's archive for its own scans, the source for others."""

from pathlib import Path

from nodules.images.foreign import is_luna16

HEADER = "Restore the header from LUNA16's archive."
DATA = "Copy or unpack the file again from LUNA16's archive."
OWN_HEADER = "Write the header again, as whoever converted the scan did: convert it once more."
OWN_DATA = "Copy the file again from where the scan was converted, or convert it once more."


def restore_header(header: Path) -> str:
    """How to repair a scan's header, for messages."""
    return HEADER if is_luna16(header.stem) else OWN_HEADER


def restore_data(header: Path) -> str:
    """How to repair the voxel file of a header, for messages."""
    return DATA if is_luna16(header.stem) else OWN_DATA
