"""Gate maps: what is drawn is what the gates let through, cut out around the nodule, to scale."""

import numpy as np
import pytest
import torch
from torch import nn

from helpers.builders import make_stack, nodule_rows
from nodules.base import tables
from nodules.inference import gates
from nodules.learning.networks import attention_unet
from nodules.report import plotting
from nodules.report.figures.gates import draw

CPU = torch.device("cpu")
NODULES = [((5, 30, 20), 6), ((4, 100, 90), 4), ((6, 60, 60), 9)]


@pytest.fixture
def stack(tmp_path):
    return make_stack(tmp_path, shape=(10, 128, 128), nodules=NODULES)


@pytest.fixture
def nodules(stack):
    return nodule_rows(stack, NODULES)


class Open(nn.Module):
    """Two gates: one lets through what is bright, the other a fixed share."""

    def __init__(self, share):
        super().__init__()
        self.share = share

    def forward(self, x):
        return 20 * (x[:, 1:2] - 0.5)

    def gate_maps(self, x):
        bright = x[:, 1]
        return torch.stack([bright, torch.full_like(bright, self.share)])


def test_maps_are_the_gates_own_and_means_over_networks(stack, nodules):
    found = gates.gated([Open(0.2), Open(0.6)], [stack], nodules, 8, 1, CPU)
    assert [one.number for one in found] == [2, 1, 3]  # from the smallest on
    for one in found:
        assert one.maps.shape == (2, gates.PX, gates.PX)
        assert one.maps[1] == pytest.approx(0.4, abs=1e-5) == one.inside[1]
        assert one.inside[0] == pytest.approx(220 / 255, abs=1e-3)
        whole = stack.array[one.slice] / 255
        assert one.whole[0] == pytest.approx(whole.mean(), abs=1e-3)
        assert one.maps[0] == pytest.approx(one.image / 255, abs=0.01)
        assert one.answer[one.mask].mean() > 0.9 > 0.1 > one.answer[~one.mask].mean()


def test_a_nodule_is_cut_out_to_scale_on_its_largest_slice(stack, nodules):
    found = gates.gated([Open(0.5)], [stack], nodules, 8, 1, CPU)
    for one, (centre, radius) in zip(found, [NODULES[i] for i in (1, 0, 2)], strict=True):
        assert one.slice == centre[0]
        area = one.mask.sum() * (gates.SIDE_MM / gates.PX) ** 2
        assert area == pytest.approx(np.pi * radius**2, rel=0.12)
    # The third lies far from the slice's edges, and so in the middle of its picture.
    assert np.argwhere(found[2].mask).mean(axis=0) == pytest.approx((63.5, 63.5), abs=2)


def test_few_are_chosen_evenly_by_size_and_one_without_an_outline_is_left_out(stack, nodules):
    few = gates.gated([Open(0.5)], [stack], nodules, 2, 1, CPU)
    assert [one.number for one in few] == [2, 3]
    lost = tables.frame("nodules", nodules.assign(nodule=[1, 2, 9]))
    assert [one.number for one in gates.gated([Open(0.5)], [stack], lost, 8, 1, CPU)] == [2, 1]


def test_the_attention_unet_itself_answers_and_what_is_stored_is_read_again(
    stack, nodules, tmp_path
):
    network = attention_unet.build({"filters": 2, "depth": 3, "context": 1}, 0).eval()
    found = gates.gated([network], [stack], nodules, 2, 1, CPU)
    assert all(one.maps.shape == (2, gates.PX, gates.PX) for one in found)
    # Fresh gates stand nearly open.
    assert all((one.whole > 0.8).all() and (one.maps <= 1).all() for one in found)
    gates.write(tmp_path / "gates.npz", found)
    for one, kept in zip(found, gates.read(tmp_path / "gates.npz"), strict=True):
        for own, other in zip(one, kept, strict=True):
            assert np.array_equal(own, other)
    gates.write(tmp_path / "none.npz", [])
    assert gates.read(tmp_path / "none.npz") == []


def test_the_picture_has_a_panel_for_each_gate_with_its_numbers(stack, nodules, tmp_path):
    found = gates.gated([Open(0.25)], [stack], nodules, 8, 1, CPU)
    figure = draw(found, "test")
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert texts.count("Gate 1, coarsest") == texts.count("Gate 2, finest") == 3
    assert texts.count("inside 0.25, slice 0.25") == 3
    bar = figure.axes[0].lines[-1]
    assert np.ptp(bar.get_xdata()) * gates.SIDE_MM / gates.PX == pytest.approx(10)
    assert "test (3 nodules shown)" in figure.get_suptitle()
    plotting.save(figure, [tmp_path / "gates.png"])
    assert "No outlined nodules" in draw([], "fold_0").texts[-1].get_text()
