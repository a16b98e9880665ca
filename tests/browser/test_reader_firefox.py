"""The same page in Firefox: ready, drawn, judged by keys, kept, and no request."""

import shutil

import cv2
import numpy as np
import pytest

from helpers import marionette, reader_pages
from nodules.report.viewer import page

FIREFOX = shutil.which("firefox") or shutil.which("firefox-esr")
TAB, DOWN, ENTER = "\ue004", "\ue015", "\ue007"
DRAWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    """A headless Firefox."""
    if not FIREFOX:
        pytest.skip("no Firefox on the path")
    with marionette.running(FIREFOX, tmp_path_factory.mktemp("firefox") / "profile") as running:
        yield running


def opened(firefox, path) -> None:
    firefox.open(path.as_uri())
    wait(firefox, "document.body.dataset.ready")


def wait(firefox, expression: str) -> None:
    firefox.value(
        f"new Promise((done) => {{ const look = () => ({expression}) ? done() "
        ": setTimeout(look, 50); look(); })"
    )


def test_the_page_is_read_in_firefox(firefox, tmp_path):
    path = tmp_path / "reader.html"
    shown = reader_pages.example()
    path.write_text(page.offline(shown))
    opened(firefox, path)
    assert firefox.value("performance.getEntriesByType('resource').length") == 0
    firefox.press(*"Dr F", TAB, DOWN, ENTER)
    wait(firefox, "reader.app.revealed")
    firefox.press("a", "r", "m", "o")
    firefox.value(DRAWN)
    verdicts = firefox.value("reader.app.reading.decisions.map((one) => one.verdict)")
    assert verdicts == ["accept", "reject"] and firefox.value("reader.app.slabMm") == 10
    image = cv2.imdecode(np.frombuffer(firefox.picture(), np.uint8), cv2.IMREAD_COLOR)
    blue = image[:, :, 0].astype(int) - image[:, :, 2]
    assert image.std() > 15 and (blue > 60).sum() > 50
    opened(firefox, path)
    wait(firefox, "document.querySelector('#begun button')")
    firefox.value("document.querySelector('#begun button').click()")
    wait(firefox, "reader.app.reading")
    assert firefox.value("reader.app.reading.decisions.length") == 2


def test_its_pixels_are_those_of_the_scan(firefox, tmp_path):
    path = tmp_path / "reader.html"
    path.write_text(page.offline(reader_pages.example()))
    opened(firefox, path)
    told = firefox.value(
        "(() => { const { volume } = reader.app; "
        "return [volume.data.reduce((a, b) => a + b, 0), volume.shape, volume.spec.corner]; })()"
    )
    total, shape, corner = told
    z, y, x = (slice(a, a + n) for a, n in zip(corner, shape, strict=True))
    wanted = page.levels.coded(reader_pages.example().voxels[z, y, x], page.levels.FINE)
    assert total == int(wanted.sum())
