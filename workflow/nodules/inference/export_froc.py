"""A run's FROC curve, as stored in a model file: false positives and sensitivity per threshold.

From candidates on scans that no network was trained on: the folds' left-out scans if there are any,
since they outnumber the test scans.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SETS = ("out_of_fold", "test")  # in order of preference
COLUMNS = {
    "threshold": "threshold",
    "fp_per_scan": "false_alarms_per_scan",
    "sensitivity": "sensitivity",
}
MOST_POINTS = 200

Floats = NDArray[np.float64]


def froc_of(table: pd.DataFrame, system: str, most: int = MOST_POINTS) -> dict[str, Any] | None:
    """A system's curve from table `froc`: set, and lists of equal length, thresholds descending.

    False positives and sensitivity are those of candidates at or above the threshold. Long curves
    are thinned to `most` points. None if the system found nothing, or there was nothing to find.
    """
    known = table["threshold"].notna() & table["sensitivity"].notna()
    own = table[(table["system"] == system) & known]
    for name in SETS:
        rows = own[own["set"] == name]
        if len(rows):
            rows = rows.sort_values(["threshold", "fp_per_scan"], ascending=[False, True])
            kept = np.unique(np.linspace(0, len(rows) - 1, most).round().astype(int))
            lists = {told: rows[key].iloc[kept].tolist() for key, told in COLUMNS.items()}
            return {"system": system, "set": name} | lists
    return None


def points_of(told: Any) -> Floats | None:
    """The points of such a curve, (n, 3): threshold, false positives per scan, sensitivity.

    None if there is no curve, as in models of earlier versions, or if it is malformed.
    """
    try:
        points = np.array([told[name] for name in COLUMNS.values()], float).T
    except (LookupError, TypeError, ValueError):
        return None
    well = points.ndim == 2 and len(points) > 0 and np.isfinite(points).all()
    return points if well else None


def at(points: Floats, threshold: float) -> tuple[float, float] | None:
    """False positives per scan and sensitivity of candidates at or above a threshold.

    None if the curve ends above this threshold.
    """
    above = points[points[:, 0] >= threshold]
    if threshold < points[-1, 0]:
        return None
    return (float(above[-1, 1]), float(above[-1, 2])) if len(above) else (0.0, 0.0)
