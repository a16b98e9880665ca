"""Radiomic features: shape of a ball, intensities of known noise, IBSI's names, nothing dropped."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from helpers.builders import ball
from nodules.base import tables
from nodules.base.columns_radiomics import FEATURES
from nodules.findings import radiomics
from nodules.images import regions
from nodules.images.geometry import Geometry

SPACING = (0.7, 0.7, 1.25)
GRID = Geometry.build((0, 0, 0), SPACING, np.eye(3), (32, 48, 48))
RADIUS = 6.0


@pytest.fixture(scope="module")
def scan():
    """HU of a ball of soft tissue in lung, and the ball."""
    mask = ball(GRID.shape, (16, 24, 24), RADIUS, SPACING)
    rng = np.random.default_rng(0)
    noise = rng.integers(-40, 41, GRID.shape)
    return (np.where(mask, 30, -850) + noise).astype(np.int16), mask


def of_ball(hu, mask):
    """Every feature of one mask in a scan."""
    rows = tables.frame("regions", regions.encode("2.25.1", "readers", "native", 1, mask))
    nodules = pd.DataFrame({"seriesuid": ["2.25.1"], "nodule": [1]})
    (row,) = radiomics.measure_scan(hu, GRID, rows, nodules, "readers").to_dict("records")
    assert row["reason"] == ""
    return {name: row[name] for name in radiomics.NAMES}


@pytest.fixture(scope="module")
def measured(scan):
    return of_ball(*scan)


def test_every_declared_feature_is_measured(measured):
    assert list(measured) == radiomics.NAMES
    assert np.isfinite(list(measured.values())).all()


def test_shape_is_that_of_a_ball(measured):
    assert measured["morph_volume"] == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.06)
    assert measured["morph_diam"] == pytest.approx(2 * RADIUS, rel=0.12)
    assert measured["morph_sphericity"] > 0.9
    assert measured["morph_pca_elongation"] == pytest.approx(1, abs=0.06)


def test_intensity_is_that_of_the_tissue_inside(measured):
    assert measured["stat_median"] == pytest.approx(30, abs=15)
    # Bins of 25 HU from -1000 on: 30 HU lies in bin 42.
    assert measured["ih_median_fbs_w25.0"] == pytest.approx(42, abs=1)


def test_how_much_of_the_scan_lies_around_a_nodule_does_not_matter(scan, measured):
    hu, mask = scan
    cut = (slice(4, None), slice(3, -3), slice(4, -2))
    assert of_ball(hu[cut], mask[cut]) == pytest.approx(measured, rel=1e-9)


def test_moran_and_geary_are_mirps_own_over_all_pairs():
    """Against mirp's loop over the pairs, which it replaces."""
    from mirp._features.morph_3d_data import Data3DSpatial

    rng = np.random.default_rng(1)
    places = np.array(list(np.ndindex(4, 5, 6)), float)[rng.permutation(120)[:70]]
    values = rng.normal(0, 60, 70).round()
    data = Data3DSpatial()
    data.spacing = (1.0, 1.0, 1.0)
    table = pd.DataFrame(places, columns=["z", "y", "x"]).assign(g=values)
    expected = data._spatial_distribution(table)
    assert radiomics.moran_and_geary(places, values) == pytest.approx(expected)
    assert radiomics.moran_and_geary(places, np.full(70, 3.0)) == (1.0, 1.0)


def test_pairs_taken_in_steps_give_the_same(monkeypatch):
    rng = np.random.default_rng(2)
    places, values = rng.uniform(0, 9, (50, 3)), rng.normal(0, 1, 50)
    whole = radiomics.moran_and_geary(places, values)
    monkeypatch.setattr(radiomics, "PAIRS", 150)
    assert radiomics.moran_and_geary(places, values) == pytest.approx(whole)


def test_no_nodule_is_dropped_and_the_reason_is_kept(scan):
    """One nodule as usual, one of a single voxel, one without any."""
    hu, mask = scan
    speck = np.zeros(GRID.shape, bool)
    speck[3, 5, 5] = True
    rows = [
        *regions.encode("2.25.1", "readers", "native", 1, mask),
        *regions.encode("2.25.1", "readers", "native", 2, speck),
    ]
    nodules = pd.DataFrame({"seriesuid": "2.25.1", "nodule": [1, 2, 3]})
    table = radiomics.measure_scan(hu, GRID, tables.frame("regions", rows), nodules, "readers")
    assert table["nodule"].tolist() == [1, 2, 3]
    assert table["voxels"].tolist() == [int(mask.sum()), 1, 0]
    assert table["reason"][0] == "" and table["reason"][2] == radiomics.NO_MASK
    features = table[radiomics.NAMES]
    assert features.loc[2].isna().all()
    small = features.loc[1]
    assert small.isna().any(), "of one voxel, not every feature is defined"
    assert table["reason"][1] or small["stat_mean"] == small["stat_mean"]


def test_codes_are_ibsis_and_names_are_used_once():
    names, _, codes, _ = zip(*FEATURES, strict=True)
    assert len(set(names)) == len(names) == 128
    assert all(len(code) in (4, 5) and code == code.upper() for code in codes)
    assert {name.split("_")[0] for name in names} == {
        *("morph", "stat", "ih"),
        *("cm", "rlm", "szm", "ngt"),
    }


def test_measuring_loads_no_pytorch():
    """It takes seconds to start; where mirp reads an image by ITK, ITK loads it."""
    code = (
        "import sys, numpy as np\n"
        "from nodules.findings import radiomics\n"
        "from nodules.images.geometry import Geometry\n"
        "mask = np.zeros((12, 16, 16), bool); mask[4:8, 5:11, 5:11] = True\n"
        "hu = np.where(mask, 30, -850).astype(np.int16)\n"
        "grid = Geometry.build((0, 0, 0), (1, 1, 1), np.eye(3), mask.shape)\n"
        "values, reason = radiomics.measure(hu, mask, grid)\n"
        "assert not reason and values['morph_volume'] > 0, reason\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stdout + done.stderr
