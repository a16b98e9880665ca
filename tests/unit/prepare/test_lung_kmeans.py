"""The published lung masks: exact thresholds, and the recipe's own pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage
from skimage import measure, morphology
from sklearn.cluster import KMeans

from helpers.thorax import shaped, thorax
from nodules.prepare import lung_kmeans


def explained(pixels, cut):
    """Squared error that splitting at `cut` explains, by its definition."""
    low, high = pixels[pixels < cut], pixels[pixels >= cut]
    return -sum(((part - part.mean()) ** 2).sum() for part in (low, high))


@given(arrays.arrays(np.int16, st.integers(2, 40), elements=st.integers(-3024, 3071)))
def test_threshold_is_the_best_of_all_cuts(pixels):
    values = np.unique(pixels)
    threshold = lung_kmeans.two_means_threshold(pixels)
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
    assert lung_kmeans.two_means_threshold(pixels) == pytest.approx(centres.mean(), abs=1e-9)


def test_threshold_knows_the_ends_of_int16():
    assert lung_kmeans.two_means_threshold(np.array([-32768, 32767], np.int16)) == -0.5
    with pytest.raises(ValueError, match="no pixels"):
        lung_kmeans.two_means_threshold(np.zeros(0, np.int16))


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
    found = lung_kmeans.slice_kmeans(volume, geometry)
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
    np.testing.assert_array_equal(lung_kmeans._central_components(air), expected)
