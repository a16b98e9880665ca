"""Files appear whole or not at all."""

import json
import os

import numpy as np
import pytest

from nodules.base import files


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "table.json"
    files.write_text(target, "old")
    with pytest.raises(RuntimeError), files.atomic(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_target_is_not_seen_before_it_is_whole(tmp_path):
    target = tmp_path / "deep" / "a.npy"
    with files.atomic(target) as temporary:
        temporary.write_bytes(b"x")
        assert not target.exists()
        assert temporary.suffix == ".npy" and temporary.parent == target.parent
    assert target.read_bytes() == b"x"


def test_json_knows_numpy_and_has_no_nan(tmp_path):
    value = {"a": np.float64(1.5), "b": np.arange(2), "c": float("nan"), 4: (np.int64(1), None)}
    files.write_json(tmp_path / "a.json", value)
    assert files.read_json(tmp_path / "a.json") == {
        "a": 1.5,
        "b": [0, 1],
        "c": None,
        "4": [1, None],
    }
    assert "NaN" not in (tmp_path / "a.json").read_text()


def test_arrays_come_back_as_read_only_maps(tmp_path):
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    files.write_array(tmp_path / "a.npy", array)
    opened = files.open_array(tmp_path / "a.npy")
    assert np.array_equal(opened, array) and isinstance(opened, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        opened[0] = 1


def test_arrays_of_objects_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="Object arrays"):
        files.write_array(tmp_path / "a.npy", np.array([{}], dtype=object))


def test_hash_is_sha256(tmp_path):
    files.write_bytes(tmp_path / "a", b"abc")
    assert files.sha256(tmp_path / "a").startswith("ba7816bf8f01cfea")


def test_permissions_follow_the_umask(tmp_path):
    files.write_text(tmp_path / "a", json.dumps(1))
    assert (tmp_path / "a").stat().st_mode & 0o400
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~files._umask()


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path):
    left, other = tmp_path / ".a.x1234567.part.npy", tmp_path / ".ab.x1234567.part.npy"
    left.touch(), other.touch()
    files.write_array(tmp_path / "a.npy", np.zeros(1))
    assert sorted(tmp_path.iterdir()) == [other, tmp_path / "a.npy"]


def test_where_nothing_can_be_written_the_message_says_why_and_what_to_do(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(files.UserError, match=r"a\.json: cannot be written .* start again"):
        files.write_text(tmp_path / "file" / "a.json", "{}")


def test_whether_a_file_can_be_written_is_told_without_making_anything(tmp_path):
    (tmp_path / "file").touch()
    for name in ("new/a.json", "file"):
        files.check_target(tmp_path / name)
    for name, reason in (
        (".", "it is a folder"),
        ("file/a.json", "file is no folder"),
        ("file/new/a.json", "file is no folder"),
        ("/dev/null", "it is no plain file"),
    ):
        with pytest.raises(files.UserError, match=f"cannot be written: .*{reason}. Name another"):
            files.check_target(tmp_path / name)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize(("free", "full"), [(0, True), (5, True), (50_000, False)])
def test_a_writer_that_names_no_reason_has_met_a_full_disk_where_hardly_any_is_left(
    tmp_path, monkeypatch, free, full
):
    """As torch.save does, whose last piece is larger than what other jobs have left free."""
    space = os.statvfs_result((4096, 4096, 10**6, free, free, 1, 1, 1, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda place: space)
    told = (files.UserError, "the disk is full") if full else (RuntimeError, "^unexpected pos")
    raised, state = pytest.raises(told[0], match=told[1]), tmp_path / "state.pt"
    with raised as failed, files.atomic(state) as temporary:
        temporary.write_bytes(bytes(40_000))
        raise RuntimeError("unexpected pos 64 vs 12\nTraceback (most recent call last):")
    assert full is ("Traceback" not in str(failed.value))
    assert not list(tmp_path.iterdir())
