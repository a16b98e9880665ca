"""The FROC that a run reached, as a model file carries it: what a threshold costs in false alarms.

Of the candidates on scans that no network had seen; of those that each fold leaves out where there
are any, since they are more scans than the test has.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SETS = ("out_of_fold", "test")  # the first that has points counts
COLUMNS = {
    "threshold": "threshold",
    "fp_per_scan": "false_alarms_per_scan",
    "sensitivity": "sensitivity",
}
MOST_POINTS = 200

Floats = NDArray[np.float64]


def froc_of(table: pd.DataFrame, system: str, most: int = MOST_POINTS) -> dict[str, Any] | None:
    """A system's curve of table `froc`: set, and lists of the same length, thresholds descending.

    A threshold's false alarms and sensitivity are those of marks at or above it. Long curves keep
    `most` of their points. None where the system marked nothing, or nothing was to be found.
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
    """The points of such a curve, (n, 3): threshold, false alarms a scan, sensitivity.

    None where there is no curve, as in models of earlier versions, or where it is none of ours.
    """
    try:
        points = np.array([told[name] for name in COLUMNS.values()], float).T
    except (LookupError, TypeError, ValueError):
        return None
    well = points.ndim == 2 and len(points) > 0 and np.isfinite(points).all()
    return points if well else None


def at(points: Floats, threshold: float) -> tuple[float, float] | None:
    """False alarms a scan and sensitivity of marks at or above a threshold.

    None where the curve does not reach so far down.
    """
    above = points[points[:, 0] >= threshold]
    if threshold < points[-1, 0]:
        return None
    return (float(above[-1, 1]), float(above[-1, 2])) if len(above) else (0.0, 0.0)
