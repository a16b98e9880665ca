"""The malignancy ResNet50's nodules: how they are shown, balanced, answered and kept apart."""

import os
import signal
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from helpers.builders import make_stack, nodule_rows
from helpers.settings import MALIGNANCY
from nodules.base import tables
from nodules.base.files import UserError
from nodules.datasets import folds
from nodules.inference.malignancy import classify
from nodules.learning.loop import train
from nodules.learning.networks import bundle
from nodules.learning.networks.weights import weights_sha256
from nodules.learning.state import Plan
from nodules.learning.tasks.malignancy import NoduleTask, divide, drawn
from nodules.prepare.nodules import gather

SETTINGS = replace(MALIGNANCY, epochs=6, batch=8, learning_rate=0.01, schedule="constant")
CPU = torch.device("cpu")


def labels_of(stack, nodules, labels, ratings=None):
    """Table `malignancy_labels` of a scan made by `make_stack`."""
    rated = [{1: 5.0, 0: 1.0, -1: 3.0}[k] for k in labels] if ratings is None else ratings
    rows = nodule_rows(stack, nodules).assign(
        readers=4, ratings=[[1]] * len(labels), rating=rated, label=labels, reason=""
    )
    return tables.frame("malignancy_labels", rows)


def division(fold_of, patients=None):
    """Table `folds` of some scans."""
    rows = [
        {"seriesuid": uid, "patient": (patients or {}).get(uid, uid), "subset": 0}
        | {"n_nodules": 1, "fold": fold}
        for uid, fold in fold_of.items()
    ]
    return tables.frame("folds", rows)


def labels(*rows):
    """Table `malignancy_labels` from (scan, label)."""
    point = {"x": 0.0, "y": 0.0, "z": 0.0, "diameter_mm": 6.0, "readers": 4, "ratings": [1]}
    point |= {"rating": 1.0, "reason": "", "nodule": 1}
    given = [point | {"seriesuid": uid, "label": label} for uid, label in rows]
    return tables.frame("malignancy_labels", given)


# Which nodules a fold learns from


def test_a_fold_learns_from_labelled_nodules_of_other_folds_alone():
    table = division({"a": 0, "b": 0, "c": 1, "d": 1, "e": 1, "t": -1})
    found = labels(("a", 1), ("b", 0), ("c", 1), ("d", 0), ("e", -1), ("t", 1))
    training, left_out = divide(found, table, 0)
    assert list(training["seriesuid"]) == ["c", "d"]
    assert list(left_out["seriesuid"]) == ["a", "b"]


def test_a_patient_is_on_one_side_only_under_every_scheme():
    """Folds that LUNA16 itself mixes up: the patient's other scan is trained on by nobody."""
    table = division({"a": 0, "b": 1, "c": 1, "d": 1}, {"a": "p", "b": "p"}).assign(
        subset=[0, 1, 1, 1]
    )
    training, left_out = divide(labels(("a", 1), ("b", 1), ("c", 1), ("d", 0)), table, 0)
    assert "b" not in set(training["seriesuid"])
    patients = table.set_index("seriesuid")["patient"]
    assert not set(patients[training["seriesuid"]]) & set(patients[left_out["seriesuid"]])


def test_a_patient_on_both_sides_is_refused(monkeypatch):
    """Also where the splitting itself were wrong: the labels are checked by their own patients."""
    table = division({"a": 0, "b": 1, "c": 1}, {"a": "p", "b": "p"})
    found = labels(("a", 1), ("b", 1), ("c", 0))
    with pytest.raises(UserError, match="patient p"):
        divide(found, table, 0)
    monkeypatch.setattr(folds, "split", lambda *_: (["b", "c"], ["a"]))
    with pytest.raises(UserError, match="nodules of patient p are on two sides"):
        divide(found, table, 0)


def test_a_patient_of_the_test_is_not_trained_on(monkeypatch):
    table = division({"a": 0, "b": 1, "c": 1, "t": -1}, {"b": "p", "t": "p"})
    monkeypatch.setattr(folds, "split", lambda *_: (["b", "c"], ["a"]))
    with pytest.raises(UserError, match="patient p"):
        divide(labels(("b", 1), ("c", 0)), table, 0)


def test_one_class_alone_is_told_with_a_remedy_and_is_no_error(caplog):
    table = division({"a": 0, "b": 1})
    training, _ = divide(labels(("a", 0), ("b", 1)), table, 0)
    assert list(training["label"]) == [1]
    assert "1 malignant and 0 benign" in caplog.text and "malignancy.benign" in caplog.text


# How a nodule is shown


CUBES = replace(
    SETTINGS, network="reducer3d", px=16, view="cubes", widths=(2, 4), augment=False, epochs=2
)


def test_a_network_in_3d_is_shown_a_cube_and_its_mirrored_views(tmp_path):
    nodules = [((10, 30, 20), 9)]
    stack = make_stack(tmp_path, shape=(20, 64, 64), nodules=nodules)
    (nodule,) = gather([stack], labels_of(stack, nodules, [1]), 3, "cubes")
    assert [tuple(place) for place in nodule.places] == [(10.0, 30.0, 20.0, k) for k in range(3)]
    told = labels_of(stack, nodules, [1])
    task = NoduleTask([stack], [], CUBES, 0, 0, (told, told.iloc[:0]))
    cube, label = task.sample(task.epoch(1)[0], np.random.default_rng(0))
    # A ball of 9 mm in a cube of 24 mm and 16 voxels, but for a little of it that was off.
    assert cube.shape == (1, 16, 16, 16) and label == 1
    assert (cube > 150).mean() == pytest.approx(4 / 3 * np.pi * 9**3 / 24**3, rel=0.15)
    lost = tables.frame("malignancy_labels", told.assign(nodule=7))  # of which no mask was drawn
    (nodule,) = gather([stack], lost, 2, "cubes")
    assert [place.turn for place in nodule.places] == [0, 1]
    assert nodule.places[0][:3] == pytest.approx((10, 30, 20))


def test_cubes_are_trained_on_judged_and_drawn_and_a_killed_training_goes_on(tmp_path):
    nodules = [((4, 30, 20), 6), ((14, 30, 40), 6)]
    stack = make_stack(tmp_path, shape=(20, 64, 64), nodules=nodules)
    sides = (labels_of(stack, nodules, [1, 0]),) * 2
    settings = replace(CUBES, batch=2, augment=True)

    def trained(folder, task):
        network = bundle.architecture("reducer3d").build({"widths": [2, 4]}, 3)
        plan = Plan("malignancy_cubes", 0, 2, 2, 0.01, "cosine", 1, tmp_path / folder, "print")
        return network, train(network, task, plan, CPU), weights_sha256(network)

    def task():
        return NoduleTask([stack], [stack], settings, 1, 0, sides)

    assert settings.model == "malignancy_cubes" and SETTINGS.model == "malignancy"
    network, history, whole = trained("whole", task())
    assert np.isfinite(history["val_loss"]).all()
    assert (tmp_path / "whole/overlays/epoch_02.png").stat().st_size > 1000
    with pytest.raises(SystemExit):
        trained("cut", StopAfter(task(), 2))
    assert trained("cut", task())[2] == whole
    asked = gather([stack], sides[0], 3, "cubes")
    scores = classify([network.eval()], [stack], asked, settings.size, CPU)
    assert list(scores["system"]) == ["cubes"] * 2 and scores["probability"].between(0, 1).all()


class StopAfter:
    """A task that sends this process a signal after some batches."""

    def __init__(self, task, batches):
        self.task, self.left = task, batches

    def __getattr__(self, name):
        return getattr(self.task, name)

    def loss(self, network, inputs, targets):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return self.task.loss(network, inputs, targets)


def test_crops_go_evenly_through_the_mask(tmp_path):
    nodules = [((10, 30, 20), 9)]  # slices 6 to 14, 2 mm apart
    stack = make_stack(tmp_path, shape=(20, 64, 64), nodules=nodules)
    (nodule,) = gather([stack], labels_of(stack, nodules, [1]), 3)
    assert [p.z for p in nodule.places] == [7, 10, 13]
    assert all((p.y, p.x) == pytest.approx((30, 20)) for p in nodule.places)
    assert {c.label for c in nodule.crops()} == {1}


def test_a_nodule_of_few_slices_still_weighs_as_much(tmp_path):
    nodules = [((5, 30, 20), 1)]
    stack = make_stack(tmp_path, nodules=nodules)
    (nodule,) = gather([stack], labels_of(stack, nodules, [0]), 3)
    assert [p.z for p in nodule.places] == [5, 5, 5]


def test_a_nodule_without_the_readers_mask_is_shown_by_its_sphere(tmp_path):
    nodules = [((5, 30, 20), 4)]
    stack = make_stack(tmp_path, nodules=nodules, kind="sphere")
    stack.kind = "readers"
    (nodule,) = gather([stack], labels_of(stack, nodules, [0]), 1)
    assert nodule.places == ((5, 30, 20),)


def test_a_nodule_without_any_mask_is_shown_at_its_centre(tmp_path):
    stack = make_stack(tmp_path, nodules=[])
    (nodule,) = gather([stack], labels_of(stack, [((4, 30, 20), 4)], [0]), 2)
    assert np.allclose(nodule.places, [(4, 30, 20)] * 2)


# Classes of unlike size

SIX = [((5, y, x), 3) for y in (15, 45) for x in (12, 32, 52)]


@pytest.fixture
def six(tmp_path):
    """A scan of six nodules: two malignant, four benign."""
    stack = make_stack(tmp_path, nodules=SIX)
    return stack, labels_of(stack, SIX, [1, 0, 0, 1, 0, 0])


def task_of(six, **changes):
    stack, table = six
    return NoduleTask([stack], [stack], replace(SETTINGS, **changes), 0, 0, (table, table))


def test_sampling_shows_both_classes_equally_often(six):
    task = task_of(six)
    crops = task.epoch(1)
    assert [sum(c.label == k for c in crops) for k in (0, 1)] == [12, 12]
    assert {c.place for c in crops} == {p for n in task.shown for p in n.places}
    assert task.epoch(1) == crops != task.epoch(2)


def test_weighting_shows_each_nodule_once_and_balances_the_loss(six):
    task = task_of(six, balance="weight")
    crops = task.epoch(1)
    assert len(crops) == 18
    weight = [sum(task.weights[c.label] for c in crops if c.label == k) for k in (0, 1)]
    assert weight[0] == pytest.approx(weight[1]) == pytest.approx(9)
    inputs, targets = torch.zeros(2, 3, 8, 8), torch.tensor([0.0, 1.0])
    loss = task.loss(Constant(1.0), inputs, targets)
    benign, malignant = np.log(1 + np.exp(1)), np.log(1 + np.exp(-1))
    assert float(loss) == pytest.approx((0.75 * benign + 1.5 * malignant) / 2)


def test_without_balance_nothing_is_done(six):
    task = task_of(six, balance="none")
    assert len(task.epoch(1)) == 18
    assert task.weights == [1, 1]


@pytest.mark.parametrize("balance", ["sample", "weight", "none"])
def test_repeating_shows_every_nodule_as_often(six, balance):
    once, thrice = (task_of(six, balance=balance, repeat=n).epoch(1) for n in (1, 3))
    assert len(thrice) == 3 * len(once)
    assert set(thrice) == set(once)
    for label in (0, 1):
        counts = Counter(crop for crop in thrice if crop.label == label).values()
        assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("balance", ["sample", "weight", "none"])
@pytest.mark.parametrize("known", [[1, 1, 1], [0, 0, -1], [-1, -1, -1]])
def test_one_class_or_none_can_still_be_shown(tmp_path, balance, known):
    nodules = [((8, 30, 20), 6), ((8, 30, 45), 6), ((14, 50, 30), 4)]
    stack = make_stack(tmp_path, shape=(20, 64, 64), nodules=nodules)
    table = labels_of(stack, nodules, known)
    table = table[table["label"] >= 0]
    task = NoduleTask([stack], [stack], replace(SETTINGS, balance=balance), 0, 0, (table, table))
    assert len(task.epoch(1)) == len(table) * SETTINGS.crops_per_nodule
    assert np.isfinite(task.weights).all()


def test_a_draw_repeats_none_before_all_have_come():
    chosen = drawn(list(range(5)), 13, np.random.default_rng(0))
    assert sorted(np.bincount(chosen)) == [2, 2, 3, 3, 3]


# What the network answers


class Constant(nn.Module):
    """A network that answers the same on every crop."""

    def __init__(self, logit):
        super().__init__()
        self.logit = logit

    def forward(self, x):
        return torch.full((len(x), 1), self.logit)


class Brightness(nn.Module):
    """A network that answers with the mean grey level of the crop."""

    def forward(self, x):
        return x.mean((1, 2, 3))[:, None]


def answers(networks, stack, nodules, count=3):
    """Table `malignancy_scores` of a scan's nodules, shown by `count` crops each."""
    return classify(networks, [stack], gather([stack], nodules, count), SETTINGS.size, CPU)


def test_a_nodule_has_one_answer_from_each_network(six):
    stack, table = six
    found = answers([Constant(1.0), Constant(-2.0)], stack, table)
    assert list(found["member"]) == [0] * 6 + [1] * 6
    assert list(found["nodule"]) == [*range(1, 7)] * 2
    assert np.allclose(found["probability"], 1 / (1 + np.exp(-found["logit"])))
    assert set(found["logit"]) == {1.0, -2.0}


def test_the_answer_is_the_mean_over_the_crops(tmp_path):
    nodules = [((5, 32, 32), 8)]
    stack = make_stack(tmp_path, nodules=nodules)
    table = labels_of(stack, nodules, [1])

    def logit(count):
        return answers([Brightness()], stack, table, count)["logit"].iloc[0]

    # 7 slices 2 to 8, all shown; of 1 the middle one, where the bright ball is largest.
    assert logit(7) < logit(1)


def test_nodules_are_answered_whatever_readers_said_of_them(six):
    stack, _ = six
    found = answers([Constant(0.0)], stack, nodule_rows(stack, SIX))
    assert list(found["nodule"]) == [1, 2, 3, 4, 5, 6]


def test_scans_without_nodules_give_no_rows(six):
    stack, table = six
    other = table.assign(seriesuid="2.25.99")
    assert answers([Constant(0.0)], stack, other).empty


def test_validation_counts_nodules_and_draws_them(six, tmp_path):
    task = task_of(six)
    score = task.validate(Constant(1.0), CPU)
    assert score.metric == 0.5
    assert score.confidence == pytest.approx(1 / (1 + np.exp(-1)))
    task.draw(Constant(1.0), CPU, tmp_path / "nodules.png")
    assert (tmp_path / "nodules.png").stat().st_size > 1000


def test_nothing_left_out_is_no_error(six):
    stack, table = six
    task = NoduleTask([stack], [], SETTINGS, 0, 0, (table, table.iloc[:0]))
    assert np.isnan(task.validate(Constant(1.0), CPU).metric)


# Learning


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Twelve scans with a large malignant and two small benign nodules each; half left out."""
    folder = tmp_path_factory.mktemp("stacks")
    nodules = [((6, 20, 20), 8), ((6, 46, 46), 3), ((6, 20, 46), 3)]
    stacks = [make_stack(folder, f"2.25.{i}", (12, 64, 64), nodules, seed=i) for i in range(12)]
    table = pd.concat([labels_of(s, nodules, [1, 0, 0]) for s in stacks], ignore_index=True)
    return stacks, table


def small_network():
    """In the ResNet50's place, which would take a minute."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 8, 5, stride=2), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 1))


def left_out_auc(scans, table, folder):
    stacks, _ = scans
    halves = stacks[::2], stacks[1::2]
    sides = tuple(table[table["seriesuid"].isin([s.uid for s in half])] for half in halves)
    task = NoduleTask(*halves, SETTINGS, 3, 0, sides)
    plan = Plan("malignancy", 0, 6, 8, 0.01, "constant", 3, folder, "", member=2)
    history = train(small_network(), task, plan, CPU)
    assert set(history["member"]) == {2}
    return history["val_metric"].iloc[-1]


def test_what_tells_the_classes_apart_is_learned(scans, tmp_path):
    assert left_out_auc(scans, scans[1], tmp_path) > 0.95


def test_shuffled_labels_fall_to_chance(scans, tmp_path):
    order = np.random.default_rng(5).permutation(len(scans[1]))
    table = scans[1].assign(label=scans[1]["label"].to_numpy()[order])
    # Standard error of the AUC of a guess over 18 left-out nodules, a third of them malignant.
    error = np.sqrt(19 / (12 * 6 * 12))
    assert abs(left_out_auc(scans, table, tmp_path) - 0.5) < 2.6 * error < 0.4
