"""What to do depends on whose scan it is."""

from pathlib import Path

from nodules.images.foreign import ARCHIVE, is_luna16
from nodules.images.remedies import restore_data, restore_header


def test_luna16s_scans_have_an_archive_and_others_a_source():
    theirs, own = Path(f"subset0/{ARCHIVE}6279.6001.1.mhd"), Path("subset0/2.25.1.mhd")
    assert is_luna16(theirs.stem) and not is_luna16(own.stem)
    for remedy in (restore_header, restore_data):
        assert "LUNA16's archive" in remedy(theirs)
        assert "LUNA16" not in remedy(own) and "convert" in remedy(own)
