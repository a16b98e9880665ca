"""Every measure is declared once, with words, definition and section."""

import pytest

from nodules.evaluation import explanations, metrics, segmentation, trends
from nodules.evaluation.metrics import MEASURES, of_section

SECTIONS = (
    metrics.DETECTION,
    metrics.SEGMENTATION,
    metrics.PRESENCE,
    metrics.CALIBRATION,
    metrics.PROXY,
    metrics.SLOPES,
    metrics.SLICES,
    metrics.EXPLANATIONS,
    metrics.MALIGNANCY,
    metrics.LOCATIONS,
)


def test_a_key_is_declared_once_and_in_one_section() -> None:
    keys = [measure.key for section in SECTIONS for measure in of_section(section)]
    assert sorted(keys) == sorted(MEASURES)
    assert all(key == measure.key for key, measure in MEASURES.items())


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda measure: measure.key)
def test_a_measure_has_words_and_a_definition(measure: metrics.Measure) -> None:
    assert measure.words and len(measure.definition) > 10
    assert measure.unit in {"scans", "nodules", "candidates", "slices", "patients"}
    assert f"{0.5:{measure.form}}"


@pytest.mark.parametrize("section", [metrics.PRESENCE, metrics.PROXY, metrics.MALIGNANCY])
def test_words_tell_the_measures_of_a_table_apart(section: str) -> None:
    words = [measure.words for measure in of_section(section)]
    assert len(words) == len(set(words))


def test_what_is_computed_is_declared() -> None:
    maps = [measure.key for measure in of_section(metrics.EXPLANATIONS)]
    assert maps == list(explanations.MEASURES)
    masks = [measure.source for measure in of_section(metrics.SEGMENTATION)]
    assert masks == [(name,) for name in segmentation.MEASURES]
    assert set(metrics.SERIES) == set(trends.SERIES)


def test_a_definition_says_on_which_marks_and_against_what() -> None:
    recall = metrics.definition(MEASURES["recall"], "unet", "best_8_per_scan")
    assert recall.endswith("official rule; only the 8 highest-scoring candidates of each scan")
    at_rate = metrics.definition(MEASURES["sensitivity"], "unet", "0.125")
    assert at_rate == "official sensitivity at 1/8 false positives per scan"
    touched = metrics.definition(MEASURES["dice"], "reader", group="detected only")
    assert "each reader against the other readers' consensus, only nodules" in touched
