"""`luna16 check` of data sets in other layouts."""

import pytest

from helpers import other_layouts as made
from nodules.cli import main, other_layouts

LAYOUTS = {"decathlon": made.decathlon, "nnunet": made.nnunet, "table": made.table}


@pytest.mark.parametrize("source", LAYOUTS)
def test_a_layout_is_known_by_its_files(source, tmp_path):
    assert other_layouts.layout_of(tmp_path) == ""
    assert other_layouts.layout_of(LAYOUTS[source](tmp_path)) == source


@pytest.mark.parametrize("source", LAYOUTS)
def test_a_good_data_set_is_described(source, tmp_path, capsys):
    folder = LAYOUTS[source](tmp_path)
    assert main.main(["check", str(folder), "--lesions", "2", "--organ", "1"]) == 0
    said = capsys.readouterr().out
    assert "3 scans, 0 of them unusable" in said and "6 nodules in 3 scans" in said


def test_every_defect_is_named_and_the_status_tells(tmp_path, capsys):
    folder = made.decathlon(tmp_path)
    (folder / "imagesTr/case_0.nii.gz").unlink()
    (folder / "labelsTr/case_2.nii.gz").write_bytes(b"no gzip")
    assert main.main(["check", str(folder), "--lesions", "2"]) == 1
    said = capsys.readouterr().out
    assert "scan case_0 has no image" in said and "case_2.nii.gz: not intact gzip" in said


def test_labels_are_numbers(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main.main(["check", str(tmp_path), "--lesions", "two"])
    assert "'two' is not a list such as 1,2" in capsys.readouterr().err
