"""How the statements spell numbers."""

import pytest

from nodules.evaluation.statements.words import is_number, shown


@pytest.mark.parametrize(("value", "there"), [(0.0, True), (None, False), (float("nan"), False)])
def test_a_number_is_there_or_not(value, there):
    assert is_number(value) is there


def test_an_estimate_is_shown_with_its_interval_and_without_minus_zero():
    number = {"value": -0.001, "low": -0.2, "high": 0.25}
    assert shown(number) == "0.00 (95 % interval -0.20 to 0.25)"
    assert shown(number | {"low": None}) == "0.00 (no interval)"
