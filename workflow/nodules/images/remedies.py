"""What to do about a damaged file: LUNA16's scans have an archive, others their source."""

from pathlib import Path

from nodules.images.foreign import is_luna16

HEADER = "Restore the header from LUNA16's archive."
DATA = "Copy or unpack the file again from LUNA16's archive."
OWN_HEADER = "Write the header again, as whoever converted the scan did: convert it once more."
OWN_DATA = "Copy the file again from where the scan was converted, or convert it once more."


def restore_header(header: Path) -> str:
    """How to get a scan's header right again."""
    return HEADER if is_luna16(header.stem) else OWN_HEADER


def restore_data(header: Path) -> str:
    """How to get the voxel file that a header names right again."""
    return DATA if is_luna16(header.stem) else OWN_DATA
