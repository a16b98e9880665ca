"""The spread of numbers over seeds."""

import numpy as np
import pytest

from helpers.example_results import number
from nodules.base import tables
from nodules.evaluation import seeds


def test_spread_by_hand() -> None:
    metrics = {
        seed: tables.frame("metrics", [number("cpm", "unet", value=value), *more])
        for seed, value, more in (
            (31, 0.5, [number("dice", "unet", value=0.7)]),
            (32, 0.7, [number("dice", "unet", value=float("nan"))]),
        )
    }
    cpm, dice = seeds.spread(metrics).to_dict("records")
    assert (cpm["measure"], cpm["seeds"], cpm["least"], cpm["greatest"]) == ("cpm", 2, 0.5, 0.7)
    assert (cpm["mean"], cpm["sd"]) == pytest.approx((0.6, 0.02**0.5))
    assert dice["seeds"] == 1 and dice["mean"] == 0.7 and np.isnan(dice["sd"])
