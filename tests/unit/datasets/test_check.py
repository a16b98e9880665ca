"""The scan sheet: what is recorded of a good scan, and how defects go together.

Each kind of defect by itself is in the catalogue of tests/reliability.
"""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from helpers.luna16_folder import write_folder
from nodules.base import tables
from nodules.base.files import UserError
from nodules.cli import main as cli
from nodules.datasets import lidc, luna16
from nodules.datasets.check import Checked, check_folder, messages, require_usable
from nodules.datasets.hounsfield import Verdict
from nodules.images import metaimage
from nodules.images.geometry import Geometry
from nodules.images.metaimage import read_volume


@pytest.fixture
def folder(tmp_path):
    """Three scans in two subsets and the lists that LUNA16 has."""
    return write_folder(tmp_path)


def check(folder: Path, **options) -> Checked:
    headers = [s.header for s in luna16.found(folder)]
    return check_folder(folder, headers, lidc.patients(), **options)


def fatal(checked: Checked) -> list[str]:
    """What is told of the fatal defects: UID and reason."""
    told = checked.defects[checked.defects["fatal"]]
    return [f"{d.seriesuid}: {d.reason}" for d in told.itertuples()]


def header(folder: Path, subset: int = 0, uid: str = "2.25.1") -> Path:
    return folder / f"subset{subset}" / f"{uid}.mhd"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_sheet_says_what_simpleitk_and_hashlib_say(folder):
    sheet = check(folder).scans.set_index("seriesuid")
    assert list(sheet["subset"]) == [0, 0, 4]
    assert set(sheet["status"]) == {"ok"}
    for uid, row in sheet.iterrows():
        picture = sitk.ReadImage(row["header"])
        voxels = sitk.GetArrayFromImage(picture)
        data = Path(row["data"])
        assert data.stem == uid
        assert row["bytes"] == data.stat().st_size
        assert row["sha256"] == hashlib.sha256(data.read_bytes()).hexdigest()
        assert (row["hu_min"], row["hu_max"]) == (voxels.min(), voxels.max())
        grid = Geometry.from_row(row)
        assert grid.shape == voxels.shape
        assert np.allclose(
            grid.to_world((1, 2, 3)), picture.TransformIndexToPhysicalPoint((3, 2, 1))
        )
    assert list(sheet["n_nodules"]) == [1, 2, 0]


def test_all_nodules_are_listed_and_numbered_whatever_scans_are_there(folder):
    whole = check(folder)
    (folder / "subset0" / "2.25.2.mhd").unlink()
    assert check(folder).nodules.equals(whole.nodules)
    rows = whole.nodules[["seriesuid", "nodule", "diameter_mm"]].values.tolist()
    assert rows == [["2.25.2", 1, 4], ["2.25.1", 1, 5], ["2.25.2", 2, 6], ["2.25.9", 1, 4]]
    assert whole.locations["seriesuid"].tolist() == ["2.25.1"]


def test_what_is_not_there_is_counted_and_harms_nothing(folder):
    checked = check(folder)
    assert fatal(checked) == []
    told = "\n".join(messages(checked))
    assert "annotations.csv: 1 of 4 rows belong to 1 scans that are not there" in told
    assert "no scan in subset1, subset2, subset3, subset5" in told
    require_usable(checked, "stop")


def test_threads_change_nothing(folder):
    one, four = check(folder), check(folder, threads=4)
    for name in ("scans", "defects", "nodules"):
        assert getattr(one, name).equals(getattr(four, name))


def test_the_tables_can_be_stored_with_a_scan_that_has_no_grid(folder):
    header(folder).write_text("")
    checked = check(folder)
    tables.write(folder / "scans.parquet", "scans", checked.scans)
    stored = tables.read(folder / "scans.parquet", "scans")
    assert stored["status"].tolist() == ["skipped", "ok", "ok"]
    assert stored["shape"][0] is None


def constant(folder):
    (folder / "subset0" / "2.25.1.raw").write_bytes(b"\1\0" * 6 * 9 * 8)


def corrupt(folder):
    path = folder / "subset0" / "2.25.2.zraw"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_the_line_of_a_bad_row_is_named(folder):
    edit(folder / "annotations.csv", "0,0,0,6", "0,0,zero,6")
    place = check(folder).defects.query("fatal")["file"].item()
    assert place.endswith("annotations.csv, line 4")


def test_a_bad_row_of_a_scan_that_is_not_there_is_not_fatal(folder):
    edit(folder / "annotations.csv", "2.25.9,500", "2.25.9,x")
    assert fatal(check(folder)) == []


def test_a_nodule_listed_twice_is_told_and_kept(folder):
    with (folder / "annotations.csv").open("a") as stream:
        stream.write("2.25.1,-1,0,0,5\n")
    checked = check(folder)
    assert any("annotations.csv, line 6: the same nodule" in m for m in messages(checked))
    assert len(checked.nodules) == 5


def test_two_scans_with_the_same_voxels_are_refused(folder):
    (folder / "subset4" / "2.25.3.raw").write_bytes((folder / "subset0/2.25.1.raw").read_bytes())
    assert fatal(check(folder)) == [
        "2.25.1: the same voxels as scan 2.25.3",
        "2.25.3: the same voxels as scan 2.25.1",
    ]


def test_all_defects_are_told_at_once(folder):
    corrupt(folder)
    constant(folder)
    edit(folder / "annotations.csv", "2.25.1,-1", "2.25.1,-99")
    assert len(fatal(check(folder))) == 3


def test_skip_leaves_bad_scans_out_and_stops_where_none_is_left(folder):
    constant(folder)
    require_usable(check(folder), "skip")
    corrupt(folder)
    (folder / "subset4/2.25.3.raw").unlink()
    with pytest.raises(UserError, match="None of 3 scans"):
        require_usable(check(folder), "skip")


def test_skip_stops_where_no_scan_has_a_truth(folder):
    (folder / "annotations.csv").unlink()
    with pytest.raises(UserError, match=r"annotations\.csv: the file is missing\. Write"):
        require_usable(check(folder), "skip")


def test_a_label_volume_beside_a_scan_is_no_scan(folder):
    voxels = np.zeros((6, 9, 8), np.uint8)
    voxels[2:4, 2:4, 1:4] = 1  # the nodule of 5 mm at -1, 0, 0
    labels = sitk.GetImageFromArray(voxels)
    labels.CopyInformation(sitk.ReadImage(str(header(folder))))
    path = header(folder).with_stem("2.25.1_nodules")
    sitk.WriteImage(labels, str(path), useCompression=True)
    checked = check(folder)
    assert checked.scans["labels"].tolist() == [str(path), "", ""]
    assert fatal(checked) == [] and not any(str(path) in line for line in messages(checked))


def test_what_is_further_known_of_a_scan_is_a_defect_of_it(folder):
    """Such as lungs that were not found; asked for scans alone that can be read."""
    constant(folder)
    second = read_volume(folder / "subset0/2.25.2.mhd")[0][::2]  # a slice every 4 mm
    asked = []

    def further(volume, geometry):
        asked.append(geometry.shape == volume.shape)
        return [Verdict("no lung was found", "Look at it.", np.array_equal(volume, second))]

    checked = check(folder, further=further)
    assert asked == [True, True]
    assert fatal(checked) == ["2.25.1: all voxels are 1", "2.25.2: no lung was found"]
    assert checked.scans["status"].tolist() == ["skipped", "skipped", "ok"]


def test_voxels_of_any_block_length_give_the_same_range(folder, monkeypatch):
    expected = check(folder).scans
    monkeypatch.setattr("nodules.images.metaimage.BLOCK", 101)  # odd: blocks end within voxels
    assert check(folder).scans.equals(expected)


def test_every_voxel_file_is_read_once(folder, monkeypatch):
    read = []

    def counted(stream, seen):
        for block in blocks(stream, seen):
            read.append(len(block))
            yield block

    blocks = metaimage._file_blocks
    monkeypatch.setattr(metaimage, "_file_blocks", counted)
    check(folder, further=lambda volume, geometry: [])
    assert sum(read) == sum(path.stat().st_size for path in folder.glob("subset*/*raw"))


def test_the_command_prints_a_summary_and_every_defect(folder, capsys):
    assert cli.main(["check", str(folder)]) == 0
    assert "3 scans, 0 of them unusable\nby subset: 0: 2, 4: 1\n" in capsys.readouterr().out
    constant(folder)
    assert cli.main(["check", str(folder)]) == 1
    assert "2.25.1.raw: all voxels are 1. Replace the file." in capsys.readouterr().out
    assert cli.main(["check", str(folder / "nowhere")]) == 2


@pytest.mark.real
def test_real_scans_have_no_fatal_defect_and_lidc_patients(shared_data):
    checked = check(shared_data / "data" / "luna16")
    assert fatal(checked) == []
    assert set(checked.scans["patient"]) == {"LIDC-IDRI-0001", "LIDC-IDRI-0003"}
    assert len(checked.nodules) == 1186
    assert len(checked.excluded) == 35_192
