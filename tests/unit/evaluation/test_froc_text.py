"""A score in words and as JSON: nothing is rounded away and every convention is stated."""

import json

import pytest

from helpers.example_results import AWAY, HIT_A, HIT_B, score
from nodules.evaluation import froc, froc_text
from nodules.stats.bootstrap import FEWEST


def test_text_counts_what_became_of_the_marks() -> None:
    text = froc_text.describe({"mine": score([HIT_A, AWAY])})
    assert text.startswith("mine\n====\n2 scans, 2 reference nodules\n")
    for line in ("1  nodules hit (TP)", "1  nodules missed (FN)", "1  false positives (FP)"):
        assert f"        {line}\n" in text
    assert "    1/8      0.500000" in text
    assert "    CPM      0.500000" in text
    assert "Conventions" in text


def test_text_says_what_a_pair_differs_by() -> None:
    text = froc_text.describe({"first": score([HIT_A]), "second": score([HIT_A, HIT_B])})
    assert "second minus first\n            +0.500000" in text
    assert text.count("Conventions") == 1


@pytest.mark.parametrize(
    ("scans", "bootstrap", "words"),
    [
        ("ab", 20, "none for 2 scans and 2 nodules, where an interval needs 5"),
        ("abcde", 0, "none asked for"),
        ("abcde", 20, "20 resamples"),
    ],
)
def test_text_says_how_bands_were_made(scans: str, bootstrap: int, words: str) -> None:
    text = froc_text.describe({"mine": score([HIT_A], bootstrap, scans=scans)})
    assert f"Bands: {words}" in text
    made = bootstrap and len(scans) >= FEWEST
    assert ("A dash in place of a band: both bounds" in text) == bool(made)


def test_without_nodules_sensitivity_is_said_to_be_undefined() -> None:
    text = froc_text.describe({"mine": score([AWAY], nodules=0)})
    assert "sensitivity is undefined" in text


def test_one_score_is_stored_as_it_is_and_several_by_name() -> None:
    one, other = score([HIT_A]), score([HIT_A, HIT_B])
    assert froc_text.to_dict({"one": one}) == one.to_dict()
    both = froc_text.to_dict({"one": one, "other": other})
    assert both["submissions"] == {"one": one.to_dict(), "other": other.to_dict()}
    (difference,) = both["differences"]
    assert (difference["minuend"], difference["subtrahend"]) == ("other", "one")
    assert difference["cpm"] == pytest.approx(0.5)
    json.dumps(both, allow_nan=False)


def test_notes_are_stored_where_there_are_any() -> None:
    one, other = score([HIT_A]), score([HIT_A, HIT_B])
    assert froc_text.to_dict({"one": one}, ["few marks"])["notes"] == ["few marks"]
    assert froc_text.to_dict({"one": one, "other": other}, ["apart"])["notes"] == ["apart"]
    assert "notes" not in froc_text.to_dict({"one": one}, [])


def test_labels_are_the_official_rates() -> None:
    values = [
        float(a) / float(b or 1)
        for a, _, b in (label.partition("/") for label in froc_text.RATE_LABELS)
    ]
    assert values == pytest.approx(froc.RATES)
