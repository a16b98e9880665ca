"""The detector in 3-D finds in a scan at hand what the workflow's steps find, to the last bit."""

import numpy as np
import pytest
import torch

from helpers import chest, models
from nodules.base import tables
from nodules.base.files import FileDefect, write_array
from nodules.evaluation import stages
from nodules.images import reading, regions
from nodules.inference import exported, predict, reduction, volumewise, windows
from nodules.inference.ensemble import load
from nodules.prepare import held, lung_search, volume_cut, volumes
from nodules.prepare.volume_cut import VolumeSettings
from nodules.prepare.volumes import Volume

CPU = torch.device("cpu")
SETTINGS = VolumeSettings(4.0, (-1000, 400), 6.0)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return models.make_model_3d(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def scan():
    """A drawn chest as it was read."""
    return reading.of_array(*models.scan(), uid="2.25.7")


@pytest.fixture(scope="module")
def findings(scan, path):
    return predict.predict(scan, path, device="cpu", threads=1)


@pytest.fixture
def stored(scan, tmp_path):
    """What prepare_volumes writes of the scan, opened as the later steps do."""
    lungs = lung_search.search("volume", scan.voxels, scan.geometry)
    cut = volume_cut.cut(scan.voxels, scan.geometry, lungs.mask, SETTINGS)
    files = [tmp_path / f"v{end}" for end in (".npy", "_lung.npy", ".parquet")]
    write_array(files[0], cut.grey)
    write_array(files[1], cut.lung)
    tables.write(files[2], "volumes", volumes.describe(scan.uid, scan.geometry, cut.grid))
    return Volume(scan.uid, *files)


def test_they_are_the_candidates_of_the_workflow_number_by_number(stored, path, findings):
    made = load(path, CPU)
    seeing = windows.WindowSettings(**models.WINDOWS)
    first = windows.detect(made.networks("unet3d"), stored, seeing, CPU)
    second = reduction.reduce(made.networks("reduction"), stored, first, models.CUBE, CPU)
    expected = stages.combined(second.candidates, np.array(models.STAGES))
    expected = expected.sort_values("confidence", ascending=False, kind="stable")
    assert len(expected) > 1, "without candidates this shows nothing"
    pairs = {"x": "x", "y": "y", "z": "z", "confidence": "probability", "probability": "detection"}
    pairs |= {"diameter_mm": "diameter_mm", "volume_mm3": "volume_mm3"}
    for theirs, ours in pairs.items():
        assert list(expected[theirs]) == [getattr(f, ours) for f in findings], theirs
    # Masks are the second stage's, but for voxels that a surer finding has.
    drawn = dict(list(second.regions.groupby("region")))
    free = np.ones(stored.native.shape, bool)
    for row, own in zip(expected.itertuples(), findings, strict=True):
        if row.candidate in drawn:
            mask = regions.paint(drawn[row.candidate], stored.native.shape) > 0
            assert np.array_equal(findings.labels() == own.number, mask & free)
            free &= ~mask


def test_confidence_is_calibrated_and_reported_from_the_threshold_on(findings):
    assert [f.confidence for f in findings] == [f.probability for f in findings]
    assert [f.reported for f in findings] == [f.probability >= 0.4 for f in findings]
    assert all(f.malignancy is None for f in findings)


def test_a_volume_in_memory_is_the_stored_one(scan, stored):
    lungs = lung_search.search("volume", scan.voxels, scan.geometry)
    own = held.volume_of("2.25.7", scan.voxels, scan.geometry, lungs.mask, SETTINGS)
    assert np.array_equal(own.array, stored.array) and np.array_equal(own.lung, stored.lung)
    for name in ("grid", "native", "spacing_mm"):
        ours, theirs = getattr(own, name), getattr(stored, name)
        assert ours == theirs if name == "spacing_mm" else ours.to_row() == theirs.to_row()


def test_a_candidate_without_voxels_is_a_ball_of_its_diameter(scan):
    row = {"x": 3.0, "y": -8.0, "z": 5.0, "diameter_mm": 16.0, "volume_mm3": 2144.66}
    row |= {"probability": 0.5, "confidence": 0.25}
    made = volumewise._candidate(row, None, scan.geometry)
    assert made.mask.sum() * chest.SPACING**3 == pytest.approx(row["volume_mm3"], rel=0.02)
    centre = scan.geometry.to_world(np.argwhere(made.mask).mean(axis=0) + made.corner)
    assert centre == pytest.approx([3, -8, 5], abs=chest.SPACING / 2)


def test_a_scan_without_candidates_has_no_findings(path, monkeypatch):
    empty = reading.of_array(*models.scan(), uid="2.25.8")
    ready = predict.open_model(path, "cpu", 1)
    monkeypatch.setattr(windows, "peaks", lambda *_: [])
    assert len(predict.predict(empty, ready)) == 0


def test_the_card_tells_volumes_and_both_stages(path):
    from nodules.inference import model_card

    text = model_card.card(exported.read_manifest(path), "here")
    assert "volumes: spacing_mm 4.0" in text and "unet3d: 2 x unet3d" in text
    assert (
        "stages: unet3d 0.7, reduction 0.4, intercept -0.2" in text and "reduction: cube 16" in text
    )


def test_a_model_without_its_second_stage_is_refused(tmp_path):
    manifest = exported.read_manifest(models.make_model_3d(tmp_path))
    manifest["networks"] = [n for n in manifest["networks"] if n["role"] == "unet3d"]
    files = {
        n["file"]: tmp_path / f"models/unet3d/fold_{n['fold']}/model.pt"
        for n in manifest["networks"]
    }
    exported.write(tmp_path / "half.luna16", manifest, files)
    with pytest.raises(FileDefect, match="it has no network reduction"):
        predict.open_model(tmp_path / "half.luna16", "cpu", 1)
