"""Which finding of one time is which of the other: one to one, within a gate, and what is left.

Distances are in mm between where a finding lies and where the other's place is mapped to, the
mean of both directions, so that neither time comes first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Floats = NDArray[np.float64]

# In LUNA16 0.5 % of the nodules of a scan have another within 10 mm (docs/follow-up.md).
GATE_MM = 10.0
SIZE_WEIGHT = 0.3  # cost of a factor of e in diameter, in gates
ALONE = 0.75  # cost of leaving a finding without a partner, in gates
TOUCHING_MM = 2.0  # beyond a nodule's rim: so near lies what has merged with it

MATCHED, NEW, GONE = "matched", "new", "gone"
MERGED, SPLIT = "merged", "split"
NOT_COVERED, BELOW_LIMIT = "not covered", "below detection limit"
NOT_COMPARED = "not compared"
STATES = (MATCHED, NEW, GONE, MERGED, SPLIT, NOT_COVERED, BELOW_LIMIT, NOT_COMPARED)
# What a state is called when the times are swapped.
SWAPPED = {state: state for state in STATES} | {
    **{NEW: GONE, GONE: NEW},
    **{MERGED: SPLIT, SPLIT: MERGED},
}


@dataclass(frozen=True)
class Places:
    """Findings of one time: world points (n, 3), the same mapped into the other, diameters (n,)."""

    own: Floats
    mapped: Floats
    diameters: Floats

    def __len__(self) -> int:
        return len(self.own)


def distances(first: Places, second: Places) -> Floats:
    """(n, m) mm between findings of two times, mean of both directions."""
    there = np.linalg.norm(first.mapped[:, None] - second.own[None], axis=-1)
    back = np.linalg.norm(first.own[:, None] - second.mapped[None], axis=-1)
    return np.asarray((there + back) / 2)


def link(first: Places, second: Places, gate_mm: float = GATE_MM) -> list[tuple[int, int]]:
    """Pairs (of the first, of the second) at the least cost in all; each finding once at most.

    Cost: distance in gates and SIZE_WEIGHT for a factor of e in diameter. A pair beyond the gate
    is none, and two findings stay alone where that costs less than the pair. By the Hungarian
    method (Kuhn 1955; SciPy's is by Crouse, 10.1109/TAES.2016.140952).
    """
    n, m = len(first), len(second)
    if not n or not m:
        return []
    apart = distances(first, second)
    sizes = np.abs(np.log(first.diameters)[:, None] - np.log(second.diameters)[None])
    cost = apart / gate_mm + SIZE_WEIGHT * sizes
    # Each finding may also stay alone: a partner of its own that stands for none.
    whole = np.zeros((n + m, n + m))
    whole[:n, :m] = np.where(apart <= gate_mm, cost, 1e6)
    whole[:n, m:] = whole[n:, :m] = ALONE
    rows, columns = linear_sum_assignment(whole)
    return [
        (int(i), int(j))
        for i, j in zip(rows, columns, strict=True)
        if i < n and j < m and apart[i, j] <= gate_mm
    ]


def swallowed(first: Places, second: Places, links: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Findings of the first without a partner that lie within a matched one of the second.

    Returns finding of the first -> finding of the second, which another of the first matches: the
    two have merged; seen from the other time, one has split.
    """
    taken_first, taken_second = {i for i, _ in links}, {j for _, j in links}
    apart = distances(first, second)
    found = {}
    for i in set(range(len(first))) - taken_first:
        near = [
            (float(apart[i, j]), j)
            for j in taken_second
            if apart[i, j] <= second.diameters[j] / 2 + TOUCHING_MM
        ]
        if near:
            found[i] = min(near)[1]
    return found
