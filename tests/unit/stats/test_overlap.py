"""Overlap measures equal SimpleITK's own, and obey what follows from their definitions."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from nodules.stats import overlap

SPACINGS = [(1.0, 1.0, 1.0), (2.5, 0.7, 0.7), (0.62, 0.9, 0.5)]  # z, y, x mm


def blobs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two random connected-ish masks that partly overlap."""
    rng = np.random.default_rng(seed)
    grid = np.indices((14, 18, 20)).transpose(1, 2, 3, 0)
    masks = []
    for _ in range(2):
        centre, radii = rng.uniform(5, 9, 3), rng.uniform(2.5, 5, 3)
        inside = (((grid - centre) / radii) ** 2).sum(-1) < 1
        masks.append(inside & (rng.random(inside.shape) > 0.05))
    return masks[0], masks[1]


def image(mask: np.ndarray, spacing: tuple[float, ...]) -> sitk.Image:
    picture = sitk.GetImageFromArray(mask.astype(np.uint8))
    picture.SetSpacing(spacing[::-1])
    return picture


def simpleitk_surface_distance(a: np.ndarray, b: np.ndarray, spacing: tuple[float, ...]) -> float:
    """From SimpleITK's contour and signed Maurer distance filters."""
    contours = [sitk.LabelContour(image(m, spacing), fullyConnected=False) for m in (a, b)]
    maps = [
        sitk.GetArrayFromImage(
            sitk.Abs(sitk.SignedMaurerDistanceMap(c, squaredDistance=False, useImageSpacing=True))
        )
        for c in contours
    ]
    edges = [sitk.GetArrayFromImage(c) > 0 for c in contours]
    return float(np.concatenate([maps[1][edges[0]], maps[0][edges[1]]]).mean())


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_simpleitk(seed, spacing):
    a, b = blobs(seed)
    measured = overlap.compare(a, b, spacing)
    theirs = sitk.LabelOverlapMeasuresImageFilter()
    theirs.Execute(image(b, spacing), image(a, spacing))  # source is the reference
    assert measured.dice == pytest.approx(theirs.GetDiceCoefficient(), abs=1e-9)
    assert measured.iou == pytest.approx(theirs.GetJaccardCoefficient(), abs=1e-9)
    assert measured.sensitivity == pytest.approx((a & b).sum() / b.sum(), abs=1e-12)
    expected = simpleitk_surface_distance(a, b, spacing)
    assert measured.surface_mm == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_hausdorff_bounds_the_average_surface_distance(spacing):
    a, b = blobs(7)
    theirs = sitk.HausdorffDistanceImageFilter()
    theirs.Execute(*(image(overlap.surface(m), spacing) for m in (a, b)))
    # On surfaces alone, ITK's average is the mean of the two directed means.
    one, other = np.argwhere(overlap.surface(a)), np.argwhere(overlap.surface(b))
    pairs = np.linalg.norm((one[:, None] - other[None]) * spacing, axis=-1)
    directed = (pairs.min(1).mean() + pairs.min(0).mean()) / 2
    assert theirs.GetAverageHausdorffDistance() == pytest.approx(directed, rel=1e-6)
    weighted = np.r_[pairs.min(1), pairs.min(0)].mean()
    assert overlap.surface_distance(a, b, spacing) == pytest.approx(weighted, rel=1e-9)
    assert overlap.surface_distance(a, b, spacing) <= theirs.GetHausdorffDistance()


def test_parallel_plates_are_their_distance_apart():
    a, b = np.zeros((2, 9, 6, 6), bool)
    a[2], b[6] = True, True
    assert overlap.surface_distance(a, b, (2.5, 1, 1)) == pytest.approx(4 * 2.5)
    assert overlap.dice(a, b) == 0


@given(seed=st.integers(0, 50), pad=st.integers(0, 3))
def test_symmetric_and_indifferent_to_background(seed, pad):
    a, b = blobs(seed)
    padded = [np.pad(m, pad) for m in (a, b)]
    here, there = overlap.compare(a, b, (2, 1, 1)), overlap.compare(b, a, (2, 1, 1))
    assert overlap.compare(*padded, (2, 1, 1)).dice == here.dice == there.dice
    assert here.surface_mm == pytest.approx(there.surface_mm)
    assert here.iou == pytest.approx(here.dice / (2 - here.dice))


def test_equal_masks_agree_wholly():
    a, _ = blobs(1)
    assert overlap.compare(a, a, (2.5, 0.7, 0.7)) == overlap.Overlap(1, 1, 1, 0)


def test_a_missed_nodule_scores_zero_and_has_no_surface_distance():
    a, _ = blobs(2)
    missed = overlap.compare(np.zeros_like(a), a, (1, 1, 1))
    assert (missed.dice, missed.iou, missed.sensitivity) == (0, 0, 0)
    assert np.isnan(missed.surface_mm)
    assert np.isnan(overlap.dice(np.zeros_like(a), np.zeros_like(a)))
