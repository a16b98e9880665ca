"""One-to-one matching of findings at two times, within a gate, and what remains unmatched.

The distance between two findings, in mm, is from the place of one to the mapped place of the
other, averaged over both directions, so that the result does not depend on their order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Floats = NDArray[np.float64]

# In LUNA16, 0.5 % of nodules have another one of their scan within 10 mm (docs/follow-up.md).
GATE_MM = 10.0
SIZE_WEIGHT = 0.3  # cost of a factor of e in diameter, in gates
ALONE = 0.75  # cost of leaving a finding without a partner, in gates
TOUCHING_MM = 2.0  # a finding this close to a nodule's rim, or closer, has merged with it

MATCHED, NEW, GONE = "matched", "new", "gone"
MERGED, SPLIT = "merged", "split"
NOT_COVERED, BELOW_LIMIT = "not covered", "below detection limit"
NOT_COMPARED = "not compared"
STATES = (MATCHED, NEW, GONE, MERGED, SPLIT, NOT_COVERED, BELOW_LIMIT, NOT_COMPARED)
# Each state as seen from the other time.
SWAPPED = {state: state for state in STATES} | {
    **{NEW: GONE, GONE: NEW},
    **{MERGED: SPLIT, SPLIT: MERGED},
}


@dataclass(frozen=True)
class Places:
    """Findings of one time: world points (n, 3), their mapped points, and diameters (n,), mm."""

    own: Floats
    mapped: Floats
    diameters: Floats

    def __len__(self) -> int:
        return len(self.own)


def distances(first: Places, second: Places) -> Floats:
    """Distances (n, m) in mm between findings of two times, averaged over both directions."""
    there = np.linalg.norm(first.mapped[:, None] - second.own[None], axis=-1)
    back = np.linalg.norm(first.own[:, None] - second.mapped[None], axis=-1)
    return np.asarray((there + back) / 2)


def link(first: Places, second: Places, gate_mm: float = GATE_MM) -> list[tuple[int, int]]:
    """Pairs (i of first, j of second) of least total cost; each finding is used at most once.

    Cost: distance in gates, plus SIZE_WEIGHT per factor of e in diameter. Findings beyond the gate
    never pair, and two findings stay alone if that costs less than pairing them. Hungarian method
    (Kuhn 1955; SciPy's implementation follows Crouse, 10.1109/TAES.2016.140952).
    """
    n, m = len(first), len(second)
    if not n or not m:
        return []
    apart = distances(first, second)
    sizes = np.abs(np.log(first.diameters)[:, None] - np.log(second.diameters)[None])
    cost = apart / gate_mm + SIZE_WEIGHT * sizes
    # Each finding may also stay alone, which is modelled as a dummy partner of its own.
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
    """Unmatched findings of the first that lie within a matched finding of the second: {i: j}.

    Another finding of the first is matched to j, so the two have merged; seen from the other time,
    j has split.
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
