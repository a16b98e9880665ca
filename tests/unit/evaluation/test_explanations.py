"""What the maps amount to, in numbers with intervals and in cautious words."""

import json

import numpy as np
import pandas as pd
import pytest

from nodules.base import files, tables
from nodules.evaluation import explanations, metric_rows
from nodules.evaluation.explanations import METHODS, sentence, summarise


def table(inside, chance=0.3, alike=0.1, area=0.2, scans=8, spread=0.02):
    """Table `explanations`: two nodules of each scan, with some spread."""
    rng = np.random.default_rng(0)
    rows = [
        {"seriesuid": f"2.25.{scan}", "nodule": n, "method": method, "label": n % 2}
        | {"probability": 0.5, "slice": 3, "ssim": 0.1, "area_share": area}
        | {"share_inside": inside + rng.normal(0, spread)}
        | {"share_inside_randomised": chance + rng.normal(0, spread)}
        | {"rank_correlation": alike + rng.normal(0, spread)}
        for method in METHODS
        for scan in range(scans)
        for n in (1, 2)
    ]
    return tables.frame("explanations", rows)


def test_means_and_differences_are_those_of_the_table():
    rows = table(0.5)
    found = summarise(rows, "test", "layer2", 200, 1)["methods"]["saliency"]
    own = rows[rows["method"] == "saliency"]
    assert found["n_nodules"] == 16 and found["n_scans"] == 8
    assert found["share_inside"]["value"] == pytest.approx(own["share_inside"].mean())
    gained = (own["share_inside"] - own["share_inside_randomised"]).mean()
    assert found["learned"]["value"] == pytest.approx(gained)
    assert found["excess"]["low"] < found["excess"]["value"] < found["excess"]["high"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"inside": 0.5}, ["more than its area", "more than theirs", "changes with the weights"]),
        ({"inside": 0.1}, ["less than its area", "less than theirs"]),
        ({"inside": 0.3, "spread": 0.4, "scans": 2}, ["not clearly different from its area"]),
        ({"inside": 0.5, "alike": 0.9}, ["hardly depends on what was learned"]),
        ({"inside": 0.5, "alike": 0.5, "spread": 0.1}, ["too few nodules to say"]),
    ],
)
def test_the_words_follow_the_intervals(changes, said):
    text = summarise(table(**changes), "test", "layer2", 200, 1)["statement"]
    for words in said:
        assert words in text, text


def test_a_nodule_without_a_map_is_counted_and_has_no_share():
    rows = table(0.5)
    lost = rows.index[:3]  # of Grad-CAM
    rows.loc[lost, ["share_inside", "rank_correlation", "ssim"]] = np.nan
    found = summarise(rows, "test", "layer4", 100, 0)["methods"]["gradcam"]
    assert found["n_without_map"] == 3 and found["n_nodules"] == 16
    assert np.isfinite(found["share_inside"]["value"])


def test_a_mean_is_shown_with_the_nodules_that_it_is_taken_over():
    rows = table(0.5)
    lost = rows.index[:3]  # of Grad-CAM
    rows.loc[lost, ["share_inside", "rank_correlation"]] = np.nan
    rows.loc[rows.index[3], "share_inside_randomised"] = np.nan
    found = summarise(rows, "test", "layer4", 100, 0)
    shown = metric_rows.gather({"systems": {}, "differences": {}}, {}, None, None, found)
    n = shown[shown["system"] == "gradcam"].set_index("measure")["n"].to_dict()
    assert n["area_share"] == 16 and n["share_inside_randomised"] == 15 and n["learned"] == 12
    assert n["share_inside"] == n["excess"] == n["rank_correlation"] == 13


@pytest.mark.parametrize("rows", [table(0.5).iloc[:0], table(0.5, scans=1)])
def test_few_or_no_nodules_are_said_and_can_be_written(rows, tmp_path):
    found = summarise(rows, "fold_0", "layer4", 100, 0)
    files.write_json(tmp_path / "e.json", found)
    read = json.loads((tmp_path / "e.json").read_text())
    said = "no labelled nodule" if rows.empty else "not clearly different"
    assert said in read["statement"]


def test_every_measure_has_a_number():
    found = summarise(table(0.5), "test", "layer4", 100, 0)
    for numbers in found["methods"].values():
        assert set(explanations.MEASURES) <= set(numbers)
        assert sentence("Saliency", numbers).startswith("Saliency: ")


def test_differences_are_paired_by_nodule():
    rows = pd.DataFrame(
        {"share_inside": [0.5], "area_share": [0.2], "share_inside_randomised": [0.4]}
    )
    (row,) = explanations.with_differences(rows).to_dict("records")
    assert row["excess"] == pytest.approx(0.3) and row["learned"] == pytest.approx(0.1)
