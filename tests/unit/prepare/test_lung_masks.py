"""Lungs by the config's method: given ones as they are, a network's cleaned as in 3-D."""

import numpy as np
import pytest

from helpers import lung_masks as made
from helpers.thorax import SPACING, grid, thorax
from nodules.base.files import UserError, write_array
from nodules.images.geometry import Geometry
from nodules.prepare import coarse_grid, lung_grid, lung_masks, lung_search, lungs, slices
from nodules.stats.overlap import dice

SETTINGS = slices.SliceSettings(96, (-1000, 400), 10, True, 170)


@pytest.fixture
def scan(tmp_path):
    volume, geometry = made.scan(tmp_path)
    return volume, geometry, made.labels_of(volume, geometry)


@pytest.mark.parametrize("turned", [False, True], ids=["as the scan", "turned"])
def test_slices_by_a_given_mask_are_those_of_the_method_that_made_it(scan, tmp_path, turned):
    volume, geometry, labels = scan
    header = made.write(tmp_path / "masks", labels, geometry, turned)
    own = lung_masks.of_scan("volume", volume, geometry)
    given = lung_masks.of_scan("given", volume, geometry, [header])
    assert own.method == "volume" and given.method == "given" and given.mask.any()
    one, other = (slices.cut(volume, geometry, found.mask, SETTINGS) for found in (own, given))
    assert one[0].tobytes() == other[0].tobytes() and one[2] == other[2]
    tables = [
        slices.describe("1", geometry, f.mask, c[1], c[2]) for f, c in ((own, one), (given, other))
    ]
    assert tables[0].equals(tables[1])


def test_a_given_mask_that_cannot_be_right_is_told_and_used_all_the_same(scan, tmp_path):
    volume, geometry, labels = scan
    heart = np.zeros_like(labels)
    heart[8:16, 30:44, 30:42] = 3
    found = lung_masks.of_scan(
        "given", volume, geometry, [made.write(tmp_path / "masks", heart, geometry)]
    )
    assert np.array_equal(found.mask > 0, heart > 0)
    assert found.method == "given" and "holds no air" in found.first.reason
    row = found.row("1")
    assert row["method"] == "given" and row["objection"] == found.first.reason


@pytest.mark.parametrize("method", lungs.METHODS)
def test_methods_of_the_scan_alone_are_those_of_the_search(scan, method):
    volume, geometry, _ = scan
    one, other = (
        lung_masks.of_scan(method, volume, geometry),
        lung_search.search(method, volume, geometry),
    )
    assert np.array_equal(one.mask, other.mask) and one[1:] == other[1:]


# What a network answers


def answer_of(lung, geometry: Geometry, px: int, path):
    """The answer of a network that knows the lungs (native bool): its file."""
    coarse = coarse_grid.shrink(lung.astype(np.uint8), geometry)
    write_array(path, lung_grid.truth(coarse, px).astype(np.uint8) * np.uint8(255))
    return [path]


@pytest.mark.parametrize(("px", "least"), [(64, 0.96), (128, 0.98), (256, 0.998)])
def test_lungs_survive_the_way_to_the_network_and_back(tmp_path, px, least):
    geometry = grid()
    volume, lung = thorax(geometry)
    source = answer_of(lung, geometry, px, tmp_path / "1.npy")
    found = lung_masks.of_scan("unet", volume, geometry, source)
    assert found.method == "unet" and found.first.plausible
    coarse, spacing = coarse_grid.decimate(volume, geometry)
    native = coarse_grid.shrink(lung.astype(np.uint8), geometry)
    whole = coarse_grid.refine(lungs.whole(native, coarse, spacing), geometry)
    assert dice(found.mask > 0, whole > 0) > least


def test_specks_of_an_answer_go_and_nodules_at_the_pleura_stay(tmp_path):
    geometry = grid()
    nodule = (128.0, 0.0, 10.0, 9.0)
    volume, lung = thorax(geometry, nodules=[nodule])
    inside = volume > -200
    answer = lung & ~inside  # a network that leaves the nodule out, and calls something else lung
    answer[20:24, 60:63, 70:73] = True
    source = answer_of(answer, geometry, 256, tmp_path / "1.npy")
    found = lung_masks.of_scan("unet", volume, geometry, source)
    assert not found.mask[20:24, 60:63, 70:73].any()
    z, y, x = np.rint(geometry.to_index(nodule[:3])).astype(int)
    assert found.mask[z, y, x - 2]


def test_an_implausible_answer_gives_way_to_density(tmp_path):
    geometry = grid()
    volume, lung = thorax(geometry)
    source = answer_of(lung & False, geometry, 64, tmp_path / "1.npy")
    found = lung_masks.of_scan("unet", volume, geometry, source)
    assert found.method == "density" and found.first.reason.startswith("No lung was found")


def test_an_answer_for_another_scan_is_refused(scan, tmp_path):
    volume, geometry, _ = scan
    write_array(tmp_path / "1.npy", np.zeros((3, 64, 64), np.uint8))
    with pytest.raises(UserError, match="does not hold this scan's"):
        lung_masks.of_scan("unet", volume, geometry, [tmp_path / "1.npy"])


# The network's grid


@pytest.mark.parametrize("px", [64, 128, 256])
@pytest.mark.parametrize("size_mm", [(420, 330, 120), (300, 540, 60)], ids=["wide", "tall"])
def test_a_place_on_the_networks_grid_is_the_same_place_in_the_world(px, size_mm):
    geometry = grid(size_mm, (0.9, 0.9, 1.25))
    where = np.array([21.0, -35.0, 12.0])
    z, y, x = np.rint(geometry.to_index(where)).astype(int)
    volume = np.full(geometry.shape, -1000, np.int16)
    volume[z - 4 : z + 5, y - 10 : y + 11, x - 10 : x + 11] = 400
    coarse, _ = coarse_grid.decimate(volume, geometry)
    seen, own = lung_grid.images(coarse, px), lung_grid.grid(geometry, px)
    assert seen.shape == own.shape and seen.max() == 255
    assert own.spacing[:2] == pytest.approx(512 / px, rel=0.01)
    middle = (np.argwhere(seen > 127)).mean(axis=0)
    assert own.to_world(middle) == pytest.approx(where, abs=1.5)


def test_what_lies_beyond_the_slice_is_air():
    seen = lung_grid.images(np.full((10, 100, 100), 40, np.int16), 256)
    grey = (1040 * 255) // 1400
    assert (seen[:, 78:178, 78:178] == grey).all()
    assert seen.astype(int).sum() == 10 * 100 * 100 * grey


# On the coarse grid


@pytest.mark.parametrize("mm", [SPACING, (1.4, 1.4, 0.6)])
def test_methods_on_the_coarse_grid_are_what_they_are_on_the_scans(mm, tmp_path):
    geometry = grid((420, 330, 120), mm)
    volume, _ = thorax(geometry)
    header = made.write(tmp_path, made.labels_of(volume, geometry), geometry)
    for method, source in (("slice_kmeans", []), ("given", [header])):
        mask = lung_masks.of_scan(method, volume, geometry, source).mask
        whole = lungs.find(method, volume, geometry) if method in lungs.METHODS else mask
        coarse = lung_masks.on_coarse_grid(method, volume, geometry, source)
        assert np.array_equal(coarse, coarse_grid.shrink(whole, geometry)) and coarse.any()
    found = lung_masks.on_coarse_grid("volume", volume, geometry)
    assert np.array_equal(coarse_grid.refine(found, geometry), lungs.volume(volume, geometry))
    dense = lung_masks.on_coarse_grid("density", volume, geometry)
    assert np.array_equal(
        coarse_grid.refine(dense, geometry), lung_search.density(volume, geometry)
    )
    assert not lung_masks.on_coarse_grid("none", volume, geometry).any()
