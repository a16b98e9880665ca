"""The built-in scans: repeatable, in LUNA16's formats, and true to what is written about them."""

import hashlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from nodules.base import columns, tables
from nodules.datasets import lidc, luna16
from nodules.datasets.lidc import ContourMm, NoduleShape, ReaderShape
from nodules.datasets.phantom import anatomy, dataset, insertion, plan, scan, vessels
from nodules.datasets.scan import Scan
from nodules.images.geometry import Geometry
from nodules.images.spheres import sphere
from nodules.prepare import masks

TEXTURES = (5, 5, 5, 3, 1)


def shape(diameter: float, seed: int, texture: int = 5, readers: int = 4) -> NoduleShape:
    """An irregular ball as a few readers might outline it, on 0.7 mm pixels and 2 mm slices."""
    rng = np.random.default_rng(seed)
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    wave = 1 + 0.15 * np.sin(2 * angles + rng.uniform(0, 6)) + 0.1 * np.sin(3 * angles)
    drawn = []
    for _ in range(readers):
        radius = diameter / 2 * rng.uniform(0.92, 1.08)
        contours = [
            ContourMm(float(z), True, np.outer(r * wave, [1, 1]) * _circle(angles))
            for z in np.arange(-16, 17, 2)
            if (r := np.sqrt(max(radius**2 - z**2, 0)) + 0.35) > 0.8
        ]
        ratings = dict.fromkeys(columns.RATINGS, 3) | {"texture": texture, "calcification": 6}
        drawn.append(ReaderShape(contours, ratings))
    return NoduleShape(drawn, diameter, 0.7, 2.0)


def _circle(angles: np.ndarray) -> np.ndarray:
    return np.column_stack([np.cos(angles), np.sin(angles)])


def library() -> list[NoduleShape]:
    sizes = (4.5, 5.5, 7.0, 9.0, 12.0)
    return [shape(size, i, TEXTURES[i % 5], 3 + i % 2) for i, size in enumerate(sizes * 2)]


CONFIG = {
    "seed": 7,
    "phantom": {
        "scans": 10,
        "matrix": 96,
        "slices": [36, 44],
        "max_nodules": 3,
        "empty_scans": 0.2,
    },
}


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of ten small scans."""
    folder = tmp_path_factory.mktemp("phantom")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lidc, "nodule_library", library)
        dataset.make_phantom(folder, CONFIG, processes=1)
    return folder


@pytest.fixture(scope="module")
def scans(phantom: Path) -> list[Scan]:
    return plan.planned(phantom, CONFIG)


@pytest.fixture(scope="module")
def csv(phantom: Path) -> Callable[[str], pd.DataFrame]:
    return lambda name: pd.read_csv(phantom / f"{name}.csv", dtype={"seriesuid": str})


def read(one: Scan) -> tuple[np.ndarray, Geometry]:
    image = sitk.ReadImage(one.header)
    array = sitk.GetArrayFromImage(image)
    return array, Geometry.build(
        image.GetOrigin(), image.GetSpacing(), image.GetDirection(), array.shape
    )


def native(one: Scan) -> tuple[np.ndarray, Geometry]:
    array, stored = read(one)
    grid, permutation, (fz, fy, fx) = stored.reoriented()
    return array.transpose(permutation)[::fz, ::fy, ::fx], grid


def test_the_files_are_those_that_were_planned(phantom: Path, scans: list[Scan]) -> None:
    assert set(luna16.found(phantom)) == set(scans)
    assert {Path(s.data).suffix for s in scans} == {".raw", ".zraw"}
    assert not list(phantom.rglob(".*"))
    uids = (phantom / "seriesuids.csv").read_text().splitlines()
    assert uids == sorted(s.uid for s in scans)


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_processes(
    phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lidc, "nodule_library", library)
    dataset.make_phantom(tmp_path, CONFIG, processes=2)
    first, again = (
        {f.relative_to(d): hashlib.sha256(f.read_bytes()).hexdigest() for f in d.rglob("*.*")}
        for d in (phantom, tmp_path)
    )
    assert first == again


def test_volumes_are_int16_hu_with_round_padding(scans: list[Scan]) -> None:
    paddings = set()
    for one in scans:
        assert sitk.ReadImage(one.header).GetPixelID() == sitk.sitkInt16
        array, _ = read(one)
        padding = array[0, 0, 0]
        paddings.add(int(padding))
        inside = array[array != padding]
        assert inside.min() >= -1024 and 300 < inside.max() <= 3071
        assert 0.70 < len(inside) / array.size < 0.85  # a circle fills pi / 4 of its square
    assert paddings <= {-2048, -3024}


def test_air_lung_and_soft_tissue_have_their_hu(scans: list[Scan]) -> None:
    for one in scans:
        array, _ = native(one)
        middle = array[len(array) // 2]
        n = middle.shape[0]
        assert abs(np.median(middle[n // 16, n // 2 - 4 : n // 2 + 4]) + 1000) < 30
        body = middle[n // 4 : 3 * n // 4, n // 8 : -n // 8]
        lung = body[(body > -980) & (body < -700)]
        tissue = body[(body > 0) & (body < 120)]
        assert lung.size > 0.15 * body.size and -900 < np.median(lung) < -800
        assert tissue.size > 0.1 * body.size


def test_grids_differ_and_some_are_flipped_or_permuted(scans: list[Scan]) -> None:
    grids = [read(one)[1] for one in scans]
    directions = {tuple(g.direction.ravel().astype(int)) for g in grids}
    assert {
        (1, 0, 0, 0, 1, 0, 0, 0, 1),
        (-1, 0, 0, 0, -1, 0, 0, 0, 1),
        (1, 0, 0, 0, 1, 0, 0, 0, -1),
        (0, 1, 0, 1, 0, 0, 0, 0, 1),
    } == directions
    assert len({g.spacing[0] for g in grids}) == len(grids)
    assert len({g.spacing[2] for g in grids}) > 1
    assert all(300 <= g.spacing[0] * 96 <= 380 and 1.25 <= g.spacing[2] <= 3 for g in grids)
    assert all(36 <= g.shape[0] <= 44 for g in grids)


@given(
    shape=st.tuples(*[st.integers(1, 5)] * 3),
    permutation=st.permutations((0, 1, 2)),
    flips=st.tuples(*[st.sampled_from((-1, 1))] * 3),
)
def test_storing_in_another_order_moves_no_voxel(
    shape: tuple[int, int, int], permutation: list[int], flips: tuple[int, int, int]
) -> None:
    grid = Geometry.build((1, -2, 3), (0.5, 0.7, 2), np.eye(3), shape)
    voxels = np.moveaxis(np.indices(shape), 0, -1)
    order = (permutation[0], permutation[1], permutation[2])
    stored = dataset.stored_grid(grid, order, flips)
    for axis in range(3):
        world = grid.to_world(voxels)[..., axis]
        moved = stored.to_world(np.moveaxis(np.indices(stored.shape), 0, -1))[..., axis]
        np.testing.assert_allclose(dataset.stored_array(world, order, flips), moved)


def test_lung_masks_are_stored_as_luna16_has_them(scans: list[Scan], phantom: Path) -> None:
    for one in scans:
        header, voxels = plan.lung_mask(phantom, one.uid)
        assert Path(header).parent.name == "seg-lungs-LUNA16" and voxels.endswith(".zraw")
        ct, mask = sitk.ReadImage(one.header), sitk.ReadImage(header)
        for told in ("Size", "Origin", "Spacing", "Direction"):
            assert getattr(ct, f"Get{told}")() == getattr(mask, f"Get{told}")()
        labels, hu = sitk.GetArrayFromImage(mask), sitk.GetArrayFromImage(ct)
        assert set(np.unique(labels)) == {0, 3, 4}
        assert np.median(hu[labels > 0]) < -700
        # The patient's left is where x grows, however the voxels are stored.
        x = [np.argwhere(labels == label)[:, ::-1].mean(axis=0).tolist() for label in (3, 4)]
        left, right = (mask.TransformContinuousIndexToPhysicalPoint(place)[0] for place in x)
        assert left > right + 50


def test_nodules_lie_in_the_lungs(scans: list[Scan], csv: Callable) -> None:
    nodules = csv("annotations")
    assert list(nodules) == ["seriesuid", "coordX", "coordY", "coordZ", "diameter_mm"]
    assert (nodules["diameter_mm"] >= 3).all() and len(nodules) >= 8
    for one in scans:
        array, grid = native(one)
        for row in nodules[nodules["seriesuid"] == one.uid].itertuples():
            centre = (row.coordX, row.coordY, row.coordZ)
            ball, (z, y, x) = sphere(grid, centre, row.diameter_mm + 12)
            around = array[z : z + len(ball), y : y + ball.shape[1], x : x + ball.shape[2]][ball]
            assert grid.encloses(centre)
            # Lung is around each, even around one in a narrow corner at the pleura.
            assert (around < -600).mean() > 0.15


def test_some_scans_have_no_nodule_and_none_too_many(csv: Callable) -> None:
    counts = csv("annotations").groupby("seriesuid").size()
    assert len(counts) < 10 and counts.max() <= 3


def test_readers_outlines_enclose_the_annotated_nodule(
    phantom: Path, scans: list[Scan], csv: Callable
) -> None:
    contours = tables.read(phantom / "contours.parquet", "contours")
    for one in scans:
        array, grid = native(one)
        stored = read(one)[1]
        rows = csv("annotations").query("seriesuid == @one.uid")
        points = rows.set_axis(["seriesuid", "x", "y", "z", "diameter_mm"], axis=1)
        nodules = tables.frame("nodules", points.assign(nodule=range(1, len(rows) + 1)))
        own = contours[contours["seriesuid"] == one.uid]
        drawn = masks.draw_scan(one.uid, stored, grid, nodules, own)
        assert set(drawn.sources.values()) <= {"outlines"}
        volume = masks.regions.paint(
            masks.regions.select(drawn.rows, "readers", "native"), grid.shape
        )
        for row in nodules.itertuples():
            inside = volume == row.nodule
            diameter = (6 * inside.sum() * grid.voxel_mm3 / np.pi) ** (1 / 3)
            assert diameter == pytest.approx(row.diameter_mm, rel=0.1)
            centre = grid.to_world(np.argwhere(inside).mean(axis=0))
            np.testing.assert_allclose(centre, (row.x, row.y, row.z), atol=0.5)
            # What is outlined is what is seen.
            assert np.median(array[inside]) > -700


def test_every_reader_of_an_outline_has_rated_it(phantom: Path) -> None:
    contours = tables.read(phantom / "contours.parquet", "contours")
    ratings = tables.read(phantom / "ratings.parquet", "ratings")
    outlined = set(zip(contours["seriesuid"], contours["annotation"], strict=True))
    rated = list(zip(ratings["seriesuid"], ratings["annotation"], strict=True))
    assert len(rated) == len(set(rated)) and set(rated) == outlined
    assert ratings["texture"].isin(TEXTURES).all()


def test_every_reference_nodule_is_inside_an_excluded_finding(csv: Callable) -> None:
    excluded = csv("annotations_excluded")
    assert excluded.duplicated().any() and (excluded["diameter_mm"] == -1).any()
    for row in csv("annotations").itertuples():
        own = excluded[(excluded["seriesuid"] == row.seriesuid) & (excluded["diameter_mm"] > 0)]
        centres = own[["coordX", "coordY", "coordZ"]].to_numpy()
        away = np.linalg.norm(centres - (row.coordX, row.coordY, row.coordZ), axis=1)
        assert (away < own["diameter_mm"] / 2).any()


def test_candidates_of_class_1_hit_a_nodule_and_others_do_not(csv: Callable) -> None:
    nodules, candidates = csv("annotations"), csv("candidates_V2")
    assert list(candidates) == ["seriesuid", "coordX", "coordY", "coordZ", "class"]
    names = ["coordX", "coordY", "coordZ"]
    for uid, part in candidates.groupby("seriesuid"):
        own = nodules[nodules["seriesuid"] == uid]
        away = np.linalg.norm(part[names].to_numpy()[:, None] - own[names].to_numpy(), axis=-1)
        hit = (away < own["diameter_mm"].to_numpy() / 2).any(axis=1)
        np.testing.assert_array_equal(hit, part["class"] == 1)


def test_findings_of_few_readers_are_no_reference_nodules(csv: Callable) -> None:
    findings, nodules = csv("findings"), csv("annotations")
    assert len(nodules) == (findings["readers"] >= 3).sum()
    assert set(findings["place"]) <= set(insertion.PLACES)
    assert set(findings["architecture"]) <= set(insertion.ARCHITECTURES)


@given(st.integers(0, 10_000), st.floats(3.5, 14))
def test_outlines_run_through_the_first_pixels_outside(seed: int, diameter: float) -> None:
    grid = Geometry.build((0, 0, 0), (0.9, 0.9, 1.5), np.eye(3), (64, 64, 64))
    patch = insertion.draw_patch(np.random.default_rng(seed), shape(diameter, seed), grid)
    if patch is None:
        return
    for mask in patch.masks:
        rows = [
            {"z_index": z, "xs": xy[:, 0], "ys": xy[:, 1], "inclusion": True}
            for z, xy in insertion.outlines(mask)
        ]
        filled, corner = masks.filled(pd.DataFrame(rows))
        whole = np.zeros_like(mask)
        whole[tuple(slice(c, c + n) for c, n in zip(corner, filled.shape, strict=True))] = filled
        np.testing.assert_array_equal(whole, mask)


def test_a_drawn_nodule_keeps_its_size_and_its_edge_at_half_density() -> None:
    grid = Geometry.build((0, 0, 0), (0.7, 0.7, 1.25), np.eye(3), (64, 64, 64))
    patch = insertion.draw_patch(np.random.default_rng(3), shape(12.0, 3), grid)
    assert patch is not None
    assert patch.diameter(grid) == pytest.approx(12.0, rel=0.1)
    agrees = (patch.density >= 0.5) == patch.consensus
    assert agrees[patch.consensus | (patch.density > 0.1)].mean() > 0.9


def test_empty_scans_are_the_share_asked_for() -> None:
    for share in (0.0, 0.2, 0.5, 1.0):
        assert np.mean([scan.is_empty(i, share) for i in range(400)]) == pytest.approx(
            share, abs=0.01
        )
    # Not all of one subset: each has its ten scans of the 100.
    per_subset = np.array([scan.is_empty(i, 0.3) for i in range(100)]).reshape(10, 10).sum(axis=0)
    assert per_subset.min() >= 1 and per_subset.max() <= 5


def test_a_vessel_tree_thins_towards_its_tips() -> None:
    rng = np.random.default_rng(1)
    tree = vessels.grow(rng, np.zeros(3), rng.uniform(5, 60, (40, 3)))
    assert (tree.parents[1:] < np.arange(1, len(tree.points))).all()
    assert (tree.radii[1:] <= tree.radii[tree.parents[1:]] + 1e-9).all()
    assert tree.radii.min() == pytest.approx(vessels.TIP_MM)
    assert len(tree.junctions) > 5


def test_lungs_are_two_and_of_a_lungs_size() -> None:
    grid = scan.draw_grid(np.random.default_rng(5), CONFIG["phantom"])
    chest = anatomy.draw_chest(np.random.default_rng(5), grid)
    parts = sitk.ConnectedComponent(sitk.GetImageFromArray((chest.depth > 0).astype(np.uint8)))
    sizes = np.sort(np.bincount(sitk.GetArrayFromImage(parts).ravel())[1:])[::-1]
    litres = sizes[:2] * grid.voxel_mm3 / 1e6
    assert (litres > 0.35).all() and (litres < 3).all()
    assert sizes[2:].sum() < 0.01 * sizes.sum()


def test_diameter_bins_leave_no_gap() -> None:
    assert all(a[1] == b[0] for a, b in pairwise(scan.DIAMETER_BINS_MM))
    assert sum(b[2] for b in scan.DIAMETER_BINS_MM) == pytest.approx(1)
    assert sum(t[2] for t in scan.TEXTURES) == pytest.approx(1)
