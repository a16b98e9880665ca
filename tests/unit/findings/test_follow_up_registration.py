"""Scans laid together on a known warp; what must not be laid together is told."""

from dataclasses import replace

import numpy as np
import pytest

from helpers import followed
from nodules.findings.follow_up.registration import Lungs, affine, lungs_of, quality, register
from nodules.images.geometry import Geometry

BY_AFFINE_MM, BY_ALL_MM = 9.0, 3.5  # 95th percentile of the error in the lungs


@pytest.fixture(scope="module")
def patient():
    """A patient scanned twice."""
    return followed.patient()


def points_in(time, count=300):
    """Random world points in a scan's lungs."""
    inside = np.argwhere(time.lungs)
    chosen = inside[np.random.default_rng(0).integers(0, len(inside), count)]
    return time.geometry.to_world(chosen)


def error_95(found, truth):
    return np.percentile(np.linalg.norm(found - truth, axis=1), 95)


def test_a_known_warp_is_found_within_bounds(patient):
    first, second = patient.current.for_registration, patient.prior.for_registration
    points = points_in(patient.current)
    truth = patient.warp(points)
    coarse = affine(first, second)
    found = register(first, second)
    assert error_95(points, truth) > BY_AFFINE_MM  # else nothing would be shown
    assert error_95(coarse(points), truth) < BY_AFFINE_MM
    assert error_95(found.warp(points), truth) < BY_ALL_MM
    assert found.problem == "" and not found.mirrored
    assert found.quality.likeness > 0.7 and found.quality.residual_mm < 3.1


def test_what_an_affine_map_lays_together_is_not_bent(patient):
    """The same lungs, moved: a deformation could only follow noise."""
    moved = np.array([12.0, -9.0, 21.0])
    grid = replace(patient.prior.geometry, origin=patient.prior.geometry.origin + moved)
    rng = np.random.default_rng(5)
    noisy = patient.prior.hu + rng.normal(0, 30, patient.prior.hu.shape).astype(np.int16)
    second = lungs_of(noisy, grid, patient.prior.lungs)
    found = register(patient.prior.for_registration, second)
    points = points_in(patient.prior)
    assert error_95(found.warp(points), points + moved) < 0.5
    assert found.problem == ""


def test_the_way_back_is_the_inverse(patient):
    first, second = patient.current.for_registration, patient.prior.for_registration
    found = register(first, second)
    points = points_in(patient.current)
    np.testing.assert_allclose(found.warp.inverse(found.warp(points)), points, atol=0.05)


def test_the_same_lungs_give_the_same_warp(patient):
    first, second = patient.current.for_registration, patient.prior.for_registration
    one, other = affine(first, second), affine(first, second)
    np.testing.assert_array_equal(one.matrix, other.matrix)
    np.testing.assert_array_equal(one.offset, other.offset)


def test_two_patients_do_not_match(patient):
    hu, grid = followed.chest(8)
    voxels = np.rint(hu).astype(np.int16)
    other = lungs_of(voxels, grid, followed.lungs_of(voxels, grid))
    found = register(patient.prior.for_registration, other)
    assert "vessels" in found.problem or "overlap" in found.problem


def test_a_mirrored_scan_is_named_as_such(patient):
    time = patient.prior
    turned = np.ascontiguousarray(time.hu[:, :, ::-1])
    mirrored = lungs_of(turned, time.geometry, np.ascontiguousarray(time.lungs[:, :, ::-1]))
    found = register(mirrored, patient.current.for_registration)
    assert found.mirrored and found.problem == "one scan is the mirror image of the other"


def test_scans_without_lungs_are_not_laid_together():
    grid = Geometry.build((0, 0, 0), (2, 2, 2), np.eye(3), (40, 40, 40))
    air = np.full(grid.shape, -1000, np.int16)
    nothing: Lungs = lungs_of(air, grid, np.zeros(grid.shape, np.uint8))
    assert register(nothing, nothing).problem


def test_half_of_the_lungs_is_enough(patient):
    """A scan that ends within the lungs is laid over the whole one."""
    time, half = patient.prior, slice(0, len(patient.prior.hu) * 6 // 10)
    grid = Geometry.build(
        time.geometry.origin, time.geometry.spacing, np.eye(3), time.hu[half].shape
    )
    part = lungs_of(time.hu[half], grid, time.lungs[half])
    found = register(part, patient.current.for_registration)
    assert found.problem == ""
    whole = quality(part, patient.prior.for_registration, found.warp)
    assert whole.overlap < 1  # of another warp: the measure is not always 1
