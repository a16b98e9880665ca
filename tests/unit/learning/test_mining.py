"""Hard negatives between epochs: what is hot and no nodule is shown, and nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from helpers.volumes import volume
from nodules.learning.networks.unet3d import STRIDE, space_to_depth
from nodules.learning.tasks import mining
from nodules.learning.tasks.mining import Alarm
from nodules.learning.tasks.patches3d import HeatTask, UNet3DSettings
from nodules.stats.seeds import generator

CPU = torch.device("cpu")
SETTINGS = UNet3DSettings(
    "unet3d", 2, 2, 1e-3, "warmup", [4, 6], 32, 40, 0.25, 0.25, mined=0.25, pasted=0.0, zoom=0.0
)
# A nodule, and a vessel that is as bright.
NODULE, VESSEL = ((30.0, 40.0, 50.0), 8.0), ((70.0, 50.0, 30.0), 6.0)


class Bright(nn.Module):
    """A network that takes whatever is bright for a nodule."""

    multiple = 4

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        bright = 20 * (space_to_depth(x).amax(1) - 0.5)
        return torch.stack([bright, torch.full_like(bright, 3.0)], dim=1)


@pytest.fixture
def scan(tmp_path):
    """A volume with both, of which the truth knows the first."""
    shown, truth = volume(tmp_path, [NODULE, VESSEL])
    known = replace(
        truth,
        centres=truth.centres[:1],
        diameters_mm=truth.diameters_mm[:1],
        masks=truth.masks[:1],
    )
    return shown, known


def task(scan, **changed):
    return HeatTask([scan], [], replace(SETTINGS, **changed), 1, 0)


def test_the_hottest_places_are_the_false_alarm_and_never_the_nodule(scan):
    asked = task(scan)
    asked.look_back(2, Bright, CPU)
    assert 0 < len(asked.alarms) <= 10
    hot = [alarm.place for alarm in asked.alarms if alarm.heat > 0.5]
    assert hot and all(np.abs(place - VESSEL[0]).max() <= 5 for place in hot)
    for alarm in asked.alarms:
        assert np.linalg.norm(alarm.place - NODULE[0]) > NODULE[1] / 2 + mining.BESIDE_MM
    heats = [alarm.heat for alarm in asked.alarms]
    assert heats == sorted(heats, reverse=True)


def test_beside_an_excluded_finding_nothing_is_mined(scan):
    shown, truth = scan
    known = replace(truth, beside=np.array([VESSEL[0]]), beside_mm=np.array([VESSEL[1]]))
    asked = task((shown, known))
    asked.look_back(2, Bright, CPU)
    assert all(alarm.heat < 0.5 for alarm in asked.alarms)


def test_mined_patches_show_the_alarm_and_take_the_place_of_lung(scan):
    asked = task(scan)
    before = [patch.kind for patch in asked.epoch(1)]
    asked.look_back(2, Bright, CPU)
    shown = asked.epoch(2)
    kinds = [patch.kind for patch in shown]
    assert [before.count(k) for k in range(4)] == [10, 10, 20, 0]
    assert [kinds.count(k) for k in range(4)] == [10, 10, 10, 10]
    hottest = tuple(asked.alarms[0].place)
    first = next(patch for patch in shown if patch.kind == 3 and patch.mined == hottest)
    # A process that was started before the alarms were mined makes it, too: asked for by place.
    grey, aim = task(scan).sample(first, generator(0))
    assert grey.max() > 130  # the vessel is in it
    assert aim[0].max() < 0.5  # and is no nodule


def test_without_it_the_network_is_not_even_loaded_and_nothing_is_drawn_otherwise(scan):
    asked = task(scan, mined=0.0)
    asked.look_back(2, lambda: pytest.fail("asked for the network"), CPU)
    assert asked.alarms == [] and asked.epoch(2) == task(scan).epoch(2)


def test_of_alarms_that_lie_together_the_hottest_is_kept():
    near, far = np.array([10.0, 10, 10]), np.array([10.0, 10, 30])
    found = [Alarm(0, near, 0.9), Alarm(0, near + 3, 0.8), Alarm(1, near, 0.7), Alarm(0, far, 0.6)]
    assert [alarm.heat for alarm in mining.apart(found, 9)] == [0.9, 0.7, 0.6]
    assert [alarm.heat for alarm in mining.apart(found, 2)] == [0.9, 0.7]


def test_a_hot_voxel_is_named_by_its_place_in_the_volume(scan):
    corner = np.array([VESSEL[0]], int)[0] - 11
    (alarm,) = mining.hottest(Bright(), [scan], [(0, corner)], 32, CPU)
    assert alarm.scan == 0 and alarm.heat > 0.9
    assert np.linalg.norm(alarm.place - VESSEL[0]) <= VESSEL[1] / 2 + STRIDE
