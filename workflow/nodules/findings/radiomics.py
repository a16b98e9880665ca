"""Radiomic features of a nodule by mirp: shape, intensity and texture as the IBSI defines them.

Most feature values depend on how the image is prepared, so that is fixed here: isotropic voxels of
1 mm (cubic splines; the mask linearly, thresholded at one half), intensities rounded to whole HU,
all voxels of the mask from -1000 HU on, bins of 25 HU from there. The Image Biomarker
Standardisation Initiative: Zwanenburg et al., Radiology 295(2), 2020, 10.1148/radiol.2020191145.
mirp: Zwanenburg et al., Journal of Open Source Software 9(99), 2024, 10.21105/joss.06413.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from mirp import extract_features
from mirp._data_import.numpy_file import ImageNumpyFile, MaskNumpyFile
from mirp._features.morph_3d_data import Data3DSpatial
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from nodules.base import tables
from nodules.base.columns_radiomics import FEATURES
from nodules.images import regions
from nodules.images.geometry import Geometry

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

NAMES = [name for name, _, _, _ in FEATURES]
MARGIN_MM = 6.0  # of image around a nodule: beyond the support of splines and texture features
SETTINGS: dict[str, Any] = {
    "new_spacing": 1.0,  # mm
    "resegmentation_intensity_range": [-1000.0, float("nan")],  # HU; no upper limit: calcium stays
    "base_discretisation_method": "fixed_bin_size",
    "base_discretisation_bin_width": 25.0,  # HU
    "no_approximation": True,
    "base_feature_families": [
        *("morphology", "statistics", "intensity_histogram"),
        *("glcm", "glrlm", "glszm", "ngtdm"),
    ],
}
NO_MASK = "no voxel of the scan lies in the nodule's mask"
PAIRS = 4_000_000  # voxel pairs in memory at once


def measure_scan(
    hu: NDArray[np.int16], native: Geometry, rows: pd.DataFrame, nodules: pd.DataFrame, kind: str
) -> pd.DataFrame:
    """Table `radiomics` of one scan's nodules.

    hu: (z, y, x) on the native grid. rows: the scan's table `regions`; kind: of mask to measure.
    """
    chosen = regions.select(rows, kind, "native")
    masks = {int(number): regions.box(own) for number, own in chosen.groupby("region")}
    found = []
    for uid, number in zip(nodules["seriesuid"], nodules["nodule"], strict=True):
        values, reason, voxels = dict.fromkeys(NAMES, np.nan), NO_MASK, 0
        if number in masks:
            mask, corner = masks[number]
            voxels = int(mask.sum())
            values, reason = measure(*surroundings(hu, mask, corner, native), native)
        key = {"seriesuid": uid, "nodule": number, "voxels": voxels, "reason": reason}
        found.append(key | values)
    return tables.frame("radiomics", found)


def surroundings(
    hu: NDArray[np.int16], mask: Bools, corner: tuple[int, int, int], native: Geometry
) -> tuple[NDArray[np.int16], Bools]:
    """HU and mask (z, y, x) in the nodule's box plus MARGIN_MM, clipped to the scan."""
    margin = np.ceil(MARGIN_MM / native.spacing_zyx).astype(int)
    low = np.maximum(np.subtract(corner, margin), 0)
    high = np.minimum(np.add(corner, mask.shape) + margin, hu.shape)
    inside = np.zeros(high - low, bool)
    start = np.subtract(corner, low)
    inside[tuple(slice(s, s + n) for s, n in zip(start, mask.shape, strict=True))] = mask
    return hu[tuple(slice(a, b) for a, b in zip(low, high, strict=True))], inside


def measure(hu: NDArray[np.int16], mask: Bools, native: Geometry) -> tuple[dict[str, float], str]:
    """All features by name, NaN where undefined, and the reason if there are none, else "".

    hu, mask: (z, y, x). A mask too small for mirp is not dropped: all its features are NaN, and
    mirp's message is the reason.
    """
    nothing = dict.fromkeys(NAMES, float("nan"))
    with _quiet(), _all_pairs():
        try:
            image = _held(ImageNumpyFile, hu.astype(np.float32), native)
            inside = _held(MaskNumpyFile, mask.astype(int), native)
            found = extract_features(image=image, mask=inside, image_modality="CT", **SETTINGS)
        except (ValueError, TypeError, ArithmeticError, IndexError) as error:
            return nothing, f"mirp could not measure it: {error}"
    if not found or found[0] is None or not len(found[0]):
        return nothing, "the mask is empty once its voxels measure 1 mm"
    row = found[0].iloc[0]
    values = {name: float(row[name]) for name in NAMES}
    return {name: value if np.isfinite(value) else np.nan for name, value in values.items()}, ""


def _held(kind: type[ImageNumpyFile], values: NDArray[Any], native: Geometry) -> ImageNumpyFile:
    """Array with spacing in the form of an image file that mirp has read.

    Reading a file would make mirp import ITK and PyTorch.
    """
    held = kind(image_data=values, image_spacing=tuple(native.spacing_zyx.tolist()))
    held.image_metadata = values  # mirp takes nothing but the shape from it
    return held


def moran_and_geary(places: Floats, values: Floats) -> tuple[float, float]:
    """Moran's I (IBSI N365) and Geary's C (NPT7) over all voxel pairs, weighted by 1 / distance.

    places: (n, 3) mm; values: (n,) HU. Both measures are 1 if all values are equal.
    """
    deviation = values - values.mean()
    weight = product = difference = 0.0
    step = max(PAIRS // len(values), 1)
    for start in range(0, len(values), step):
        distance = cdist(places[start : start + step], places)
        near = np.divide(1, distance, out=np.zeros_like(distance), where=distance > 0)
        part = deviation[start : start + step]
        weight += near.sum()
        product += part @ near @ deviation
        # The sum of w (a - b)^2, with the square expanded.
        difference += part**2 @ near.sum(axis=1) + near.sum(axis=0) @ deviation**2
    difference -= 2 * product
    spread = weight * float(deviation @ deviation)
    if spread == 0:
        return 1.0, 1.0
    n = len(values)
    return float(n * product / spread), float((n - 1) * difference / (2 * spread))


@contextmanager
def _all_pairs() -> Iterator[None]:
    """Context in which mirp takes Moran's I and Geary's C from `moran_and_geary`.

    mirp's own Python loop over pairs takes seconds to a minute per nodule, twenty times as long as
    all other features together. The numbers are the same.
    """

    def fast(self: Data3DSpatial, data: pd.DataFrame) -> tuple[float, float]:
        places = data[["z", "y", "x"]].to_numpy(float) * np.asarray(self.spacing)
        return moran_and_geary(places, data["g"].to_numpy(float))

    own = Data3DSpatial._spatial_distribution
    Data3DSpatial._spatial_distribution = fast
    try:
        yield
    finally:
        Data3DSpatial._spatial_distribution = own


@contextmanager
def _quiet() -> Iterator[None]:
    """Context in which only errors are logged, since mirp announces every nodule."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
