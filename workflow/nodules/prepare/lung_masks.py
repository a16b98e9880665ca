"""A scan's lungs by any method of the config; `of_scan` is the only entry point.

`volume` and `slice_kmeans` need only the scan; `given` reads the mask stored beside the scans,
`unet` a network's output. Other organs have a region instead (`region`). Rules pass the files on as
they come from `lung_source` (common_lungs.smk).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nodules.base.files import UserError, open_array
from nodules.datasets.lung_masks import read_mask
from nodules.images.geometry import Geometry
from nodules.prepare import coarse_grid, lung_grid, lung_kmeans, lung_search, lungs, region
from nodules.prepare.coarse_grid import Bools, Spacing, Volume
from nodules.prepare.lung_search import Lungs

GIVEN, UNET = "given", "unet"
HALF = 127  # of 255: a voxel with a higher probability is lung


def of_scan(
    method: str, volume: Volume, geometry: Geometry, source: Sequence[str | Path] = ()
) -> Lungs:
    """Lungs of a scan by one of the config's methods, judged by `lung_search`.

    volume: int16 HU (z, y, x) on `geometry`. source: for `given` the mask's header (and voxels),
    for `unet` the network's output. A given mask is used even if it is implausible; an implausible
    mask of any other method is replaced by lungs found by density. For other organs
    (`region.METHODS`) the result describes their region. Raises UserError if `source` does not fit.
    """
    if method in region.METHODS:
        return region.of_scan(method, volume, geometry, *source[:1])
    if method == GIVEN:
        mask = read_mask(source[0], geometry)
        judged = lung_search.plausibility(mask, volume, geometry)
        return Lungs(mask, GIVEN, judged, judged)
    if method == UNET:
        coarse, spacing = coarse_grid.decimate(volume, geometry)
        found = answered(source[0], coarse, spacing)
        return lung_search.settled(UNET, found, coarse, spacing, geometry)
    return lung_search.search(method, volume, geometry)


def on_coarse_grid(
    method: str, volume: Volume, geometry: Geometry, source: Sequence[str | Path] = ()
) -> Bools:
    """The same lungs on the coarse grid, neither judged nor refined; also by density.

    Takes a fraction of the time of `of_scan`, and serves comparisons.
    """
    if method == GIVEN:
        return coarse_grid.shrink(read_mask(source[0], geometry), geometry)
    if method == lung_kmeans.slice_kmeans.__name__:
        chosen = coarse_grid.coarse_slices(geometry)
        mask = np.zeros(volume.shape, np.uint8)
        mask[chosen] = lung_kmeans.slice_kmeans(volume[chosen], geometry)
        return coarse_grid.shrink(mask, geometry)
    coarse, spacing = coarse_grid.decimate(volume, geometry)
    if method == UNET:
        return answered(source[0], coarse, spacing)
    if method == lung_search.NONE:
        return np.zeros(coarse.shape, np.bool_)
    ways = {lungs.volume.__name__: lungs.enclosed, lung_search.SECOND: lung_search.dense}
    return ways[method](coarse, spacing)


def answered(path: str | Path, coarse: Volume, spacing: Spacing) -> Bools:
    """The U-Net's lungs on the coarse grid, parts filled and closed as in method `volume`.

    path: array uint8 (z, px, px) of probabilities, 255 for 1. coarse: int16 HU (z, y, x). Raises
    UserError if the array is of another scan.
    """
    answer = open_array(path)
    if answer.dtype != np.uint8 or answer.ndim != 3 or len(answer) != len(coarse):
        raise UserError(
            f"{path}: does not hold this scan's {len(coarse)} coarse slices. Delete it and run"
            " snakemake again."
        )
    found = lung_grid.back(answer, *coarse.shape[1:]) > HALF
    return lungs.whole(found, coarse, spacing)
