"""Networks beside the U-Net see its very slices, and their trainings go on bit for bit."""

from dataclasses import asdict, fields

import cv2
import numpy as np
import pytest
import torch

from helpers.builders import make_stack
from helpers.settings import ATTENTION, TRANSFORMER, UNET
from helpers.stopping import StopAfter
from nodules.learning.batches import order, sample
from nodules.learning.loop import train
from nodules.learning.networks import bundle
from nodules.learning.networks.weights import weights_sha256
from nodules.learning.state import Plan
from nodules.learning.tasks.segmenters import SETTINGS, STREAM, SegmenterTask, heat
from nodules.learning.tasks.slices import SliceTask, SliceTaskSettings

CPU = torch.device("cpu")
each = pytest.mark.parametrize("settings", [ATTENTION, TRANSFORMER], ids=lambda s: s.network)


@pytest.fixture
def stacks(tmp_path):
    return [
        make_stack(tmp_path, f"2.25.{i}", (6, 16, 16), [((3, 8, 8), 3)], seed=i) for i in range(3)
    ]


def task_of(stacks, settings, kind=SegmenterTask):
    return kind(stacks[:2], stacks[2:], settings, 1, 0)


def plan_of(settings, folder):
    return Plan(
        *(settings.network, 0, settings.epochs, settings.batch, 0.01, "cosine", 1, folder, "print"),
        stream=STREAM,
    )


def network_of(settings, seed=3):
    shape = bundle.shape_of(settings.network, settings)
    return bundle.architecture(settings.network).build(shape, seed)


@each
def test_it_is_shown_the_unets_samples_to_the_byte(stacks, settings, tmp_path):
    ours = task_of(stacks, settings), plan_of(settings, tmp_path)
    unets = (
        task_of(stacks, UNET, SliceTask),
        Plan("unet", 0, UNET.epochs, UNET.batch, 0.01, "cosine", 1, tmp_path, "print"),
    )
    for epoch in (1, 2):
        places = order(ours[0], epoch)
        assert places == order(unets[0], epoch) and len(places) > 4
        for place in places:
            shown, as_unet = (sample(*both, place) for both in (ours, unets))
            for one, other in zip(shown, as_unet, strict=True):
                assert np.array_equal(one, other)
    assert [(s.uid, z) for s, z in ours[0].validation] == [
        (s.uid, z) for s, z in unets[0].validation
    ]


@each
@pytest.mark.parametrize("batches", [1, 5])
def test_stopped_and_resumed_equals_uninterrupted(stacks, settings, batches, tmp_path):
    task = task_of(stacks, settings)
    whole, cut = (network_of(settings) for _ in range(2))
    history = train(whole, task, plan_of(settings, tmp_path / "whole"), CPU)
    plan = plan_of(settings, tmp_path / "cut")
    with pytest.raises(SystemExit):
        train(cut, StopAfter(task, batches), plan, CPU)
    resumed = network_of(settings)
    again = train(resumed, task, plan, CPU)
    assert weights_sha256(resumed) == weights_sha256(whole) != weights_sha256(cut)
    timeless = [c for c in history if c != "seconds"]
    assert history[timeless].equals(again[timeless])


@each
def test_loss_falls(stacks, settings, tmp_path):
    plan = Plan(
        *(settings.network, 0, 40, settings.batch, 0.03, "constant", 1, tmp_path, "print"),
        stream=STREAM,
    )
    history = train(network_of(settings), task_of(stacks, settings), plan, CPU)
    assert history["train_loss"].iloc[-1] < 0.6 * history["train_loss"].iloc[0]


def test_settings_are_the_unets_budget_and_a_shape_of_their_own():
    budget = {field.name for field in fields(SliceTaskSettings)}
    for settings in (ATTENTION, TRANSFORMER):
        kind = SETTINGS[settings.network]
        assert kind.of(asdict(settings)) == settings
        shape = set(bundle.architecture(settings.network).SHAPE) - {"context"}
        assert set(asdict(settings)) == budget | shape


def test_gates_are_drawn_beside_the_overlays(stacks, tmp_path):
    for settings in (ATTENTION, TRANSFORMER):
        folder = tmp_path / settings.network
        with torch.inference_mode():
            network = network_of(settings).eval()
            task_of(stacks, settings).draw(network, CPU, folder / "epoch_01.png")
        assert (folder / "epoch_01.png").is_file()
        assert (folder / "epoch_01_gates.png").is_file() == (settings is ATTENTION)
    picture = cv2.imread(str(tmp_path / "attention_unet/epoch_01_gates.png"))
    slices = len([z for s, z in task_of(stacks, ATTENTION).validation if z in s.nodule_slices])
    # A row for each slice: the slice, and a map of its one gate.
    assert picture.shape == (16 * slices, 16 * 2, 3)
    assert np.ptp(picture[:16, :16], axis=2).max() == 0 < np.ptp(picture[:16, 16:], axis=2).max()


def test_heat_goes_from_dark_to_bright():
    picture = heat(torch.tensor([[0.0, 0.5, 1.0, 2.0]])).astype(int).sum(axis=2)[0]
    assert picture[0] < picture[1] < picture[2] == picture[3]
