"""Small made-up scans in the workflow's own files, for tests of what comes after the slices."""

from pathlib import Path

import numpy as np

from nodules.base import tables
from nodules.base.files import write_array
from nodules.images import regions
from nodules.images.geometry import Geometry
from nodules.prepare.stacks import Stack

SPACING = (1.0, 1.0, 2.0)


def ball(shape, centre, radius_mm, spacing=SPACING):
    """Boolean (z, y, x) array: voxels within a radius of an index."""
    grid = np.indices(shape).reshape(3, -1).T
    distance = np.linalg.norm((grid - np.array(centre)) * np.array(spacing)[::-1], axis=1)
    return (distance <= radius_mm).reshape(shape)


def make_stack(folder: Path, uid="2.25.1", shape=(10, 64, 64), nodules=(), kind="readers", seed=0):
    """A scan of noise with a bright ball per nodule, each given as ((z, y, x), radius_mm)."""
    rng = np.random.default_rng(seed)
    array = rng.integers(40, 80, shape).astype(np.uint8)
    geometry = Geometry.build((-30, -40, 100), SPACING, np.eye(3), shape)
    rows = []
    for number, (centre, radius) in enumerate(nodules, 1):
        mask = ball(shape, centre, radius)
        array[mask] = 220
        rows += regions.encode(uid, kind, "slices", number, mask)
    slices = [
        {
            "seriesuid": uid,
            "slice": z,
            "z_mm": float(geometry.to_world((z, 0, 0))[2]),
            "crop_y0": 0,
            "crop_x0": 0,
            "crop_height": shape[1],
            "crop_width": shape[2],
            "mm_per_px": SPACING[0],
            "lung_mm2": 100.0,
            **geometry.to_row(),
        }
        for z in range(shape[0])
    ]
    paths = [
        folder / "slices" / f"{uid}.npy",
        folder / "slices" / f"{uid}.parquet",
        folder / "masks" / f"{uid}.parquet",
    ]
    write_array(paths[0], array)
    tables.write(paths[1], "slices", slices)
    tables.write(paths[2], "regions", rows)
    return Stack(uid, *paths, kind)


def nodule_rows(stack, nodules):
    """Table `nodules` of a scan made by `make_stack`."""
    rows = []
    for number, (centre, radius) in enumerate(nodules, 1):
        x, y, z = stack.geometry.to_world(centre)
        rows.append(
            {
                "seriesuid": stack.uid,
                "nodule": number,
                "x": x,
                "y": y,
                "z": z,
                "diameter_mm": 2.0 * radius,
            }
        )
    return tables.frame("nodules", rows)
