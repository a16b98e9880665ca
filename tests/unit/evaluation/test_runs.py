"""Which systems a run has: its detectors, one second stage behind the first, Mask R-CNN."""

import pytest

from nodules.evaluation import names, runs

UNET, BOTH = ["unet"], ["presence", "malignancy"]


def test_a_run_has_the_systems_that_its_tasks_give() -> None:
    assert runs.of_run(UNET, BOTH, True) == ["unet", "unet_resnet", "maskrcnn"]
    assert runs.of_run(UNET, ["malignancy"], True) == ["unet", "maskrcnn"]
    assert runs.of_run(UNET, ["presence"], False) == ["unet", "unet_resnet"]


def test_the_second_stage_is_behind_the_first_detector_alone() -> None:
    chosen = ["transformer", "unet"]
    assert runs.of_run(chosen, BOTH, False) == ["transformer", "transformer_resnet", "unet"]
    systems = runs.of_run(names.DETECTORS, ["presence"], True)
    assert [key for key in systems if names.SYSTEMS[key].needs == "presence"] == ["unet_resnet"]
    assert systems[-1] == "maskrcnn" and set(names.DETECTORS) < set(systems)


@pytest.mark.parametrize("first", names.DETECTORS)
def test_the_first_detector_is_known_from_the_systems(first: str) -> None:
    others = [key for key in names.DETECTORS if key != first]
    for tasks in (BOTH, ["malignancy"]):
        assert runs.first_detector(runs.of_run([first, *others], tasks, True)) == first


def test_regions_are_those_of_every_network_that_draws() -> None:
    assert list(runs.regions_of(["unet", "unet_resnet"])) == ["unet"]
    assert list(runs.regions_of(["unet", "maskrcnn"])) == ["unet", "maskrcnn"]
    shown = runs.regions_of(runs.of_run(["transformer"], BOTH, False))
    assert shown == {"transformer": "results/detection/transformer/{part}/regions.parquet"}


def test_two_systems_with_a_confidence_for_each_slice_are_compared_so() -> None:
    pair = runs.beside(runs.of_run(["attention_unet", "unet"], ["presence"], True))
    assert pair and pair.keys == ("attention_unet_resnet", "maskrcnn")
    assert runs.beside(runs.of_run(names.DETECTORS, ["presence"], False)) is None


def test_steps_are_the_jobs_of_networks_that_detect() -> None:
    systems = runs.of_run(["unet", "transformer"], BOTH, True)
    steps = runs.steps(systems, ["fold_0", "test"])
    assert steps["classify_candidates/test.tsv"] == ("presence", "inference", "test")
    assert steps["train_maskrcnn/fold_0.tsv"] == ("maskrcnn", "training", "fold_0")
    job = "train_segmenter/transformer_fold_0.tsv"
    assert steps[job] == ("transformer", "training", "fold_0")
    # Nothing is trained on the test, and malignancy detects nothing.
    assert len(steps) == 4 * 3 and not any("malignancy" in file for file in steps)


def test_a_text_follows_the_first_detector_once() -> None:
    text = f"{names.RESNET} on the {names.UNET}'s candidates"
    assert runs.following(text, "unet") == text
    once = runs.following(text, "attention_unet")
    assert once == f"{names.RESNET} on the {names.ATTENTION}'s candidates"
    assert runs.following(once, "attention_unet") == once


def test_the_headline_is_of_two_stages_where_there_are_some() -> None:
    assert runs.headline(["unet", "unet_resnet", "maskrcnn"]) == "unet_resnet"
    both = ["unet", "unet_resnet", "unet3d", "unet3d_reduction", "maskrcnn"]
    assert runs.headline(both) == "unet3d_reduction"
    assert runs.headline(["unet", "maskrcnn"]) == "unet"


def test_a_small_mask_rcnn_is_called_a_baseline() -> None:
    assert runs.is_small({"backbone": "resnet18"}) and not runs.is_small({"backbone": "resnet50"})
    text = f"CPM of {names.MASKRCNN}"
    assert runs.labelled(text, small=True) == f"{text} (small baseline)"
    assert runs.labelled(text, small=False) == text
