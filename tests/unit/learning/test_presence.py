"""The ResNet50's crops: which are shown, with which label, and what its answers mean."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from helpers.builders import ball, make_stack, nodule_rows
from helpers.settings import CANDIDATES, PRESENCE
from nodules.base import tables
from nodules.base.files import UserError
from nodules.findings.candidate_hits import match
from nodules.findings.matches import with_matches
from nodules.inference import detection
from nodules.inference.candidates import classify_candidates, classify_slices
from nodules.inference.locations import on_slices
from nodules.learning.networks.forward import crop_logits
from nodules.learning.tasks import presence
from nodules.learning.tasks.presence import CropTask, Sources
from nodules.prepare.crops import CropSample, CropSize
from nodules.prepare.views import spots

NODULES = [((5, 30, 20), 6)]
ALARM = ((3, 50, 50), 4)


def found(stack, nodules, places):
    """Tables of a U-Net that answers with balls at `places`."""
    volume = np.zeros(stack.geometry.shape, np.float32)
    for centre, radius in places:
        volume[ball(volume.shape, centre, radius)] = 0.9
    boxes = list(detection.components(volume, stack.geometry, CANDIDATES))
    candidates, masks = detection.tabulate(stack.uid, "unet", boxes)
    truth = nodule_rows(stack, nodules), tables.frame("excluded")
    known = with_matches(candidates, match(candidates, *truth))
    return known, masks, detection.slice_peaks(stack.uid, volume, 0.5)


@pytest.fixture
def stack(tmp_path):
    return make_stack(tmp_path, nodules=NODULES)


@pytest.fixture
def sources(stack):
    x, y, z = stack.geometry.to_world((7, 10, 10))
    rows = [{"seriesuid": stack.uid, "x": x, "y": y, "z": z, "label": k} for k in (0, 1)]
    return Sources(*found(stack, NODULES, [*NODULES, ALARM]), tables.frame("locations", rows))


def test_every_kind_of_crop_is_gathered(stack, sources):
    shown, (alarms, peaks, listed) = presence.gather([stack], sources, PRESENCE.size)
    assert [c.place.z for c in shown] == list(stack.nodule_slices)
    assert all(c.label == 1 for c in shown)
    assert {round(c.place.y) for c in alarms} == {50}
    assert {c.place.z for c in peaks} == set(stack.empty_slices)
    assert [(c.place.z, round(c.place.y)) for c in listed] == [(7, 10)]
    assert not any(c.label for c in [*alarms, *peaks, *listed])


@pytest.mark.parametrize("planes", [3, 9])
def test_planes_go_through_every_kind_of_place(stack, sources, planes):
    settings = replace(PRESENCE, view="planes", planes=planes)
    shown, (alarms, peaks, listed) = presence.gather([stack], sources, settings.size)
    assert [c.place for c in shown] == [(5.0, 30.0, 20.0, n) for n in range(planes)]
    assert {tuple(map(round, c.place[:3])) for c in alarms} == {(3, 50, 50)}
    assert len(alarms) == planes and len(peaks) == planes * len(stack.empty_slices)
    assert [(c.place.z, round(c.place.y), c.place.plane) for c in listed] == [
        (7, 10, n) for n in range(planes)
    ]
    task = CropTask([stack], [stack], settings, 0, 0, sources)
    image, label = task.sample(task.positive[0], np.random.default_rng(0))
    assert image.shape == (3, 32, 32) and image.dtype == np.uint8 and label == 1
    score = task.validate(Brightness(), torch.device("cpu"))
    assert score.metric == 1.0 and score.confidence > 0.6


def test_candidates_slices_and_places_are_asked_on_planes_and_averaged(stack, sources):
    device, size = torch.device("cpu"), CropSize(24, 32, "planes", 3)
    candidates = sources.candidates[tables.columns("candidates")]
    asked = ([Brightness()], stack, candidates, sources.regions)
    classified = classify_candidates(*asked, size, device)
    by_nodule = dict(zip(sources.candidates["nodule"], classified["confidence"], strict=True))
    assert by_nodule[1] > 0.6 > by_nodule[0]
    answered = classify_slices([Brightness()], stack, sources.peaks, size, device)
    assert len(answered) == stack.geometry.shape[0]
    # The U-Net's strongest pixel of slice 5 lies at the nodule's edge, that of the first in none.
    assert answered["confidence"][5] > answered["confidence"][0] + 0.05
    places = stack.geometry.to_world([(5, 30, 20), (7, 10, 10), (5, 30, 900)])
    logits = on_slices([Brightness()], size, device)(stack, places)
    assert logits[0] > logits[1] and np.isnan(logits[2])
    alone = crop_logits(
        [Brightness()],
        [stack],
        [CropSample(0, spot, 0) for spot in spots((5.0, 30.0, 20.0), 3)],
        size,
        device,
    )
    assert logits[0] == pytest.approx(alone.mean(), abs=1e-5)


def test_an_epoch_holds_the_wanted_share_without_nodules(stack, sources):
    task = CropTask([stack], [], replace(PRESENCE, negatives=1.0), 0, 0, sources)
    labels = [c.label for c in task.epoch(1)]
    assert sum(labels) == len(task.positive)
    assert 0 < len(labels) - sum(labels) <= len(task.positive)
    assert task.epoch(1) == task.epoch(1) != task.epoch(2)


def test_training_without_any_nodule_shows_crops_without_one_and_says_so(
    stack, sources, caplog, monkeypatch
):
    monkeypatch.setattr("nodules.learning.tasks.presence.positives", lambda *_: iter(()))
    task = CropTask([stack], [stack], PRESENCE, 0, 0, sources)
    assert "none of the 1 training scans has a nodule" in caplog.text
    assert task.epoch(1) and not any(crop.label for crop in task.epoch(1))


def test_no_crop_without_a_nodule_is_refused(tmp_path, stack, sources):
    empty = make_stack(tmp_path / "empty", "2.25.9")
    with pytest.raises(UserError, match="no crops without a nodule"):
        CropTask([empty], [stack], PRESENCE, 0, 0, sources)


class Brightness(nn.Module):
    """A network that answers with the mean grey level of the crop's middle."""

    def forward(self, x):
        return x[:, 1, 12:20, 12:20].mean((1, 2))[:, None]


def test_candidates_are_asked_on_several_slices_and_averaged(stack, sources):
    candidates = sources.candidates[tables.columns("candidates")]
    asked = ([Brightness()], stack, candidates, sources.regions)
    classified = classify_candidates(*asked, PRESENCE.size, torch.device("cpu"))
    by_nodule = dict(zip(sources.candidates["nodule"], classified["confidence"], strict=True))
    assert by_nodule[1] > 0.6 > by_nodule[0]
    assert np.allclose(classified["confidence"], 1 / (1 + np.exp(-classified["logit"])))


def test_every_slice_gets_a_confidence(stack, sources):
    device = torch.device("cpu")
    answered = classify_slices([Brightness()], stack, sources.peaks, PRESENCE.size, device)
    assert list(answered["slice"]) == list(range(stack.geometry.shape[0]))
    assert np.allclose(answered["confidence"], 1 / (1 + np.exp(-answered["logit"])))


def test_validation_scores_and_draws(stack, sources, tmp_path):
    task = CropTask([stack], [stack], PRESENCE, 0, 0, sources)
    score = task.validate(Brightness(), torch.device("cpu"))
    assert score.metric == 1.0 and score.confidence > 0.6
    task.draw(Brightness(), torch.device("cpu"), tmp_path / "crops.png")
    assert (tmp_path / "crops.png").stat().st_size > 1000


def test_draw_takes_equal_shares_of_each_kind():
    kinds = [list(range(100)), list(range(1000, 1100)), [5000]]
    chosen = presence.draw(kinds, 21, np.random.default_rng(0))
    assert len(chosen) == len(set(chosen)) == 21
    assert sum(c < 1000 for c in chosen) == sum(1000 <= c < 2000 for c in chosen) == 10
