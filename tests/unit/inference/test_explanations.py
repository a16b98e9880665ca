"""Maps point at what a planted network looks at, and change when its weights do."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from helpers.builders import make_stack, nodule_rows
from nodules.base import tables
from nodules.evaluation.explanations import METHODS
from nodules.inference import explanations
from nodules.inference.explanations import explain, randomised
from nodules.learning.networks.resnet import build
from nodules.prepare.crops import CropSize

CPU = torch.device("cpu")
PX = 48
PATCH = (slice(8, 24), slice(24, 40))  # rows and columns that the planted network looks at


class Planted(nn.Module):
    """A network whose answer is the brightness of one patch, and of nothing else.

    Its stages have the names of the ResNet50's; `layer1` is what Grad-CAM takes of small crops.
    """

    def __init__(self):
        super().__init__()
        self.layer1 = nn.AvgPool2d(4)
        self.looks = nn.Parameter(torch.zeros(PX // 4, PX // 4))
        with torch.no_grad():
            self.looks[2:6, 6:10] = 1

    def forward(self, x):
        cells = self.layer1(x).mean(1)
        return (cells * self.looks).sum((1, 2))[:, None]


class Bright(nn.Module):
    """A network that answers with the brightness of the whole crop, above a grey of 0.45."""

    def __init__(self):
        super().__init__()
        self.layer1 = nn.Sequential(nn.AvgPool2d(4), nn.ReLU())

    def forward(self, x):
        return self.layer1(x).mean((1, 2, 3))[:, None]


def images(count=2, px=PX, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(90, 250, (count, 3, px, px)).astype(np.uint8)


def mask(rows_and_columns=PATCH):
    found = np.zeros((PX, PX), bool)
    found[rows_and_columns] = True
    return found


def test_saliency_lies_on_the_patch_that_decides_and_nowhere_else():
    maps = explain([Planted()], images(), np.ones(2), CPU)["saliency"]
    assert np.allclose(maps.sum((1, 2)), 1)
    for found in maps:
        assert explanations.share_inside(found, mask()) == pytest.approx(1)
        assert np.ptp(found[PATCH]) == pytest.approx(0, abs=1e-9)


def test_gradcam_lies_where_the_stage_answers_what_was_called():

    dark = np.full((1, 3, PX, PX), 20, np.uint8)
    dark[:, :, *PATCH] = 250
    (found,) = explain([Bright()], dark, np.ones(1), CPU)["gradcam"]
    # Bilinear enlargement spreads it by half a cell.
    assert explanations.share_inside(found, mask()) > 0.75
    assert found[PATCH].mean() > 20 * found[~mask()].mean()
    # What speaks for malignant does not speak for benign.
    (against,) = explain([Bright()], dark, -np.ones(1), CPU)["gradcam"]
    assert against.sum() == 0


def test_randomised_weights_give_another_map():
    network = Planted()
    one = explain([network], images(), np.ones(2), CPU)["saliency"]
    other = explain([randomised(network, 1)], images(), np.ones(2), CPU)["saliency"]
    for trained, changed in zip(one, other, strict=True):
        assert abs(explanations.rank_correlation(trained, changed)) < 0.4
        assert explanations.similarity(trained, changed) < 0.5
        assert explanations.share_inside(changed, mask()) < 0.5


def test_randomising_keeps_the_spread_of_each_layer_and_the_original():
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 1))
    nn.init.normal_(network[1].running_mean)
    before = {name: t.clone() for name, t in network.state_dict().items()}
    changed = randomised(network, 1).state_dict()
    for name, tensor in before.items():
        assert torch.equal(network.state_dict()[name], tensor)
        assert torch.equal(changed[name].flatten().sort()[0], tensor.flatten().sort()[0])
    for name in ("0.weight", "0.bias", "1.running_mean", "2.weight"):
        assert not torch.equal(changed[name], before[name])
    again = randomised(network, 1).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in changed.items())


def test_a_resnet_is_explained_at_every_size_and_by_several_networks():
    networks = [build({}, s).eval() for s in (0, 1)]
    maps = explain(networks, images(3, 64), np.array([1.0, -1.0, 1.0]), CPU)
    for method in METHODS:
        assert maps[method].shape == (3, 64, 64)
        assert (maps[method] >= 0).all()
    assert np.allclose(maps["saliency"].sum((1, 2)), 1)
    alone = explain(networks[:1], images(3, 64), np.ones(3), CPU)["saliency"]
    assert not np.allclose(alone, maps["saliency"])


def test_gradcam_takes_the_last_stage_that_can_point():
    assert explanations.stage(224) == "layer4"
    assert explanations.stage(112) == "layer3"
    assert explanations.stage(64) == "layer2"
    assert explanations.stage(32) == "layer1"
    assert explanations.stage(16) == "layer1"


# Measures


def test_an_even_map_has_the_masks_share_inside():
    even = np.ones((PX, PX))
    assert explanations.share_inside(even, mask()) == pytest.approx(mask().mean())
    assert np.isnan(explanations.share_inside(0 * even, mask()))


def test_equal_maps_are_alike_and_opposite_ones_are_not():
    found = np.random.default_rng(0).random((PX, PX))
    assert explanations.rank_correlation(found, 3 * found**2) == pytest.approx(1)
    assert explanations.rank_correlation(found, 1 - found) == pytest.approx(-1)
    assert explanations.similarity(found, 5 * found) == pytest.approx(1)
    assert np.isnan(explanations.rank_correlation(found, np.ones_like(found)))
    assert np.isnan(explanations.similarity(found, np.zeros_like(found)))


# From scans to the table


NODULES = [((5, 20, 20), 6), ((5, 44, 44), 4), ((5, 20, 44), 3)]


@pytest.fixture
def explained(tmp_path):
    """Two labelled nodules and one without a label, explained by a planted network."""
    stack = make_stack(tmp_path, nodules=NODULES)
    labels = tables.frame(
        "malignancy_labels",
        nodule_rows(stack, NODULES).assign(
            readers=4, ratings=[[5], [1], [3]], rating=[5.0, 1.0, 3.0], label=[1, 0, -1], reason=""
        ),
    )
    scores = pd.DataFrame(
        {"seriesuid": stack.uid, "nodule": [1, 2, 3], "probability": [0.8, 0.3, 0.5]}
    )
    size = CropSize(24, PX)
    return explanations.nodules_of([Planted()], [stack], labels, scores, size, 0, CPU)


def test_each_labelled_nodule_is_shown_where_it_is_largest(explained):
    assert [(n.number, n.label, n.probability) for n in explained] == [(1, 1, 0.8), (2, 0, 0.3)]
    for nodule, (_, radius) in zip(explained, NODULES, strict=False):
        assert nodule.slice == 5
        assert nodule.diameter_mm == 2 * radius
        assert nodule.image[1][nodule.mask].mean() > 200  # the mask lies on the bright ball
        # The ball's cross-section, in a crop of 24 mm.
        assert nodule.mask.mean() == pytest.approx(np.pi * radius**2 / 24**2, rel=0.15)


def test_the_table_has_a_row_for_each_nodule_and_method(explained):
    table = explanations.measure(explained)
    assert len(table) == 2 * len(METHODS)
    saliency = table[table["method"] == "saliency"]
    expected = [float(n.maps["saliency"][n.mask].sum()) for n in explained]
    assert list(saliency["share_inside"]) == pytest.approx(expected)
    assert (saliency["rank_correlation"].abs() < 0.6).all()


def test_no_labelled_nodule_gives_an_empty_table(tmp_path):
    stack = make_stack(tmp_path)
    empty = tables.frame("malignancy_labels")
    scores = pd.DataFrame(columns=["seriesuid", "nodule", "probability"])
    size = CropSize(24, PX)
    found = explanations.nodules_of([Planted()], [stack], empty, scores, size, 0, CPU)
    assert explanations.measure(found).empty


# What a picture needs


def shown(number, label, probability):
    """An explained nodule of nothing but numbers."""
    image, mask = np.zeros((3, 4, 4), np.uint8), np.zeros((4, 4), bool)
    maps = {name: np.full((4, 4), 1 / 16) for name in explanations.METHODS}
    known = ("2.25.1", number, label, 9.5, probability, 7)
    return explanations.Explained(*known, image, mask, maps, maps)


def test_both_classes_are_shown_from_sure_to_unsure():
    malignant = [shown(k, 1, k / 10) for k in range(1, 10)]
    benign = [shown(k, 0, k / 100) for k in range(11, 14)]
    chosen = explanations.choose([*benign, *malignant], 8)
    assert [n.label for n in chosen] == [1] * 5 + [0] * 3
    assert [n.probability for n in chosen[:5]] == pytest.approx([0.9, 0.7, 0.5, 0.3, 0.1])
    assert [n.number for n in chosen[5:]] == [13, 12, 11]


@pytest.mark.parametrize("count", [0, 1, 3, 8])
def test_no_more_are_chosen_than_wanted_or_there(count):
    few = [shown(1, 1, 0.9), shown(2, 0, 0.1), shown(3, 0, 0.2)]
    assert len(explanations.choose(few, count)) == min(count, 3)
    assert explanations.choose([], count) == []


def test_explained_nodules_survive_a_file(explained, tmp_path):
    explanations.write(tmp_path / "explained.npz", explained)
    again = explanations.read(tmp_path / "explained.npz")
    for one, other in zip(explained, again, strict=True):
        assert one[:6] == other[:6]
        assert np.array_equal(one.image, other.image) and np.array_equal(one.mask, other.mask)
        assert all(np.array_equal(one.maps[m], other.maps[m]) for m in explanations.METHODS)


def test_no_nodule_survives_a_file_too(tmp_path):
    explanations.write(tmp_path / "explained.npz", [])
    assert explanations.read(tmp_path / "explained.npz") == []
