"""The same voxels under two UIDs."""

from pathlib import Path

from nodules.datasets.duplicates import ENOUGH, same_uid, same_voxels
from nodules.datasets.voxels import Identity


def told(*identities):
    sheet = [
        {"seriesuid": f"2.25.{k}", "header": f"{k}.mhd", "data": f"{k}.raw"}
        for k in range(len(identities))
    ]
    seen = {f"{k}.mhd": one for k, one in enumerate(identities)}
    return [(d["seriesuid"], d["reason"]) for d in same_voxels(sheet, seen)]


def test_equal_values_are_told_and_other_orders_where_there_are_enough():
    one, two = Identity("c", "c 1", ENOUGH), Identity("c", "c 2", ENOUGH)
    assert told(one, two, one) == [
        ("2.25.0", "the same voxels as scan 2.25.2"),
        ("2.25.1", "the same voxels as scan 2.25.0, stored in another order"),
        ("2.25.2", "the same voxels as scan 2.25.0"),
    ]
    few = [one._replace(number=ENOUGH - 1), two._replace(number=ENOUGH - 1)]
    assert told(*few) == []


def test_scans_that_could_not_be_read_are_like_no_other():
    assert told(None, None, Identity("c", "c 1", ENOUGH)) == []


def test_one_uid_twice_is_told_of_both():
    paths = [Path("a/1.2.mhd"), Path("b/1.2.mhd"), Path("b/1.3.mhd")]
    assert [d["file"] for d in same_uid(paths)] == ["a/1.2.mhd", "b/1.2.mhd"]
