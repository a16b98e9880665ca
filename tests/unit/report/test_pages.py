"""The report's pages say every number, every skipped scan and every cost."""

from html import escape

import pandas as pd

from helpers import example_results as results
from helpers.example_results import number
from nodules.base import tables
from nodules.datasets.folds import TEST_FOLD, UNUSED
from nodules.evaluation.detection import BEST
from nodules.evaluation.explanations import MEASURES, METHODS
from nodules.images.geometry import Geometry
from nodules.report.pages import costs as pages_costs
from nodules.report.pages import lungs as lung_part
from nodules.report.pages import run
from nodules.report.pages.numbers import SECTIONS, page

UID = "2.25.1"
FOUND = results.detection()


def test_sections_stand_in_order_and_hold_their_numbers() -> None:
    systems = {"cpm": "unet", "voxel_sensitivity": "unet", "presence_auc": "presence"}
    systems |= {"calibration_ece": "unet"}
    rows = [number(name, system, w) for name, system in systems.items() for w in results.SETS]
    rows += [number("slope", "presence", where, group="presence_loss") for where in results.SETS]
    html = page(tables.frame("metrics", rows), FOUND, results.trends()).html()
    numbers = (
        "CPM: mean of the seven",
        "Voxel sensitivity",
        "AUC [1]",
        "ECE, as the system gives it",
        "ResNet50's loss (nat)",
    )
    headings = [html.index(f">{title}</h2>") for title in SECTIONS]
    places = [html.index(escape(text, quote=True)) for text in numbers]
    assert sorted(places + headings) == [
        place for pair in zip(headings, places, strict=True) for place in pair
    ]
    assert html.count("what presence_auc is") == 1, "a definition stands once, as a note"


def test_it_says_what_was_resampled_behind_each_interval() -> None:
    rows = [number("malignancy_auc", "resnet", where) for where in results.SETS]
    html = page(tables.frame("metrics", rows), FOUND, None).html()
    assert "AUC of the ResNet50, benign or malignant" in html
    assert "whole scans resampled; for benign or malignant: whole patients" in html


def explanations() -> dict:
    return {"statement": "It looks <there>.", "part": "fold_0"}


def test_explanations_are_shown_even_of_one_fold() -> None:
    rows = [number(measure, method, "fold_0") for measure in MEASURES for method in METHODS]
    html = page(tables.frame("metrics", rows), FOUND, None, explanations()).html()
    assert "It looks &lt;there&gt;." in html
    assert "Share of the map inside the nodule" in html
    assert html.count("Grad-CAM") == 1


def test_given_locations_have_a_section_of_their_own_that_says_what_not_to_compare() -> None:
    rows = [number("cpm", "unet", where) for where in results.SETS]
    rows += [number("locations_cpm", "presence", where) for where in results.SETS]
    rows += [number("locations_sensitivity", "presence", point="0.125")]
    rows += [number("locations_reached", "list", where) for where in results.SETS]
    html = page(tables.frame("metrics", rows), FOUND, None, track=results.track()).html()
    own = html[html.index(">LUNA16&#x27;s false-positive-reduction track</h2>") :]
    assert "must not be compared with the CPM" in own
    assert "The list hits &lt;all but one&gt;." in own
    assert "ResNet50 on given locations: sensitivity" in own
    assert "Sensitivity at 1/8 FP per scan" in own and "what locations_reached is" in own
    assert "given locations" not in html[: html.index(own)], "apart from the detecting systems"
    assert "false-positive-reduction" not in page(tables.frame("metrics", rows), FOUND, None).html()


def test_a_task_that_was_not_run_is_not_spoken_of() -> None:
    rows = [number("cpm", "unet", where) for where in results.SETS]
    html = page(tables.frame("metrics", rows), FOUND, None).html()
    assert ">Detection</h2>" in html
    for words in ("proxy", "ResNet50", ">Classification</h2>"):
        assert words not in html


def test_measures_for_few_readers_are_folded_away() -> None:
    rows = [number(measure, "unet", group="5-8") for measure in ("dice", "iou")]
    html = page(tables.frame("metrics", rows), FOUND, results.trends()).html()
    folded = html[html.index("<details>") : html.index("</details>")]
    assert "IoU by diameter" in folded
    assert "Dice by diameter" not in folded


def test_the_statement_on_confidence_is_escaped() -> None:
    html = page(tables.frame("metrics"), FOUND, results.trends()).html()
    assert "It is &lt;no&gt; proxy." in html


def test_detection_has_its_sentence_and_a_small_baseline_is_called_so() -> None:
    rows = [number("cpm", system) for system in ("unet", "maskrcnn")]
    html = page(tables.frame("metrics", rows), FOUND, None, small=True).html()
    assert "The second stage is &lt;not&gt; better." in html
    assert "Mask R-CNN (small baseline): sensitivity" in html
    plain = page(tables.frame("metrics", rows), FOUND, None).html()
    assert "Mask R-CNN: sensitivity" in plain


def test_folds_have_their_own_table() -> None:
    value = {"value": 0.6, "low": 0.5, "high": 0.7}
    rows = [number("cpm", "unet_resnet", "fold_0", **value)]
    rows += [number("cpm", "unet_resnet", "fold_1", **{k: v + 0.1 for k, v in value.items()})]
    html = page(tables.frame("metrics", rows), FOUND, results.trends()).html()
    assert "0.600 (0.500 to 0.700)" in html
    assert "0.700 (0.600 to 0.800)" in html


def scan(uid: str, status: str, nodules: int) -> dict:
    row = {"seriesuid": uid, "patient": uid, "subset": 3, "status": status, "n_nodules": nodules}
    row |= {"header": "h", "data": "d", "labels": "", "hu_min": -1000, "hu_max": 1000}
    grid = Geometry.build((0, 0, 0), (1, 1, 1), [1, 0, 0, 0, 1, 0, 0, 0, 1], (4, 5, 6))
    return row | {"bytes": 1, "sha256": "0"} | grid.to_row()


def test_a_skipped_scan_is_listed_with_its_reason() -> None:
    sheet = tables.frame("scans", [scan("2.25.1", "ok", 0), scan("2.25.2", "skipped", 4)])
    defect = {"file": "a.mhd", "seriesuid": "2.25.2", "reason": "data file is short"}
    defects = tables.frame("defects", [defect | {"remedy": "download it again", "fatal": True}])
    fold = {"seriesuid": "2.25.1", "patient": "p", "subset": 3, "n_nodules": 0, "fold": -1}
    lungs = tables.frame("lungs", [lung_row("2.25.1")])
    others = (tables.frame("folds", [fold]), lungs, tables.frame("lung_agreement"))
    html = run.scans(sheet, defects, *others).html()
    assert "1 of 2 scans found are used, with 0 reference nodules" in html
    assert "scans without any (1) still count" in html
    assert html.count("data file is short") == 2
    assert "download it again" in html


def test_a_scan_that_no_network_may_see_stands_in_no_fold() -> None:
    rows = [
        {"seriesuid": f"2.25.{k}", "patient": f"p{k}", "subset": k, "n_nodules": 2, "fold": fold}
        for k, fold in enumerate((0, 1, TEST_FOLD, UNUSED))
    ]
    others = (tables.frame(name) for name in ("scans", "defects"))
    after = (tables.frame(name) for name in ("lungs", "lung_agreement"))
    html = run.scans(*others, tables.frame("folds", rows), *after).html()
    assert "<td>none: a test patient&#x27;s scan of another subset</td>" in html
    assert "<td>-2</td>" not in html and "<td>test</td>" in html


def lung_row(uid: str, method: str = "volume", objection: str = "") -> dict:
    measures = {"extent_mm": 250.0, "left": 0.5, "body_share": 0.3, "hu": -850.0}
    row = {"seriesuid": uid, "method": method, "litres": 4.2, "missed_litres": 0.0}
    return row | measures | {"objection": objection}


def test_lungs_found_at_the_second_try_or_not_at_all_are_listed_with_the_reason() -> None:
    rows = [lung_row("2.25.1"), lung_row("2.25.2", "density", "0.20 litres are gas.")]
    rows.append(lung_row("2.25.3", "", "No lung was found."))
    empty = (tables.frame(name, []) for name in ("scans", "defects", "folds"))
    html = run.scans(*empty, tables.frame("lungs", rows), tables.frame("lung_agreement")).html()
    assert "agree" not in html
    assert "method found lungs in 1 of 3 scans (4.2 to 4.2 litres, median 4.2)." in html
    assert "In 1 they were found by density" in html and "In 1 no lungs were found" in html
    assert html.count("<td>2.25.1</td>") == 0
    assert "0.20 litres are gas." in html and "<td>no method</td>" in html


def test_a_doubtful_given_mask_is_told_apart_from_lungs_found_anew() -> None:
    rows = [lung_row("2.25.1", "given"), lung_row("2.25.2", "given", "It holds no air.")]
    empty = (tables.frame(name, []) for name in ("scans", "defects", "folds"))
    html = run.scans(*empty, tables.frame("lungs", rows), tables.frame("lung_agreement")).html()
    assert "In 1 the given mask is used as it is, although it looks implausible." in html
    assert "by their density" not in html and "It holds no air." in html


def test_the_scan_with_the_least_agreement_is_named_and_empty_ones_do_not_count() -> None:
    row = {"method": "volume", "litres": 1.0, "other_litres": 1.0}
    dice = {("1", "given"): 0.9, ("2", "given"): 0.5, ("3", "given"): 0.7, ("1", "unet"): 0.95}
    dice[("2", "unet")] = float("nan")
    table = tables.frame(
        "lung_agreement",
        [row | {"seriesuid": uid, "other": other, "dice": d} for (uid, other), d in dice.items()],
    )
    best, worse = lung_part.summary(table)
    assert best == {"other": "unet", "scans": 1, "median": 0.95, "least": 0.95, "scan": "1"}
    assert worse == {"other": "given", "scans": 3, "median": 0.7, "least": 0.5, "scan": "2"}
    assert lung_part.summary(tables.frame("lung_agreement")) == []


def test_the_page_says_how_far_lungs_by_several_methods_agree() -> None:
    row = {"method": "volume", "litres": 4.0, "other_litres": 4.1}
    dice = {"2.25.1": 0.98, "2.25.2": 0.9, "2.25.3": 0.97}
    rows = [row | {"seriesuid": uid, "other": "given", "dice": d} for uid, d in dice.items()]
    empty = (tables.frame(name, []) for name in ("scans", "defects", "folds"))
    agreement = tables.frame("lung_agreement", rows)
    html = run.scans(*empty, tables.frame("lungs", [lung_row("2.25.1")]), agreement).html()
    assert "the lungs used (by the 3-D method) agree with those that other methods find" in html
    for cell in ("given masks", "3", "0.970", "0.900", "2.25.2"):
        assert f">{cell}</td>" in html


def test_the_run_is_described_and_its_config_escaped() -> None:
    html = run.run("seed: 1 # <&>", {"numpy": "2.0"}, "abc", "123").html()
    assert "seed: 1 # &lt;&amp;&gt;" in html
    for value in ("numpy", "2.0", "abc", "123"):
        assert value in html


def test_costs_are_summed() -> None:
    costs = {"rule": ["train_unet", "make_folds"], "jobs": [2, 1], "total_s": [4000.0, 0.5]}
    costs |= {"longest_s": [3000.0, 0.5], "cpu_s": [3900.0, 0.4], "peak_mb": [900.0, float("nan")]}
    html = pages_costs.costs(pd.DataFrame(costs)).html()
    assert "4,000" in html
    assert "All rules: 4,000 s of jobs, 3,900 s of processor time." in html


def test_what_is_said_of_the_second_stage_follows_the_first_detector() -> None:
    names_of = {"transformer": "Swin U-Net", "unet": "U-Net"}
    shown = {}
    for first in names_of:
        rows = [
            number("cpm", system, where) for system in (first, "unet") for where in results.SETS
        ]
        rows += [number("presence_auc", "presence"), number("recall", first, point=BEST)]
        rows += [number("spearman_probability_and_dice", "presence")]
        rows += [number("slope", first, group="unet_loss")]
        shown[first] = page(tables.frame("metrics", rows), FOUND, results.trends()).html()
    for first, name in names_of.items():
        for text in ("ResNet50 on the {}'s candidates", "{}'s own score", "{}'s loss"):
            assert escape(text.format(name), quote=True) in shown[first]
    assert escape("the U-Net's candidates", quote=True) not in shown["transformer"]
    assert "Nodules found by the Swin U-Net alone, best 8" in shown["transformer"]


def test_networks_are_compared_apart_from_mask_rcnn() -> None:
    pairs = (("transformer", "unet"), ("unet_resnet", "maskrcnn"))
    rows = [
        {"set": "test", "measure": "cpm", "point": "", "stage": "", "one": one, "other": other}
        | {"one_value": 0.5, "other_value": 0.4, "difference": 0.1, "low": 0.0, "high": 0.2}
        | {"n": 9, "unit": "scans", "definition": "what it is"}
        for one, other in pairs
    ]
    told = {"statements": {"test": "Neither is surer."}}
    metrics = tables.frame("metrics", [number("cpm", "unet")])
    heads = {}
    for chosen in (rows, rows[:1], rows[1:]):
        html = page(metrics, FOUND, None, None, (tables.frame("comparison", chosen), told)).html()
        heads[len(heads)] = [">One network" in html, ">Two stages" in html]
        assert ("Neither is surer." in html) == heads[len(heads) - 1][1]
    assert heads == {0: [True, True], 1: [True, False], 2: [False, True]}
