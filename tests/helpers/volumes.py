"""Small made-up volumes with nodules of known place, size and mask."""

from pathlib import Path

import numpy as np

from nodules.base import tables
from nodules.base.files import write_array
from nodules.images.geometry import Geometry
from nodules.images.spheres import sphere
from nodules.learning.tasks.volume_truth import Truth
from nodules.prepare import volumes
from nodules.prepare.volumes import LUNG_STEP, Volume

LUNG, NODULE = 30, 160  # grey levels


def volume(folder: Path, nodules, uid="1.2", side=96, seed=0):
    """A Volume of lung with balls (centre as index z, y, x, and diameter in voxels), and its truth.

    The grid has steps of 1 mm and the identity's direction, so that index and world differ by their
    order and the origin alone.
    """
    grid = Geometry.build((-40, 10, -200), (1, 1, 1), np.eye(3), (side,) * 3)
    noise = np.random.default_rng(seed).normal(0, 3, grid.shape)
    grey = LUNG + noise
    masks = []
    for centre, diameter in nodules:
        mask, corner = sphere(grid, grid.to_world(centre), diameter)
        grey[tuple(slice(c, c + n) for c, n in zip(corner, mask.shape, strict=True))][mask] += (
            NODULE - LUNG
        )
        masks.append((mask, corner))
    lung = np.ones(tuple(len(range(LUNG_STEP // 2, side, LUNG_STEP)) for _ in range(3)), np.uint8)
    paths = [folder / f"{uid}{end}" for end in (".npy", "_lung.npy", ".parquet")]
    write_array(paths[0], np.clip(grey, 0, 255).astype(np.uint8))
    write_array(paths[1], lung)
    tables.write(paths[2], "volumes", volumes.describe(uid, grid, grid))
    truth = Truth(
        np.array([c for c, _ in nodules], float).reshape(-1, 3),
        np.array([d for _, d in nodules], float),
        masks,
        np.zeros((0, 3)),
        np.zeros(0),
        1.0,
    )
    return Volume(uid, *paths), truth
