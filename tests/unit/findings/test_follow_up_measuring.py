"""A nodule measured at a place: balls of known volume in lung, on several grids."""

import numpy as np
import pytest

from nodules.datasets.phantom.second_scan import Blob, draw_bumps, noisy, paint
from nodules.findings.follow_up.measuring import Scene, measure
from nodules.findings.size import sphere_volume
from nodules.images.geometry import Geometry

LUNG_HU = -860.0
CENTRE = (3.3, -2.1, 1.4)


def scene(*blobs: Blob, step=1.25, pixel=0.7, sd=15.0, seed=0, tube=False) -> Scene:
    """Lung of 70 mm with nodules; with a vessel of 3 mm through the middle where asked for."""
    shape = (round(70 / step), round(70 / pixel), round(70 / pixel))
    grid = Geometry.build((-35, -35, -35), (pixel, pixel, step), np.eye(3), shape)
    hu = np.full(shape, LUNG_HU, np.float32)
    if tube:
        z, y, x = np.indices(shape)
        world = grid.to_world(np.stack([z, y, x], -1))
        hu[np.linalg.norm(world[..., 1:] - np.array(CENTRE)[1:], axis=-1) < 1.5] = 30
    for blob in blobs:
        paint(hu, grid, blob)
    voxels = noisy(np.random.default_rng(seed), hu, sd)
    return Scene(voxels, grid, np.ones(shape, np.uint8))


@pytest.mark.parametrize("step", [0.7, 1.25, 2.5])
@pytest.mark.parametrize("diameter", [6.0, 10.0, 20.0])
def test_the_volume_of_a_ball(diameter, step):
    ball = Blob(CENTRE, sphere_volume(diameter), 30.0)
    found = measure(scene(ball, step=step), CENTRE, diameter)
    assert found.volume_mm3 == pytest.approx(ball.volume_mm3, rel=0.12)
    np.testing.assert_allclose(found.world, CENTRE, atol=0.4)
    assert found.texture == "solid" and found.apart
    assert found.mean_mm == pytest.approx(diameter, abs=1.2)


@pytest.mark.parametrize("seed", range(4))
def test_the_volume_of_an_uneven_nodule(seed):
    rng = np.random.default_rng(seed)
    blob = Blob(CENTRE, sphere_volume(9.0), 20.0, draw_bumps(rng))
    found = measure(scene(blob, seed=seed), CENTRE, 9.0)
    assert found.volume_mm3 == pytest.approx(blob.volume_mm3, rel=0.12)


def test_a_vessel_through_it_is_taken_off():
    ball = Blob(CENTRE, sphere_volume(10.0), 30.0)
    plain, on_vessel = (measure(scene(ball, tube=t), CENTRE, 10.0) for t in (False, True))
    assert on_vessel.volume_mm3 == pytest.approx(plain.volume_mm3, rel=0.2)


def test_ground_glass_is_told_from_solid_and_weighs_less():
    glass = Blob(CENTRE, sphere_volume(12.0), -550.0)
    solid = Blob(CENTRE, sphere_volume(12.0), 30.0)
    one, other = (measure(scene(blob), CENTRE, 12.0) for blob in (glass, solid))
    assert (one.texture, other.texture) == ("ground-glass", "solid")
    assert one.volume_mm3 == pytest.approx(glass.volume_mm3, rel=0.15)
    # Density is HU + 1000 over 1000: 0.45 against 1.03 mg in a mm^3.
    assert one.mass_mg / one.volume_mm3 == pytest.approx(0.45, abs=0.05)
    assert other.mass_mg / other.volume_mm3 == pytest.approx(1.03, abs=0.05)


def test_lung_alone_holds_nothing():
    assert measure(scene(), CENTRE, 8.0, within_mm=5.0) is None
    assert measure(scene(), (500.0, 0, 0), 8.0) is None


def test_a_nodule_is_found_some_way_from_where_it_is_looked_for():
    ball = Blob(CENTRE, sphere_volume(8.0), 30.0)
    found = measure(scene(ball), np.array(CENTRE) + np.array([3, 0, -2]), 8.0, within_mm=5.0)
    np.testing.assert_allclose(found.world, CENTRE, atol=0.5)


def test_what_runs_on_into_a_wall_is_said_to():
    ball = scene(Blob(CENTRE, sphere_volume(10.0), 30.0))
    hu = ball.hu.copy()
    hu[:, :, 52:] = 40
    found = measure(Scene(hu, ball.geometry, ball.lungs), CENTRE, 10.0)
    assert found is None or not found.apart


@pytest.mark.parametrize(("into_wall_mm", "apart"), [(-1.5, True), (0.2, True), (3.0, False)])
def test_what_the_lungs_wall_cuts_has_no_volume_of_its_own(into_wall_mm, apart):
    """The lungs' mask ends at the wall: how much of the nodule lies behind it is not seen."""
    ball = scene(Blob(CENTRE, sphere_volume(12.0), 30.0))
    wall = round(float(ball.geometry.to_index((CENTRE[0] + 6.0 - into_wall_mm, 0, 0))[2]))
    hu, lungs = ball.hu.copy(), ball.lungs.copy()
    hu[:, :, wall:], lungs[:, :, wall:] = 40, 0
    assert measure(Scene(hu, ball.geometry, lungs), CENTRE, 12.0).apart is apart


def test_the_start_does_not_decide():
    ball = Blob(CENTRE, sphere_volume(10.0), 30.0)
    where = scene(ball)
    volumes = [
        measure(where, np.array(CENTRE) + off, size).volume_mm3
        for off, size in ((0.0, 10.0), (1.0, 9.0), (-1.0, 11.0))
    ]
    assert max(volumes) / min(volumes) < 1.03
