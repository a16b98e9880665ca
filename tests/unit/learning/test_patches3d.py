"""Patches in 3-D: marks stay on what they mark, small nodules count, excluded findings do not."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from helpers.volumes import LUNG, NODULE, volume
from nodules.images.spheres import window
from nodules.learning.networks.unet3d import STRIDE
from nodules.learning.tasks import inserts, patches3d
from nodules.learning.tasks.heat import Marks, heat_loss, target
from nodules.learning.tasks.patches3d import BRIGHT, KINDS, HeatTask, Patch, UNet3DSettings
from nodules.stats.seeds import generator

SETTINGS = UNet3DSettings(
    "unet3d", 1, 2, 1e-3, "warmup", [4, 6, 8], 32, 24, 0.25, 0.25, mined=0.0, pasted=0.0, zoom=0.15
)
NODULES = [((30.0, 40.0, 50.0), 8.0), ((60.0, 50.0, 30.0), 16.0)]


def marks(centres, diameters, beside=(), beside_diameters=()):
    return Marks(
        np.array(centres, float).reshape(-1, 3),
        np.array(diameters, float),
        np.array(beside, float).reshape(-1, 3),
        np.array(beside_diameters, float),
    )


def task(folder, **changed):
    return HeatTask([volume(folder, NODULES)], [], replace(SETTINGS, **changed), 1, 0)


def test_after_every_turn_and_stretch_the_heat_lies_on_the_nodule(tmp_path):
    asked = task(tmp_path)
    for number in range(30):
        grey, aim = asked.sample(Patch(0, 0, number % 2), generator(0, number))
        for place in np.argwhere(aim[0] >= 1):
            middle = tuple(place * STRIDE)
            assert grey[0][middle] > (LUNG + NODULE) / 2


def test_a_small_nodule_weighs_as_much_as_a_large_one():
    aim = target((64,) * 3, marks([(16, 16, 16), (44, 44, 44)], [5, 26]), 1.0)
    centre = aim[0] >= 1
    assert aim[2][:16][centre[:16]].sum() == pytest.approx(1)
    assert aim[2][16:][centre[16:]].sum() == pytest.approx(1)
    assert np.unique(aim[1][centre]) == pytest.approx(np.log2([5, 26]), abs=1e-6)


@pytest.mark.parametrize("centre", [(20.5, 20.5, 20.5), (20, 21, 22), (20.3, 20.9, 21.4)])
def test_the_heat_s_middle_is_the_nodule_s_centre(centre):
    heat = target((48,) * 3, marks([centre], [6]), 1.0)[0]
    index = np.moveaxis(np.indices(heat.shape), 0, -1).reshape(-1, 3)
    middle = np.average(index, axis=0, weights=heat.ravel()) * STRIDE + (STRIDE - 1) / 2
    assert np.abs(middle - centre).max() < 0.3


def test_an_excluded_finding_is_neither_right_nor_wrong():
    aim = target((48,) * 3, marks([], [], [(24, 24, 24)], [12]), 1.0)
    logit = torch.full((1, 2, 24, 24, 24), -9.0)
    logit[0, 0, 11:13, 11:13, 11:13] = 9.0
    targets = torch.from_numpy(aim)[None]
    assert heat_loss(logit, targets) < 0.1
    assert heat_loss(logit.roll(9, 2), targets) > 50


def test_the_loss_is_lowest_for_the_right_answer():
    aim = torch.from_numpy(target((48,) * 3, marks([(20, 20, 20)], [8]), 1.0))[None]
    right = torch.stack([torch.where(aim[:, 0] >= 1, 6.0, -9.0), torch.full_like(aim[:, 0], 3)], 1)
    none, moved = right.clone(), right.roll(6, 2)
    none[:, 0] = -9
    large = right.clone()
    large[:, 1] = 5
    best = heat_loss(right, aim)
    assert all(heat_loss(other, aim) > best + 0.1 for other in (none, moved, large))


def test_an_epoch_shows_each_nodule_as_often_as_any_other(tmp_path):
    shown = task(tmp_path).epoch(1)
    numbers = [patch.nodule for patch in shown if patch.kind == 0]
    assert len(shown) == 24 and sorted(numbers) == [0, 0, 0, 1, 1, 1]
    assert shown == task(tmp_path).epoch(1) != task(tmp_path).epoch(2)


def test_places_lie_in_the_lung_all_over_it_and_on_what_is_bright_if_anything_is(tmp_path):
    scan, truth = volume(tmp_path, [((20.0, 40.0, 50.0), 30.0)])
    lung = np.zeros_like(scan.lung)
    lung[:20, 10:30] = 1  # slices 0 to 39, rows 20 to 59: a tenth of it is the nodule
    scan.__dict__["lung"] = lung
    rng = generator(0)

    def drawn(kind):
        at = [patches3d.place_of(scan, truth, Patch(0, kind, -1), 0, rng) for _ in range(600)]
        return np.array(at).astype(int)

    for kind in (KINDS.index("lung"), KINDS.index("bright")):
        assert lung[tuple(drawn(kind).T // 2)].all()
    places = drawn(KINDS.index("lung"))
    assert places.mean(axis=0) == pytest.approx([20, 40, 48], abs=3)
    assert places.std(axis=0) == pytest.approx(np.array([40, 40, 96]) / 12**0.5, rel=0.1)
    bright = [(scan.array[tuple(drawn(kind).T)] >= BRIGHT).mean() for kind in (1, 2)]
    assert bright[0] > 0.5 and bright[1] == pytest.approx(0.1, abs=0.05)
    lung[:] = 0
    assert (drawn(KINDS.index("lung")) == 0).all()


def test_the_same_sample_comes_again_after_a_kill(tmp_path):
    one, other = (task(tmp_path, pasted=2.0).sample(Patch(0, 1, -1), generator(7)) for _ in "ab")
    assert np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])


def test_pasted_nodules_are_marked_where_they_are(tmp_path):
    asked = HeatTask(
        [volume(tmp_path, NODULES), volume(tmp_path, [], "1.3")],
        [],
        replace(SETTINGS, pasted=3.0, zoom=0.0),
        1,
        0,
    )
    bright = []
    for number in range(20):
        grey, aim = asked.sample(Patch(1, 2, -1), generator(0, number))  # a scan without any
        bright += [grey[0][tuple(c * STRIDE)] > LUNG + 25 for c in np.argwhere(aim[0] >= 1)]
    # A small one's core is wider than itself.
    assert len(bright) > 100 and np.mean(bright) > 0.8


def test_no_nodule_is_pasted_over_another(tmp_path, monkeypatch):
    """What looks like one would have two centres and two diameters."""
    asked = task(tmp_path, pasted=4.0, zoom=0.0)
    pasted, view, paste = [], patches3d.view, inserts.paste

    def viewed(*place):
        shown = view(*place)
        pasted.append((shown[1].centres, []))
        return shown

    def watched(patch, insert, corner):
        pasted[-1][1].append((insert, corner))
        return paste(patch, insert, corner)

    monkeypatch.setattr(patches3d, "view", viewed)
    monkeypatch.setattr(inserts, "paste", watched)
    for number in range(100):
        asked.sample(Patch(0, 0, number % 2), generator(0, number))
    covered = 0
    for centres, inserted in pasted:
        for n, (insert, corner) in enumerate(inserted):
            core = np.zeros((SETTINGS.patch,) * 3, bool)
            core[window(corner, insert.weight.shape)] = insert.weight >= inserts.SEEN
            places = [*centres, *(other_middle(*one) for one in inserted[:n])]
            inside = [p for p in np.rint(places).astype(int) if (p >= 0).all() and (p < 32).all()]
            covered += sum(core[tuple(place)] for place in inside)
    assert sum(len(inserted) for _, inserted in pasted) > 100 and covered == 0


def other_middle(insert, corner):
    return np.argwhere(insert.weight >= inserts.SEEN).mean(axis=0) + corner


def test_without_nodules_an_epoch_is_lung_alone(tmp_path, caplog):
    asked = HeatTask([volume(tmp_path, [])], [], SETTINGS, 1, 0)
    assert "none of the 1 training scans has a nodule" in caplog.text
    assert {patch.kind for patch in asked.epoch(1)} == {1, 2}
    _, aim = asked.sample(Patch(0, 1, -1), generator(1))
    assert not aim[0].any() and not asked.bank


def test_a_copied_nodule_has_the_size_it_says(tmp_path):
    scan, truth = volume(tmp_path, NODULES)
    cut = inserts.cut_out(scan.array, truth.masks[1])
    for number in range(20):
        copy = inserts.varied(cut, 1.0, generator(number))
        assert inserts.DIAMETERS_MM[0] * 0.6 < copy.diameter_mm < inserts.DIAMETERS_MM[1] * 1.3
        patch = np.full((64,) * 3, float(LUNG), np.float32)
        inside, corner = inserts.paste(patch, copy, (5, 6, 7))
        mask = np.zeros(patch.shape, bool)
        mask[window(corner, inside.shape)] = inside
        assert (6 * mask.sum() / np.pi) ** (1 / 3) == pytest.approx(copy.diameter_mm, rel=1e-6)
        assert patch[mask].mean() > 90 and patch[~mask].mean() < 40


def test_noise_has_no_mean_and_the_strength_that_was_drawn():
    grey = np.full((64,) * 3, 128, np.float32)
    spread, means = [], []
    for number in range(40):
        shown = patches3d.noised(grey, generator(1, number)).astype(float)
        spread.append(shown.std())
        means.append(shown.mean() - 128)
    assert 0.3 < np.median(spread) < patches3d.NOISE
    assert np.std(means) == pytest.approx(patches3d.SHIFT, rel=0.4)


def test_two_patches_have_different_noise():
    grey = np.full((32,) * 3, 128, np.float32)
    first, second = (patches3d.noised(grey, generator(2, n)).astype(float) for n in (1, 2))
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05


def test_the_lung_of_a_stretched_cube_is_the_nearest_voxel_of_the_mask(tmp_path):
    scan, _ = volume(tmp_path, NODULES)
    scan = SimpleNamespace(lung=generator(3).random(scan.lung.shape) > 0.5)
    corner, sides = np.array([-4, 3, 7]), np.array([37, 29, 33])
    seen = patches3d.lung_view(scan, corner, sides, (32, 32, 32))
    for z, y, x in generator(4).integers(32, size=(200, 3)):
        place = np.floor(corner + (np.array([z, y, x]) + 0.5) * sides / 32).astype(int)
        coarse = tuple(place // patches3d.LUNG_STEP)
        inside = all(0 <= c < n for c, n in zip(coarse, scan.lung.shape, strict=True))
        assert seen[z, y, x] == (inside and scan.lung[coarse])
