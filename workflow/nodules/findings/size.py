"""The size of a nodule: diameter of a volume, and classes of diameter."""

import numpy as np

EDGES_MM = (5.0, 8.0, 12.0, 20.0)
ALL = ""  # key of the group of all sizes, in tables with rows by size
CLASSES = ("<5", "5-8", "8-12", "12-20", ">=20")


def sphere_diameter(volume_mm3: float) -> float:
    """Diameter in mm of the sphere with a given volume in mm^3."""
    return float((6 * volume_mm3 / np.pi) ** (1 / 3))


def sphere_volume(diameter_mm: float) -> float:
    """Volume in mm^3 of the sphere with a given diameter in mm."""
    return float(np.pi / 6 * diameter_mm**3)


def diameter_class(diameter_mm: float) -> str:
    """Size class of a diameter, one of CLASSES; lower bounds are inclusive."""
    return CLASSES[int(np.searchsorted(EDGES_MM, diameter_mm, side="right"))]
