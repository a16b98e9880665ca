"""The confidence of the two stages in 3-D from which on a finding is reported."""

import numpy as np
import pandas as pd

from nodules.base import tables
from nodules.evaluation import stages_threshold


def judged(confidences, places):
    """Table `classified` of candidates along x."""
    rows = [
        dict.fromkeys(tables.columns("classified"), 0.0)
        | {"seriesuid": "1.2", "candidate": k, "x": float(x), "confidence": c, "diameter_mm": 5.0}
        | {"n_slices": 1}
        for k, (c, x) in enumerate(zip(confidences, places, strict=True), 1)
    ]
    return tables.frame("classified", rows)


def points(name, places):
    rows = [
        dict.fromkeys(tables.columns(name), 0)
        | {"seriesuid": "1.2", "nodule": k, "x": float(x)}
        | {"y": 0.0, "z": 0.0, "diameter_mm": 6.0}
        for k, x in enumerate(places, 1)
    ]
    columns = tables.columns(name)
    return tables.frame(name, pd.DataFrame(rows, columns=[*columns])[columns])


def test_it_parts_nodules_from_false_alarms_and_excluded_findings_do_not_count():
    table = judged([0.9, 0.8, 0.3, 0.2, 0.85], [0, 100, 200, 300, 400])
    found = stages_threshold.fitted(table, points("nodules", [0, 100]), points("excluded", [400]))
    assert 0.3 < found["threshold"]["test"] <= 0.8
    assert found["temperature"] == {"test": 1.0} and found["n_validation"] == 4


def test_without_a_nodule_there_is_none():
    table = judged([0.9, 0.8], [0, 100])
    found = stages_threshold.fitted(table, points("nodules", []), points("excluded", []))
    assert found["threshold"] == {"test": None}
    assert np.isfinite(found["n_validation"])
