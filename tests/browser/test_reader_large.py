"""Large scans: how long until the page is ready, and how long a slice takes.

The bounds are wide, for tests share a machine; docs/reader.md has what was measured on a quiet one.
"""

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
@pytest.mark.parametrize(("slices", "noise"), [(300, 40), (764, 4)])
def test_a_large_scan_is_ready_and_scrolled_in_time(visit, tmp_path, slices, noise):
    voxels = large(slices, noise)
    geometry = Geometry.build((-180, -180, 0), (0.7, 0.7, 1.0), np.eye(3), voxels.shape)
    found = Found(1, (10.0, 20.0, slices / 2), {"probability": 0.9, "confidence": 0.9}, True)
    shown = reader_pages.example(voxels=voxels, geometry=geometry, findings=[found])
    path = tmp_path / "reader.html"
    path.write_text(page.offline(shown))
    opened = visit(path)
    ready = float(opened.evaluate("document.body.dataset.ready")) / 1000
    begin(opened)
    press(opened, "Home")
    taken = []
    for key in ["PageUp"] * 20:
        press(opened, key)
        taken.append(opened.evaluate("reader.views.map((view) => view.milliseconds)"))
    press(opened, "m")
    slab = opened.evaluate("reader.views[0].milliseconds")
    memory = opened.evaluate("performance.memory.usedJSHeapSize") / 1e6
    told = f"{slices} slices, {path.stat().st_size / 1e6:.0f} MB: ready in {ready:.1f} s; "
    told += f"median ms a slice {np.median(taken, axis=0).round(1).tolist()}, slab {slab:.1f}; "
    print(
        told + f"heap {memory:.0f} MB, voxels {app(opened, 'volume.data.byteLength') / 1e6:.0f} MB"
    )
    assert app(opened, "volume.shape[0]") == slices and app(opened, "at[0]") == 20
    assert ready < READY_S and np.median(taken, axis=0).max() < SLICE_MS
    if slices == 300:
        assert memory < MEMORY_MB
