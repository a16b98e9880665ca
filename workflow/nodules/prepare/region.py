"""The region in which lesions are sought in organs other than lungs: body, given mask, or all.

Each is returned in the form of lungs, so that code that cuts slices and volumes needs no special
case. Such a region is never judged implausible or searched again by another method.
"""

from pathlib import Path

import cc3d
import fill_voids
import numpy as np

from nodules.base.files import FileDefect
from nodules.images.geometry import Geometry
from nodules.images.metaimage import read_volume
from nodules.prepare import coarse_grid, lung_kmeans
from nodules.prepare.coarse_grid import Bools, Mask, Volume
from nodules.prepare.lung_search import Lungs, Plausibility

BODY, MASK, WHOLE = "body", "mask", "whole"
METHODS = (BODY, MASK, WHOLE)
CUT_OFF = (0.5, 99.5)  # percentiles at which values are clipped before the threshold is sought
ANEW = "Delete results/dataset and run snakemake again."


def of_scan(method: str, volume: Volume, geometry: Geometry, header: str | Path = "") -> Lungs:
    """The region by one of METHODS: uint8 (z, y, x) for a scan, int16 (z, y, x) on `geometry`.

    header: of the mask for method `mask`. Raises FileDefect if the mask does not fit.
    """
    if method == BODY:
        coarse, _ = coarse_grid.decimate(volume, geometry)
        mask = coarse_grid.refine(body(coarse), geometry)
    elif method == MASK:
        mask = _given(header, geometry)
    else:
        mask = np.ones(volume.shape, np.uint8)
    measured = _measured(mask, volume, geometry)
    return Lungs(mask, method, measured, measured)


def body(coarse: Volume) -> Bools:
    """The largest component that is brighter than the background, each slice of it filled.

    coarse: int16 (z, y, x), in HU or any other unit in which air is dark. Two means of the values
    separate body and background; if all values are equal, as in a scan cut to the organ, all is
    body.
    """
    low, high = (round(float(value)) for value in np.percentile(coarse, CUT_OFF))
    clipped = np.clip(coarse, low, high).astype(np.int16)
    bright = clipped > lung_kmeans.two_means_threshold(clipped)
    largest = cc3d.largest_k(bright, k=1, connectivity=6) > 0
    filled = np.stack([fill_voids.fill(np.ascontiguousarray(image)) for image in largest])
    return np.asarray(filled if filled.any() else np.ones_like(bright), np.bool_)


def _given(header: str | Path, geometry: Geometry) -> Mask:
    """A mask stored on the scan's own grid; FileDefect if it is not."""
    mask, own = read_volume(header)
    if own.shape != geometry.shape or not mask.any():
        raise FileDefect(str(header), "it does not hold this scan's mask", ANEW)
    return (mask > 0).astype(np.uint8)


def _measured(mask: Mask, volume: Volume, geometry: Geometry) -> Plausibility:
    """Columns of table `lungs` for a region; shares of the body are NaN."""
    found = np.flatnonzero(mask.any(axis=(1, 2)))
    return Plausibility(
        litres=float(np.count_nonzero(mask)) * geometry.voxel_mm3 / 1e6,
        extent_mm=float(found[-1] - found[0] + 1) * float(geometry.spacing_zyx[0]),
        left=float("nan"),
        body_share=float("nan"),
        hu=float(np.median(volume[mask > 0])),
        missed_litres=0.0,
        reason="",
    )
