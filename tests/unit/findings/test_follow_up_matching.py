"""Which finding is which: one to one, the same from either time, over three times too."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nodules.findings.follow_up.matching import (
    GATE_MM,
    STATES,
    SWAPPED,
    Places,
    distances,
    link,
    swallowed,
)


def places(own, shift=(0.0, 0.0, 0.0), diameters=None) -> Places:
    """Findings whose mapped places are shifted, as a perfect registration would have them."""
    own = np.asarray(own, float).reshape(-1, 3)
    sizes = np.full(len(own), 8.0) if diameters is None else np.asarray(diameters, float)
    return Places(own, own + np.array(shift), sizes)


def scattered(seed: int, count: int) -> np.ndarray:
    """Points 25 mm apart and more."""
    rng = np.random.default_rng(seed)
    spread = rng.permutation(np.stack(np.meshgrid(*[np.arange(4)] * 3), -1).reshape(-1, 3))
    return spread[:count] * 30.0 + rng.uniform(-2, 2, (count, 3))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 9999), count=st.integers(0, 12), other=st.integers(0, 12))
def test_swapping_the_times_inverts_the_links(seed, count, other):
    rng = np.random.default_rng(seed)
    one = places(rng.uniform(0, 40, (count, 3)), (5, 0, 0), rng.uniform(4, 20, count))
    two = places(rng.uniform(0, 40, (other, 3)), (-5, 0, 0), rng.uniform(4, 20, other))
    forth, back = link(one, two), link(two, one)
    assert sorted(forth) == sorted((i, j) for j, i in back)
    assert len({i for i, _ in forth}) == len({j for _, j in forth}) == len(forth)
    if count and other:
        assert all(distances(one, two)[i, j] <= GATE_MM for i, j in forth)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 9999), count=st.integers(1, 12))
def test_links_over_three_times_are_transitive(seed, count):
    """The first with the second and the second with the third gives the first with the third."""
    first = scattered(seed, count)
    rng = np.random.default_rng(seed)
    order = rng.permutation(count), rng.permutation(count)
    second, third = first[order[0]] + (0, 0, 40), first[order[1]] + (0, 0, -25)

    def linked(one, two, shift):
        return dict(link(places(one, shift), places(two, -np.array(shift))))

    a_b, b_c = linked(first, second, (0, 0, 40)), linked(second, third, (0, 0, -65))
    assert {a: b_c[b] for a, b in a_b.items()} == linked(first, third, (0, 0, -25))
    assert len(a_b) == count


def test_beyond_the_gate_there_is_no_link():
    assert link(places([[0, 0, 0]]), places([[0, 0, GATE_MM + 0.1]])) == []
    assert link(places([[0, 0, 0]]), places([[0, 0, 4.0]])) == [(0, 0)]
    assert link(places([[0, 0, 0]]), places([[0, 0, 4.0]]), gate_mm=3) == []


def test_the_sum_decides_and_not_the_nearest():
    """A greedy choice would take the middle pair and leave the outer two alone."""
    one, two = places([[0, 0, 0], [4, 0, 0]]), places([[3, 0, 0], [8, 0, 0]])
    assert link(one, two) == [(0, 0), (1, 1)]


def test_of_two_at_one_distance_the_one_of_its_size_is_it():
    two = places([[3, 0, 0], [-3, 0, 0]], diameters=[20.0, 8.0])
    assert link(places([[0, 0, 0]], diameters=[8.0]), two) == [(0, 1)]


def test_a_finding_within_another_that_is_matched_has_merged_with_it():
    one = places([[0, 0, 0], [9, 0, 0], [60, 0, 0]], diameters=[8.0, 8.0, 8.0])
    two = places([[3, 0, 0]], diameters=[18.0])
    links = link(one, two)
    assert links == [(0, 0)] and swallowed(one, two, links) == {1: 0}


def test_no_finding_at_one_time_gives_no_link():
    none = places(np.empty((0, 3)))
    assert link(none, places([[0, 0, 0]])) == link(places([[0, 0, 0]]), none) == []
    assert swallowed(none, none, []) == {}


def test_every_state_has_another_name_or_its_own_when_the_times_are_swapped():
    assert all(SWAPPED[SWAPPED[state]] == state for state in STATES)
    assert SWAPPED["new"] == "gone" and SWAPPED["merged"] == "split"
