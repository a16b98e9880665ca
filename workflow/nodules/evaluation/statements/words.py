"""Shared parts of the statements: minimum numbers of cases, and numbers as text."""

from typing import Any

from nodules.stats.bootstrap import FEWEST

# With fewer, nothing is concluded from an interval over scans.
FEWEST_NODULES, FEWEST_SCANS = 10, FEWEST


def shown(number: dict[str, Any]) -> str:
    """An estimate {value, low, high} as text, with its interval, to two decimals."""
    # Adding 0 after rounding turns -0.00 into 0.00.
    value, low, high = (
        None if number[key] is None else round(number[key], 2) + 0.0
        for key in ("value", "low", "high")
    )
    if not is_number(low):
        return f"{value:.2f} (no interval)"
    return f"{value:.2f} (95 % interval {low:.2f} to {high:.2f})"


def counted(count: int, unit: str) -> str:
    """A count with its unit, such as `1 nodule` or `1,186 nodules`."""
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def is_number(value: float | None) -> bool:
    """Whether a value is a number, neither None nor NaN."""
    return value is not None and value == value
