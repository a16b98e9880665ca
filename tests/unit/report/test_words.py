"""A data set's own words: what a person reads is told in them, names of files and keys are not."""

import pytest

from helpers import other_layouts as made
from nodules.report import data_set, words

TUMOURS = words.Words("tumour", "tumours", "liver", True, True, False, "scans (decathlon)")
ULCERS = words.Words("ulcer", "ulcers", "bowel", False, False, False, "scans (table)")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Nodules found, a nodule missed", "Tumours found, a tumour missed"),
        ("share of the nodules found in the lungs", "share of the tumours found in the liver"),
        ("a nodule's Dice", "a tumour's Dice"),
        ("evaluation/nodule_hits.parquet", "evaluation/nodule_hits.parquet"),
        ("scans/nodules.parquet", "scans/nodules.parquet"),
        ("results/models/nodules.luna16", "results/models/nodules.luna16"),
        ("luna16-nodules", "luna16-nodules"),
        ("{{ config['lungs'] }}", "{{ config['lungs'] }}"),
        ("Lung nodules in chest CT: results of this run", "Tumours (liver): results of this run"),
        ("LUNA16 lung nodules: provenance report", "tumours (liver): provenance report"),
        ("10 LUNA16 scans", "10 scans (decathlon)"),
        ("the readers' consensus", "the reference masks"),
        (
            "by LUNA16's official rules.",
            "by LUNA16's rules, except that where both have a mask any overlap is a hit.",
        ),
    ],
)
def test_text_is_told_in_the_data_sets_words(text, told):
    assert TUMOURS.told(text) == told


def test_lungs_stay_lungs():
    told = words.Words("tumour", "tumours", "lungs", True, True, False, "scans (decathlon)").told
    assert told("Lung nodules in chest CT: results") == "Lung tumours: results"
    assert told("both lungs, a lung, its nodule") == "both lungs, a lung, its tumour"


def test_articles_and_mr():
    assert ULCERS.told("A nodule, a nodule.") == "An ulcer, an ulcer."
    assert ULCERS.told("The CT itself, axial CT") == "The scan itself, axial slice"


def test_markup_stays_and_descriptions_are_told():
    page = (
        '<style>.nodule {}</style><p class="nodule">A nodule &amp; more isn&#x27;t</p>'
        '<a href="nodules.html">nodules</a><img alt="a nodule" src="nodule.png">'
        "<footer>Lung Nodule Detection</footer>"
    )
    assert words.in_html(TUMOURS, page) == (
        '<style>.nodule {}</style><p class="nodule">A tumour &amp; more isn&#x27;t</p>'
        '<a href="nodules.html">tumours</a><img alt="a tumour" src="nodule.png">'
        "<footer>Lung Nodule Detection</footer>"
    )


def test_where_texts_hold_nothing_is_touched():
    assert words.of({}) is None
    assert words.in_text(None, "A nodule") == "A nodule"
    assert words.in_html(None, "<p>&amp; nodule") == "<p>&amp; nodule"


def test_the_default_and_luna16_have_no_other_words():
    assert data_set.words(made.DEFAULT) == {} and data_set.left_out(made.DEFAULT) == {}
    other = made.DEFAULT | {"data": made.DEFAULT["data"] | {"source": "luna16"}}
    assert data_set.words(other) == {} and data_set.left_out(other) == {}


def test_what_is_left_out_is_told_with_the_reason(tmp_path):
    config = made.config("decathlon", tmp_path, units="percentiles", lesion="ulcer")
    config["region"]["method"] = "body"
    assert words.of(data_set.words(config)).lesion == "ulcer"
    left_out = data_set.left_out(config)
    assert left_out["benign or malignant"] == "the data set has no readers' ratings"
    assert "luna16 predict" in left_out
