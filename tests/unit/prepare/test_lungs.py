"""Lung masks: exact thresholds, whole lungs, nodules inside, and nothing found where nothing is."""

import cc3d
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage
from skimage import measure, morphology
from sklearn.cluster import KMeans

from nodules.images.geometry import Geometry
from nodules.images.metaimage import read_volume
from nodules.prepare import lung_search, lungs

AIR, LUNG, TISSUE = -1000, -850, 40
SPACING = (2.8, 2.8, 4.0)


def grid(size_mm=(420, 330, 260), spacing=SPACING):
    """A grid of `size_mm` (x, y, z), whose middle is the world's origin."""
    return shaped([round(n / mm) for n, mm in zip(size_mm, spacing, strict=True)][::-1], spacing)


def shaped(shape, spacing=SPACING):
    """A grid of `shape` (z, y, x) voxels, whose middle is the world's origin."""
    middle = (np.array(shape[::-1]) - 1) / 2 * spacing
    return Geometry.build(-middle, spacing, np.eye(3), shape)


def ball(geometry, centre, radii):
    """Mask of an ellipsoid; `centre` and `radii` in x, y, z."""
    axes = np.ogrid[tuple(slice(n) for n in geometry.shape)]
    terms = zip(axes, geometry.origin[::-1], geometry.spacing_zyx, strict=True)
    points = [first + n * mm for n, first, mm in terms]
    radii = np.broadcast_to(radii, 3)
    return sum(((p - c) / r) ** 2 for p, c, r in zip(points[::-1], centre, radii, strict=True)) <= 1


def thorax(geometry, padding=AIR, nodules=()):
    """HU of a body with two lungs on the diaphragm, trachea, bowel gas, table; the true lungs.

    nodules: (x, y, z, radius) of balls of soft tissue.
    """
    endless = 1e9
    body = ball(geometry, (0, 0, 0), (160, 110, endless))
    lung = ball(geometry, (75, 0, 10), (55, 75, 90)) | ball(geometry, (-75, 0, 10), (55, 75, 90))
    for side in (75, -75):
        lung &= ~ball(geometry, (side, 0, -100), (45, 60, 60))  # the domes of the diaphragm
    hu = np.where(body, np.int16(TISSUE), np.int16(AIR))
    for radius, level in ((30, TISSUE), (24, AIR)):  # a hollow table
        table = ball(geometry, (0, 141, 0), (180 - 30 + radius, radius, endless))
        hu[table & ~body] = level
    hu[lung] = LUNG
    hu[ball(geometry, (3, 10, 140), (9, 9, 150))] = AIR  # trachea
    hu[ball(geometry, (60, -30, -105), (30, 25, 12))] = AIR  # stomach
    for *centre, radius in nodules:
        hu[ball(geometry, centre, radius) & body] = TISSUE
    noise = np.random.default_rng(7).normal(0, 25, hu.shape).astype(np.int16)
    hu += noise
    hu[:, ~ball(geometry, (0, 0, 0), (200, 200, endless))[0]] = padding
    return hu, lung


# The published threshold


def explained(pixels, cut):
    """Squared error that splitting at `cut` explains, by its definition."""
    low, high = pixels[pixels < cut], pixels[pixels >= cut]
    return -sum(((part - part.mean()) ** 2).sum() for part in (low, high))


@given(arrays.arrays(np.int16, st.integers(2, 40), elements=st.integers(-3024, 3071)))
def test_threshold_is_the_best_of_all_cuts(pixels):
    values = np.unique(pixels)
    threshold = lungs.two_means_threshold(pixels)
    if len(values) == 1:
        assert threshold == values[0]
        return
    real = pixels.astype(float)
    best = max(explained(real, cut) for cut in values[1:])
    assert explained(real, threshold) == pytest.approx(best, rel=1e-9, abs=1e-6)
    low, high = real[real < threshold].mean(), real[real >= threshold].mean()
    assert threshold == pytest.approx((low + high) / 2)


def test_threshold_equals_scikit_learn():
    rng = np.random.default_rng(0)
    pixels = np.concatenate([rng.normal(-850, 80, 3000), rng.normal(30, 60, 5000)])
    pixels = pixels.round().astype(np.int16)
    centres = KMeans(2, n_init=5, random_state=0).fit(pixels[:, None]).cluster_centers_
    assert lungs.two_means_threshold(pixels) == pytest.approx(centres.mean(), abs=1e-9)


def test_threshold_knows_the_ends_of_int16():
    assert lungs.two_means_threshold(np.array([-32768, 32767], np.int16)) == -0.5
    with pytest.raises(ValueError, match="no pixels"):
        lungs.two_means_threshold(np.zeros(0, np.int16))


# The published mask


def published(image):
    """The recipe's lung mask of one slice, written with scikit-learn and scikit-image."""
    image = image.astype(float)
    middle = image[100:400, 100:400]
    extremes, mean = (image == image.min()) | (image == image.max()), round(middle.mean())
    image[extremes] = mean
    clusters = KMeans(2, n_init=1, random_state=0).fit(middle.reshape(-1, 1))
    air = image < clusters.cluster_centers_.mean()
    air = morphology.erosion(air, np.ones((4, 4)))
    labels = measure.label(morphology.dilation(air, np.ones((10, 10))))
    kept = np.zeros(image.shape, bool)
    for region in measure.regionprops(labels):
        top, left, bottom, right = region.bbox
        if bottom - top < 475 and right - left < 475 and top > 40 and bottom < 472:
            kept |= labels == region.label
    return morphology.dilation(kept, np.ones((10, 10)))


def test_slice_kmeans_equals_the_published_recipe():
    geometry = shaped((3, 512, 512), (0.7, 0.7, 40))
    volume, _ = thorax(geometry, padding=-2048)
    found = lungs.slice_kmeans(volume, geometry)
    for image, mask in zip(volume, found, strict=True):
        np.testing.assert_array_equal(mask, published(image))
    assert found.any()


@given(st.integers(0, 2**32 - 1), st.floats(0.3, 4), st.floats(0.1, 0.9))
def test_components_by_contour_equal_labelled_ones(seed, sigma, share):
    field = ndimage.gaussian_filter(np.random.default_rng(seed).random((90, 110)), sigma)
    air = (field > np.quantile(field, share)).astype(np.uint8)
    expected = np.zeros_like(air)
    labels = measure.label(air, connectivity=2)
    for region in measure.regionprops(labels):
        top, left, bottom, right = region.bbox
        small = max((bottom - top) / 90, (right - left) / 110) < 475 / 512
        if small and top / 90 > 40 / 512 and bottom / 90 < 472 / 512:
            expected |= labels == region.label
    np.testing.assert_array_equal(lungs._central_components(air), expected)


# The 3-D mask


@pytest.mark.parametrize("spacing", [(2.8, 2.8, 4.0), (2.8, 2.8, 0.9), (3.2, 1.9, 2.0)])
def test_lungs_are_whole_and_nothing_else_is(spacing):
    geometry = grid(spacing=spacing)
    volume, truth = thorax(geometry, padding=-3024)
    mask = lungs.volume(volume, geometry)
    assert mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 1}
    assert mask[truth].mean() > 0.99
    apart = lungs.grow(truth.astype(np.uint8), geometry, 6) == 0
    assert mask[apart].sum() < 0.01 * truth.sum()
    assert cc3d.connected_components(mask).max() == 2


@pytest.mark.parametrize(
    ("nodule", "share"),
    [
        ((75, 20, 10, 4), 1.0),  # in the lung
        ((75, 20, 10, 16), 1.0),
        ((121, 0, 10, 8), 0.99),  # at the pleura
        ((112, 0, 10, 15), 0.98),  # 30 mm at the chest wall
        ((33, 0, 10, 14), 0.95),  # at the mediastinum
        ((75, 0, -30, 13), 0.98),  # on the diaphragm
        ((75, 0, 92, 8), 0.9),  # in the apex, where there is little lung to say so
    ],
)
def test_nodules_stay_inside(nodule, share):
    geometry = grid()
    *centre, radius = nodule
    volume, lung = thorax(geometry, nodules=[nodule])
    tissue = ball(geometry, centre, radius)
    mask = lungs.volume(volume, geometry)
    assert mask[tissue & lung].mean() >= share
    # With the margin that the stored slices keep, all of it is seen.
    assert lungs.grow(mask, geometry, 10)[tissue & lung].all()


@pytest.mark.parametrize("slices", [1, 2, 3])
def test_few_slices(slices):
    geometry = grid((420, 330, 4 * slices))
    volume, truth = thorax(geometry, nodules=[(112, 0, 0, 12)])
    mask = lungs.volume(volume, geometry)
    assert mask[truth].mean() > 0.99
    assert mask[lungs.grow(truth.astype(np.uint8), geometry, 6) == 0].sum() == 0


@pytest.mark.parametrize("method", lungs.METHODS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 64, 48), (3, 7, 300), (5, 64, 64)])
@pytest.mark.parametrize("hu", [-3024, -1000, 40, 3071])
def test_no_lungs_give_an_empty_mask(method, shape, hu):
    mask = lungs.find(method, np.full(shape, hu, np.int16), shaped(shape))
    assert mask.shape == shape and mask.dtype == np.uint8 and not mask.any()


def test_body_without_lungs_gives_an_empty_mask():
    geometry = grid()
    volume = np.where(ball(geometry, (0, 0, 0), (160, 110, 1e9)), TISSUE, AIR).astype(np.int16)
    volume[ball(geometry, (20, -40, 0), (30, 25, 20))] = AIR  # gas in the bowel
    assert not lungs.volume(volume, geometry).any()


# Lungs that are open to the outside, and the second method


def dice(mask, truth):
    return 2 * np.count_nonzero(mask & truth) / (np.count_nonzero(mask) + np.count_nonzero(truth))


def box(geometry, low, high):
    """Mask of a cuboid between two corners, in x, y, z."""
    axes = np.ogrid[tuple(slice(n) for n in geometry.shape)][::-1]
    places = zip(axes, geometry.origin, geometry.spacing, low, high, strict=True)
    inside = [(a <= first + n * mm) & (first + n * mm <= b) for n, first, mm, a, b in places]
    return inside[0] & inside[1] & inside[2]


def opened(geometry, kind):
    """The thorax with its airways joined to the lungs, and a way from the lungs to the outside."""
    volume, lung = thorax(geometry)
    volume[box(geometry, (-40, 4, 20), (40, 16, 32))] = AIR  # main bronchi
    if kind == "stoma":
        volume[box(geometry, (-2, -200, 108), (8, 10, 114))] = AIR
    elif kind == "drain":
        volume[box(geometry, (125, -4, 0), (400, 4, 8))] = AIR
    elif kind == "thin wall":
        wide = box(geometry, (-75, -80, -400), (75, 80, 400))
        for side in (75, -75):
            wide |= ball(geometry, (side, 0, 10), (60, 80, 1e9))
        volume[box(geometry, (-400, -400, -40), (400, 400, 70)) & ~wide] = AIR
    elif kind == "gas under the skin":
        bubbles = ndimage.gaussian_filter(np.random.default_rng(3).random(volume.shape), (1, 2, 2))
        bubbles = bubbles > np.quantile(bubbles, 0.6)
        skin = ball(geometry, (0, 0, 0), (160, 110, 1e9)) & ~ball(
            geometry, (0, 0, 0), (134, 84, 1e9)
        )
        volume[bubbles & skin & box(geometry, (0, -200, -20), (200, 200, 100))] = AIR
        volume[box(geometry, (126, -3, 0), (140, 3, 8))] = AIR
    elif kind == "cut at both sides":
        volume = volume[:, :, volume.shape[2] // 2 - 58 : volume.shape[2] // 2 + 58].copy()
        lung = lung[:, :, lung.shape[2] // 2 - 58 : lung.shape[2] // 2 + 58]
    return volume, lung


@pytest.mark.parametrize(
    "kind", ["stoma", "drain", "thin wall", "gas under the skin", "cut at both sides"]
)
def test_lungs_that_are_open_to_the_outside_are_found(kind):
    volume, lung = opened(grid(spacing=(2, 2, 4)), kind)
    geometry = shaped(volume.shape, (2, 2, 4))
    assert not lungs.volume(volume, geometry)[lung].any()  # both are lost at once
    found = lung_search.search("volume", volume, geometry)
    assert found.method == lung_search.SECOND and found.plausibility.plausible
    assert found.first.missed_litres > 0.5 and "are not among it" in found.first.reason
    assert found.mask[lung].mean() > 0.98
    assert dice(found.mask > 0, lung) > 0.97


def test_one_lost_lung_is_missed_though_the_other_is_plausible():
    geometry = grid()
    volume, lung = thorax(geometry)
    volume[box(geometry, (125, -4, 0), (400, 4, 8))] = AIR
    found = lung_search.search("volume", volume, geometry)
    assert found.first.litres > 0.8 and "are not among it" in found.first.reason
    assert found.method == lung_search.SECOND and found.mask[lung].mean() > 0.98


@pytest.mark.parametrize("method", lungs.METHODS)
def test_plausible_lungs_are_those_of_the_method(method):
    geometry = shaped((12, 512, 512), (0.8, 0.8, 5))
    volume, _ = thorax(geometry, padding=-2048)
    found = lung_search.search(method, volume, geometry)
    assert found.method == method and found.first is found.plausibility
    np.testing.assert_array_equal(found.mask, lungs.find(method, volume, geometry))


@pytest.mark.parametrize("wall", [3, 8])
def test_gas_of_the_gut_beside_the_lungs_is_left_out(wall):
    """A stomach full of gas fills the left dome, behind a wall of `wall` mm."""
    geometry = grid(spacing=(1.5, 1.5, 2))
    volume, _ = thorax(geometry)
    whole = lungs.volume(volume, geometry)
    gas = ball(geometry, (75, 0, -100), (45 - wall, 60 - wall, 60 - wall))
    volume[gas & (volume > -500)] = AIR
    for mask in (lungs.volume(volume, geometry), lung_search.density(volume, geometry)):
        assert mask[gas].mean() < 0.02
        assert dice(mask > 0, whole > 0) > 0.98


@pytest.mark.parametrize("sides", [(1, 0), (0, 1), (1, 1)])
def test_measures_of_lungs(sides):
    geometry = grid()
    volume, lung = thorax(geometry)
    left = box(geometry, (0, -400, -400), (400, 400, 400))
    lung &= (left & bool(sides[0])) | (~left & bool(sides[1]))
    found = lung_search.plausibility(lung.astype(np.uint8), volume, geometry)
    held = np.flatnonzero(lung.any(axis=(1, 2)))
    assert found.litres == pytest.approx(lung.sum() * geometry.voxel_mm3 / 1e6, rel=0.02)
    assert found.extent_mm == pytest.approx((held[-1] - held[0] + 1) * 4, abs=4)
    assert found.left == pytest.approx(sides[0] / sum(sides), abs=0.03)
    body = np.pi * 160 * 110 * len(held) * 4
    assert found.body_share == pytest.approx(lung.sum() * geometry.voxel_mm3 / body, rel=0.05)
    assert found.hu == pytest.approx(LUNG, abs=15)
    assert found.plausible == (sides == (1, 1))  # else the other lung is missed
    assert "litres" in found.statement


def test_a_patient_with_one_lung_is_plausible():
    geometry = grid()
    volume, lung = thorax(geometry)
    volume[lung & box(geometry, (0, -400, -400), (400, 400, 400))] = TISSUE
    found = lung_search.search("volume", volume, geometry)
    assert found.method == "volume" and found.plausibility.left < 0.02


@pytest.mark.parametrize("scale", [0.35, 0.6])
def test_a_child_is_plausible(scale):
    geometry = grid(size_mm=(420 * scale, 330 * scale, 260 * scale), spacing=(1.2, 1.2, 1.5))
    wide = Geometry.build(
        geometry.origin / scale, geometry.spacing / scale, geometry.direction, geometry.shape
    )
    volume, lung = thorax(wide)
    found = lung_search.search("volume", volume, geometry)
    assert found.plausibility.plausible and found.mask[lung].mean() > 0.9


WRONG = {
    "nothing": (lambda geometry: box(geometry, (1, 1, 1), (0, 0, 0)), "No lung was found"),
    "stomach": (lambda geometry: ball(geometry, (60, -30, -105), (30, 25, 12)), "is gas"),
    "outside": (lambda geometry: box(geometry, (-400, -400, -90), (400, -115, 90)), "outside"),
    "tissue": (lambda geometry: ball(geometry, (0, -10, 0), (18, 60, 60)), "holds no air"),
    "everything": (lambda geometry: ball(geometry, (0, 0, 0), (155, 105, 1e9)), "holds no air"),
    "a corner": (lambda geometry: ball(geometry, (75, 0, 40), (9, 9, 30)), "cross-section"),
    "a disc": (lambda geometry: ball(geometry, (75, 0, 40), (55, 60, 10)), "newborn"),
    "a lung": (lambda geometry: ball(geometry, (75, 0, 10), (55, 75, 80)), "not among it"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_lung_is_told_in_a_sentence(name):
    geometry = grid()
    volume, _ = thorax(geometry)
    draw, words = WRONG[name]
    found = lung_search.plausibility(draw(geometry).astype(np.uint8), volume, geometry)
    assert not found.plausible and found.statement == found.reason
    assert words in found.reason and found.reason.endswith(".")


def test_no_lungs_by_either_method_are_none():
    geometry = grid()
    volume = np.where(ball(geometry, (0, 0, 0), (160, 110, 1e9)), TISSUE, AIR).astype(np.int16)
    volume[ball(geometry, (20, -40, 0), (30, 25, 20))] = AIR  # gas in the bowel
    found = lung_search.search("volume", volume, geometry)
    assert found.method == lung_search.NONE and not found.mask.any()
    assert found.plausibility.reason == "No lung was found."
    assert not lung_search.quick(volume, geometry).plausible


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 64, 48), (3, 7, 300), (5, 64, 64)])
@pytest.mark.parametrize("hu", [-3024, -1000, -850, 40, 3071])
def test_the_search_takes_any_volume(shape, hu):
    volume, geometry = np.full(shape, hu, np.int16), shaped(shape)
    found = lung_search.search("volume", volume, geometry)
    assert found.method == lung_search.NONE and found.mask.shape == shape
    assert not lung_search.quick(volume, geometry).plausible


@pytest.mark.parametrize("spacing", [(2.8, 2.8, 4.0), (0.9, 0.9, 5.0), (3.2, 1.9, 2.0)])
def test_the_quick_measures_agree(spacing):
    geometry = grid(spacing=spacing)
    volume, _ = thorax(geometry, padding=-3024)
    full = lung_search.search("volume", volume, geometry).plausibility
    quick = lung_search.quick(volume, geometry)
    assert quick.plausible
    assert quick.litres == pytest.approx(full.litres, rel=0.05)
    assert quick.left == pytest.approx(full.left, abs=0.03)
    assert quick.body_share == pytest.approx(full.body_share, abs=0.06)


def test_hull_and_between():
    ring = np.zeros((1, 9, 9), np.bool_)
    ring[0, 1:8, 1:8] = True
    ring[0, 2:7, 2:7] = False
    ring[0, 1, 4] = False  # open at the front, in one column
    assert lung_search.hull(ring)[0, 1:8, 1:8].all() and lung_search.hull(ring).sum() == 49
    between = lung_search._between(ring, np.full(ring.shape, -1000, np.int16), -960)
    assert between[0, 2:7, 2:4].all() and between[0, 2:7, 5:7].all()
    assert not between[0, 1:7, 4].any()


def test_gas_is_what_lies_near_the_air_outside():
    rng = np.random.default_rng(0)
    for level, low in ((-1000, -960), (-1030, -990), (-900, -960)):
        hu = rng.normal(level, 4, (4, 30, 30)).astype(np.int16)
        hu[:, 10:20] = 40
        assert lung_search.gas_below(hu) == pytest.approx(low, abs=10)


# Balls


@given(st.integers(0, 2**32 - 1), st.floats(2, 9), st.sampled_from([(2.5, 2.0), (1.0, 2.0)]))
def test_dilate_is_a_ball_in_mm(seed, radius, spacing):
    mask = np.random.default_rng(seed).random((9, 21, 23)) > 0.998
    sampling = (spacing[0], spacing[1], spacing[1])
    near = lungs.dilate(mask, spacing, radius)
    if not mask.any():
        assert not near.any()
        return
    distance = ndimage.distance_transform_edt(~mask, sampling=sampling)
    assert near[distance <= 0.97 * radius].all()
    assert not near[distance > 1.03 * radius].any()


def test_close_fills_what_the_ball_cannot_enter():
    mask = np.ones((9, 40, 60), np.bool_)
    mask[:, 10:, 10:14] = False  # a cleft of 8 mm, open below
    mask[:, 10:, 30:50] = False  # a bay of 40 mm
    closed = lungs.close(mask, (2.5, 2.0), 6.0)
    assert closed[mask].all()
    assert closed[:, 12:34, 10:14].all()  # the mouth of the cleft is the ball's
    assert not closed[:, 20:, 34:46].any()


# Real scans


@pytest.mark.real
@pytest.mark.parametrize(("method", "share"), [("volume", 0.999), ("slice_kmeans", 0.85)])
def test_nodules_of_real_scans_are_inside(shared_data, method, share):
    headers = sorted((shared_data / "data" / "luna16").glob("subset*/*.mhd"))
    assert headers
    for header in headers:
        volume, geometry = read_volume(header)
        labels, _ = read_volume(
            shared_data / "data" / "nodule_labels" / f"{header.stem}_nodule_labels.mhd"
        )
        mask = lungs.find(method, volume, geometry)
        litres = mask.sum() * geometry.voxel_mm3 / 1e6
        assert 3 < litres < 9
        margin = lungs.grow(mask, geometry, 10)
        for label in np.unique(labels[labels > 0]):
            assert mask[labels == label].mean() >= share
            assert margin[labels == label].all()
