"""The picture of explanations shows fairly chosen nodules, to scale, with their maps."""

import numpy as np
import pytest

from nodules.inference.explanations import Explained
from nodules.report import plotting
from nodules.report.figures import explanations

PX = 32


def nodule(number, label, probability):
    """A bright ball with one map on it and one beside it."""
    y, x = np.indices((PX, PX))
    mask = (y - 16) ** 2 + (x - 16) ** 2 < 36
    image = np.where(mask, 200, 60).astype(np.uint8)
    maps = {"gradcam": mask / mask.sum(), "saliency": ~mask / (~mask).sum()}
    return Explained(
        "2.25.123456789",
        number,
        label,
        9.5,
        probability,
        7,
        np.stack([image] * 3),
        mask,
        maps,
        maps,
    )


def test_both_classes_are_shown_from_sure_to_unsure():
    malignant = [nodule(k, 1, k / 10) for k in range(1, 10)]
    benign = [nodule(k, 0, k / 100) for k in range(11, 14)]
    chosen = explanations.choose([*benign, *malignant], 8)
    assert [n.label for n in chosen] == [1] * 5 + [0] * 3
    assert [n.probability for n in chosen[:5]] == pytest.approx([0.9, 0.7, 0.5, 0.3, 0.1])
    assert [n.number for n in chosen[5:]] == [13, 12, 11]


@pytest.mark.parametrize("count", [0, 1, 3, 8])
def test_no_more_are_chosen_than_wanted_or_there(count):
    few = [nodule(1, 1, 0.9), nodule(2, 0, 0.1), nodule(3, 0, 0.2)]
    assert len(explanations.choose(few, count)) == min(count, 3)
    assert explanations.choose([], count) == []


def test_each_nodule_has_its_panels_and_numbers(tmp_path):
    shown = [nodule(1, 1, 0.71), nodule(2, 0, 0.2), nodule(3, 0, 0.1)]
    figure = explanations.draw(shown, 32.0, "All is said.", "test")
    titles = [a.get_title(loc="left") for a in figure.axes if a.get_title(loc="left")]
    assert titles[:3] == ["malignant, p = 0.71", "Grad-CAM", "Saliency"]
    assert len(titles) == 9
    notes = [t.get_text() for a in figure.axes for t in a.texts]
    assert "100% inside, area 11%" in notes and "0% inside, area 11%" in notes
    bar = figure.axes[0].lines[0]
    assert np.ptp(bar.get_xdata()) * 32.0 / PX == pytest.approx(explanations.BAR_MM)
    assert "All is said." in figure.get_supxlabel()
    assert "held-out test scans (n shown = 3)" in figure.get_suptitle()
    plotting.save(figure, [tmp_path / "explanations.png"])


def test_no_nodule_is_said(tmp_path):
    figure = explanations.draw([], 32.0, "", "test")
    assert any("No labelled nodule" in t.get_text() for t in figure.texts)
    plotting.save(figure, [tmp_path / "explanations.png"])


def test_a_map_is_relative_to_its_maximum():
    assert explanations.relative(np.array([[1.0, 4.0]])).tolist() == [[0.25, 1.0]]
    assert explanations.relative(np.zeros((1, 2))).tolist() == [[0.0, 0.0]]
