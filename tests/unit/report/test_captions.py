"""Captions say what a figure shows, over what, and how its intervals were made."""

from pathlib import Path

import pytest

from helpers.sources import ROOT
from nodules.report import captions, plotting
from nodules.report.catalogue import TITLES


def test_every_figure_has_one() -> None:
    assert list(captions.WORDS) == list(TITLES)


@pytest.mark.parametrize("name", TITLES)
def test_it_says_n_and_how_intervals_were_made(name: str) -> None:
    text = captions.Source(1000).caption(name, "n = 36 scans").text
    assert text.endswith(" n = 36 scans.")
    assert "{" not in text and "  " not in text
    made = ("bootstrap, 1,000 resamples", "nothing is resampled", "shuffles", "quartiles", "frozen")
    assert any(word in text for word in made)


@pytest.mark.parametrize("name", ["reliability", "confidence_as_proxy"])
def test_it_says_what_a_hollow_mark_is(name: str) -> None:
    assert "hollow: no bar, with fewer than 5 candidates or scans" in captions.WORDS[name]


def test_sets_are_counted_cross_validation_first() -> None:
    found = {"test": {"n_scans": 4}, "out_of_fold": {"n_scans": 1036}}
    counted = captions.sets_counted(found, scans="n_scans")
    assert counted == "Cross-validation: n = 1,036 scans; Test: n = 4 scans"


def test_a_figure_carries_its_caption_in_all_forms(tmp_path: Path) -> None:
    figure, (axes,) = plotting.panels(width=plotting.COLUMN)
    axes.set_title("Mask R-CNN")
    axes.set_xticks([0, 1], ["Mask R-CNN", "other"])
    paths = [tmp_path / f"epochs.{form}" for form in ("svg", "pdf", "png", "md")]
    source = captions.Source(1000, small=True)
    plotting.save_all({"epochs": (figure, "n = 2 <folds>")}, {"epochs": paths}, source)
    svg, pdf, png, text = (path.read_bytes() for path in paths)
    assert b"<title>Confidence and loss by epoch</title>" in svg
    assert b"n = 2 &lt;folds&gt;.</desc>" in svg
    assert svg.count(b"Mask R-CNN (small baseline)") >= 2  # of the title and of a tick
    assert b"'DejaVu Sans', Verdana, sans-serif" in svg
    assert b"<text" in svg and pdf.startswith(b"%PDF") and png.startswith(b"\x89PNG")
    assert text.startswith(b"**Confidence and loss by epoch.** ")


@pytest.mark.parametrize("width", [plotting.WIDTH, plotting.COLUMN])
def test_figures_are_as_wide_as_a_journals_columns(width: float) -> None:
    assert width * 25.4 == pytest.approx(174 if width == plotting.WIDTH else 84)
    assert plotting.STYLE["savefig.dpi"] == 600


def test_no_letter_is_smaller_than_seven_points() -> None:
    sizes = [size for key, size in plotting.STYLE.items() if "size" in key]
    assert min(sizes) >= plotting.SMALLEST
    for path in (ROOT / "workflow/nodules/report").rglob("*.py"):
        for part in path.read_text().split("fontsize=")[1:]:
            number = part.split(",")[0].split(")")[0]
            assert not number.replace(".", "").isdigit() or float(number) >= plotting.SMALLEST


def test_no_figure_is_wider_than_two_columns() -> None:
    for path in (ROOT / "workflow/nodules/report/figures").glob("*.py"):
        for part in path.read_text().split("width=")[1:]:
            number = part.split(",")[0].split(")")[0]
            assert not number.replace(".", "").isdigit() or float(number) <= plotting.WIDTH
