"""Matching of readers' outlines to each other and to reference nodules."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy  # its submodules load on first use: no job needs them all, and they take 0.25 s
from numpy.typing import NDArray

Floats = NDArray[np.float64]

READERS = 4  # radiologists who read each LIDC scan
# Two readers' outlines of one nodule come this close. pylidc takes the slice thickness, 2.5 mm in
# most scans; if that joins more than four outlines, it is lowered step by step.
TOLERANCE_MM, SHRINK, LEAST_MM = 2.5, 0.9, 0.1
# LUNA16 places a nodule at the mean of its readers' centres; this is well above their scatter.
NEAR_MM = 3.0
LUNA16_READERS = 3  # of four, to make a reference nodule
MISSED = 20.0  # cost, in mm, of leaving a reference nodule without readers


def cluster(points: Sequence[Floats], tolerance_mm: float = TOLERANCE_MM) -> NDArray[np.intp]:
    """Number (from 0) of the nodule that each reader outline of one scan means.

    points: for each reader outline, its corners (n, 3) in mm.
    Outlines whose corners come within the tolerance are joined; a group of more than four (the
    number of readers) is split with an ever smaller tolerance. Rule: pylidc's
    `Scan.cluster_annotations`; where outlines of neighbouring nodules cross, which it leaves to the
    user, centres decide.
    """
    distances = _closest(points, tolerance_mm)
    labels = np.arange(len(points))
    queue = [(labels.copy(), tolerance_mm)]
    while queue:
        members, tolerance = queue.pop()
        near = distances[np.ix_(members, members)] <= tolerance
        graph = scipy.sparse.csr_array(near)
        _, part = scipy.sparse.csgraph.connected_components(graph, directed=False)
        for number in np.unique(part):
            group = members[part == number]
            if len(group) <= READERS:
                labels[group] = group.min()
            elif tolerance * SHRINK >= LEAST_MM:
                queue.append((group, tolerance * SHRINK))
            else:
                for own in _by_centre(group, points):
                    labels[own] = own.min()
    return np.unique(labels, return_inverse=True)[1]


def _by_centre(group: NDArray[np.intp], points: Sequence[Floats]) -> list[NDArray[np.intp]]:
    """Split a group of n outlines by their centres into at most ceil(n / 4) nodules."""
    centres = np.array([points[i].mean(axis=0) for i in group.tolist()])
    parts = -(-len(group) // READERS)
    tree = scipy.cluster.hierarchy.linkage(centres, "average")
    labels = scipy.cluster.hierarchy.fcluster(tree, parts, "maxclust")
    return [group[labels == label] for label in np.unique(labels)]


def _closest(points: Sequence[Floats], tolerance: float) -> Floats:
    """(n, n) smallest distance between the corners of two outlines; inf if above the tolerance."""
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
        tree = scipy.spatial.cKDTree(points[i], balanced_tree=False, compact_nodes=False)
        found, _ = tree.query(stacked, distance_upper_bound=tolerance * 1.001)
        distances[i, others] = distances[others, i] = np.minimum.reduceat(found, starts)
    return distances


def link(points: Sequence[Floats], centres: Floats, nodules: pd.DataFrame) -> NDArray[np.int64]:
    """Reference nodule (column `nodule`) that each reader outline of a scan means, 0 for none.

    points: corners (n, 3) of each outline in world mm; centres: (outlines, 3) in world mm. A
    reference nodule takes the cluster of the outline whose centre is nearest to its own, if that
    lies within its radius (at least `NEAR_MM`). If several nodules take one cluster, each of its
    outlines goes to the nearest.
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


def match(found: pd.DataFrame, nodules: pd.DataFrame) -> "pd.Series[int]":
    """The LIDC nodule of each reference nodule, from the tables alone, without any header.

    found: `lidc.nodule_positions`. nodules: seriesuid, x, y, z, diameter_mm (world). Returns the
    row label in `found` for each row of `nodules`, -1 if none fits.
    The database lacks the images' origins. A scan's in-plane offset (and whether the image is
    rotated by 180 degrees, as in prone scans) is therefore the one under which its nodules fit
    best: within `NEAR_MM` in place, and by z, diameter and number of readers.
    """
    result = pd.Series(-1, index=nodules.index, dtype="int64")
    by_scan = dict(list(found.groupby("seriesuid")))
    for uid, wanted in nodules.groupby("seriesuid"):
        if uid in by_scan:
            choice = _best_offset(by_scan[uid], wanted)
            fits = choice >= 0
            result[wanted.index[fits]] = by_scan[uid].index.to_numpy()[choice[fits]]
    return result


def _best_offset(found: pd.DataFrame, wanted: pd.DataFrame) -> NDArray[np.intp]:
    """Position in `found` of each row of `wanted` under the best in-plane offset; -1 for none."""
    depth = np.abs(wanted["z"].to_numpy()[:, None] - found["z"].to_numpy())
    sizes = wanted["diameter_mm"].to_numpy()[:, None] - found["diameter_mm"].to_numpy()
    # LUNA16 takes nodules that at least three readers marked; one of fewer is the last resort.
    unlikely = depth + np.abs(sizes) + 2 * (found["readers"].to_numpy() < LUNA16_READERS)
    unlikely[depth > np.maximum(found["slice_mm"].to_numpy(), NEAR_MM)] = np.inf
    places = wanted[["x", "y"]].to_numpy()[:, None]
    best_cost, best = np.inf, np.full(len(wanted), -1)
    for turn in (1, -1):
        offsets = places - turn * found[["column_mm", "row_mm"]].to_numpy()
        for row, column in np.argwhere(np.isfinite(unlikely)):
            apart = np.linalg.norm(offsets - offsets[row, column], axis=-1)
            cost = np.where(apart <= NEAR_MM, unlikely + apart, MISSED).clip(max=MISSED)
            rows, columns = scipy.optimize.linear_sum_assignment(cost)
            total = cost[rows, columns].sum() + MISSED * (len(wanted) - len(rows))
            if total < best_cost:
                best_cost, best = total, np.full(len(wanted), -1)
                matched = cost[rows, columns] < MISSED
                best[rows[matched]] = columns[matched]
    return best
