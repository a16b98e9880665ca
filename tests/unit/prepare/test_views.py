"""Planes lie where they should: drawn shapes of known lengths, unequal steps, flipped grids."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from helpers.builders import make_stack
from nodules.base import tables
from nodules.images import regions
from nodules.images.geometry import Geometry
from nodules.prepare.crops import PLAIN, CropSize, Place, View, crop, random_view
from nodules.prepare.stacks import Stack
from nodules.prepare.views import ALL, Block, at, blocks, middle_of, spots, through

SHAPE, SPACING = (24, 70, 80), (0.8, 0.8, 2.5)  # (z, y, x) voxels; x, y, z mm
MIDDLE = (11.4, 33.3, 41.7)
TILTED = Rotation.from_euler("xyz", [20, -15, 10], degrees=True).as_matrix()
GRIDS = {"straight": np.eye(3), "flipped": np.diag([-1.0, 1.0, -1.0]), "tilted": TILTED}
SIDE, PX = 24.0, 48
each_plane = pytest.mark.parametrize("plane", range(len(ALL)))
each_grid = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)


def held(array: np.ndarray, direction: np.ndarray) -> Stack:
    """A stack in memory."""
    stack = Stack("2.25.1", Path(), Path(), None, "")
    stack.array = array
    geometry = Geometry.build((-30, 50, -100), SPACING, direction, array.shape)
    stack._grid_and_lung = (geometry, np.ones(len(array), bool))
    return stack


def drawn(direction: np.ndarray, grey) -> Stack:
    """A stack whose voxels have the grey level that a function gives of their world points."""
    geometry = Geometry.build((-30, 50, -100), SPACING, direction, SHAPE)
    world = geometry.to_world(np.moveaxis(np.indices(SHAPE), 0, -1))
    return held(np.clip(np.rint(grey(world)), 0, 255).astype(np.uint8), direction)


def rod(stack: Stack, along: np.ndarray, length_mm: float) -> np.ndarray:
    """Voxels within 1.6 mm of a rod through MIDDLE, along a direction (z, y, x) in mm."""
    mm = (np.moveaxis(np.indices(SHAPE), 0, -1) - MIDDLE) * stack.geometry.spacing_zyx
    far = np.abs(mm @ along)
    return (far <= length_mm / 2) & (
        np.linalg.norm(mm - (mm @ along)[..., None] * along, axis=-1) <= 1.6
    )


@each_plane
@each_grid
def test_each_pixel_shows_the_world_point_that_it_stands_for(plane: int, grid: np.ndarray) -> None:
    """A ramp in the world is shown exactly: linear values between voxels are no approximation."""
    slope = np.array([1.3, -0.9, 1.7])  # grey levels a mm along x, y, z
    middle = Geometry.build((-30, 50, -100), SPACING, grid, SHAPE).to_world(MIDDLE)
    stack = drawn(grid, lambda world: 128 + (world - middle) @ slope)
    picture = spots(MIDDLE, 9)[plane].shown(stack, SIDE, PX)
    down, across = (np.array(axis)[::-1] @ grid.T for axis in ALL[plane])  # x, y, z in the world
    mm = (np.arange(PX) - (PX - 1) / 2) * SIDE / PX
    expected = 128 + mm[:, None] * (down @ slope) + mm * (across @ slope)
    assert np.abs(picture[1] - expected).max() <= 1.01  # rounded twice
    # The neighbours lie a slice's step before and behind it.
    normal = np.cross(*(np.array(axis) for axis in ALL[plane]))[::-1] @ grid.T
    for channel, side in ((0, -1), (2, 1)):
        beside = expected + side * SPACING[2] * (normal @ slope)
        assert np.abs(picture[channel] - beside).max() <= 1.01


@pytest.mark.parametrize("seed", range(5))
def test_the_axial_plane_of_a_slice_is_its_crop(seed: int) -> None:
    """So a network that learned from slices may be shown planes; OpenCV tells the truth here."""
    rng = np.random.default_rng(seed)
    smooth = np.kron(rng.integers(0, 255, (6, 14, 16)), np.ones((4, 5, 5)))
    stack = held(smooth.astype(np.uint8), np.eye(3))
    view = random_view(rng, 3.0) if seed else PLAIN
    place = Place(int(rng.integers(24)), 30.0, 40.0)  # also at the first and the last slice
    told = crop(stack, place, 40.0, 64, view).astype(int)
    shown = spots((place.z, place.y, place.x), 3)[0].shown(stack, 40.0, 64, view).astype(int)
    # OpenCV rounds places to 1/32 of a pixel.
    assert np.abs(told - shown).max() <= 10 and np.abs(told - shown).mean() < 0.7


def test_rods_along_the_axes_have_their_lengths_in_each_orthogonal_plane() -> None:
    stack = held(np.zeros(SHAPE, np.uint8), np.eye(3))
    lengths = {0: 20.0, 1: 14.0, 2: 8.0}  # mm along z, y, x
    for axis, mm in lengths.items():
        stack.array[rod(stack, np.eye(3)[axis], mm)] = 200
    for plane, (down, across) in enumerate([(1, 2), (0, 2), (0, 1)]):
        picture = spots(MIDDLE, 3)[plane].shown(stack, 40.0, 160)[1] > 100
        rows, columns = (np.flatnonzero(line) for line in (picture[:, 80], picture[80]))
        for found, axis in ((rows, down), (columns, across)):
            step = stack.geometry.spacing_zyx[axis]
            assert len(found) / 4 == pytest.approx(lengths[axis], abs=step)
            assert found.mean() == pytest.approx(79.5, abs=2 * step)


@pytest.mark.parametrize("diagonal", range(6))
def test_a_diagonal_rod_lies_in_its_own_oblique_plane(diagonal: int) -> None:
    down, across = ALL[3 + diagonal]
    oblique = np.array(across if sum(map(bool, across)) == 2 else down)
    stack = held(np.zeros(SHAPE, np.uint8), np.eye(3))
    stack.array[rod(stack, oblique, 24.0)] = 200
    seen = [(s.shown(stack, 40.0, 80)[1] > 100).sum() for s in spots(MIDDLE, 9)]
    # All of the rod, 24 mm by 3.2, in this one; in the one across it, no more than its thickness.
    assert np.argmax(seen[3:]) == diagonal
    assert seen[3 + diagonal] / 4 == pytest.approx(24 * 3.2, rel=0.45)
    assert sorted(seen)[0] / 4 < 4 * 3.2 * 2


def test_planes_are_orthonormal_and_none_is_another() -> None:
    normals = np.array([np.cross(*map(np.array, plane)) for plane in ALL])
    for down, across in ALL:
        assert np.linalg.norm(down) == np.linalg.norm(across) == pytest.approx(1)
        assert np.dot(down, across) == pytest.approx(0)
    alike = np.abs(normals @ normals.T)
    assert np.diag(alike) == pytest.approx(1) and (alike - np.eye(len(ALL)) < 0.9).all()


def test_views_mirror_turn_scale_and_shift_every_plane() -> None:
    stack = held(np.zeros(SHAPE, np.uint8), np.eye(3))
    mm = (np.moveaxis(np.indices(SHAPE), 0, -1) - MIDDLE) * stack.geometry.spacing_zyx

    def lump(view: View, plane: int) -> np.ndarray:
        """Where, in mm, a picture shows a ball 5 mm down and 5 mm across from its middle."""
        where = 5 * np.sum(ALL[plane], axis=0)
        stack.array = np.where(np.linalg.norm(mm - where, axis=-1) <= 3.5, 200, 0).astype(np.uint8)
        picture = spots(MIDDLE, 3)[plane].shown(stack, 40.0, 80, view)[1] > 100
        return (np.argwhere(picture).mean(axis=0) - 39.5) / 2

    for plane in range(3):
        row, column = lump(PLAIN, plane)
        assert (row, column) == (pytest.approx(5, abs=1), pytest.approx(5, abs=1))
        assert lump(View(mirror=True), plane)[1] == pytest.approx(-column, abs=0.3)
        assert lump(View(shift=(2.0, -3.0)), plane) == pytest.approx((row - 2, column + 3), abs=0.3)
        assert lump(View(scale=1.1), plane) == pytest.approx((row / 1.1, column / 1.1), abs=0.3)
        assert lump(View(angle=np.pi / 2), plane) == pytest.approx((-column, row), abs=0.3)


def test_beyond_the_slices_is_black_and_beyond_the_stack_its_last_slice() -> None:
    stack = held(np.full(SHAPE, 90, np.uint8), np.eye(3))
    corner = spots((0.0, 0.0, 0.0), 3)
    assert (corner[0].shown(stack, 20.0, 20)[:, :9, :9] == 0).all()
    assert (corner[0].shown(stack, 20.0, 20)[:, 11:, 11:] == 90).all()
    assert (corner[1].shown(stack, 20.0, 20)[1][:, 11:] == 90).all()
    assert (corner[1].shown(stack, 20.0, 20)[1][:, :9] == 0).all()


def test_a_region_is_shown_on_slices_or_on_planes_through_its_middle(tmp_path) -> None:
    stack = make_stack(tmp_path, nodules=[((5, 30, 20), 6)])
    rows = regions.select(tables.read(stack.masks_path, "regions"), "readers", "slices")
    assert middle_of(rows) == pytest.approx((5, 30, 20))
    assert [place.z for place in through(rows, 3, CropSize(24, 32))] == [2, 5, 8]
    for planes in (3, 9):
        size = CropSize(24, 32, "planes", planes)
        assert [tuple(s) for s in through(rows, 3, size)] == [
            (5.0, 30.0, 20.0, n) for n in range(planes)
        ]
        assert at(Place(4, 2.0, 3.0), size) == spots((4, 2.0, 3.0), planes)
    assert at(Place(4, 2.0, 3.0), CropSize(24, 32)) == [Place(4, 2.0, 3.0)]


@each_grid
def test_each_voxel_of_a_cube_shows_the_world_point_that_it_stands_for(grid: np.ndarray) -> None:
    slope = np.array([1.1, -0.7, 1.3])
    middle = Geometry.build((-30, 50, -100), SPACING, grid, SHAPE).to_world(MIDDLE)
    stack = drawn(grid, lambda world: 128 + (world - middle) @ slope)
    (cube,) = Block(*MIDDLE, 0).shown(stack, 18.0, 12)
    mm = (np.arange(12) - 5.5) * 1.5
    z, y, x = (grid.T[axis] @ slope for axis in (2, 1, 0))
    expected = 128 + mm[:, None, None] * z + mm[:, None] * y + mm * x
    assert cube.shape == (12, 12, 12) and np.abs(cube - expected).max() <= 1.01


def test_eight_cubes_of_a_place_are_its_mirrored_views() -> None:
    array = np.random.default_rng(0).integers(0, 255, SHAPE).astype(np.uint8)
    stack = held(array, np.eye(3))
    cubes = [block.shown(stack, 18.0, 12)[0] for block in blocks(MIDDLE, 9)]
    assert np.array_equal(cubes[8], cubes[0])
    for turn in range(8):
        axes = tuple(axis for axis in range(3) if turn >> axis & 1)
        assert np.array_equal(np.flip(cubes[turn], axes), cubes[0])
    assert len({cube.tobytes() for cube in cubes}) == 8


def test_a_cube_is_turned_scaled_and_shifted_in_training_and_shown_by_its_middle() -> None:
    mm = (np.moveaxis(np.indices(SHAPE), 0, -1) - MIDDLE) * np.array(SPACING[::-1])
    away = np.linalg.norm(mm - np.array([0.0, 5.0, 2.0]), axis=-1)
    stack = held(np.where(away <= 4, 200, 0).astype(np.uint8), np.eye(3))

    def lump(view: View) -> np.ndarray:
        cube = Block(*MIDDLE, 0).shown(stack, 32.0, 64, view)[0] > 100
        return (np.argwhere(cube).mean(axis=0) - 31.5) / 2

    _, row, column = lump(PLAIN)
    assert (row, column) == (pytest.approx(5, abs=0.4), pytest.approx(2, abs=0.4))
    assert lump(View(angle=np.pi / 2))[1:] == pytest.approx((-column, row), abs=0.3)
    assert lump(View(shift=(2.0, -3.0)))[1:] == pytest.approx((row - 2, column + 3), abs=0.3)
    assert lump(View(scale=1.1))[1:] == pytest.approx((row / 1.1, column / 1.1), abs=0.3)
    picture = Block(*MIDDLE, 5).picture(stack, 32.0, 64) > 100
    assert (np.argwhere(picture).mean(axis=0) - 31.5) / 2 == pytest.approx((5, 2), abs=0.4)
