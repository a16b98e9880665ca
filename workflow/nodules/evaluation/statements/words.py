"""What the statements share: least numbers, and numbers as text."""

from typing import Any

from nodules.stats.bootstrap import FEWEST

# Below these nothing is concluded from an interval over scans.
FEWEST_NODULES, FEWEST_SCANS = 10, FEWEST


def shown(number: dict[str, Any]) -> str:
    """An estimate {value, low, high} with its interval, two decimals."""
    # Rounded and 0 added, so that what rounds to nothing has no minus sign.
    value, low, high = (
        None if number[key] is None else round(number[key], 2) + 0.0
        for key in ("value", "low", "high")
    )
    if not is_number(low):
        return f"{value:.2f} (no interval)"
    return f"{value:.2f} (95 % interval {low:.2f} to {high:.2f})"


def is_number(value: float | None) -> bool:
    """Whether a number is there: neither missing nor NaN."""
    return value is not None and value == value
