"""Cubes for the second stage: half with a nodule, its mask on it, false alarms in turn."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.volumes import LUNG, NODULE, volume
from nodules.base import tables
from nodules.learning.tasks import inserts, reduction
from nodules.learning.tasks.inserts import Insert
from nodules.learning.tasks.patches3d import lung_view
from nodules.learning.tasks.reduction import Cube, CubeTask, ReductionSettings
from nodules.prepare.cubes import cube
from nodules.stats.seeds import generator

SETTINGS = ReductionSettings(
    "reducer3d", 1, 4, 1e-3, "warmup", [4, 6], 16, 40, mined=0.5, pasted=0.5
)
NODULES = [((30.0, 40.0, 50.0), 8.0), ((60.0, 50.0, 30.0), 6.0)]


def alarms(scan, places):
    rows = pd.DataFrame(
        scan.grid.to_world(np.array(places, float).reshape(-1, 3)), columns=["x", "y", "z"]
    )
    rows = rows.assign(seriesuid=scan.uid, candidate=np.arange(1, len(rows) + 1), n_slices=3)
    return tables.frame("candidates", rows.assign(diameter_mm=5, probability=0.3, volume_mm3=65))


@pytest.fixture
def task(tmp_path):
    scan = volume(tmp_path, NODULES)
    return CubeTask([scan], [scan], SETTINGS, 1, 0, alarms(scan[0], [(20, 20, 20), (70, 70, 70)]))


def test_half_of_the_cubes_show_a_nodule_and_half_of_the_rest_a_false_alarm(task):
    kinds = [cube.kind for cube in task.epoch(1)]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "nodule": 10, "pasted": 10, "mined": 10, "bright": 5, "lung": 5
    }  # fmt: skip
    assert task.epoch(1) == task.epoch(1) != task.epoch(2)
    numbers = [cube.number for cube in task.epoch(1) if cube.kind == "mined"]
    assert sorted(numbers) == [0] * 5 + [1] * 5


def test_nodules_to_paste_are_made_once_and_not_for_the_left_out_scans(task, monkeypatch):
    made, bank = [], inserts.bank

    def counted(training, *more):
        made.append(training)
        return bank(training, *more)

    monkeypatch.setattr(inserts, "bank", counted)
    task.epoch(1), task.epoch(2)
    assert len(task._validation) > 8
    assert len(made) == 1 and made[0] is task.training


def test_the_mask_lies_on_the_nodule_however_the_cube_is_turned(task):
    for number in range(20):
        grey, mask = task.sample(Cube(0, "nodule", number % 2), generator(number))
        inside = grey[mask > 0]
        assert inside.size and inside.mean() > (LUNG + NODULE) / 2 > grey[mask == 0].mean()


def test_a_pasted_nodule_is_marked_and_a_false_alarm_is_not(task):
    pasted = [task.sample(Cube(0, "pasted", -1), generator(n)) for n in range(20)]
    marked = [grey[mask > 0].mean() for grey, mask in pasted if mask.any()]
    assert len(marked) > 12 and np.mean(marked) > LUNG + 50
    assert not task.sample(Cube(0, "mined", 1), generator(0))[1].any()


def test_around_a_pasted_nodule_is_the_volume_and_no_empty_space(task):
    """A cube that shows where it was cut out would tell the network that a nodule was pasted."""
    for number in range(30):
        grey, mask = task.sample(Cube(0, "pasted", -1), generator(number))
        if mask.any():
            z, y, x = np.argwhere(mask[0]).mean(axis=0)
            assert (grey[0] == 0).mean() < 0.6  # its middle may be near the volume's own face
            assert abs(np.array([z, y, x]) - 7.5).max() < 7


def test_what_is_looked_at_of_a_cube_is_part_of_the_whole_cube(tmp_path):
    """Lung and grey levels of a place, cut on their own, are those cut with all around them."""
    scan, _ = volume(tmp_path, NODULES)
    scan.__dict__["lung"] = np.asarray(generator(3).random(scan.lung.shape) > 0.5)
    corner, sides = np.array([-7, 40, 71]), (56, 56, 56)  # over two faces of the volume
    grey, lung = reduction.looks(scan, corner)
    place = (slice(3, 20), slice(0, 9), slice(11, 56))
    assert np.array_equal(grey(place), cube(scan.array, corner, sides)[place])
    assert np.array_equal(lung(place), lung_view(scan, corner, np.array(sides), sides)[place])
    assert 0 < lung(place).mean() < 1


def test_in_the_middle_of_a_volume_no_voxel_of_a_pasted_cube_is_empty(tmp_path):
    """All lung lies 30 voxels from the faces, so that no cube reaches beyond them."""
    scan, truth = volume(tmp_path, NODULES, side=160)
    scan.__dict__["lung"] = np.zeros_like(scan.lung)
    scan.__dict__["lung"][30:50, 30:50, 30:50] = 1
    asked = CubeTask([(scan, truth)], [], SETTINGS, 1, 0, alarms(scan, []))
    for number in range(20):
        grey, _ = asked.sample(Cube(0, "pasted", -1), generator(number))
        assert (grey == 0).mean() < 0.01


def test_beside_a_nodule_is_no_false_alarm(tmp_path):
    scan = volume(tmp_path, NODULES)
    near, far = (30.0, 40.0, 55.0), (30.0, 40.0, 70.0)
    asked = CubeTask([scan], [], SETTINGS, 1, 0, alarms(scan[0], [near, far]))
    assert asked.alarms[0].tolist() == [pytest.approx(far)]


def test_a_nodule_too_small_for_the_grid_is_one_all_the_same(tmp_path):
    scan, truth = volume(tmp_path, [((40.0, 40.0, 40.0), 8.0)])
    empty = replace(truth, masks=[(np.zeros((0, 0, 0), bool), (0, 0, 0))])
    asked = CubeTask([(scan, empty)], [], replace(SETTINGS, pasted=0), 1, 0, alarms(scan, []))
    assert asked.sample(Cube(0, "nodule", 0), generator(0))[1].sum() == 1


def test_a_pasted_nodule_too_small_for_the_grid_is_one_all_the_same(tmp_path):
    """A stretched cube shows it, so it must not be taught as none."""
    asked = CubeTask(
        [volume(tmp_path, [NODULES[0]])], [], SETTINGS, 1, 0, tables.frame("candidates")
    )
    weight = np.full((3, 3, 3), 0.4, np.float32)
    weight[1, 1, 1] = 0.6
    asked.bank = [Insert(np.full_like(weight, NODULE), weight, 1.2)]
    for number in range(40):
        grey, mask = asked.sample(Cube(0, "pasted", -1), generator(number))
        assert mask.any() and grey[mask > 0].mean() > LUNG + 20


def test_the_loss_is_lowest_for_the_right_answer(task):
    _, one = task.sample(Cube(0, "nodule", 0), generator(0))
    _, none = task.sample(Cube(0, "mined", 0), generator(0))
    truth = torch.from_numpy(np.stack([one, none]))
    right = torch.where(truth > 0, 9.0, -9.0)
    best = reduction.cube_loss(torch.tensor([9.0, -9.0]), right, truth)
    assert best < 0.01
    assert reduction.cube_loss(torch.tensor([-9.0, 9.0]), right, truth) > best + 1
    assert reduction.cube_loss(torch.tensor([9.0, -9.0]), -right, truth) > best + 1
    # Of what is no nodule no voxels are asked for.
    assert reduction.cube_loss(torch.tensor([-9.0]), -right[1:], truth[1:]) < 0.01


def test_without_nodules_and_alarms_there_is_lung_to_learn_from(tmp_path, caplog):
    scan = volume(tmp_path, [])
    asked = CubeTask([scan], [], replace(SETTINGS, cubes=8), 1, 0, alarms(scan[0], []))
    assert {cube.kind for cube in asked.epoch(1)} == {"bright", "lung"}
    assert "none of the 1 training scans has a nodule" in caplog.text
