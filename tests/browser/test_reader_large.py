"""Large scans: how long until the page is ready, and how long a slice takes.

The bounds are wide, for tests share a machine; docs/reader.md has what was measured on a quiet one.
"""

from pathlib import Path

import numpy as np
import pytest

from helpers import reader_pages
from helpers.reader_acting import app, begin, press
from nodules.images.geometry import Geometry
from nodules.report.viewer import page
from nodules.report.viewer.shown import Found

SLOW = pytest.mark.slow
READY_S, SLICE_MS, MEMORY_MB = 30, 100, 1000


def large(slices: int, noise: int) -> np.ndarray:
    """Voxels of a chest as wide as LUNA16's; noise as of a CT makes it as hard to pack as one."""
    rng = np.random.default_rng(1)
    one = rng.normal(0, noise, (8, 512, 512)).round().astype(np.int16)
    return np.concatenate([one[k % 8][None] for k in range(slices)]) - 700


@SLOW
@pytest.mark.parametrize(("slices", "noise"), [(300, 40), (764, 0)])
def test_a_large_scan_is_ready_and_scrolled_in_time(browser, visit, tmp_path, slices, noise):
    voxels = large(slices, noise)
    geometry = Geometry.build((-180, -180, 0), (0.7, 0.7, 1.0), np.eye(3), voxels.shape)
    found = Found(1, (10.0, 20.0, slices / 2), {"probability": 0.9, "confidence": 0.9}, True)
    shown = reader_pages.example(voxels=voxels, geometry=geometry, findings=[found])
    path = tmp_path / "reader.html"
    path.write_text(page.offline(shown))
    opened = visit(path)
    ready = float(opened.evaluate("document.body.dataset.ready")) / 1000
    begin(opened)
    taken = []
    for view, plane in enumerate(("axial", "coronal", "sagittal")):
        opened.evaluate(f"reader.app.toggle('plane', '{plane}')")
        press(opened, "Home", *["PageUp", "PageUp"])
        own = []
        for key in ["PageUp", "PageDown"] * 10:
            press(opened, key)
            own.append(opened.evaluate(f"reader.views[{view}].milliseconds"))
        taken.append(round(float(np.median(own)), 1))
    press(opened, "m")
    slab = opened.evaluate("reader.views[0].milliseconds")
    memory = peak_mb(browser)
    size = path.stat().st_size / 1e6
    print(
        f"{slices} slices, page of {size:.0f} MB: ready in {ready:.1f} s; a slice {taken} ms "
        f"(axial, coronal, sagittal), a slab of 10 mm {slab:.1f} ms; peak memory {memory:.0f} MB"
    )
    assert app(opened, "volume.shape[0]") == slices
    assert size <= page.MOST_BYTES / 1e6 + 1
    assert ready < READY_S and max(taken) < SLICE_MS
    if slices == 300:
        assert memory < MEMORY_MB


def peak_mb(browser) -> float:
    """The most memory that any of the browser's processes which show pages has had."""
    told = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    peaks = []
    for process in (one for one in told if one["type"] == "renderer"):
        status = Path(f"/proc/{process['id']}/status").read_text()
        peaks.append(int(status.split("VmHWM:")[1].split()[0]) / 1000)
    return max(peaks)
