"""Registration of two scans of one patient by their lungs, with a check of its quality.

First an affine map by HU within the lung masks, then, if vessels still lie apart, a deformable one
by demons (Vercauteren et al., NeuroImage 45, 2009, 10.1016/j.neuroimage.2008.10.040), both from
SimpleITK. HU are clipped first: otherwise tissue, bone and table would drag the lungs along.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from nodules.images.coarse import averaged
from nodules.images.geometry import Geometry
from nodules.images.warps import Warp

Floats = NDArray[np.float64]
Field = NDArray[np.float32]
Bools = NDArray[np.bool_]

GRID_MM = 4.0  # voxels for the affine map
FINE_MM = 3.0  # voxels for the deformable map and the checks
MARGIN_MM = 12.0  # kept around the lungs
CLIP_HU = (-1000.0, 100.0)
SMOOTH_VOXELS = 1.0  # smoothing of the displacement field after each iteration
ROUNDS = (60, 40)  # iterations of demons on voxels of twice FINE_MM, then of FINE_MM
LUNG_VOXELS = 200  # on GRID_MM, 13 ml; anything smaller is not a lung

# Limits for an acceptable registration, from seven patients, each registered with warped, noisy
# copies of itself and with the others (docs/follow-up.md).
LEAST_OVERLAP = 0.85  # Dice of the lungs where both scans show them
LEAST_LIKENESS = 0.45  # median correlation around vessels, by which patients differ
MOST_RESIDUAL_MM = 6.0  # median distance between vessels and their best match
LEAST_SHARED = 0.25  # share of the smaller lungs that both scans show
CLOSE_MM = 1.0  # median distance at vessels up to which the affine map suffices

VESSELS = 150  # places compared
VESSEL_HU = -700  # averaged to FINE_MM, vessels are above and lung is below
AIRY_HU = -650  # highest mean around a vessel
PATCH = 3  # voxels compared on each side of a place
REACH = 3  # voxels searched on each side


@dataclass(frozen=True, eq=False)
class Lungs:
    """A scan's lungs for registration: HU and mask, averaged to GRID_MM and to FINE_MM voxels."""

    coarse: Field
    coarse_mask: Field
    coarse_grid: Geometry
    fine: Field
    fine_mask: Field
    fine_grid: Geometry


@dataclass(frozen=True)
class Quality:
    """Quality of a registration.

    overlap:     Dice of the lungs, where both scans show them.
    likeness:    median correlation (-1 to 1) of the surroundings of vessels.
    residual_mm: median distance from a vessel to the best match of its surroundings.
    worst_mm:    95th percentile of that distance.
    shared:      share of the smaller lungs that both scans show.
    """

    overlap: float
    likeness: float
    residual_mm: float
    worst_mm: float
    shared: float

    @property
    def close(self) -> bool:
        """Whether no deformation is needed; demons would then merely fit noise."""
        return self.residual_mm <= CLOSE_MM and self.worst_mm <= FINE_MM and not self.problem

    @property
    def problem(self) -> str:
        """Reason why the registration must not be used, or ""."""
        if self.shared < LEAST_SHARED:
            return f"the scans share {self.shared:.0%} of the lungs only"
        if self.overlap < LEAST_OVERLAP:
            return f"the lungs overlap badly (Dice {self.overlap:.2f})"
        if self.likeness < LEAST_LIKENESS:
            return f"the vessels do not look alike (correlation {self.likeness:.2f})"
        if self.residual_mm > MOST_RESIDUAL_MM:
            return f"vessels lie {self.residual_mm:.1f} mm apart"
        return ""


@dataclass(frozen=True, eq=False)
class Registration:
    """Warp from world points of the first scan to those of the second, with its quality.

    mirrored: the vessels match only if one of the scans is mirrored left to right.
    """

    warp: Warp
    quality: Quality
    mirrored: bool = False

    @property
    def problem(self) -> str:
        """Reason why it must not be used, or ""."""
        if self.mirrored:
            return "one scan is the mirror image of the other"
        return self.quality.problem


def lungs_of(volume: NDArray[np.int16], geometry: Geometry, mask: NDArray[np.uint8]) -> Lungs:
    """A scan's lungs for `register`. volume: HU (z, y, x); mask: of its lungs, on the same grid."""
    box = _box(mask, geometry)
    coarse, coarse_grid = averaged(volume, geometry, box, GRID_MM)
    coarse_mask, _ = averaged(mask, geometry, box, GRID_MM)
    fine, fine_grid = averaged(volume, geometry, box, FINE_MM)
    fine_mask, _ = averaged(mask, geometry, box, FINE_MM)
    for image in (coarse, fine):
        np.clip(image, *CLIP_HU, out=image)
    return Lungs(coarse, coarse_mask, coarse_grid, fine, fine_mask, fine_grid)


def register(first: Lungs, second: Lungs, deformable: bool = True) -> Registration:
    """Register two scans: warp from the first's world points to the second's, and its quality.

    If the result is unacceptable, the mirror image is tried, so that a flipped scan is recognised.
    """
    made = _registered(first, second, deformable)
    if made.quality.problem and not _registered(mirror(first), second, deformable).quality.problem:
        return Registration(made.warp, made.quality, mirrored=True)
    return made


def mirror(lungs: Lungs) -> Lungs:
    """The same lungs with left and right exchanged."""

    def turned(array: Field) -> Field:
        return np.ascontiguousarray(array[:, :, ::-1])

    return Lungs(
        turned(lungs.coarse),
        turned(lungs.coarse_mask),
        lungs.coarse_grid,
        turned(lungs.fine),
        turned(lungs.fine_mask),
        lungs.fine_grid,
    )


def _registered(first: Lungs, second: Lungs, deformable: bool) -> Registration:
    if min((x.coarse_mask > 0.5).sum() for x in (first, second)) < LUNG_VOXELS:
        return Registration(Warp.identity(), Quality(0.0, 0.0, 0.0, 0.0, 0.0))
    warp = affine(first, second)
    found = quality(first, second, warp)
    if deformable and not found.close:
        warp = deformed(first, second, warp)
        found = quality(first, second, warp)
    return Registration(warp, found)


def affine(first: Lungs, second: Lungs) -> Warp:
    """Affine map of least mean squared HU difference within the first scan's lungs and their rim.

    Starts from the best of three alignments: of the lungs' centroids, tops or lower ends, since
    scans may end within the lungs.
    """
    fixed = _image(first.coarse, first.coarse_grid)
    moving = _image(second.coarse, second.coarse_grid)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetMetricFixedMask(
        _image((_near(first.coarse_mask)).astype(np.uint8), first.coarse_grid)
    )
    method.SetInterpolator(sitk.sitkLinear)
    start = min(_starts(first, second), key=lambda t: _metric(method, fixed, moving, t))
    method.SetInitialTransform(start, inPlace=False)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=1e-3, numberOfIterations=150, relaxationFactor=0.6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([1, 0])
    method.SetNumberOfThreads(1)  # with several threads, sums differ from run to run
    found = sitk.CompositeTransform(method.Execute(fixed, moving)).GetNthTransform(0)
    found = sitk.AffineTransform(found)
    matrix, centre = np.array(found.GetMatrix()).reshape(3, 3), np.array(found.GetCenter())
    return Warp(matrix, np.array(found.GetTranslation()) + centre - matrix @ centre)


def deformed(first: Lungs, second: Lungs, warp: Warp) -> Warp:
    """The affine warp preceded by a smooth displacement, from demons inside the lungs."""
    grid = first.fine_grid
    fixed, moving = _laid_together(first, second, warp)
    found: sitk.Image | None = None
    for shrink, rounds in zip((2, 1), ROUNDS, strict=True):
        one, other = (_image(a, grid) for a in (fixed, moving))
        if shrink > 1:
            one, other = (sitk.BinShrink(image, [shrink] * 3) for image in (one, other))
        demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
        demons.SetNumberOfIterations(rounds)
        demons.SetStandardDeviations(SMOOTH_VOXELS)
        demons.SetMaximumRMSError(0.01)
        demons.SetNumberOfThreads(1)
        start = [sitk.Resample(found, one)] if found is not None else []
        found = demons.Execute(one, other, *start)
    assert found is not None
    field = sitk.GetArrayFromImage(found).astype(np.float32)
    return Warp(warp.matrix, warp.offset, field, grid)


def quality(first: Lungs, second: Lungs, warp: Warp) -> Quality:
    """Quality of a warp, measured on the first scan's fine grid."""
    grid = first.fine_grid
    seen = warp.resample(second.fine, second.fine_grid, grid, np.nan)
    mask = warp.resample(second.fine_mask, second.fine_grid, grid, np.nan)
    both = np.isfinite(seen)
    one, other = (first.fine_mask > 0.5) & both, (mask > 0.5) & both
    sizes = [float((x.fine_mask > 0.5).sum() * x.fine_grid.voxel_mm3) for x in (first, second)]
    shared = float((one & other).sum() * grid.voxel_mm3) / max(min(sizes), 1e-9)
    overlap = 2 * float((one & other).sum()) / max(float(one.sum() + other.sum()), 1.0)
    alike, apart = _at_vessels(first.fine, np.where(both, seen, 0), one & other, grid)
    if not len(apart):
        return Quality(overlap, 0.0, 0.0, 0.0, shared)
    return Quality(
        overlap,
        float(np.median(alike)),
        float(np.median(apart)),
        float(np.percentile(apart, 95)),
        shared,
    )


def _at_vessels(one: Field, other: Field, lungs: Bools, grid: Geometry) -> tuple[Floats, Floats]:
    """Correlation at each vessel (n,), and distance in mm to the best match (n,)."""
    alike, apart = [], []
    for z, y, x in _vessels(one, lungs):
        own = one[_around(z, y, x, PATCH)]
        wide = other[_around(z, y, x, PATCH + REACH)]
        score = _correlations(own, wide)
        alike.append(float(score[REACH, REACH, REACH]))
        apart.append(float(np.linalg.norm((_peak(score) - REACH) * grid.spacing_zyx)))
    return np.array(alike), np.array(apart)


def _peak(score: Floats) -> Floats:
    """Position (z, y, x) of the maximum, to subvoxel precision by a parabola along each axis."""
    best = np.array(np.unravel_index(score.argmax(), score.shape))
    place = best.astype(float)
    for axis in range(3):
        if 0 < best[axis] < score.shape[axis] - 1:
            step = np.eye(3, dtype=int)[axis]
            before, here, after = (float(score[tuple(best + k * step)]) for k in (-1, 0, 1))
            place[axis] += (before - after) / min(2 * (before - 2 * here + after), -1e-9)
    return place


def _correlations(patch: Field, wide: Field) -> Floats:
    """Pearson correlation (z, y, x) of a patch with every equally large window in a wider one."""
    size = patch.shape
    places = np.lib.stride_tricks.sliding_window_view(wide, size).reshape(
        *(n - m + 1 for n, m in zip(wide.shape, size, strict=True)), -1
    )
    own = patch.ravel() - patch.mean()
    centred = places - places.mean(axis=-1, keepdims=True)
    norms = np.linalg.norm(centred, axis=-1) * np.linalg.norm(own)
    return np.asarray((centred @ own) / np.maximum(norms, 1e-6), float)


def _vessels(image: Field, lungs: Bools) -> Iterator[tuple[int, int, int]]:
    """Voxels (z, y, x) of vessels well within the lungs, evenly spread and deterministic."""
    rim = PATCH + REACH
    inner = ndimage.binary_erosion(lungs, iterations=3)
    inner[:rim] = inner[-rim:] = False
    inner[:, :rim] = inner[:, -rim:] = False
    inner[:, :, :rim] = inner[:, :, -rim:] = False
    airy = ndimage.uniform_filter(image, 2 * PATCH + 1) < AIRY_HU  # no heart, no consolidation
    peaks = (image == ndimage.maximum_filter(image, 5)) & inner & airy & (image > VESSEL_HU)
    places = np.argwhere(peaks)
    chosen = np.unique(np.linspace(0, max(len(places) - 1, 0), VESSELS).astype(int))
    for z, y, x in places[chosen[: len(places)]]:
        yield int(z), int(y), int(x)


def _around(z: int, y: int, x: int, reach: int) -> tuple[slice, slice, slice]:
    one, two, three = (slice(at - reach, at + reach + 1) for at in (z, y, x))
    return one, two, three


def _laid_together(first: Lungs, second: Lungs, warp: Warp) -> tuple[Field, Field]:
    """HU of both scans on the first's fine grid, with tissue in place of all but the lungs."""
    grid = first.fine_grid
    moving = warp.resample(second.fine, second.fine_grid, grid, np.nan)
    mask = warp.resample(second.fine_mask, second.fine_grid, grid, 0.0)
    fixed = _only_lung(first.fine, first.fine_mask)
    known = np.isfinite(moving)
    moving = _only_lung(np.where(known, moving, 0), mask)
    # Lungs may hold more air in one scan than in the other, so their medians are made equal.
    inside = known & (first.fine_mask > 0.9) & (mask > 0.9)
    if inside.any():
        level = np.median(fixed[inside]) - np.median(moving[inside])
        moving += np.float32(level) * np.clip(mask, 0, 1)
    # Demons must not pull where the second scan shows nothing.
    return fixed, np.where(known, moving, fixed).astype(np.float32)


def _only_lung(image: Field, mask: Field) -> Field:
    """Lungs unchanged and everything else as tissue, blended by the averaged mask."""
    share = np.clip(mask, 0, 1)
    return (image * share + CLIP_HU[1] * (1 - share)).astype(np.float32)


def _starts(first: Lungs, second: Lungs) -> list[sitk.AffineTransform]:
    """Translations that align the centroids, lower ends or tops of the lungs."""
    starts = []
    (mid_1, low_1, high_1), (mid_2, low_2, high_2) = _extent(first), _extent(second)
    for z in (mid_2[2] - mid_1[2], low_2 - low_1, high_2 - high_1):
        start = sitk.AffineTransform(3)
        start.SetCenter(mid_1.tolist())
        start.SetTranslation([mid_2[0] - mid_1[0], mid_2[1] - mid_1[1], float(z)])
        starts.append(start)
    return starts


def _extent(lungs: Lungs) -> tuple[Floats, float, float]:
    """World centroid of the lungs, and z of their lower and upper ends, mm."""
    points = lungs.coarse_grid.to_world(np.argwhere(lungs.coarse_mask > 0.5))
    return points.mean(axis=0), float(points[:, 2].min()), float(points[:, 2].max())


def _metric(
    method: sitk.ImageRegistrationMethod, fixed: sitk.Image, moving: sitk.Image, at: sitk.Transform
) -> float:
    method.SetInitialTransform(at, inPlace=False)
    try:
        return float(method.MetricEvaluate(fixed, moving))
    except RuntimeError:  # no voxel in common
        return float("inf")


def _near(mask: Field) -> Bools:
    """The lungs and a rim of two voxels around them, so that their walls are included."""
    return np.asarray(ndimage.binary_dilation(mask > 0.5, iterations=2))


def _box(mask: NDArray[np.uint8], geometry: Geometry) -> tuple[slice, slice, slice]:
    """Bounding box of the lungs plus MARGIN_MM; the whole scan if the mask is empty."""
    found = ndimage.find_objects((mask > 0).astype(np.uint8))
    if not found:
        z, y, x = (slice(0, n) for n in mask.shape)
        return z, y, x
    reach = np.ceil(MARGIN_MM / geometry.spacing_zyx).astype(int)
    z, y, x = (
        slice(max(part.start - more, 0), min(part.stop + more, n))
        for part, more, n in zip(found[0], reach.tolist(), mask.shape, strict=True)
    )
    return z, y, x


def _image(array: NDArray, grid: Geometry) -> sitk.Image:
    """SimpleITK image of an array (z, y, x) on a grid."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    image.SetOrigin(grid.origin.tolist())
    image.SetSpacing(grid.spacing.tolist())
    image.SetDirection(grid.direction.ravel().tolist())
    return image
