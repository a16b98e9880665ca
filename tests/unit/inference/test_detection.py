"""Components become candidates with the right place, size and label."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.builders import ball, make_stack
from helpers.settings import CANDIDATES
from nodules.images import regions
from nodules.inference import detection
from nodules.learning.networks import unet
from nodules.prepare.stacks import Stack

SHAPE = {"filters": 2, "depth": 2, "context": 1}
NODULES = [((4, 20, 20), 5), ((6, 45, 40), 4)]


@pytest.fixture
def stack(tmp_path):
    return make_stack(tmp_path, nodules=NODULES)


@pytest.fixture
def probability(stack):
    """A perfect network's answer, with a false alarm and a speck."""
    volume = np.zeros(stack.geometry.shape, np.float32)
    for (centre, radius), score in zip([*NODULES, ((5, 10, 50), 3)], (0.9, 0.8, 0.7), strict=True):
        volume[ball(volume.shape, centre, radius)] = score
    volume[1, 60, 60] = 1.0
    return volume


def test_candidates_are_found_where_the_balls_are(stack, probability):
    found = list(detection.components(probability, stack.geometry, CANDIDATES))
    assert [round(c["probability"], 3) for c in found] == [0.9, 0.8, 0.7]
    for candidate, (centre, radius) in zip(found, NODULES, strict=False):
        world = stack.geometry.to_world(centre)
        assert np.allclose([candidate[a] for a in "xyz"], world, atol=1e-6)
        assert candidate["diameter_mm"] == pytest.approx(2 * radius, rel=0.15)


def test_the_most_probable_are_kept(stack, probability):
    found = list(
        detection.components(probability, stack.geometry, replace(CANDIDATES, max_per_scan=2))
    )
    assert [round(c["probability"], 3) for c in found] == [0.9, 0.8]


def test_tables_carry_candidates_and_their_masks(stack, probability):
    found = list(detection.components(probability, stack.geometry, CANDIDATES))
    candidates, masks = detection.tabulate(stack.uid, "unet", found)
    assert list(candidates["candidate"]) == [1, 2, 3]
    painted = regions.paint(regions.select(masks, "unet", "slices"), stack.geometry.shape)
    assert np.array_equal(painted > 0, (probability >= 0.5) & (probability < 1))


def test_a_scan_without_candidates_gives_empty_tables(stack):
    nothing = np.zeros(stack.geometry.shape, np.float32)
    found = list(detection.components(nothing, stack.geometry, CANDIDATES))
    candidates, masks = detection.tabulate(stack.uid, "unet", found)
    assert len(candidates) == len(masks) == 0


def test_peaks_are_the_strongest_pixels_and_the_loss_is_that_of_no_nodule(stack, probability):
    kept = np.clip(probability, 0.01, 0.99)
    peaks = detection.slice_peaks(stack.uid, kept, 0.5)
    assert len(peaks) == stack.geometry.shape[0]
    row = peaks.iloc[4]
    plane = torch.from_numpy(kept[4])
    expected = torch.nn.functional.binary_cross_entropy(plane, torch.zeros_like(plane))
    assert row["loss_if_empty"] == pytest.approx(expected.item(), rel=1e-5)
    assert row["predicted_px"] == (kept[4] >= 0.5).sum()
    assert kept[4, row["peak_y"], row["peak_x"]] == row["probability"] == kept[4].max()


def test_detection_needs_no_truth(stack, probability):
    alone = Stack(stack.uid, stack.array_path, stack.table_path, None, "")
    with pytest.raises(ValueError, match="without its masks"):
        alone.labels(4)
    found = detection.joined(detection.detect([alone], lambda _: probability, "unet", CANDIDATES))
    assert len(found.candidates) == 3 and len(found.peaks) == len(probability)


def test_prediction_is_the_mean_over_the_networks(stack):
    device = torch.device("cpu")
    nets = [unet.build(SHAPE, s).eval() for s in (0, 1)]
    both = detection.predict(nets, stack, 1, device)
    each = [detection.predict([n], stack, 1, device) for n in nets]
    assert both.shape == stack.geometry.shape
    assert np.allclose(both, np.mean(each, axis=0), atol=1e-6)


def test_few_slices_are_answered_as_all_are(stack):
    nets = [unet.build(SHAPE, s).eval() for s in (0, 1)]
    device = torch.device("cpu")
    whole = detection.predict(nets, stack, 1, device)
    asked = list(detection.batches(nets, stack, 1, device, {5, 9}))
    assert [list(slices) for slices, _ in asked] == [[4, 5, 6, 7], [8, 9]]
    for slices, planes in asked:
        assert np.array_equal(planes, whole[slices.start : slices.stop])
