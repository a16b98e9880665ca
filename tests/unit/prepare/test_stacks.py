"""A scan's stored files are opened lazily and fit together."""

import numpy as np
import pytest

from helpers.builders import make_stack
from nodules.base import tables
from nodules.base.files import UserError, write_array
from nodules.prepare.stacks import open_fold, open_stacks


@pytest.fixture
def stack(tmp_path):
    return make_stack(tmp_path, nodules=[((5, 30, 20), 5)])


def test_slices_are_a_memory_map(stack):
    assert isinstance(stack.array, np.memmap)


def test_slices_are_told_apart_by_their_masks(stack):
    assert list(stack.nodule_slices) == [3, 4, 5, 6, 7]
    assert sorted([*stack.nodule_slices, *stack.empty_slices]) == list(range(10))
    assert set(np.unique(stack.labels(5))) == {0, 1}
    assert not stack.labels(0).any()


def test_window_repeats_the_ends(stack):
    assert np.array_equal(stack.window(0, 1), stack.array[[0, 0, 1]])
    assert np.array_equal(stack.window(9, 2), stack.array[[7, 8, 9, 9, 9]])


def test_slices_that_disagree_with_their_table_are_refused(stack):
    write_array(stack.array_path, np.zeros((3, 8, 8), np.uint8))
    with pytest.raises(UserError, match="Delete both"):
        _ = stack.array


def test_stacks_come_from_a_flat_list_in_the_order_asked_for(tmp_path):
    made = [make_stack(tmp_path, f"2.25.{i}") for i in range(3)]
    files = [str(p) for s in made for p in (s.array_path, s.masks_path, s.table_path)]
    opened = open_stacks(files, ["2.25.2", "2.25.0"], "readers")
    assert [s.uid for s in opened] == ["2.25.2", "2.25.0"]
    assert opened[0].array_path == made[2].array_path


def test_a_fold_opens_what_it_trains_on_and_what_it_leaves_out(tmp_path):
    made = [make_stack(tmp_path, f"2.25.{i}") for i in range(4)]
    files = [str(p) for s in made for p in (s.array_path, s.masks_path, s.table_path)]
    rows = [
        {"seriesuid": s.uid, "patient": s.uid, "subset": 0, "n_nodules": 0, "fold": fold}
        for s, fold in zip(made, (0, 1, -1, 0), strict=True)
    ]
    tables.write(tmp_path / "folds.parquet", "folds", rows)
    training, left_out = open_fold(tmp_path / "folds.parquet", files, 1, "readers")
    assert [s.uid for s in training] == ["2.25.0", "2.25.3"]
    assert [s.uid for s in left_out] == ["2.25.1"]
