"""The last word of a run: the report's path, and main numbers as the table of metrics has them."""

import pandas as pd

from nodules.base import tables
from nodules.report import closing


def row(**values: object) -> dict[str, object]:
    """One row of table `metrics`."""
    usual = {"point": "", "group": "", "other": "", "n": 36, "unit": "scans", "reason": ""}
    return usual | {"definition": "", "low": 0.7, "high": 0.9} | values


def metrics(*sets: str) -> pd.DataFrame:
    """Two systems' CPM in some sets, their difference, and one AUC without an interval."""
    rows = []
    for value, key in zip((0.8, 0.5), sets, strict=False):
        rows += [
            row(measure="cpm", system="unet", set=key, value=value),
            row(measure="cpm", system="unet_resnet", set=key, value=value + 0.1),
            row(measure="cpm", system="unet_resnet", other="unet", set=key, value=0.1),
            row(measure="malignancy_auc", system="resnet", set=key, value=0.9, low=None, high=None)
            | {"n": 9, "unit": "nodules"},
            row(measure="malignancy_auc", system="diameter", set=key, value=float("nan")),
        ]
    return tables.frame("metrics", rows)


def test_cross_validation_leads() -> None:
    told = closing.headline(metrics("out_of_fold", "test"))
    assert told[0].startswith("Cross-validation (95 % bootstrap")
    assert told[1:] == [
        "  CPM            0.800 (0.700 to 0.900)  U-Net alone, 36 scans",
        "  CPM            0.900 (0.700 to 0.900)  U-Net + ResNet50, 36 scans",
        "  malignancy AUC 0.900                   ResNet50, 9 nodules",
    ]


def test_without_folds_the_test_is_told() -> None:
    assert closing.headline(metrics("test"))[0].startswith("Test (")
    assert closing.headline(metrics()) == []


def test_the_first_page_is_named_where_there_is_one(tmp_path) -> None:
    (tmp_path / "report.html").touch()
    assert closing.lines(tmp_path, {"build_report"}) == [f"The report: {tmp_path}/report.html"]
    (tmp_path / "index.html").touch()
    tables.write(tmp_path / "evaluation/metrics.parquet", "metrics", metrics("out_of_fold"))
    told = closing.lines(tmp_path, {"build_report", "draw_epochs"})
    assert told[0].endswith("index.html") and len(told) == 5


def test_of_a_part_of_the_run_only_that_is_told(tmp_path) -> None:
    assert closing.lines(tmp_path, {"draw_epochs"}) == [f"The figures: {tmp_path}/figures."]
    assert closing.lines(tmp_path, {"prepare_slices"}) == []
