"""Figures and page of benign or malignant: what is shown is what is stored."""

from html import escape

import numpy as np
import pytest

from helpers import malignancy_results as results
from nodules.base import tables
from nodules.evaluation.malignancy import score
from nodules.evaluation.names import MALIGNANCY
from nodules.report import lookup
from nodules.report.figures.malignancy import differences, probability_by_diameter, roc
from nodules.report.pages.malignancy import page


@pytest.fixture(scope="module")
def scored():
    return results.result()


def test_each_system_has_its_curve_and_its_area(scored):
    _, curves, found = scored
    figure = roc(curves, found)
    assert [axes.get_title(loc="left").split("\n")[0] for axes in figure.axes] == [
        "Cross-validation",
        "Test",
    ]
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    own = found["sets"]["out_of_fold"]["systems"]
    assert labels == [
        f"{system.name}\nAUC {lookup.estimate(own[key]['auc'])}"
        for key, system in MALIGNANCY.items()
        if key in own
    ]


def test_the_forest_shows_every_area_and_difference(scored):
    found = scored[2]
    areas, gaps = differences(found).axes
    own = found["sets"][found["main_set"]]
    for axes, numbers in ((areas, own["systems"]), (gaps, own["differences"])):
        drawn = {
            round(float(line.get_xdata()[0]), 6) for line in axes.lines if len(line.get_xdata())
        }
        for entry in numbers.values():
            assert round(entry["auc"]["value"], 6) in drawn
            assert round(entry["auc_within_size"]["value"], 6) in drawn


def test_an_undefined_area_is_written_out(scored):
    found = scored[2]
    own = found["sets"][found["main_set"]]
    nothing = {"value": None, "low": None, "high": None, "reason": "one class"}
    systems = {s: n | {"patient_auc": nothing} for s, n in own["systems"].items()}
    changed = found | {"sets": {found["main_set"]: own | {"systems": systems}}}
    areas, _ = differences(changed).axes
    assert "undefined: one kind only" in [text.get_text() for text in areas.texts]


def test_every_labelled_nodule_is_a_mark(scored):
    nodules, _, found = scored
    figure = probability_by_diameter(nodules, found)
    own = nodules[nodules["set"] == found["main_set"]]
    systems = [key for key in MALIGNANCY if (own["system"] == key).any()]
    for axes, system in zip(figure.axes, systems, strict=True):
        marks = np.sort(np.concatenate([line.get_ydata() for line in axes.lines]))
        expected = np.sort(own.loc[own["system"] == system, "probability"])
        np.testing.assert_allclose(marks, expected)
        rarer, other = sorted(axes.lines, key=lambda line: len(line.get_ydata()))
        assert rarer.get_zorder() > other.get_zorder()


def test_without_nodules_the_figures_say_so():
    empty = {name: tables.frame(name) for name in ("malignancy_nodules", "malignancy_curves")}
    found = {"sets": {}, "main_set": None}
    for figure in (
        roc(empty["malignancy_curves"], found),
        differences(found),
        probability_by_diameter(empty["malignancy_nodules"], found),
    ):
        assert figure.axes[0].texts


@pytest.mark.parametrize("patients", [60, 6])
def test_a_legend_speaks_of_bands_only_where_there_are_some(patients):
    division = results.folds(patients)
    given = results.labels(division)
    skill = {"resnet": 2.0, "radiomics": 1.0, "diameter": 1.0}
    known = results.scores(given, **skill), given, division, results.NO_RADIOMICS
    _, curves, found = score(*known, results.SETTINGS, 50, 1)
    for axes in roc(curves, found).axes:
        said = axes.get_legend().get_title().get_text()
        banded = any(len(path.vertices) for c in axes.collections for path in c.get_paths())
        assert said.startswith("bands" if banded else "(–): fewer than five patients")


def test_without_a_labelled_nodule_the_forest_says_so():
    own = {"n_nodules": 0, "n_malignant": 0, "n_patients": 0, "n_patients_malignant": 0}
    own |= {"by_size": {}, "systems": {}, "differences": {}}
    figure = differences({"sets": {"out_of_fold": own}, "main_set": "out_of_fold"})
    assert figure.axes[0].texts[0].get_text() == "no labelled nodules"


def test_the_page_holds_statement_counts_areas_and_rules(scored):
    found = scored[2]
    missing = {"seriesuid": "2.25.1", "nodule": 1, "reason": "not joined: <nothing> there"}
    html = page(found | {"not_joined": [missing]}).html()
    assert escape(found["statement"]) in html
    assert "not joined: &lt;nothing&gt; there" in html
    for own in found["sets"].values():
        for numbers in (*own["systems"].values(), *own["differences"].values()):
            assert lookup.estimate(numbers["auc"]) in html
            assert lookup.estimate(numbers["delong"]) in html
    for rule in found["steps"]:
        assert escape(rule) in html
