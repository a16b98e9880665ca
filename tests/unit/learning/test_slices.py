"""The U-Net's samples: every nodule slice, fresh empty ones, image and mask moved together."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from helpers.builders import make_stack
from helpers.settings import UNET
from nodules.learning.tasks.shared import overlay
from nodules.learning.tasks.slices import SliceTask, augmented, patch_of

SETTINGS = replace(UNET, repeat=2, augment=False)
NODULE = [((5, 30, 20), 5)]


@pytest.fixture
def stacks(tmp_path):
    return [
        make_stack(tmp_path, f"2.25.{i}", nodules=NODULE if i else (), seed=i) for i in range(3)
    ]


def test_an_epoch_shows_every_nodule_slice_and_as_many_without(stacks):
    task = SliceTask(stacks, [], SETTINGS, 0, 0)
    keys = task.epoch(1)
    with_nodule = [k for k in keys if k.z in stacks[k.scan].nodule_slices]
    assert len(with_nodule) == 2 * sum(len(s.nodule_slices) for s in stacks)
    assert len(keys) == len(with_nodule) + min(len(with_nodule), len(task.empty))
    assert sorted(set(with_nodule)) == sorted(task.positive)


def test_epochs_differ_and_repeat_themselves(stacks):
    task, twin = (SliceTask(stacks, [], SETTINGS, 0, 0) for _ in range(2))
    assert task.epoch(1) == twin.epoch(1) != task.epoch(2)


def test_sample_is_the_slice_with_neighbours_and_its_mask(stacks):
    task = SliceTask(stacks, [], SETTINGS, 0, 0)
    image, mask = task.sample(task.positive[0], np.random.default_rng(0))
    stack, z = stacks[task.positive[0].scan], task.positive[0].z
    assert np.array_equal(image, stack.array[z - 1 : z + 2])
    assert np.array_equal(mask[0] > 0, np.asarray(stack.array[z]) == 220)


def test_augmentation_moves_image_and_mask_together():
    rng = np.random.default_rng(0)
    mask = (rng.random((1, 32, 32)) > 0.9).astype(np.uint8)
    image = np.where(mask, 200, 60).astype(np.uint8)
    seen = set()
    for _ in range(40):
        turned, moved = augmented(image, mask, rng)
        assert np.array_equal(turned > 130, moved > 0)
        seen.add(moved.tobytes())
    assert len(seen) == 8  # mirrorings and the transposition make eight poses


def test_training_without_any_nodule_shows_empty_slices_and_says_so(stacks, caplog):
    task = SliceTask(stacks[:1], stacks[1:], SETTINGS, 0, 0)
    assert "none of the 1 training scans has a nodule" in caplog.text
    shown = task.epoch(1)
    assert sorted(key.z for key in shown) == sorted(stacks[0].empty_slices)


def test_overlay_draws_both_outlines():
    grey = np.full((64, 64), 100, np.uint8)
    truth, predicted = np.zeros((2, 64, 64), bool)
    truth[10:20, 10:20] = predicted[40:50, 40:50] = True
    image = overlay(grey, truth, predicted)
    assert image.shape == (512, 512, 3)
    coloured = cv2.absdiff(image[..., 0], image[..., 2]) > 0
    assert coloured[80:160, 80:160].any() and coloured[320:400, 320:400].any()
    assert not coloured[:72].any()


def test_patches_hold_a_nodule_where_there_is_one_and_never_leave_the_slice():
    rng = np.random.default_rng(0)
    mask = np.zeros((64, 48), np.uint8)
    empty = [patch_of(mask, 16, rng) for _ in range(2000)]
    assert {rows.start for rows, _ in empty} == set(range(49))
    assert {columns.start for _, columns in empty} == set(range(33))
    mask[2:4, 40:44] = 1
    for _ in range(100):
        rows, columns = patch_of(mask, 16, rng)
        part = mask[rows, columns]
        assert part.shape == (16, 16) and part.any()


def test_a_patch_is_the_same_part_of_image_and_mask(stacks):
    task = SliceTask(stacks, [], replace(SETTINGS, patch=16), 0, 0)
    image, mask = task.sample(task.positive[3], np.random.default_rng(0))
    assert image.shape == (3, 16, 16)
    assert np.array_equal(image[1] == 220, mask[0] > 0)
