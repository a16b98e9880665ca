"""The scans of a run: planned from the config, or found in a folder."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nodules.base.files import UserError
from nodules.datasets.luna16 import LISTS, found, misfits, ready
from nodules.datasets.phantom import plan


def config(scans: int = 12, seed: int = 1) -> dict:
    return {"seed": seed, "phantom": {"scans": scans}}


def header(folder: Path, subset: int, uid: str, line: str | None = None) -> Path:
    path = folder / f"subset{subset}" / f"{uid}.mhd"
    path.parent.mkdir(parents=True, exist_ok=True)
    line = f"ElementDataFile = {uid}.raw" if line is None else line
    path.write_text(f"ObjectType = Image\nNDims = 3\nElementType = MET_SHORT\n{line}\n")
    return path


def test_planned_scans_depend_on_the_seed_alone() -> None:
    assert plan.planned("d", config()) == plan.planned("d", config())
    assert plan.planned("d", config(20))[:12] == plan.planned("d", config())
    first, other = (plan.planned("d", config(seed=s)) for s in (1, 2))
    assert not {s.uid for s in first} & {s.uid for s in other}


def test_planned_uids_are_valid_and_nobodys() -> None:
    scans = plan.planned("d", config(200))
    assert len({scan.uid for scan in scans}) == 200
    assert all(s.uid.startswith("2.25.") and len(s.uid) <= 64 and s.uid[5] != "0" for s in scans)


def test_planned_files_follow_luna16s_layout() -> None:
    for index, scan in enumerate(plan.planned("set", config())):
        assert scan.subset == index % 10
        assert scan.header == f"set/subset{index % 10}/{scan.uid}.mhd"
        assert scan.data in (scan.header[:-4] + ".raw", scan.header[:-4] + ".zraw")
    suffixes = {Path(s.data).suffix for s in plan.planned("set", config(2))}
    assert suffixes == {".raw", ".zraw"}


def test_found_takes_any_part_of_the_subsets_in_order(tmp_path: Path) -> None:
    header(tmp_path, 7, "1.2")
    header(tmp_path, 2, "1.9")
    header(tmp_path, 2, "1.10")
    header(tmp_path, 12, "1.5")
    scans = found(tmp_path)
    assert [(s.subset, s.uid) for s in scans] == [(2, "1.10"), (2, "1.9"), (7, "1.2")]


def test_found_skips_label_volumes(tmp_path: Path) -> None:
    for name in ("1.2", "1.2_nodules", "1.2_nodule_labels"):
        header(tmp_path, 0, name)
    assert [scan.uid for scan in found(tmp_path)] == ["1.2"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ElementDataFile = 1.2.zraw", "1.2.zraw"),
        ("ElementDataFile=elsewhere.raw\r", "elsewhere.raw"),
        ("ElementDataFile = spaced name.raw", "spaced name.raw"),
        ("ElementDataFile = LOCAL", "1.2.mhd"),
        ("ElementDataFile =", "1.2.mhd"),
        ("no such key", "1.2.mhd"),
        ("ElementDataFileX = 1.2.raw", "1.2.mhd"),
    ],
)
def test_data_file_is_the_one_the_header_names(tmp_path: Path, line: str, expected: str) -> None:
    path = header(tmp_path, 0, "1.2", line)
    (scan,) = found(tmp_path)
    assert scan.data == str(path.parent / expected)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/hostname",
        "../../etc/shadow",
        "..",
        "{x}.raw",
        "<results>.raw",
        "x\\y.raw",
        "LIST",
        "a\x1b",
    ],
)
def test_a_name_of_no_file_beside_the_header_is_no_data_file(tmp_path: Path, name: str) -> None:
    path = header(tmp_path, 0, "1.2", f"ElementDataFile = {name}")
    (scan,) = found(tmp_path)
    assert scan.data == str(path)


def test_a_header_that_is_no_file_is_no_scan(tmp_path: Path) -> None:
    broken = tmp_path / "subset0" / "1.2.mhd"
    broken.mkdir(parents=True)
    with pytest.raises(UserError, match=r"1\.2\.mhd: .*not a regular file"):
        found(tmp_path)
    header(tmp_path, 0, "1.3")
    assert [scan.uid for scan in found(tmp_path)] == ["1.3"]
    assert [odd.path for odd in misfits(tmp_path)] == [broken]


def test_a_pipe_is_no_file_of_a_scan(tmp_path: Path) -> None:
    path, labels = header(tmp_path, 0, "1.2"), tmp_path / "subset0" / "1.2_nodules.mhd"
    os.mkfifo(path.with_suffix(".raw"))
    os.mkfifo(labels)
    (scan,) = found(tmp_path)
    assert (scan.data, scan.labels) == (str(path), ())


SETTINGS = {"data": {"on_bad_scan": "stop"}}
SKIPPING = {"data": {"on_bad_scan": "skip"}}


@pytest.fixture
def luna16(tmp_path: Path) -> Path:
    """One scan and the lists that no run can do without."""
    header(tmp_path, 0, "1.2").with_suffix(".raw").touch()
    for name in LISTS:
        (tmp_path / name).touch()
    return tmp_path


def test_what_is_ready_is_what_was_found(luna16: Path) -> None:
    assert ready(str(luna16), SETTINGS) == found(luna16)


@pytest.mark.parametrize("name", ["{uid}", "<b>$(x) 1", "..a", "1.2..", "\udcff", "a\nb"])
def test_a_name_that_is_no_uid_stops_the_plan_or_is_left_to_the_check(
    luna16: Path, name: str
) -> None:
    (luna16 / "subset0" / f"z{name}.mhd").touch()
    with pytest.raises(UserError, match=r"is not a series UID\. Name the header") as caught:
        ready(str(luna16), SETTINGS)
    assert str(caught.value).isprintable()
    assert [scan.uid for scan in ready(str(luna16), SKIPPING)] == ["1.2"]


def test_missing_voxels_stop_the_plan_or_are_left_to_the_check(luna16: Path) -> None:
    (luna16 / "subset0/1.2.raw").unlink()
    with pytest.raises(UserError, match=r"1\.2\.raw: the file of scan 1\.2 is missing\. Copy"):
        ready(str(luna16), SETTINGS)
    assert len(ready(str(luna16), SKIPPING)) == 1


@pytest.mark.parametrize("name", ["subset0/1.2.mhd", "annotations.csv"])
def test_a_file_from_the_future_stops_the_plan_whatever_is_skipped(luna16: Path, name: str) -> None:
    os.utime(luna16 / name, (time.time() + 3600,) * 2)
    for settings in (SETTINGS, SKIPPING):
        with pytest.raises(UserError, match=rf"{name}: its time lies in the future: Snakemake"):
            ready(str(luna16), settings)


@pytest.mark.parametrize("settings", [SETTINGS, SKIPPING])
def test_without_a_list_of_nodules_nothing_is_planned(luna16: Path, settings: dict) -> None:
    (luna16 / "annotations.csv").unlink()
    with pytest.raises(UserError, match=r"annotations\.csv: cannot be read \(No such"):
        ready(str(luna16), settings)
    os.mkfifo(luna16 / "annotations.csv")
    with pytest.raises(UserError, match=r"annotations\.csv: cannot be read \(it is not a reg"):
        ready(str(luna16), settings)


@pytest.mark.parametrize("name", ["{a}", "a<b", "a\nb", "\udcff"])
def test_a_folder_that_snakemake_would_misread_is_refused(luna16: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"luna16_dir .*Rename the folder") as caught:
        ready(str(luna16 / name), SKIPPING)
    assert str(caught.value).isprintable()


def test_a_missing_empty_or_unnamed_folder_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="luna16_dir is not set"):
        found("")
    with pytest.raises(UserError, match="no such folder"):
        found(tmp_path / "absent")
    with pytest.raises(UserError, match="Unpack LUNA16"):
        found(tmp_path)


def test_888_headers_take_less_than_a_second(tmp_path: Path) -> None:
    for i in range(888):
        header(tmp_path, i % 10, f"1.2.{i}")
    start = time.perf_counter()
    scans = found(tmp_path)
    assert len(scans) == 888
    assert time.perf_counter() - start < 1


def test_import_stays_light(repository: Path) -> None:
    heavy = "{'pandas', 'pyarrow', 'SimpleITK', 'torch', 'pylidc'}"
    modules = "nodules.datasets.luna16, nodules.datasets.phantom.plan"
    check = f"import sys, {modules}; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", check],
        cwd=repository / "workflow",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"


def test_label_volume_beside_a_scan_belongs_to_it_and_is_no_scan(tmp_path: Path) -> None:
    header(tmp_path, 0, "1.2")
    labels = header(tmp_path, 0, "1.2_nodules", "ElementDataFile = 1.2_nodules.zraw")
    header(tmp_path, 0, "1.3")
    with_labels, without = found(tmp_path)
    assert with_labels.labels == (str(labels), str(labels.with_suffix(".zraw")))
    assert without.labels == ()
