"""Voxels in the page are within what it says of them, and nothing is lost on the way."""

import gzip

import numpy as np
import pytest

from nodules.report.viewer import levels


@pytest.mark.parametrize(
    ("steps", "lung", "soft", "bone"),
    [
        (levels.FINE, 4, 3, 10),
        (levels.COARSE, 10, 5, 20),
        (levels.LADDER[2], 20, 10, 40),
        (levels.LADDER[3], 40, 20, 80),
    ],
)
def test_a_hu_is_within_half_a_step_of_its_level(steps, lung, soft, bone):
    hu = np.arange(-1024, 1200, dtype=np.int16)
    off = np.abs(steps[levels.coded(hu, steps)].astype(int) - hu)
    assert len(steps) <= 256 and (np.diff(steps) > 0).all()
    assert off[hu < -160].max() <= lung
    assert off[(hu >= -160) & (hu < 240)].max() <= soft
    assert off[hu >= 240].max() <= bone


@pytest.mark.parametrize(("steps", "most"), [*zip(levels.LADDER, (50, 20, 40, 80), strict=True)])
def test_metal_has_levels_too(steps, most):
    """A pacemaker is no bone: the highest level is the highest HU that a scan keeps."""
    hu = np.arange(1100, 3072, dtype=np.int16)
    off = np.abs(steps[levels.coded(hu, steps)].astype(int) - hu)
    assert steps[-1] == levels.HIGHEST and off.max() <= most


def test_what_is_below_or_above_is_the_last_level():
    hu = np.array([-32768, -3024, 32767], np.int16)
    assert levels.coded(hu, levels.FINE).tolist() == [0, 0, 255]
    assert levels.coded(hu, levels.FULL).tolist() == [0, 0, 4095]


def test_a_served_scan_keeps_every_hu():
    hu = np.arange(-1024, 3072, dtype=np.int16)
    assert np.array_equal(levels.FULL[levels.coded(hu, levels.FULL)], hu)


def test_the_highest_level_is_that_of_the_highest_hu():
    volume = np.random.default_rng(1).integers(-1100, 2000, (9, 5, 7)).astype(np.int16)
    coded = levels.coded(volume, levels.FINE)
    assert np.array_equal(coded.max(axis=0), levels.coded(volume.max(axis=0), levels.FINE))


def unpacked(pieces, shape):
    """The voxels of packed pieces, by the filter's definition, one after another."""
    whole = np.frombuffer(b"".join(map(gzip.decompress, pieces)), np.uint8).reshape(shape)
    voxels = np.zeros(shape, np.uint8)
    for z, y, x in np.ndindex(*shape):
        left = int(voxels[z, y, x - 1]) if x else 0
        above = int(voxels[z, y - 1, x]) if y else 0
        voxels[z, y, x] = (int(whole[z, y, x]) + (left + above) // 2) % 256
    return voxels


def test_packed_voxels_come_back(monkeypatch):
    monkeypatch.setattr(levels, "PIECE_VOXELS", 100)
    voxels = np.random.default_rng(2).integers(0, 256, (7, 6, 8)).astype(np.uint8)
    pieces = [*levels.packed(voxels)]
    assert len(pieces) == 4
    assert np.array_equal(unpacked(pieces, voxels.shape), voxels)


def test_wide_pieces_are_little_endian(monkeypatch):
    monkeypatch.setattr(levels, "PIECE_VOXELS", 4)
    voxels = np.arange(258, 266, dtype=np.uint16).reshape(2, 2, 2)
    assert b"".join(levels.wide(voxels))[:4] == b"\x02\x01\x03\x01"
