"""The lung U-Net's samples and answers: whole slices with masks, and the mean of networks."""

import numpy as np
import pytest
import torch

from helpers.builders import make_stack
from helpers.settings import LUNGS
from nodules.base.files import UserError
from nodules.inference.lungs import probability
from nodules.learning.networks import bundle
from nodules.learning.networks.forward import slice_logits
from nodules.learning.tasks.lungs import LungTask, augmented

CPU = torch.device("cpu")
LUNG = [((5, 30, 20), 9)]


@pytest.fixture
def stacks(tmp_path):
    """Three scans, of which the first has no mask."""
    return [
        make_stack(tmp_path, f"2.25.{i}", nodules=LUNG if i else (), kind="lungs", seed=i)
        for i in range(3)
    ]


def test_an_epoch_shows_slices_of_scans_with_a_mask_with_lung_and_without(stacks):
    task = LungTask(stacks, [], LUNGS, 0, 0)
    keys = task.epoch(1)
    assert len(keys) == LUNGS.slices == len(set(keys)) + 4  # 20 slices there are
    assert {k.scan for k in keys} == {1, 2}
    assert {k.z for k in keys} == set(range(10))
    twin = LungTask(stacks, [], LUNGS, 0, 0)
    assert twin.epoch(1) == keys != twin.epoch(2)


def test_scans_without_masks_alone_teach_nothing_and_that_is_said(stacks):
    with pytest.raises(UserError, match="Fold 3: none of the 1 training scans has a lung mask"):
        LungTask(stacks[:1], stacks[1:], LUNGS, 0, 3)


def test_image_and_mask_move_together_and_stay_in_place_on_the_whole():
    rng = np.random.default_rng(0)
    mask = np.zeros((1, 64, 64), np.uint8)
    mask[0, 20:40, 10:30] = 1
    image = np.where(mask, 200, 40).astype(np.uint8).repeat(3, axis=0)
    moved_left = 0
    for _ in range(40):
        seen, truth = augmented(image, mask, rng)
        assert seen.shape == image.shape and truth.shape == mask.shape and truth.max() == 1
        bright = seen[1] > 120
        assert np.count_nonzero(bright != truth[0]) < 0.15 * truth.sum()
        assert 0.6 < truth.sum() / mask.sum() < 1.4
        moved_left += np.nonzero(truth[0])[1].mean() < 32
    assert 8 < moved_left < 32  # mirrored about every other time


def test_validation_and_picture_are_of_the_left_out_scans(stacks, tmp_path):
    task = LungTask(stacks[1:2], stacks[2:], LUNGS, 0, 0)
    network = bundle.architecture("unet").build({"filters": 2, "depth": 2, "context": 0}, 1).eval()
    with torch.inference_mode():
        told = task.validate(network, CPU)
        task.draw(network, CPU, tmp_path / "picture.png")
    assert 0 <= told.metric <= 1 and told.loss > 0
    assert (tmp_path / "picture.png").stat().st_size > 1000
    assert {stack.uid for stack, _ in task.validation} == {"2.25.2"}


def test_an_answer_is_the_mean_probability_of_the_networks(stacks):
    shape = {"filters": 2, "depth": 2, "context": 1}
    build = bundle.architecture("unet").build
    told = {"input": {"context": 1}}
    models = [bundle.Bundle(build(shape, seed).eval(), told) for seed in (1, 2)]
    answer = probability(models, stacks[1], CPU)
    with torch.inference_mode():
        parts = [slice_logits(m.network, stacks[1], [9], 1, CPU)[0].sigmoid() for m in models]
    assert answer.shape == stacks[1].array.shape and answer.dtype == np.uint8
    assert np.abs(answer[9] - 255 * ((parts[0] + parts[1]) / 2).numpy()).max() <= 0.51
