"""Given lung masks: found beside the scans, read on their grid, refused where they don't fit."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers import lung_masks as made
from helpers.luna16_folder import HEAD, write_folder
from nodules.base.files import UserError
from nodules.cli import main as cli
from nodules.datasets import check, folds, luna16
from nodules.datasets.lung_files import at_hand, folder, of_scan
from nodules.datasets.lung_mask_check import Masks, check_mask
from nodules.datasets.lung_masks import read_mask
from nodules.datasets.scan import LUNG_MASKS as FOLDER
from nodules.datasets.unseen import unseen_by
from nodules.images.geometry import Geometry

UIDS = ("2.25.1", "2.25.3")  # of `write_folder`, without the second
CONFIG = {
    "data": {"source": "luna16", "on_bad_scan": "stop"},
    "lungs": {"method": "given", "masks_dir": ""},
}


@pytest.fixture
def scan(tmp_path):
    """A scan's grid, and labels of its lungs."""
    volume, geometry = made.scan(tmp_path)
    return geometry, made.labels_of(volume, geometry)


def shifted(geometry: Geometry, mm: float) -> Geometry:
    return replace(geometry, origin=geometry.origin + np.array([mm, 0, 0]))


# Reading


@pytest.mark.parametrize("suffix", [".raw", ".zraw"])
@pytest.mark.parametrize("turned", [False, True], ids=["as the scan", "turned"])
def test_a_mask_is_read_in_the_patients_order_however_it_is_stored(scan, tmp_path, turned, suffix):
    geometry, labels = scan
    header = made.write(tmp_path / FOLDER, labels, geometry, turned, suffix)
    mask = read_mask(header, geometry)
    assert mask.dtype == np.uint8 and mask.flags["C_CONTIGUOUS"]
    assert np.array_equal(mask, np.isin(labels, (3, 4)))
    assert check_mask(Masks(tmp_path / FOLDER, True), made.UID, geometry) == []


def test_a_grid_that_was_rounded_is_the_same_grid(scan, tmp_path):
    geometry, labels = scan
    header = made.write(tmp_path / FOLDER, labels, shifted(geometry, 0.05))
    assert read_mask(header, geometry).any()


DEFECTS: dict[str, tuple[Callable, str]] = {
    "moved": (lambda labels, grid: (labels, shifted(grid, 0.2)), "another grid than its scan"),
    "mirrored grid": (
        lambda labels, grid: (
            labels,
            Geometry.build(grid.origin, grid.spacing, np.diag([-1, 1, 1]), grid.shape),
        ),
        "another grid than its scan",
    ),
    "a slice short": (
        lambda labels, grid: (labels[1:], _without_first(grid)),
        "the lung mask has 72 x 72 x 23 voxels and its scan 72 x 72 x 24, in x, y, z",
    ),
    "of zeros and ones": (
        lambda labels, grid: (np.isin(labels, (3, 4)), grid),
        "no voxel of the lung mask is 3 or 4; its values are 0, 1",
    ),
    "empty": (lambda labels, grid: (labels * 0, grid), "its values are 0"),
}


def _without_first(grid: Geometry) -> Geometry:
    nz, ny, nx = grid.shape
    return Geometry.build(grid.to_world((1, 0, 0)), grid.spacing, grid.direction, (nz - 1, ny, nx))


@pytest.mark.parametrize("name", DEFECTS)
def test_a_mask_that_does_not_fit_is_refused_by_reader_and_check_alike(scan, tmp_path, name):
    geometry, labels = scan
    change, reason = DEFECTS[name]
    header = made.write(tmp_path / FOLDER, *change(labels, geometry))
    with pytest.raises(UserError) as error:
        read_mask(header, geometry)
    assert str(error.value).startswith(f"{header}: ") and reason in str(error.value)
    [told] = check_mask(Masks(tmp_path / FOLDER, False), made.UID, geometry)
    assert told["file"] == str(header) and reason in told["reason"] and told["fatal"]
    assert f"{told['reason']}. {told['remedy']}" in str(error.value)


def test_a_damaged_mask_is_told_by_the_check(scan, tmp_path):
    geometry, labels = scan
    header = made.write(tmp_path / FOLDER, labels, geometry)
    voxels = header.with_suffix(".zraw")
    voxels.write_bytes(voxels.read_bytes()[:-9])
    [told] = check_mask(Masks(tmp_path / FOLDER, True), made.UID, geometry)
    assert told["file"] == str(voxels) and told["fatal"]


@pytest.mark.parametrize(("label", "side"), [(3, "left"), (4, "right")])
def test_one_lung_alone_may_be_used_and_is_told(scan, tmp_path, label, side):
    geometry, labels = scan
    header = made.write(tmp_path / FOLDER, np.where(labels == label, label, 0), geometry)
    assert np.array_equal(read_mask(header, geometry) > 0, labels == label)
    [told] = check_mask(Masks(tmp_path / FOLDER, True), made.UID, geometry)
    assert told["reason"] == f"the lung mask holds the {side} lung alone" and not told["fatal"]


@pytest.mark.parametrize("needed", [True, False])
def test_a_missing_mask_is_a_defect_where_each_scan_needs_one(scan, tmp_path, needed):
    told = check_mask(Masks(tmp_path / FOLDER, needed), made.UID, scan[0])
    assert [d["reason"] for d in told] == [
        f"this file of scan {made.UID}'s lung mask is missing"
    ] * needed


def test_the_check_of_a_folder_skips_the_scans_whose_mask_does_not_fit(scan, tmp_path):
    geometry, labels = scan
    made.write(tmp_path / FOLDER, labels * 0, geometry)
    header = tmp_path / f"subset0/{made.UID}.mhd"
    assert check.check_scan(header).defects == []
    found = check.check_scan(header, masks=Masks(tmp_path / FOLDER, True)).defects
    assert [d["seriesuid"] for d in found if d["fatal"]] == [made.UID]


def test_luna16_check_looks_at_lung_masks_where_asked(scan, tmp_path, capsys):
    geometry, labels = scan
    header = made.write(tmp_path / FOLDER, labels * 0, geometry)
    for name in ("annotations.csv", "annotations_excluded.csv"):
        (tmp_path / name).write_text(f"{HEAD}{made.UID},-58,-14,-30,20\n")
    assert cli.main(["check", str(tmp_path)]) == 0
    assert cli.main(["check", str(tmp_path), "--lungs", str(tmp_path / FOLDER)]) == 1
    told = capsys.readouterr().out
    assert told.count(f"error: {header}: no voxel of the lung mask is 3 or 4") == 1


# Finding


def test_masks_lie_beside_the_subsets_or_where_the_config_says(tmp_path):
    assert folder(str(tmp_path), "") == tmp_path / FOLDER
    assert folder(str(tmp_path), "/masks") == Path("/masks")
    (tmp_path / FOLDER / FOLDER).mkdir(parents=True)  # the archive unpacked into its own name
    assert folder(str(tmp_path), "") == folder(str(tmp_path), str(tmp_path)) / FOLDER


def test_a_pipe_is_no_mask(tmp_path):
    os.mkfifo(tmp_path / f"{made.UID}.mhd")
    assert of_scan(tmp_path, made.UID) is None


@pytest.mark.parametrize("method", ["given", "unet", "volume"])
def test_a_folder_without_any_mask_stops_only_those_who_need_one(tmp_path, method):
    scans = luna16.found(write_folder(tmp_path))
    config = CONFIG | {"lungs": {"method": method, "masks_dir": ""}}
    if method == "volume":
        assert at_hand(str(tmp_path), config, scans) == {}
        return
    reason = f"no lung mask of any of the 3 scans, which lungs.method {method} needs"
    with pytest.raises(UserError, match=reason):
        at_hand(str(tmp_path), config, scans)


@pytest.mark.parametrize("method", ["given", "unet"])
@pytest.mark.parametrize("on_bad_scan", ["stop", "skip"])
@pytest.mark.parametrize("lost", ["2.25.2.mhd", "2.25.2.zraw"])
def test_the_first_scan_without_a_mask_stops_a_run_on_given_ones(
    tmp_path, method, on_bad_scan, lost
):
    scans = luna16.found(write_folder(tmp_path))
    root = tmp_path / FOLDER
    root.mkdir()
    for scan in scans:
        (root / f"{scan.uid}.mhd").write_text(f"ElementDataFile = {scan.uid}.zraw\n")
        (root / f"{scan.uid}.zraw").touch()
    (root / lost).unlink()
    config = {"data": {"source": "luna16", "on_bad_scan": on_bad_scan}}
    config["lungs"] = {"method": method, "masks_dir": ""}
    if (method, on_bad_scan) == ("given", "stop"):
        with pytest.raises(UserError, match=f"{root / lost}: this file of scan 2.25.2's lung mask"):
            at_hand(str(tmp_path), config, scans)
        return
    files = {uid: tuple(str(root / f"{uid}.{end}") for end in ("mhd", "zraw")) for uid in UIDS}
    assert at_hand(str(tmp_path), config, scans) == files


# Networks that have not seen a patient


def table(rows: list[tuple[str, str, int, int]]) -> pd.DataFrame:
    columns = ["seriesuid", "patient", "subset", "fold"]
    return pd.DataFrame(rows, columns=columns).assign(n_nodules=0)


def test_a_left_out_scan_is_seen_by_all_divisionbut_its_own_and_a_test_scan_by_none():
    division = table([("1", "a", 0, 0), ("2", "b", 1, 1), ("3", "c", 2, 2), ("4", "d", 9, -1)])
    assert [unseen_by(division, uid) for uid in "1234"] == [[0], [1], [2], [0, 1, 2]]


@given(
    rows=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=2, max_size=30),
    scheme=st.sampled_from(["kfold", "official"]),
    n=st.integers(2, 4),
)
def test_no_network_that_is_asked_was_trained_on_the_patient(rows, scheme, n):
    sheet = pd.DataFrame(
        [(f"1.{i}", f"p{p}", s) for i, (p, s) in enumerate(rows)],
        columns=["seriesuid", "patient", "subset"],
    ).assign(status="ok", n_nodules=0)
    try:
        division = folds.assign(sheet, scheme, n, 3, 0)
        trained = {k: set(folds.split(division, k)[0]) for k in set(division["fold"]) if k >= 0}
    except UserError:
        assume(False)
    patients = division.set_index("seriesuid")["patient"]
    for uid, fold in division.set_index("seriesuid")["fold"].items():
        asked = unseen_by(division, uid)
        assert fold < 0 or fold in asked
        assert fold != folds.TEST_FOLD or set(asked) == set(trained)
        for k in asked:
            assert patients[uid] not in set(patients[list(trained[k])])


def test_a_patient_of_two_subsets_is_seen_by_neither_of_their_networks():
    division = table([("1", "a", 0, 0), ("2", "a", 1, 1), ("3", "c", 2, 2), ("4", "d", 2, 2)])
    assert unseen_by(division, "1") == unseen_by(division, "2") == [0, 1]
    for uid in ("1", "2"):
        for fold in unseen_by(division, uid):
            assert uid not in folds.split(division, fold)[0]


def test_an_unused_scan_may_be_asked_of_every_network():
    unused = ("3", "d", 2, folds.UNUSED)
    division = table([("1", "a", 0, 0), ("2", "b", 1, 1), unused, ("4", "d", 9, -1)])
    assert unseen_by(division, "3") == [0, 1]
    with pytest.raises(UserError, match="scan 7 is in none"):
        unseen_by(division, "7")
