"""What is on the screen is what is in the scan: pictures, slabs, contours, places, to one pixel."""

from typing import Any

import numpy as np
import pytest

from helpers import reader_pages
from helpers.reader_acting import (
    app,
    begin,
    canvas,
    coloured,
    corner,
    picture,
    press,
    settle,
    to_canvas,
)
from nodules.images import reading
from nodules.report.viewer import levels, page
from nodules.report.viewer.predicted import boxed
from nodules.report.viewer.shown import cut, whole

WINDOWS = {"1": (-600, 1500), "2": (40, 400), "3": (400, 1500), "4": (-500, 700)}


def real(shared_data):
    """A real scan with its readers' nodules as findings."""
    folder = shared_data / "data"
    header = sorted((folder / "luna16").rglob("*.mhd"))[0]
    scan = reading.read(header)
    (labels,) = (folder / "nodule_labels").glob(f"{header.stem}*.mhd")
    masks = boxed(reading.read(labels).voxels)
    full = []
    for at, mask in masks.values():
        volume = np.zeros(scan.voxels.shape, bool)
        z, y, x = (slice(a, a + n) for a, n in zip(at, mask.shape, strict=True))
        volume[z, y, x] = mask
        full.append(volume)
    return reader_pages.shown(scan.voxels, scan.geometry, full, scan.uid), full


@pytest.fixture(scope="module", params=["drawn", pytest.param("real", marks=pytest.mark.real)])
def scan(request, tmp_path_factory):
    """A scan, the masks of its findings, and its page."""
    if request.param == "real":
        shown, masks = real(request.getfixturevalue("shared_data"))
    else:
        shown, (_, _, masks) = reader_pages.example(), reader_pages.drawn()
    path = tmp_path_factory.mktemp("page") / "reader.html"
    path.write_text(page.offline(shown))
    return shown, masks, path


@pytest.fixture
def opened(scan, visit):
    """The page, a finding chosen, without what lies over the picture."""
    shown = visit(scan[2])
    begin(shown)
    press(shown, "t", "i")
    return shown


def seen(shown: Any, page: Any) -> np.ndarray[Any, Any]:
    """The HU that the page has of its box: each voxel's level."""
    shape = app(page, "volume.shape")
    z, y, x = (slice(a, a + n) for a, n in zip(corner(page), shape, strict=True))
    return levels.FINE[levels.coded(shown.voxels[z, y, x], levels.FINE)].astype(int)


def grey(hu: np.ndarray[Any, Any], level: int, width: int) -> np.ndarray[Any, Any]:
    """Grey of HU in a window, rounded half up as in the browser."""
    return np.floor(np.clip((hu - level) / width + 0.5, 0, 1) * 255 + 0.5).astype(np.uint8)


def plane(volume: np.ndarray[Any, Any], view: int, at: list[int]) -> np.ndarray[Any, Any]:
    """A plane's rows and columns of a volume: head up, front up or left."""
    z, y, x = at
    return (volume[z], volume[::-1, y], volume[::-1, :, x])[view]


@pytest.mark.parametrize("key", WINDOWS)
def test_each_plane_in_each_window_is_numpy_s(scan, opened, key):
    press(opened, key)
    hu, at = seen(scan[0], opened), app(opened, "at")
    for view in range(3):
        assert np.array_equal(picture(opened, view), grey(plane(hu, view, at), *WINDOWS[key]))


@pytest.mark.parametrize("mm", [5, 10, 15])
def test_a_slab_s_maximum_is_numpy_s(scan, opened, mm):
    opened.select_option("#slab", str(mm))
    settle(opened)
    hu, (z, _, _) = seen(scan[0], opened), app(opened, "at")
    each = max(int(np.floor((mm / scan[0].geometry.spacing_zyx[0] - 1) / 2 + 0.5)), 0)
    slab = hu[max(z - each, 0) : z + each + 1].max(axis=0)
    assert np.array_equal(picture(opened, 0), grey(slab, *WINDOWS["1"]))


def edges(mask: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Middles (n, 2), as column and row, of a mask's edges between pixels."""
    wide = np.pad(mask, 1).astype(int)
    rows, columns = np.nonzero(np.diff(wide, axis=0))
    found = [np.stack([columns - 0.5, rows.astype(float)], 1)]
    rows, columns = np.nonzero(np.diff(wide, axis=1))
    found.append(np.stack([columns.astype(float), rows - 0.5], 1))
    return np.concatenate(found)


@pytest.mark.parametrize("view", range(3), ids=["axial", "coronal", "sagittal"])
def test_a_contour_is_where_its_mask_is(scan, opened, view):
    _, masks, _ = scan
    for number, mask in enumerate(masks, 1):
        opened.evaluate(f"reader.app.select({number})")
        settle(opened)
        shape = app(opened, "volume.shape")
        z, y, x = (slice(a, a + n) for a, n in zip(corner(opened), shape, strict=True))
        own = plane(mask[z, y, x], view, app(opened, "at"))
        painted = np.argwhere(coloured(canvas(opened, view)))[:, ::-1] + 0.5
        if not own.any():
            assert not len(painted)
            continue
        wanted = to_canvas(opened, view, edges(own))
        height, width = canvas(opened, view).shape[:2]
        on = ((wanted > 2) & (wanted < [width - 2, height - 2])).all(axis=1)
        apart = np.abs(wanted[on][:, None] - painted[None]).max(axis=2)
        assert on.any() and apart.min(axis=1).max() <= 1.5, "an edge without a line"
        px = np.abs(np.subtract(*to_canvas(opened, view, np.array([[0, 0], [1, 1]]))))
        off = (np.abs(wanted[:, None] - painted[None]) / px).max(axis=2)
        assert off.min(axis=0).max() <= 1, "a line off the mask by more than a pixel of the scan"


def test_the_canvas_shows_the_picture_where_it_says(scan, opened):
    press(opened, "h")
    image, at = canvas(opened, 0), app(opened, "at")
    shown = picture(opened, 0)
    for dy, dx in ((0, 0), (3, -4), (-5, 6)):
        y, x = at[1] + dy, at[2] + dx
        u, v = to_canvas(opened, 0, np.array([x + 0.5, y + 0.5]))
        assert image[int(v), int(u), 0] == shown[y, x]


def test_a_click_adds_a_nodule_within_half_a_voxel_of_where_it_was(scan, opened):
    box = opened.locator("#axial").bounding_box()
    for share in ((0.31, 0.62), (0.7, 0.45)):
        place = (box["width"] * share[0], box["height"] * share[1])
        opened.mouse.click(box["x"] + place[0], box["y"] + place[1])
        press(opened, "e")
        added = app(opened, "reading.added")[-1]
        world = np.array([added[f"coord{axis}"] for axis in "XYZ"])
        index = scan[0].geometry.to_index(world)
        u, v = to_canvas(opened, 0, np.array([index[2] - corner(opened)[2] + 0.5,
                                              index[1] - corner(opened)[1] + 0.5]))  # fmt: skip
        px = np.abs(np.subtract(*to_canvas(opened, 0, np.array([[0, 0], [1, 1]]))))
        assert (np.abs([u - place[0], v - place[1]]) <= px / 2 + 0.5).all()


def test_the_readout_is_the_scan_s_own(scan, opened):
    shown = scan[0]
    at = np.array(app(opened, "at")) + corner(opened)
    told = opened.inner_text("#hu").replace("\N{MINUS SIGN}", "-").split()
    within = float(told[2]) if told[1] == "±" else 1
    assert abs(float(told[0]) - int(shown.voxels[tuple(at)])) <= within + 1
    world = opened.inner_text("#world").replace("\N{MINUS SIGN}", "-").removesuffix(" mm")
    assert np.allclose(
        [float(n) for n in world.split(", ")], shown.geometry.to_world(at), atol=0.051
    )


def test_under_a_slab_the_readout_is_of_the_slice_that_is_seen(scan, opened):
    voxels, low = scan[0].voxels, corner(opened)
    press(opened, "m", "PageUp", "PageUp")
    z, y, x = np.array(app(opened, "at")) + low
    first, last = opened.evaluate("reader.views[0].slices(reader.app.scene)")
    highest = int(voxels[low[0] + first : low[0] + last + 1, y, x].max())
    told = opened.inner_text("#hu").replace("\N{MINUS SIGN}", "-").split()
    within = float(told[2]) if told[1] == "±" else 1
    assert abs(float(told[0]) - highest) <= within + 1
    seen = int(opened.inner_text("#voxel").removeprefix("slice ")) - 1
    assert low[0] + first <= seen <= low[0] + last
    assert abs(int(voxels[seen, y, x]) - highest) <= 2 * within + 1, "of equal levels any"
    nz, ny, nx = voxels.shape
    assert opened.inner_text("#axial-told").startswith(f"{z + 1} / {nz} · max of")
    assert opened.inner_text("#coronal-told") == f"{y + 1} / {ny}"
    assert opened.inner_text("#sagittal-told") == f"{x + 1} / {nx}"


def test_the_slice_is_the_one_under_the_pointer(scan, opened):
    box = opened.locator("#coronal").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    opened.mouse.move(middle[0], middle[1] - 20)
    under = opened.evaluate(
        f"reader.views[1].indexAt(reader.app.scene, 0, {box['height'] / 2 - 20})[0]"
    )
    assert opened.inner_text("#voxel") == f"slice {round(under) + corner(opened)[0] + 1}"


def test_the_bar_and_a_measured_distance_are_millimetres(scan, opened):
    bar = opened.evaluate("reader.views[0].bar")
    assert bar["px"] == pytest.approx(
        bar["mm"] * opened.evaluate("reader.views[0].fitted * reader.app.zoom")
    )
    press(opened, "d", *["ArrowRight"] * 7, *["ArrowDown"] * 4, "d")
    mm = np.hypot(*(np.array([7, 4]) * scan[0].geometry.spacing[:2]))
    assert f"{mm:.1f} mm" in opened.inner_text("#status")
    press(opened, "e")
    assert app(opened, "reading.added[0].diameter_mm") == pytest.approx(mm)


def test_the_box_that_is_shown_is_the_scan_s(scan, opened):
    grid = app(opened, "volume.grid")
    z, y, x = corner(opened)
    box = whole(tuple(grid["shape"]))
    moved = tuple(slice(s.start + c, s.stop + c) for s, c in zip(box, (z, y, x), strict=True))
    assert np.allclose(grid["origin"], cut(scan[0].geometry, moved).origin)
