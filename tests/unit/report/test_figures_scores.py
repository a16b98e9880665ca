"""FROC, ROC, calibration and Dice: what is drawn is what is stored."""

import numpy as np
import pandas as pd
import pytest

from helpers import example_results as results
from nodules.base import tables
from nodules.evaluation import froc, names
from nodules.report import plotting
from nodules.report.figures import detection, presence


def test_froc_marks_the_seven_rates_of_each_system() -> None:
    figure = detection.froc_curves(results.froc_table(), results.detection())
    (panel,) = figure.axes
    assert panel.get_title(loc="left") == "Cross-validation: 42 nodules, 30 scans"
    marks = [line for line in panel.lines if line.get_linestyle() == "None"]
    assert [len(line.get_xdata()) for line in marks] == [7, 7]
    assert marks[0].get_xdata() == pytest.approx(froc.RATES)
    labels = [text.get_text() for text in panel.get_legend().get_texts()]
    assert labels == [
        "U-Net alone\nCPM 0.650 (0.550 to 0.750)",
        "U-Net + ResNet50\nCPM 0.650 (0.550 to 0.750)",
    ]


def test_given_locations_have_a_line_at_what_they_reach() -> None:
    ceilings = {"test": 0.875, "out_of_fold": 0.75}
    found = results.track()
    for name in results.SETS:
        (panel,) = detection.froc_curves(
            results.locations_froc(), found, names.REDUCERS, ceilings, name
        ).axes
        labels = [text.get_text() for text in panel.get_legend().get_texts()]
        assert labels[0] == "ResNet50 on given locations\nCPM 0.650 (0.550 to 0.750)"
        assert labels[1] == f"hit by any given location: {ceilings[name]:.3f}"
        (line,) = [line for line in panel.lines if line.get_linestyle() == ":"]
        assert set(line.get_ydata()) == {ceilings[name]}
    nothing = {"test": None, "out_of_fold": 0.75}  # no nodule among the scans of the test
    for name, dotted in (("test", 0), ("out_of_fold", 1)):
        (panel,) = detection.froc_curves(
            results.locations_froc(), found, names.REDUCERS, nothing, name
        ).axes
        assert sum(line.get_linestyle() == ":" for line in panel.lines) == dotted


def test_confusion_matrix_has_truth_in_rows() -> None:
    figure = presence.curves(results.presence_curves(), results.presence())
    _, _, matrix = figure.axes
    cells = [text.get_text() for text in matrix.texts]
    assert [cell.split("\n")[0] for cell in cells] == ["25", "5", "10", "60"]
    assert cells[0].endswith("83 %")  # of the 30 nodules


def test_without_a_threshold_there_is_no_matrix() -> None:
    scores = results.presence()
    scores["sets"]["out_of_fold"] = scores["sets"]["test"] | {"confusion": None}
    figure = presence.curves(results.presence_curves(), scores)
    assert "no threshold" in figure.axes[2].texts[0].get_text()


def test_empty_bins_are_not_drawn() -> None:
    figure = presence.reliability(results.reliability(), results.presence())
    for axes in figure.axes:
        bars = axes.containers
        assert len(bars) == 2
        assert all(len(bar.lines[0].get_xdata()) == 1 for bar in bars)


def test_every_dice_is_a_dot_and_a_miss_is_one_at_zero() -> None:
    (axes,) = detection.dice_by_diameter(results.segmentation()).axes
    dots = [line for line in axes.lines if line.get_marker() == "."]
    values = np.concatenate([line.get_ydata() for line in dots])
    assert len(values) == 18
    assert (values == 0).sum() == 1
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ticks == ["5–8 mm\nn = 3", "8–12 mm\nn = 3"]


@pytest.mark.parametrize(
    "networks",
    [
        ["unet"],
        ["unet", "attention_unet", "transformer"],
        ["unet", "attention_unet", "transformer", "maskrcnn", "reduction"],
    ],
)
def test_a_legend_of_many_masks_stays_within_the_figure(networks) -> None:
    table = results.segmentation()
    others = table[table["comparison"] != "unet"]
    own = [table[table["comparison"] == "unet"].assign(comparison=name) for name in networks]
    figure = detection.dice_by_diameter(pd.concat([*own, others], ignore_index=True))
    plotting.relabel(figure, small=True)  # as it is saved, with the longest names
    figure.canvas.draw()
    (legend,) = figure.legends
    assert len(legend.get_texts()) == len(networks) + 2
    box = legend.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1


def test_empty_tables_give_figures_that_say_so() -> None:
    nothing = {"sets": {}}
    figures = [
        detection.froc_curves(tables.frame("froc"), {"systems": {}}),
        detection.dice_by_diameter(tables.frame("segmentation")),
    ]
    assert all(figure.axes[0].texts for figure in figures)
    presence.curves(tables.frame("presence_curves"), nothing)
    presence.reliability(tables.frame("reliability"), nothing)
