"""Outlines of one nodule find each other, and the reference nodule that they mean."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodules.datasets import lidc, outlines

# The series of the two real scans; nothing of them but their nodules' places is needed here.
COLUMNS = ["seriesuid", "x", "y", "z", "diameter_mm"]


def ring(centre, radius=4.0, slices=3, step=1.25, corners=40):
    """Corners (n, 3) of a reader's outlines of a round nodule, in mm."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    circle = radius * np.column_stack([np.cos(angle), np.sin(angle), np.zeros(corners)])
    depth = (np.arange(slices) - (slices - 1) / 2) * step
    return np.concatenate([circle + centre + (0, 0, z) for z in depth])


def nodules(*rows):
    """Table of nodules from (x, y, z, diameter)."""
    table = pd.DataFrame(rows, columns=["x", "y", "z", "diameter_mm"])
    return table.assign(nodule=np.arange(1, len(rows) + 1), seriesuid="1.2")


def test_outlines_of_one_nodule_join_and_those_of_another_do_not():
    points = [ring((0, 0, 0)), ring((30, 0, 0)), ring((0.5, 0, 0), 5), ring((30, 1, 0))]
    np.testing.assert_array_equal(outlines.cluster(points), [0, 1, 0, 1])


def test_readers_who_drew_different_slices_join_within_the_tolerance():
    below, above = ring((0, 0, 0), slices=1), ring((0, 0, 2.0), slices=1)
    assert len(set(outlines.cluster([below, above]))) == 1
    assert len(set(outlines.cluster([below, above], tolerance_mm=1.9))) == 2


def test_more_than_four_outlines_are_split_where_they_are_farther_apart():
    """Two nodules 1 mm apart, four readers each: one group at 2.5 mm, two at less than 1 mm."""
    left = [ring((0.01 * k, 0, 0)) for k in range(4)]
    right = [ring((9.0 + 0.01 * k, 0, 0)) for k in range(4)]
    np.testing.assert_array_equal(outlines.cluster(left + right), [0] * 4 + [1] * 4)


def test_crossing_outlines_of_two_nodules_are_split_by_their_centres():
    left = [ring((0, 0.1 * k, 0)) for k in range(4)]
    right = [ring((7, 0.1 * k, 0)) for k in range(3)]
    np.testing.assert_array_equal(outlines.cluster(left + right), [0] * 4 + [1] * 3)


@given(st.permutations(range(6)), st.tuples(*[st.floats(-200, 200)] * 3))
def test_clusters_depend_on_neither_order_nor_place(order, shift):
    points = [ring((x, 0, 0)) + shift for x in (0, 0.5, 40, 41, 80, 80.2)]
    labels = outlines.cluster([points[i] for i in order])
    same = labels[:, None] == labels[None]
    group = np.array(order) // 2
    np.testing.assert_array_equal(same, group[:, None] == group[None])


def test_no_outlines_are_no_clusters():
    assert len(outlines.cluster([])) == 0


def test_outlines_go_to_the_reference_nodule_at_their_centre_and_others_to_none():
    points = [ring((0, 0, 0)), ring((0.4, 0, 0)), ring((60, 0, 0)), ring((100, 0, 0))]
    centres = np.array([p.mean(axis=0) for p in points])
    owner = outlines.link(points, centres, nodules((61, 0, 0, 8), (0.2, 0, 0, 8)))
    np.testing.assert_array_equal(owner, [2, 2, 1, 0])


def test_two_reference_nodules_in_one_cluster_share_its_outlines():
    points = [ring((0, 0, 0)), ring((8.5, 0, 0)), ring((0.2, 0, 0)), ring((8.3, 0, 0))]
    centres = np.array([p.mean(axis=0) for p in points])
    owner = outlines.link(points, centres, nodules((0, 0, 0, 8), (8.4, 0, 0, 8)))
    np.testing.assert_array_equal(owner, [1, 2, 1, 2])


def test_a_reference_nodule_without_an_outline_near_it_gets_none():
    points = [ring((0, 0, 0))]
    owner = outlines.link(points, np.zeros((1, 3)), nodules((0, 0, 5, 6)))
    np.testing.assert_array_equal(owner, [0])
    assert outlines.link([], np.zeros((0, 3)), nodules((0, 0, 5, 6))).size == 0


@pytest.mark.parametrize("turn", [1, -1])
def test_nodules_are_matched_without_knowing_the_images_origin(turn):
    """Any offset in the plane, and an image turned by half, give the same match."""
    rng = np.random.default_rng(5)
    found = pd.DataFrame(
        {
            "seriesuid": "1.2",
            "readers": [4, 3, 4, 1, 2],
            "diameter_mm": [8.0, 8.2, 20, 8.1, 5],
            "column_mm": rng.uniform(50, 250, 5),
            "row_mm": rng.uniform(50, 250, 5),
            "z": [-100.0, -99, -40, -100, -98],
            "slice_mm": 2.5,
        },
        index=[10, 11, 12, 13, 14],
    )
    wanted = found.loc[[12, 10, 11]].assign(
        x=lambda t: turn * t["column_mm"] - 77, y=lambda t: turn * t["row_mm"] + 31
    )[COLUMNS]
    wanted.index = [0, 1, 2]
    assert outlines.match(found, wanted).tolist() == [12, 10, 11]
    elsewhere = wanted.assign(z=wanted["z"] + 300)
    assert outlines.match(found, elsewhere).tolist() == [-1, -1, -1]
    assert outlines.match(found, wanted.assign(seriesuid="1.3")).tolist() == [-1, -1, -1]


@pytest.mark.real
def test_every_reference_nodule_of_luna16_finds_its_readers(shared_data):
    """All 1186, each by three or four readers as LUNA16 demands, within 2.5 mm in z."""
    wanted = pd.read_csv(shared_data / "data/luna16/annotations.csv")
    wanted.columns = COLUMNS
    found = lidc.nodule_positions(set(wanted["seriesuid"]))
    chosen = outlines.match(found, wanted)
    assert (chosen >= 0).all() and chosen.is_unique
    matched = found.loc[chosen]
    assert (matched["readers"] >= 3).all()
    assert np.abs(matched["z"].to_numpy() - wanted["z"].to_numpy()).max() < 2.5
    ratio = matched["diameter_mm"].to_numpy() / wanted["diameter_mm"].to_numpy()
    assert abs(np.median(ratio) - 1) < 0.01 and np.abs(ratio - 1).max() < 0.25
