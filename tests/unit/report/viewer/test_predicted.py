"""What `luna16 predict` wrote is shown as it is, and what does not belong is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from helpers import reader_pages
from nodules.base import tables
from nodules.base.files import FileDefect, UserError
from nodules.images import dicom_writing, label_map, reading
from nodules.images.metaimage_writing import write_volume
from nodules.inference import export_froc
from nodules.report import delivery
from nodules.report.viewer import predicted
from nodules.report.viewer.shown import case_of


@pytest.fixture
def folder(tmp_path):
    """A predicted folder; its scan lies beside it."""
    voxels, geometry, _ = reader_pages.drawn()
    scan = tmp_path / "scans" / f"{reader_pages.UID}.mhd"
    scan.parent.mkdir()
    write_volume(scan, scan.with_suffix(".raw"), voxels, geometry)
    reader_pages.predicted(tmp_path / "found", scan)
    return tmp_path / "found"


def froc_table(path):
    """A FROC of one system and its start, which has no threshold."""
    rows = [
        {"system": "unet_resnet", "set": "out_of_fold", "point": "corner", "fp_per_scan": alarms}
        | {"sensitivity": found, "threshold": threshold, "low": np.nan, "high": np.nan}
        for alarms, found, threshold in [(0, 0, np.nan), (2, 0.9, 0.2), (0.5, 0.6, 0.7)]
    ]
    tables.write(path, "froc", rows)
    return path


def test_voxels_masks_and_numbers_are_the_folder_s_own(folder):
    shown = predicted.shown(folder)
    voxels, geometry, masks = reader_pages.drawn()
    assert np.array_equal(shown.voxels, voxels) and shown.threshold == 0.4
    assert np.allclose(shown.geometry.to_world((3, 4, 5)), geometry.to_world((3, 4, 5)))
    for finding, mask in zip(shown.findings, masks, strict=True):
        corner, own = finding.mask
        expected_corner, expected = reader_pages.cropped(mask)
        assert corner == expected_corner and np.array_equal(own, expected)
    assert [finding.reported for finding in shown.findings] == [True, True, False]
    assert (
        "CPM" in shown.model["trained"] and "0.50 (0.40 to 0.60), 9 scans" in shown.model["trained"]
    )
    assert "not a diagnosis" in shown.malignancy


def test_what_readings_belong_to_is_known_without_the_scan(folder):
    assert predicted.case(predicted.read_details(folder)) == predicted.shown(folder).case


def test_the_same_holds_of_axes_that_are_stored_in_another_order(folder, tmp_path):
    voxels, geometry, _ = reader_pages.drawn()
    turned = replace(geometry, direction=np.diag([-1.0, -1.0, 1.0]))
    label_map.write(tmp_path / "turned.nii.gz", voxels, turned)
    read = reading.read(tmp_path / "turned.nii.gz")
    details = json.loads(
        json.dumps(predicted.read_details(folder) | {"grid": read.stored.to_row()})
    )
    found = predicted.shown(folder).findings
    assert predicted.case(details) == case_of(reader_pages.UID, read.geometry, found)


def test_the_froc_descends_without_its_start(folder, tmp_path):
    _, points = predicted.shown(folder, froc=froc_table(tmp_path / "froc.parquet")).froc
    assert points.tolist() == [[0.7, 0.5, 0.6], [0.2, 2, 0.9]]
    with pytest.raises(UserError, match="no FROC of nothing"):
        predicted.curve(tmp_path / "froc.parquet", "nothing")


def test_without_a_table_the_froc_is_the_one_that_the_model_carries(folder, tmp_path):
    assert predicted.shown(folder).froc is None, "as of models that carry none"
    details = json.loads((folder / "findings.json").read_text())
    table = tables.read(froc_table(tmp_path / "froc.parquet"), "froc")
    details["model"]["manifest"]["froc"] = export_froc.froc_of(table, "unet_resnet")
    (folder / "findings.json").write_text(json.dumps(details))
    words, points = predicted.shown(folder).froc
    assert words == "the run's FROC on the scans that each fold leaves out"
    assert points.tolist() == [[0.7, 0.5, 0.6], [0.2, 2, 0.9]]
    details["model"]["manifest"]["froc"] = {"threshold": "low"}
    (folder / "findings.json").write_text(json.dumps(details))
    assert predicted.shown(folder).froc is None


def test_a_system_that_marked_nothing_has_no_curve(folder, tmp_path):
    path = froc_table(tmp_path / "froc.parquet")
    tables.write(path, "froc", tables.read(path, "froc").assign(threshold=np.nan))
    assert predicted.curve(path, "unet_resnet") is None
    assert predicted.shown(folder, froc=path).froc is None


def test_the_scan_may_lie_elsewhere_and_must_be_the_same(folder, tmp_path):
    moved = (tmp_path / "scans").rename(tmp_path / "moved")
    with pytest.raises(UserError, match="Say with --scan"):
        predicted.shown(folder)
    assert predicted.shown(folder, moved / f"{reader_pages.UID}.mhd").uid == reader_pages.UID
    voxels, geometry, _ = reader_pages.drawn()
    write_volume(moved / "2.25.9.mhd", moved / "2.25.9.raw", voxels, geometry)
    with pytest.raises(UserError, match="does not hold scan"):
        predicted.shown(folder, moved / "2.25.9.mhd")


def test_a_scan_is_not_taken_for_its_lung_mask(folder, tmp_path):
    """LUNA16's archive names the masks as the scans, and its folder comes first."""
    voxels, geometry, _ = reader_pages.drawn()
    mask = tmp_path / "scans" / "seg-lungs-LUNA16" / f"{reader_pages.UID}.mhd"
    mask.parent.mkdir()
    write_volume(mask, mask.with_suffix(".raw"), (voxels < -400).astype(np.int16), geometry)
    (tmp_path / "scans" / "subset0").mkdir()
    for suffix in (".mhd", ".raw"):
        name = f"{reader_pages.UID}{suffix}"
        (tmp_path / "scans" / name).rename(tmp_path / "scans" / "subset0" / name)
    assert np.array_equal(predicted.shown(folder, tmp_path / "scans").voxels, voxels)


def test_a_dicom_series_is_taken_also_where_another_would_be_chosen(folder, tmp_path):
    voxels, geometry, _ = reader_pages.drawn()
    both = tmp_path / "dicom"
    dicom_writing.write_series(both / "a", voxels, geometry, reader_pages.UID)
    dicom_writing.write_series(both / "b", voxels + 1, geometry, "2.25.99")
    assert np.array_equal(predicted.shown(folder, both).voxels, voxels)
    with pytest.raises(UserError, match="does not hold scan"):
        predicted.shown(folder, both / "b")


def test_a_scan_of_any_name_is_found_among_others_by_its_voxels(tmp_path):
    voxels, geometry, _ = reader_pages.drawn()
    (tmp_path / "scans").mkdir()
    for name, own in (("2.25.8", voxels + 1), ("first", voxels + 2), ("second", voxels)):
        path = tmp_path / "scans" / f"{name}.mhd"
        write_volume(path, path.with_suffix(".raw"), own, geometry)
    uid = reading.made_uid(voxels)
    reader_pages.predicted(tmp_path / "found", tmp_path / "scans", uid)
    assert np.array_equal(predicted.shown(tmp_path / "found").voxels, voxels)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "does not hold"),
        ('{"format": 9}', "does not"),
    ],
)
def test_a_damaged_folder_is_refused_in_a_sentence(folder, content, reason):
    (folder / delivery.DETAILS).write_text(content)
    with pytest.raises(UserError, match=reason):
        predicted.shown(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"findings": {}},
        {"findings": [3]},
        {"findings": [{"finding": 1}]},
        {"grid": []},
        {"grid": {"origin": [0, 0]}},
        {"model": "small"},
        {"model": {"manifest": {"scores": [{"measure": "cpm", "value": "high"}]}}},
        {"threshold": "0.4"},
        {"headline": None},
        {"seriesuid": 3},
        {"notes": "none"},
    ],
)
def test_findings_of_the_wrong_kind_are_refused_in_a_sentence(folder, change):
    path = folder / delivery.DETAILS
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FileDefect, match="of the wrong kind"):
        predicted.shown(folder)


def test_labels_of_another_grid_are_refused(folder):
    path = folder / delivery.DETAILS
    details = json.loads(path.read_text())
    (folder / delivery.LABELS).unlink()
    with pytest.raises(UserError, match="No such file"):
        predicted.shown(folder)
    details["grid"]["origin"][0] += 5
    path.write_text(json.dumps(details))
    with pytest.raises(UserError, match="its scan is not at"):
        predicted.shown(folder)


def test_folders_are_found_by_the_table_of_scans(folder, tmp_path):
    assert predicted.folders(folder) == [folder]
    assert predicted.folders(tmp_path) == []
    row = dict.fromkeys(delivery.SCAN_COLUMNS, "") | {"status": "done", "folder": "found"}
    delivery.row_tables.keep(tmp_path / delivery.SCANS, delivery.SCAN_COLUMNS, [row])
    assert predicted.folders(tmp_path) == [folder]


def compared(path, **changes):
    """A follow_up.json of the scan and its prior, both the same."""
    uid = {"seriesuid": reader_pages.UID}
    second = predicted.read_details(path.parent / "found")["findings"][1]
    link = {"told": "grown", "current_finding": 2, "prior_x": 1.0, "prior_y": 2.0, "prior_z": 3.0}
    link |= {f"current_{axis.lower()}": second[f"coord{axis}"] for axis in "XYZ"}
    links = [link, link | {"current_finding": 0}, link | {"current_finding": 1, "prior_x": None}]
    laid = {"problem": "", "current_to_prior": {"matrix": np.eye(3).tolist(), "offset": [4, 5, 6]}}
    pair = {"prior": uid, "current": uid, "registration": laid, "links": links} | changes
    path.write_text(json.dumps({"pairs": [pair]}))
    return path


def test_links_are_those_of_the_follow_up(folder, tmp_path):
    shown = predicted.shown(folder, prior=folder)
    followed = predicted.followed(shown, compared(tmp_path / "x.json"))
    (link,) = followed.links
    assert (link.finding, link.world, link.told) == (2, (1, 2, 3), "grown")
    assert followed.affine[1].tolist() == [4, 5, 6]


def test_a_follow_up_of_another_list_is_linked_by_place(folder, tmp_path):
    """Its numbers are those of its own list, here 1 for what is finding 2."""
    shown = predicted.shown(folder, prior=folder)
    x, y, z = shown.findings[1].world
    row = {"told": "same", "current_finding": 1, "prior_x": 5.0, "prior_y": 6.0, "prior_z": 7.0}
    row |= {"current_x": x + 1, "current_y": y, "current_z": z - 1, "prior_diameter_mm": 6.5}
    far = row | {"current_finding": 3, "current_x": x + 200}
    path = compared(tmp_path / "x.json", links=[row, far])
    told = json.loads(path.read_text())
    told["pairs"][0] |= {
        "days": 181.0,
        "prior": {"seriesuid": reader_pages.UID, "day": "2021-01-01"},
    }
    path.write_text(json.dumps(told))
    followed = predicted.followed(shown, path)
    assert [(k.finding, k.world, k.diameter_mm) for k in followed.links] == [(2, (5, 6, 7), 6.5)]
    assert followed.prior_when == "2021-01-01, 181 days before"


def test_scans_that_could_not_be_laid_together_are_not_linked(folder, tmp_path):
    shown = predicted.shown(folder, prior=folder)
    failed = {"problem": "no overlap", "current_to_prior": None}
    followed = predicted.followed(shown, compared(tmp_path / "x.json", registration=failed))
    assert followed.affine is None and not followed.links


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"prior": {"seriesuid": "2.25.1"}}, "does not compare"),
        ({"links": [{}]}, "is no follow_up"),
    ],
)
def test_a_follow_up_of_others_is_refused(folder, tmp_path, changes, reason):
    shown = predicted.shown(folder, prior=folder)
    with pytest.raises(UserError, match=reason):
        predicted.followed(shown, compared(tmp_path / "x.json", **changes))
