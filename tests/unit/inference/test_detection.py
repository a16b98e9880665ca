"""Components become candidates with the right place, size and label."""

import numpy as np
import pytest
import torch

from helpers.builders import ball, make_stack, nodule_rows
from nodules.base import tables
from nodules.images import regions
from nodules.inference import detection
from nodules.learning.networks.unet import build_unet

SETTINGS = {"threshold": 0.5, "min_diameter_mm": 3.0, "max_per_scan": 10}
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
    found = list(detection.components(probability, stack.geometry, SETTINGS))
    assert [round(c["probability"], 3) for c in found] == [0.9, 0.8, 0.7]
    for candidate, (centre, radius) in zip(found, NODULES, strict=False):
        world = stack.geometry.to_world(centre)
        assert np.allclose([candidate[a] for a in "xyz"], world, atol=1e-6)
        assert candidate["diameter_mm"] == pytest.approx(2 * radius, rel=0.15)


def test_the_most_probable_are_kept(stack, probability):
    found = list(detection.components(probability, stack.geometry, SETTINGS | {"max_per_scan": 2}))
    assert [round(c["probability"], 3) for c in found] == [0.9, 0.8]


def test_table_carries_labels_and_masks(stack, probability):
    found = list(detection.components(probability, stack.geometry, SETTINGS))
    alarm = found[2]
    excluded = tables.frame(
        "excluded",
        [{"seriesuid": stack.uid, **{a: alarm[a] for a in "xyz"}, "diameter_mm": -1.0}],
    )
    nodules = nodule_rows(stack, NODULES)
    candidates, masks = detection.tabulate(stack.uid, "unet", found, nodules, excluded)
    assert list(candidates["nodule"]) == [1, 2, 0]
    assert list(candidates["excluded"]) == [False, False, True]
    painted = regions.paint(regions.select(masks, "unet", "slices"), stack.geometry.shape)
    assert np.array_equal(painted > 0, (probability >= 0.5) & (probability < 1))


def test_a_scan_without_candidates_gives_empty_tables(stack):
    nothing = np.zeros(stack.geometry.shape, np.float32)
    found = list(detection.components(nothing, stack.geometry, SETTINGS))
    candidates, masks = detection.tabulate(
        stack.uid, "unet", found, nodule_rows(stack, NODULES), tables.frame("excluded")
    )
    assert len(candidates) == len(masks) == 0


def test_slice_scores_count_pixels_and_agree_with_torch(stack, probability):
    scores = detection.score_slices(stack, np.clip(probability, 0.01, 0.99), 0.5)
    assert len(scores) == stack.geometry.shape[0]
    z = 4
    truth = (stack.labels(z) > 0).astype(np.float32)
    expected = torch.nn.functional.binary_cross_entropy(
        torch.from_numpy(np.clip(probability[z], 0.01, 0.99)), torch.from_numpy(truth)
    )
    row = scores.iloc[z]
    assert row["loss"] == pytest.approx(expected.item(), rel=1e-5)
    assert row["truth_px"] == row["overlap_px"] == truth.sum()
    assert (row["peak_y"], row["peak_x"]) in set(
        zip(*np.nonzero(probability[z] == 0.9), strict=True)
    )


def test_prediction_is_the_mean_over_the_networks(stack):
    device = torch.device("cpu")
    nets = [build_unet({"filters": 2, "depth": 2, "context": 1}, s).eval() for s in (0, 1)]
    both = detection.predict(nets, stack, 1, device)
    each = [detection.predict([n], stack, 1, device) for n in nets]
    assert both.shape == stack.geometry.shape
    assert np.allclose(both, np.mean(each, axis=0), atol=1e-6)
