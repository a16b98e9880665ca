"""Lung masks: exact thresholds, whole lungs, nodules inside, and nothing found where nothing is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage
from skimage import measure, morphology
from sklearn.cluster import KMeans

from helpers.thorax import shaped, thorax
from nodules.images.metaimage import read_volume
from nodules.prepare import lung_search, lungs

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
