"""Every listed location is judged or told apart, in its order, by whatever can judge a place."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from helpers.builders import make_stack
from nodules.base import tables
from nodules.base.files import write_array
from nodules.images.geometry import Geometry
from nodules.inference.locations import (
    OUTSIDE_SCAN,
    OUTSIDE_STORED,
    classify_locations,
    on_slices,
    places_through,
)
from nodules.learning.machine import GREY_MEAN, GREY_SPREAD
from nodules.prepare.crops import CropSize, place_at
from nodules.stats.logits import sigmoid

CPU = torch.device("cpu")
SIZE = CropSize(mm=16, px=16)
# Around the stored slices of `make_stack`: x -30 to 33, y -40 to 23, z 100 to 118 mm.
SCAN = Geometry.build((-60, -60, 80), (1, 1, 2), np.eye(3), (30, 120, 120))


class Grey(nn.Module):
    """Answers with the mean of the middle slice of a crop, times a factor."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x[:, 1].mean((1, 2))[:, None]


def logit_of(*slices):
    """What `Grey` says of slice z, whose pixels are all 10 z; the mean over some slices."""
    return np.mean([(10 * z / 255 - GREY_MEAN) / GREY_SPREAD for z in slices])


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Ten slices 2 mm apart, all pixels of slice z being 10 z."""
    made = make_stack(tmp_path_factory.mktemp("scan"))
    grey = 10 * np.arange(10, dtype=np.uint8)[:, None, None]
    write_array(made.array_path, np.tile(grey, (1, 64, 64)))
    return made


def listed(points):
    rows = [{"seriesuid": "2.25.1", "x": x, "y": y, "z": z, "label": 0} for x, y, z in points]
    return tables.frame("locations", rows)


def judged(stack, points, ask=None):
    ask = ask or on_slices([Grey()], SIZE, CPU)
    return classify_locations(ask, stack, listed(points), SCAN)


def test_a_location_is_judged_by_the_mean_logit_of_its_slice_and_those_2_mm_away(stack):
    # On slice 4; 0.4 slices above it; on the first and the last slice, which have one neighbour.
    found = judged(stack, [(0, 0, 108), (0, 0, 108.8), (0, 0, 100), (0, 0, 118)])
    by_hand = [logit_of(3, 4, 5), logit_of(3, 4, 5), logit_of(0, 1), logit_of(8, 9)]
    assert found["logit"].to_numpy() == pytest.approx(by_hand, abs=1e-5)
    assert found["probability"].to_numpy() == pytest.approx(sigmoid(np.array(by_hand)), abs=1e-5)
    assert list(found["location"]) == [1, 2, 3, 4]
    assert set(found["reason"]) == {""}


def test_several_networks_answer_with_the_mean_of_their_logits(stack):
    ask = on_slices([Grey(), Grey(3.0)], SIZE, CPU)
    assert judged(stack, [(0, 0, 108)], ask)["logit"][0] == pytest.approx(2 * logit_of(4), abs=1e-5)


def test_what_lies_outside_keeps_its_row_and_says_why(stack):
    found = judged(stack, [(0, 0, 99), (0, 0, 90), (-50, 0, 108), (0, 0, 1e6), (0, 0, 108)])
    reasons = ["", OUTSIDE_STORED, OUTSIDE_STORED, OUTSIDE_SCAN, ""]
    assert list(found["reason"]) == reasons
    assert list(found["probability"] == 0) == [bool(reason) for reason in reasons]
    assert list(found["logit"].isna()) == [bool(reason) for reason in reasons]


def test_a_scan_without_locations_has_an_empty_table(stack):
    assert judged(stack, []).empty


def test_slices_far_apart_show_a_place_once(tmp_path):
    grid = Geometry.build((0, 0, 0), (1, 1, 5), np.eye(3), (6, 20, 20))
    places, owner = places_through(grid, np.array([[5.0, 6.0, 10.0], [5.0, 6.0, 100.0]]))
    assert (places, list(owner)) == ([(2, 6.0, 5.0)], [0])


def test_the_place_itself_is_that_of_training():
    grid = Geometry.build((3, 1, -7), (0.7, 0.7, 1.25), np.eye(3), (40, 50, 60))
    points = grid.to_world(np.random.default_rng(0).uniform((0, 0, 0), (39, 49, 59), (50, 3)))
    places, owner = places_through(grid, points)
    for number, point in enumerate(points):
        own = [place for place, of in zip(places, owner, strict=True) if of == number]
        assert place_at(grid, tuple(point)) in [pytest.approx(place) for place in own]
        assert len({place.z for place in own}) == len(own) <= 3


numbers = st.floats(-200, 300, allow_nan=False)
far = st.sampled_from([0.0, 99.0, 119.0, 1e9, -1e9])
coordinate = numbers | far


@given(st.lists(st.tuples(coordinate, coordinate, coordinate), max_size=20))
def test_a_row_per_location_whatever_its_place_in_the_order_of_the_list(stack, points):
    asked = []

    def ask(scan, places):
        """Another kind of classifier: knows where it looks, and not how."""
        asked.extend(map(tuple, places.tolist()))
        return np.where(scan.geometry.encloses(places), places[:, 0] - places[:, 2], np.nan)

    found = judged(stack, points, ask)
    assert found[["x", "y", "z"]].to_numpy().tolist() == [list(point) for point in points]
    assert list(found["location"]) == list(range(1, len(points) + 1))
    assert asked == [point for point in points if SCAN.encloses(point)]
    told = found["reason"] != ""
    assert list(found["logit"].isna()) == list(told)
    assert found["probability"].between(0, 1).all() and (found["probability"][told] == 0).all()
    known = found[~told]
    assert known["logit"].to_numpy() == pytest.approx((known["x"] - known["z"]).to_numpy())


@given(st.lists(st.tuples(*[st.floats(-60, 130)] * 3), min_size=1, max_size=6))
def test_no_location_changes_what_is_said_of_another(stack, points):
    together = judged(stack, points)
    alone = [judged(stack, [point]).iloc[0] for point in points]
    for name in ("probability", "logit"):
        one_by_one = [row[name] for row in alone]
        assert together[name].to_numpy() == pytest.approx(one_by_one, abs=1e-5, nan_ok=True)
