"""The networks in 3-D: shapes, what a voxel of the answer stands for, weights by seed alone."""

import pytest
import torch

from nodules.learning.networks import bundle, reducer3d, unet3d

WIDTHS = {"widths": [4, 6, 8]}


def test_blocks_of_eight_voxels_become_channels_and_come_back():
    x = torch.arange(2 * 4 * 6 * 8.0).reshape(2, 1, 4, 6, 8)
    blocks = unet3d.space_to_depth(x)
    assert blocks.shape == (2, 8, 2, 3, 4)
    assert blocks[0, :, 1, 2, 3].tolist() == x[0, 0, 2:4, 4:6, 6:8].flatten().tolist()
    assert torch.equal(reducer3d.depth_to_space(blocks), x)


def test_the_u_net_answers_at_half_the_resolution():
    network = unet3d.build(WIDTHS, 0).eval()
    assert network.multiple == 8
    answer = network(torch.rand(2, 1, 16, 24, 32))
    assert answer.shape == (2, 2, 8, 12, 16)
    # Untrained it calls nothing a centre, and every nodule 8 mm wide.
    assert answer[:, 0].sigmoid().max() < 0.05
    assert (2 ** answer[:, 1]).mean().item() == pytest.approx(8, rel=0.2)


def test_the_reducer_judges_a_cube_and_each_of_its_voxels():
    logit, voxels = reducer3d.build(WIDTHS, 0).eval()(torch.rand(3, 1, 16, 16, 16))
    assert logit.shape == (3,) and voxels.shape == (3, 1, 16, 16, 16)


def test_untrained_the_reducer_takes_few_voxels_for_a_nodule():
    # From a half on, short trainings ended with features that are 0 in nodules: nothing was drawn.
    for seed in range(5):
        _, voxels = reducer3d.build(WIDTHS, seed).train()(torch.rand(3, 1, 16, 16, 16))
        assert 0.01 < voxels.sigmoid().mean() < 0.2


@pytest.mark.parametrize("module", [unet3d, reducer3d])
def test_weights_hang_on_the_seed_alone(module):
    torch.manual_seed(99)
    one, same, other = (module.build(WIDTHS, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_the_default_u_net_is_small():
    count = sum(p.numel() for p in unet3d.build({"widths": [24, 48, 64, 64]}, 0).parameters())
    assert count == 1_131_506


@pytest.mark.parametrize("name", ["unet3d", "reducer3d"])
def test_a_network_in_3d_is_built_again_from_its_bundle_alone(tmp_path, name):
    network = bundle.architecture(name).build(WIDTHS, 1).eval()
    told = {"model": name, "input": {}, "output": "", "trained_on": {}}
    bundle.save(
        tmp_path / "model.pt", network, told | {"network": {"name": name, "settings": WIDTHS}}
    )
    again = bundle.restore(tmp_path / "model.json", torch.device("cpu")).network
    x = torch.rand(1, 1, 16, 16, 16)
    with torch.inference_mode():
        assert str(network(x)) == str(again(x))
