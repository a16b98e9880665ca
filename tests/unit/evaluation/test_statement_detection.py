"""Whether the second stage helps is said as the paired difference has it."""

from typing import Any

import pytest

from nodules.evaluation.statements import detection


def summary(low: float | None, high: float | None, scans: int = 36) -> dict[str, Any]:
    score = {"cpm": 0.7, "n_scans": scans, "n_nodules": 92}
    pair = "unet_resnet_minus_unet"
    return {
        "systems": {key: {"out_of_fold": score, "test": score} for key in ("unet", "unet_resnet")},
        "differences": {pair: {"out_of_fold": {"value": 0.01, "low": low, "high": high}}},
    }


@pytest.mark.parametrize(
    ("low", "high", "scans", "said"),
    [
        (0.01, 0.05, 36, "the second stage (ResNet50) helps detection."),
        (-0.05, -0.01, 36, "the second stage (ResNet50) makes detection worse."),
        (-0.05, 0.02, 36, "neither that the second stage (ResNet50) helps detection nor"),
        (None, None, 36, "Whether the second stage (ResNet50) helps cannot be said"),
        (0.01, 0.05, 4, "too few data to say whether the second stage (ResNet50) helps"),
    ],
)
def test_the_paired_difference_decides(
    low: float | None, high: float | None, scans: int, said: str
) -> None:
    text = detection.write(summary(low, high, scans))
    assert said in text
    assert "On the cross-validation scans (n = " in text
    assert ("no interval" in text) == (low is None)


def test_one_nodule_is_not_several() -> None:
    found = summary(None, None)
    for sets in found["systems"].values():
        sets["out_of_fold"] = sets["out_of_fold"] | {"n_nodules": 1}
    assert "(n = 36, with 1 nodule)" in detection.write(found)


def test_without_a_second_stage_nothing_is_said() -> None:
    assert detection.write({"systems": {}, "differences": {}}) == ""


def test_without_a_nodule_no_cpm_is_defined() -> None:
    found = summary(None, None)
    for sets in found["systems"].values():
        sets["out_of_fold"] = sets["out_of_fold"] | {"cpm": None}
    assert "no CPM is defined" in detection.write(found)


def test_only_pairs_that_differ_by_the_second_stage_are_spoken_of() -> None:
    pairs = {pair.key for pair in detection.SECOND_STAGES}
    assert {"unet_resnet_minus_unet", "unet3d_reduction_minus_unet3d"} <= pairs
    assert "unet_minus_maskrcnn" not in pairs
