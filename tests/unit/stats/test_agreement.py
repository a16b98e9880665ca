"""Cohen's kappa against worked examples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from nodules.stats.agreement import kappa


def test_it_is_the_published_example():
    # J. L. Fleiss, J. Cohen, B. S. Everitt, Psychol Bull 72(5), 1969, table 1: kappa 0.429.
    table = np.array([[53, 5, 2], [11, 14, 5], [1, 6, 3]])
    assert kappa(table) == pytest.approx(0.429, abs=5e-4)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=30))
def test_it_is_that_of_another_library(pairs):
    one, other = zip(*pairs, strict=True)
    table = np.zeros((2, 2))
    np.add.at(table, (one, other), 1)
    if len(set(one)) == len(set(other)) == 1 and one[0] == other[0]:
        assert np.isnan(kappa(table))
    else:
        assert kappa(table) == pytest.approx(cohen_kappa_score(one, other))


def test_many_tables_at_once_and_nothing_rated():
    tables = np.array([[[2, 0], [0, 3]], [[0, 4], [4, 0]], [[0, 0], [0, 0]]])
    assert kappa(tables)[:2].tolist() == [1, -1]
    assert np.isnan(kappa(tables)[2])
