"""Vessel trees and bronchi: tapering tubes through the lungs, natural false positives."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nodules.datasets.phantom.anatomy import AIR, Chest, carina, hilum
from nodules.datasets.phantom.fields import Field, coverage, tube

Floats = NDArray[np.float64]

TIP_MM = 0.6  # radius of the finest branches drawn
BRANCHING = 3.0  # a parent's radius**3 is the sum of its children's: Murray's law
STEP_MM = 7.0  # between the points where a branch may start


@dataclass(frozen=True)
class Tree:
    """Points (n, 3) as x, y, z mm of the chest, index of each one's parent, and radii in mm."""

    points: Floats
    parents: NDArray[np.int64]
    radii: Floats

    @property
    def junctions(self) -> Floats:
        """Points (n, 3) where a branch starts."""
        children = np.bincount(self.parents[1:], minlength=len(self.points))
        return self.points[(children > 1) & (np.arange(len(children)) > 0)]


def draw_vessels(rng: np.random.Generator, chest: Chest) -> tuple[Field, Floats]:
    """Paint two trees into each lung, arteries and veins, and the airways, in place.

    Returns the share of each voxel filled by vessels, (z, y, x), and the junctions as x, y, z mm of
    the chest.
    """
    share = np.zeros_like(chest.hu)
    junctions = []
    for side in (-1, 1):
        root = np.array(hilum(chest.build, side))
        for offset in ((0.0, -4.0, 4.0), (0.0, 6.0, -10.0)):
            tree = grow(rng, root + offset, _targets(rng, chest, side))
            _draw_tree(share, chest, tree)
            junctions.append(tree.junctions)
    hu = 40.0 if chest.build.blood < 100 else 0.8 * chest.build.blood
    # Tubes that leave the lung are not drawn over the organs outside.
    share *= coverage(-chest.depth - 3, 4.0)
    _draw_bronchi(rng, chest)
    chest.hu += share * np.maximum(hu - chest.hu, 0)
    return share, np.concatenate(junctions)


def grow(rng: np.random.Generator, root: Floats, targets: Floats) -> Tree:
    """A tree from `root` that reaches every target (n, 3), nearest first, with short detours."""
    points, parents, lengths = [root], [0], [0.0]
    for target in targets[np.argsort(np.linalg.norm(targets - root, axis=1))]:
        away = np.linalg.norm(np.array(points) - target, axis=1)
        at = int(np.argmin(away + 0.35 * np.array(lengths)))
        steps = max(1, round(float(away[at]) / STEP_MM))
        start = points[at]
        for k in range(1, steps + 1):
            bend = rng.normal(0, 0.12 * STEP_MM, 3) if k < steps else np.zeros(3)
            points.append(start + (target - start) * (k / steps) + bend)
            lengths.append(lengths[at] + float(np.linalg.norm(points[-1] - points[at])))
            parents.append(at)
            at = len(points) - 1
    return _with_radii(np.array(points), np.array(parents))


def draw_tube(
    share: Field, chest: Chest, ends: tuple[Floats, Floats], radii: tuple[float, float]
) -> None:
    """Raise `share`, in place, to the coverage of a tapering tube between two points."""
    s = chest.space
    low, high = np.minimum(*ends) - max(radii) - s.edge, np.maximum(*ends) + max(radii) + s.edge
    window = tuple(
        slice(*np.searchsorted(axis.ravel(), (a, b)))
        for axis, a, b in zip((s.z, s.y, s.x), low[::-1], high[::-1], strict=True)
    )
    if any(part.start == part.stop for part in window):
        return
    x, y, z = (float(c) for c in ends[0])
    solid = tube(
        s.x[..., window[2]] - x, s.y[:, window[1]] - y, s.z[window[0]] - z, ends[1] - ends[0], radii
    )
    part = share[window]
    np.maximum(part, coverage(solid, s.edge), out=part)


def _targets(rng: np.random.Generator, chest: Chest, side: int) -> Floats:
    """Random points in one lung, about one per 4 cm^3, at least 3 mm below its surface."""
    s = chest.space
    here = (chest.depth > 3) & (s.x * side > 0)
    inside = np.flatnonzero(here)
    step = [float(np.diff(axis.ravel()[:2])[0]) for axis in (s.x, s.y, s.z)]
    count = int(np.clip(len(inside) * np.prod(step) / 4000, 20, 300))
    z, y, x = np.unravel_index(rng.choice(inside, min(count, len(inside))), s.shape)
    points = np.column_stack([s.x[0, 0, x], s.y[0, y, 0], s.z[z, 0, 0]])
    return points + rng.uniform(-0.5, 0.5, points.shape) * step


def _with_radii(points: Floats, parents: NDArray[np.int64]) -> Tree:
    flow = np.zeros(len(points))
    leaf = np.bincount(parents[1:], minlength=len(points)) == 0
    flow[leaf] = TIP_MM**BRANCHING
    # Every point comes after its parent, so one pass backwards fills the tree.
    for i in range(len(points) - 1, 0, -1):
        flow[parents[i]] += flow[i]
    return Tree(points, parents, flow ** (1 / BRANCHING))


def _draw_tree(share: Field, chest: Chest, tree: Tree) -> None:
    for i in range(1, len(tree.points)):
        parent = tree.parents[i]
        # A branch starts with about its own thickness, not with the trunk's.
        thickness = (min(tree.radii[parent], 1.2 * tree.radii[i]), tree.radii[i])
        draw_tube(share, chest, (tree.points[parent], tree.points[i]), thickness)


def _draw_bronchi(rng: np.random.Generator, chest: Chest) -> None:
    start = np.array(carina(chest.build))
    # The trachea, its two bronchi, and a few branches of each.
    tubes = [(start, start + np.array([0.0, -4.0, chest.build.height]), 8.5, 9.0)]
    for side in (-1, 1):
        root = np.array(hilum(chest.build, side)) + np.array([0.0, 1.0, -2.0])
        tubes.append((start, root, 6.0, 5.0))
        for x, y, z in ((22, -22, 14), (14, 8, -34), (18, 20, 6)):
            end = root + rng.uniform(0.6, 1.2) * np.array([side * x, y, z]) + rng.normal(0, 3, 3)
            tubes.append((root, end, 3.0, 1.3))
    for grown, hu in ((1.1, -100.0), (0.0, AIR + 20)):
        share = np.zeros_like(chest.hu)
        for a, b, first, last in tubes:
            draw_tube(share, chest, (a, b), (first + grown, last + grown))
        # A wall does not brighten the denser tissue around the larger airways.
        chest.hu += share * (np.maximum(hu - chest.hu, 0) if grown else hu - chest.hu)
