"""Radiomic features of a nodule by mirp: shape, intensity and texture as the IBSI defines them.

How an image is prepared decides the values of most features, so it is fixed here: voxels of 1 mm
on every side (cubic splines; the mask linearly, cut at one half), intensities rounded to HU, all of
the mask's voxels from -1000 HU on, bins of 25 HU from there. The Image Biomarker Standardisation
Initiative's definitions: Zwanenburg et al., Radiology 295(2), 2020, 10.1148/radiol.2020191145.
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
MARGIN_MM = 6.0  # of image around a nodule: more than splines and texture reach
SETTINGS: dict[str, Any] = {
    "new_spacing": 1.0,  # mm
    "resegmentation_intensity_range": [-1000.0, float("nan")],  # HU; calcium is not cut off
    "base_discretisation_method": "fixed_bin_size",
    "base_discretisation_bin_width": 25.0,  # HU
    "no_approximation": True,
    "base_feature_families": [
        *("morphology", "statistics", "intensity_histogram"),
        *("glcm", "glrlm", "glszm", "ngtdm"),
    ],
}
NO_MASK = "no voxel of the scan lies in the nodule's mask"
PAIRS = 4_000_000  # voxel pairs held at once


def measure_scan(
    hu: NDArray[np.int16], native: Geometry, rows: pd.DataFrame, nodules: pd.DataFrame, kind: str
) -> pd.DataFrame:
    """Table `radiomics` of one scan's nodules.

    hu: (z, y, x) on the native grid. rows: the scan's `regions`; kind: the mask to measure.
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
    """HU and mask in the nodule's box and MARGIN_MM around it, as far as the scan goes."""
    margin = np.ceil(MARGIN_MM / native.spacing_zyx).astype(int)
    low = np.maximum(np.subtract(corner, margin), 0)
    high = np.minimum(np.add(corner, mask.shape) + margin, hu.shape)
    inside = np.zeros(high - low, bool)
    start = np.subtract(corner, low)
    inside[tuple(slice(s, s + n) for s, n in zip(start, mask.shape, strict=True))] = mask
    return hu[tuple(slice(a, b) for a, b in zip(low, high, strict=True))], inside


def measure(hu: NDArray[np.int16], mask: Bools, native: Geometry) -> tuple[dict[str, float], str]:
    """Every feature by name, NaN where it is undefined, and why there is none at all, else "".

    hu, mask: (z, y, x). A mask too small for mirp is not dropped: its features are NaN, and what
    mirp says of it is the reason.
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
    """An array with its spacing, as mirp has it of a file; to read one takes it ITK and PyTorch."""
    held = kind(image_data=values, image_spacing=tuple(native.spacing_zyx.tolist()))
    held.image_metadata = values  # mirp asks it for the shape alone
    return held


def moran_and_geary(places: Floats, values: Floats) -> tuple[float, float]:
    """Moran's I (IBSI N365) and Geary's C (NPT7) over all pairs of voxels, weight 1 / distance.

    places: (n, 3) mm; values: (n,) HU. Both are 1 where all values are equal.
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
        # sum of w (a - b)^2, the square multiplied out
        difference += part**2 @ near.sum(axis=1) + near.sum(axis=0) @ deviation**2
    difference -= 2 * product
    spread = weight * float(deviation @ deviation)
    if spread == 0:
        return 1.0, 1.0
    n = len(values)
    return float(n * product / spread), float((n - 1) * difference / (2 * spread))


@contextmanager
def _all_pairs() -> Iterator[None]:
    """Within it, mirp takes Moran's I and Geary's C from `moran_and_geary`.

    mirp's own loop over the pairs in Python takes seconds to a minute for a nodule, twenty times
    the time of all other features together; the numbers are the same.
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
    """Within it nothing below an error is logged: mirp announces every nodule."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
