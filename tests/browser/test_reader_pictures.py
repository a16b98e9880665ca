"""The pictures of docs/reader.md, made of a phantom: nobody's scan.

Into the docs themselves: READER_PICTURES=docs/reader pytest tests/browser/test_reader_pictures.py
"""

import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from helpers.reader_acting import begin, press, settle
from nodules.datasets import lidc
from nodules.datasets.phantom.scan import choose_shapes, draw_phantom
from nodules.images.geometry import Geometry
from nodules.report.viewer import page
from nodules.report.viewer.shown import Found, Link, Shown
from nodules.stats.seeds import generator

PHANTOM = {"matrix": 384, "slices": [72, 72], "max_nodules": 6, "empty_scans": 0.0}
SURE = (0.97, 0.91, 0.84, 0.66, 0.52, 0.41, 0.33, 0.27)
MODEL = {
    "name": "nodules",
    "sha256": "",
    "trained": "A picture for the manual: the findings are the phantom's own nodules.",
    "limits": "Their confidences are made up.",
}


def phantom_case() -> Shown:
    """A phantom scan; its nodules, and what few readers marked, as findings with made-up scores."""
    rng = generator(2016, "pictures", 6)
    phantom = draw_phantom(rng, choose_shapes(rng, lidc.nodule_library(), 1, PHANTOM), PHANTOM)
    findings, outlines = [], []
    for number, nodule in enumerate([*phantom.nodules, *phantom.findings][: len(SURE)], 1):
        seen = nodule.patch.masks[0]
        x, y, z = nodule.centre(phantom.geometry).tolist()
        mm = nodule.patch.diameter(phantom.geometry)
        numbers = {"probability": SURE[number - 1], "confidence": SURE[number - 1]}
        numbers |= {"diameter_mm": mm, "volume_mm3": np.pi * mm**3 / 6, "long_mm": 1.15 * mm}
        numbers |= {"short_mm": 0.9 * mm, "mean_hu": 12.0, "malignancy": SURE[-number]}
        side = "left" if x > 0 else "right"
        findings.append(Found(number, (x, y, z), numbers, True, side, (nodule.corner, seen)))
        outlines.append((f"readers, nodule {number}", (nodule.corner, nodule.patch.consensus)))
    curve = np.array([[0.9, 0.125, 0.55], [0.6, 0.5, 0.74], [0.4, 1.5, 0.84], [0.05, 8.0, 0.93]])
    return Shown(
        uid="phantom",
        voxels=phantom.hu,
        geometry=phantom.geometry,
        findings=findings,
        threshold=0.4,
        headline=f"{len(findings)} findings in a phantom",
        model=MODEL,
        outlines=outlines,
        froc=("a curve made up for this picture", curve),
        malignancy="Malignancy: the probability that readers would call this nodule malignant. "
        "The network learned their opinion, not a diagnosis or histology.",
    )


@pytest.fixture(scope="module")
def case() -> Shown:
    """The scan of all pictures."""
    return phantom_case()


@pytest.fixture
def taken(tmp_path):
    """Takes a picture of the page under a name, and looks whether there is a scan in it."""
    folder = Path(os.environ.get("READER_PICTURES") or tmp_path)

    def take(opened, name: str) -> None:
        settle(opened)
        opened.wait_for_timeout(300)
        path = folder / f"{name}.png"
        folder.mkdir(exist_ok=True)
        opened.screenshot(path=path)
        image = cv2.imread(str(path))
        assert image.shape == (720, 1280, 3) and path.stat().st_size < 1_000_000
        assert image.std() > 15 and len(np.unique(image[::7, ::7])) > 100

    return take


def written(shown: Shown, folder: Path) -> Path:
    path = folder / "reader.html"
    path.write_text(page.offline(shown))
    return path


def test_who_reads(case, visit, tmp_path, taken):
    taken(visit(written(case, tmp_path)), "start")


def test_the_first_read(case, visit, tmp_path, taken):
    opened = visit(written(case, tmp_path))
    begin(opened, "second reader", "Dr. Example")
    finding = case.findings[1]
    opened.evaluate(f"reader.app.goTo({list(finding.world)}, true)")
    press(opened, *["ArrowLeft"] * 6, "d", *["ArrowRight"] * 12, "d", "e", "m", "0")
    taken(opened, "first_read")


def test_the_marks(case, visit, tmp_path, taken):
    opened = visit(written(case, tmp_path))
    begin(opened, "concurrent", "Dr. Example")
    opened.check("#outlined")
    press(opened, "v", "v", "v", "a", "r", "k")
    taken(opened, "marks")


def test_the_keys(case, visit, tmp_path, taken):
    opened = visit(written(case, tmp_path))
    begin(opened, "concurrent", "Dr. Example")
    press(opened, "Shift+?")
    taken(opened, "keys")


def test_the_prior_scan(case, visit, tmp_path, taken):
    grid = case.geometry
    moved = Geometry.build(
        grid.origin + np.array([4, -3, 12]), grid.spacing, grid.direction, grid.shape
    )
    x, y, z = case.findings[0].world
    mm = case.findings[0].numbers["diameter_mm"]
    link = Link(1, (x + 4, y - 3, z + 12), "within repeatability: volume +0 % (-15 to +17 %)", mm)
    told = {"prior": (case.voxels, moved, "the same phantom, moved"), "links": [link]}
    told["prior_when"] = "2025-05-06, 181 days before"
    opened = visit(written(replace(case, **told), tmp_path))
    begin(opened, "concurrent", "Dr. Example")
    taken(opened, "prior")
