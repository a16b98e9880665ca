"""Which readers' outlines mean the same nodule, and which reference nodule that is."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]

READERS = 4  # radiologists who read each LIDC scan
# Two readers' outlines of one nodule come this close. pylidc takes the slice thickness, 2.5 mm in
# most scans; where that joins more than four outlines, it is lowered step by step.
TOLERANCE_MM, SHRINK, LEAST_MM = 2.5, 0.9, 0.1
# LUNA16 places a nodule at the mean of its readers; this is well above their scatter.
NEAR_MM = 3.0


def cluster(points: Sequence[Floats], tolerance_mm: float = TOLERANCE_MM) -> NDArray[np.intp]:
    """Which outlines of one scan mean the same nodule: a number from 0 per reader outline.

    points: for each reader outline its corners (n, 3) in mm.
    Outlines whose corners come within the tolerance are joined; a group of more than four (the
    number of readers) is split by an ever smaller one. Rule: pylidc's `Scan.cluster_annotations`.
    """
    distances = _closest(points, tolerance_mm)
    labels = np.arange(len(points))
    queue = [(labels.copy(), tolerance_mm)]
    while queue:
        members, tolerance = queue.pop()
        near = distances[np.ix_(members, members)] <= tolerance
        _, part = connected_components(near, directed=False)
        for number in np.unique(part):
            group = members[part == number]
            if len(group) > READERS and tolerance * SHRINK >= LEAST_MM:
                queue.append((group, tolerance * SHRINK))
            else:
                labels[group] = group.min()
    return np.unique(labels, return_inverse=True)[1]


def _closest(points: Sequence[Floats], tolerance: float) -> Floats:
    """(n, n) least distance between the corners of two outlines; inf where it is over tolerance."""
    distances = np.full((len(points), len(points)), np.inf)
    np.fill_diagonal(distances, 0)
    low = np.array([p.min(axis=0) for p in points]).reshape(-1, 3)
    high = np.array([p.max(axis=0) for p in points]).reshape(-1, 3)
    gap = np.maximum(np.maximum(low[:, None] - high[None], low[None] - high[:, None]), 0)
    near = np.triu(np.linalg.norm(gap, axis=-1) <= tolerance, 1)
    for i in np.flatnonzero(near.any(axis=1)).tolist():
        others = np.flatnonzero(near[i]).tolist()
        stacked = np.concatenate([points[j] for j in others])
        starts = np.cumsum([0, *(len(points[j]) for j in others[:-1])])
        tree = cKDTree(points[i], balanced_tree=False, compact_nodes=False)
        found, _ = tree.query(stacked, distance_upper_bound=tolerance * 1.001)
        distances[i, others] = distances[others, i] = np.minimum.reduceat(found, starts)
    return distances


def link(points: Sequence[Floats], centres: Floats, nodules: pd.DataFrame) -> NDArray[np.int64]:
    """Reference nodule (column `nodule`) that each reader outline of a scan means, 0 for none.

    points: corners (n, 3) in world mm of each outline; centres: (outlines, 3) world mm.
    A reference nodule takes the cluster of outlines with the centre nearest to its own, if it
    lies within its radius (at least `NEAR_MM`). Nodules that take one cluster share its outlines,
    each going to the nearest.
    """
    owner = np.zeros(len(points), np.int64)
    if not len(points) or nodules.empty:
        return owner
    labels = cluster(points)
    places = nodules[["x", "y", "z"]].to_numpy(float)
    distances = np.linalg.norm(centres[:, None] - places[None], axis=-1)
    reach = np.maximum(nodules["diameter_mm"].to_numpy() / 2, NEAR_MM)
    nearest = distances.argmin(axis=0)
    takes = np.where(distances.min(axis=0) <= reach, labels[nearest], -1)
    for label in set(takes) - {-1}:
        takers = np.flatnonzero(takes == label)
        members = np.flatnonzero(labels == label)
        choice = distances[np.ix_(members, takers)].argmin(axis=1)
        owner[members] = nodules["nodule"].to_numpy()[takers[choice]]
    return owner
