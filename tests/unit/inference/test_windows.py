"""Windows over a whole scan, and peaks of heat: nothing left out, nothing twice, nothing moved."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from helpers.volumes import volume
from nodules.images.geometry import Geometry
from nodules.inference import windows
from nodules.inference.windows import MARGIN, Answer, WindowSettings
from nodules.learning.networks.unet3d import STRIDE, space_to_depth
from nodules.learning.tasks.heat import Marks, target

CPU = torch.device("cpu")
SETTINGS = WindowSettings(window=64, centre_threshold=0.05, max_per_scan=50)


class Mean(nn.Module):
    """Answers with the blocks' mean grey: what a window says hangs on no neighbour."""

    multiple = 16

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 1, 1, 1, 1))

    def forward(self, x):
        mean = space_to_depth(x).mean(1)
        return torch.stack([torch.logit(mean.clamp(1e-4, 1 - 1e-4)), mean], dim=1)


@given(st.tuples(*[st.integers(1, 400)] * 3), st.sampled_from([96, 128, 160]))
@settings(max_examples=60, deadline=None)
def test_windows_cover_every_voxel_and_blend_to_one(shape, side):
    small = [-(-n // STRIDE) for n in shape]
    weight = [np.zeros(n) for n in small]
    found = list(windows.windows(shape, side, 16))
    for _, sides in found:
        assert all(n % 16 == 0 and n <= max(side, 16) for n in sides)
    for axis in range(3):
        for first, length in {(c[axis], s[axis]) for c, s in found}:
            assert first % STRIDE == 0
            weight[axis][first // STRIDE : (first + length) // STRIDE] += 1
        assert weight[axis].min() >= 1


def test_neighbours_share_what_is_blended():
    corners = sorted({c[2] for c, _ in windows.windows((64, 64, 300), 128, 16)})
    sides = next(s for _, s in windows.windows((64, 64, 300), 128, 16))
    assert len(corners) == 3
    assert all(b - a <= sides[2] - 2 * MARGIN for a, b in itertools.pairwise(corners))


def test_blended_windows_say_what_one_window_says(tmp_path):
    scan, _ = volume(tmp_path, [((30, 40, 50), 9)], side=90)
    network = Mean()
    many, one = (windows.answer([network], scan, side, CPU) for side in (64, 96))
    assert many.heat.shape == (45, 45, 45)
    # bf16, where the processor has it, keeps some three digits
    assert np.abs(many.heat - one.heat).max() < 0.01
    assert np.abs(many.log_diameter - one.log_diameter).max() < 0.01


class Uphill(Mean):
    """Answers with what lies a voxel before: other than `Mean` it knows up from down."""

    def forward(self, x):
        return torch.roll(super().forward(x), 1, dims=2)


def test_mirrored_views_are_averaged_where_asked():
    grey = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (1, 1, 16, 16, 16)))
    plain = windows.predict_views([Mean()], grey, CPU)
    assert torch.allclose(
        windows.predict_views([Mean()], grey, CPU, mirrored=True), plain, atol=1e-6
    )
    up, down = (torch.roll(plain, step, dims=2) for step in (1, -1))
    assert torch.allclose(windows.predict_views([Uphill()], grey, CPU), up, atol=1e-6)
    both = windows.predict_views([Uphill()], grey, CPU, mirrored=True)
    assert torch.allclose(both, (3 * up + down) / 4, atol=1e-6)  # as it is, and three mirrored
    assert not torch.allclose(both, up, atol=1e-3)


def test_a_scan_is_asked_mirrored_where_the_settings_say_so(tmp_path):
    scan, _ = volume(tmp_path, [((30, 40, 50), 9)], side=64)
    own = [windows.answer([Uphill()], scan, 128, CPU, mirrored).heat for mirrored in (False, True)]
    assert np.abs(own[0] - own[1]).max() > 0.05
    for mirrored in (False, True):
        settings = replace(SETTINGS, mirrored=mirrored)
        (first, *_) = windows.detect([Uphill()], scan, settings, CPU)["probability"]
        assert first == pytest.approx(own[mirrored].max())


def test_windows_without_lung_are_not_asked(tmp_path):
    scan, _ = volume(tmp_path, [], side=96)
    lung = np.zeros_like(scan.lung)
    lung[:4] = 1
    scan.__dict__["lung"] = lung
    heat = windows.answer([Mean()], scan, 64, CPU).heat
    assert heat[:4].min() > 0.05 and heat[-4:].max() == 0


def test_no_centre_lies_far_from_the_lung(tmp_path):
    scan, _ = volume(tmp_path, [((20, 48, 48), 12), ((80, 48, 48), 12)], side=96)
    lung = np.ones_like(scan.lung)
    lung[30:] = 0  # from 60 mm on
    scan.__dict__["lung"] = lung
    near = windows.answer([Mean()], scan, 96, CPU).near
    assert near[:32].all() and not near[33:].any()  # 5 mm beyond, to a voxel
    answer, grid = drawn([((20, 40, 40), 10.0), ((64, 40, 40), 10.0)])
    assert len(windows.peaks(answer, grid, SETTINGS)) == 2
    (peak,) = windows.peaks(answer._replace(near=near[:40, :40, :40]), grid, SETTINGS)
    assert peak["world"] == pytest.approx(grid.to_world((20, 40, 40)), abs=0.2)


def drawn(nodules, side=80, spacing=1.0):
    """The answer that nodules (centre z, y, x; diameter in voxels) call for, and its grid."""
    centres, diameters = zip(*nodules, strict=True)
    marks = Marks(
        np.array(centres, float), np.array(diameters, float), np.zeros((0, 3)), np.zeros(0)
    )
    aim = target((side,) * 3, marks, spacing)
    sizes = np.full(aim[0].shape, 3.0)
    for centre, diameter in nodules:
        index = np.moveaxis(np.indices(sizes.shape), 0, -1) * STRIDE + (STRIDE - 1) / 2
        near = np.linalg.norm(index - centre, axis=-1) <= max(diameter / 2, 5)
        sizes[near] = np.log2(diameter * spacing)
    grid = Geometry.build((5, -7, 100), (spacing,) * 3, np.eye(3), (side,) * 3)
    near = np.ones(sizes.shape, bool)
    return Answer(aim[0] * 0.9, sizes.astype(np.float32), near), grid


@given(st.tuples(*[st.floats(20, 60)] * 3), st.floats(4, 30))
@settings(max_examples=40, deadline=None)
def test_one_nodule_gives_one_peak_at_its_centre(centre, diameter):
    answer, grid = drawn([(centre, diameter)])
    (peak,) = windows.peaks(answer, grid, SETTINGS)
    assert np.linalg.norm(peak["world"] - grid.to_world(centre)) < 0.2
    assert peak["diameter_mm"] == pytest.approx(diameter, rel=0.1)


def test_nodules_that_touch_are_two_and_a_large_one_is_one():
    pair = [((40, 40, 32), 8.0), ((40, 40, 41), 8.0)]
    assert len(windows.peaks(*drawn(pair), SETTINGS)) == 2
    beside_large = [((40, 40, 30), 30.0), ((40, 40, 50), 6.0)]
    assert len(windows.peaks(*drawn(beside_large), SETTINGS)) == 2
    answer, grid = drawn([((40, 40, 40), 30.0)])
    noisy = answer.heat * (1 - 0.3 * np.random.default_rng(0).random(answer.heat.shape))
    found = windows.peaks(answer._replace(heat=noisy.astype(np.float32)), grid, SETTINGS)
    assert len(found) == 1


@pytest.mark.parametrize("spacing", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("diameter", [8.0, 10.0, 14.0])
def test_nodules_that_touch_keep_their_centres_on_any_grid(spacing, diameter):
    """diameter: in voxels. A neighbour's heat does not draw a centre away."""
    centres = np.array([(40, 40, 30), (40, 40, 31 + diameter)])
    answer, grid = drawn([(centre, diameter) for centre in centres], spacing=spacing)
    found = np.array([peak["world"] for peak in windows.peaks(answer, grid, SETTINGS)])
    assert found[np.argsort(found[:, 0])] == pytest.approx(grid.to_world(centres), abs=0.1)


def test_candidates_are_numbered_by_probability():
    answer, grid = drawn([((40, 30, 20), 10.0), ((20, 60, 60), 6.0)])
    answer.heat[:15] *= 0.5  # the first 30 slices, with the second one
    found = windows.tabulate("1.2", windows.peaks(answer, grid, SETTINGS), grid)
    assert list(found["candidate"]) == [1, 2]
    assert list(found["n_slices"]) == [10, 6]
    assert windows.tabulate("1.2", [], grid).empty
