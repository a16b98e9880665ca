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


def test_each_nodule_has_its_panels_and_numbers(tmp_path):
    shown = [nodule(1, 1, 0.71), nodule(2, 0, 0.2), nodule(3, 0, 0.1)]
    figure = explanations.draw(shown, 32.0, "All is said.", "test")
    notes = [t.get_text() for a in figure.axes for t in a.texts]
    titles = [text for text in notes if text in {"Grad-CAM", "Saliency"} or " p = " in text]
    assert titles[:3] == ["malignant, p = 0.71", "Grad-CAM", "Saliency"]
    assert len(titles) == 9
    assert "100 % inside" in notes and "0 % inside" in notes
    assert any(text.endswith(" mm, mask 11 %") for text in notes)
    bar = figure.axes[0].lines[0]
    assert np.ptp(bar.get_xdata()) * 32.0 / PX == pytest.approx(explanations.BAR_MM)
    assert "All is said." in figure.get_supxlabel()
    assert "test (3 nodules shown)" in figure.get_suptitle()
    plotting.save(figure, [tmp_path / "explanations.png"])


def test_no_nodule_is_said(tmp_path):
    figure = explanations.draw([], 32.0, "", "test")
    assert any("No labelled nodule" in t.get_text() for t in figure.texts)
    plotting.save(figure, [tmp_path / "explanations.png"])


def test_a_map_is_relative_to_its_maximum():
    assert explanations.relative(np.array([[1.0, 4.0]])).tolist() == [[0.25, 1.0]]
    assert explanations.relative(np.zeros((1, 2))).tolist() == [[0.0, 0.0]]
