"""Agreement between lung masks by different methods."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodules.base.files import UserError
from nodules.images.geometry import Geometry
from nodules.images.metaimage import read_volume
from nodules.prepare import coarse_grid, lung_masks
from nodules.stats.overlap import dice

Bools = NDArray[np.bool_]

log = logging.getLogger("nodules")


def compare_scan(
    header: str | Path, used: str, sources: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Rows of table `lung_agreement` of a scan, from each method's mask on the coarse grid.

    used: the method whose lungs the run uses. sources: what each method, `used` included, needs
    besides the scan. A method whose source is unusable is left out with a warning, since nothing
    else may need it. Raises UserError if the scan or the lungs used cannot be read.
    """
    volume, geometry = read_volume(header)
    own = lung_masks.on_coarse_grid(used, volume, geometry, sources[used])
    others = {}
    for name in sources.keys() - {used}:
        try:
            others[name] = lung_masks.on_coarse_grid(name, volume, geometry, sources[name])
        except UserError as error:
            log.warning("lungs by '%s' are not compared: %s", name, error)
    return list(agreement(Path(header).stem, used, own, others, coarse_mm3(geometry)))


def coarse_mm3(geometry: Geometry) -> float:
    """Volume in mm^3 of a voxel on the coarse grid of `lungs`."""
    return float(geometry.spacing_zyx[0]) * coarse_grid.z_step(geometry) * coarse_grid.GRID_MM**2


def agreement(
    uid: str, used: str, own: Bools, others: Mapping[str, Bools], voxel_mm3: float
) -> Iterator[dict[str, Any]]:
    """Rows of table `lung_agreement`: the lungs used (`own`) against those of each other method.

    Masks are bool (z, y, x) on one grid with voxels of `voxel_mm3`.
    """
    litre = voxel_mm3 / 1e6
    for name, other in sorted(others.items()):
        yield {
            "seriesuid": uid,
            "method": used,
            "other": name,
            "dice": dice(own, other),
            "litres": float(np.count_nonzero(own)) * litre,
            "other_litres": float(np.count_nonzero(other)) * litre,
        }
