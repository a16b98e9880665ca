"""A drawn thorax in HU with its true lungs, for tests of lung masks."""

import numpy as np

from nodules.images.geometry import Geometry

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
