"""Patients of one's own data: read, and used by every split."""

import pandas as pd
import pytest

from helpers.luna16_folder import write_folder
from nodules.datasets import folds, lidc, luna16, patients
from nodules.datasets.check import check_folder


def write(folder, *rows):
    path = folder / patients.FILE
    path.write_text("".join(f"{row}\n" for row in ("seriesuid,patient", *rows)))
    return path


def test_the_scan_sheet_has_the_patients_of_the_list(tmp_path):
    folder = write_folder(tmp_path)
    write(folder, "2.25.1,Ada", "2.25.3,Ada")
    sheet = check_folder(folder, [s.header for s in luna16.found(folder)], lidc.patients()).scans
    assert sheet.set_index("seriesuid")["patient"].to_dict() == {
        "2.25.1": "Ada",
        "2.25.2": "2.25.2",
        "2.25.3": "Ada",
    }


@pytest.mark.parametrize("scheme", ["kfold", "official"])
def test_scans_of_one_patient_are_on_one_side_of_every_split(tmp_path, scheme):
    """Scan i of twelve, of six patients, two scans each in different subsets."""
    rows = [(f"2.25.{i}", f"p{i % 6}", i % 5, i % 3) for i in range(12)]
    names = ["seriesuid", "patient", "subset", "n_nodules"]
    sheet = pd.DataFrame(rows, columns=names).assign(status="ok")
    table = folds.assign(sheet, scheme, 3, None, seed=1)
    patient = sheet.set_index("seriesuid")["patient"]
    for fold in sorted(set(table["fold"])):
        training, left_out = folds.split(table, fold)
        assert not set(patient[training]) & set(patient[left_out])


def test_columns_in_any_order_with_others_and_a_mark_are_read(tmp_path):
    path = tmp_path / patients.FILE
    path.write_bytes(b"\xef\xbb\xbfPatient,age,SeriesUID\r\nAda, 7 , 2.25.1 \r\n\r\n")
    assert patients.read(path, ["2.25.1"]) == ({"2.25.1": "Ada"}, [])


def test_no_list_is_no_defect_and_one_scan_needs_none(tmp_path):
    path = tmp_path / patients.FILE
    assert patients.read(path, ["2.25.1"]) == ({}, [])
    assert patients.remarks(path, ["2.25.1"], {}, {}) == []


def test_scans_of_lidc_need_no_list_and_a_list_may_contradict_it(tmp_path):
    lidc = {"1": "L1", "2": "L1", "3": "L3"}
    path = tmp_path / patients.FILE
    assert patients.remarks(path, list(lidc), {}, lidc) == []
    assert patients.remarks(path, list(lidc), {"1": "a", "2": "a", "3": "b"}, lidc) == []
    (told,) = patients.remarks(path, list(lidc), {"1": "a", "2": "b", "3": "b"}, lidc)
    assert "3 scans, such as 1, have another patient" in told["reason"] and not told["fatal"]


def test_a_list_of_some_scans_parts_none_from_lidcs_others_of_the_patient():
    lidc = {"1": "L1", "2": "L1", "3": "L3"}
    known = patients.known({"1": "Ada", "4": "Ben"}, lidc)
    assert known == {"1": "Ada", "2": "Ada", "3": "L3", "4": "Ben"}
    assert patients.known({"1": "Ada", "2": "Ben"}, lidc)["2"] == "Ben"
