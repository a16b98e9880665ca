"""A scan of any form becomes the findings that the workflow would have, with the right places."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch

import nodules
from helpers import chest, models
from nodules.base import tables
from nodules.base.files import FileDefect, UserError, write_array
from nodules.images import dicom_writing, reading
from nodules.images.geometry import Geometry
from nodules.inference import candidate, detectors, exported, predict, slicewise
from nodules.inference.candidates import classify_candidates
from nodules.inference.detection import CandidateSettings, detect
from nodules.inference.detection import predict as pixel_probability
from nodules.inference.ensemble import load
from nodules.learning import machine
from nodules.prepare import held, lung_search, slices
from nodules.prepare.crops import CropSize
from nodules.prepare.stacks import Stack

CPU = torch.device("cpu")
NUMBERS = ("x", "y", "z", "probability", "confidence", "diameter_mm", "volume_mm3", "long_mm")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of U-Nets alone, ready."""
    return predict.open_model(models.make_model(tmp_path_factory.mktemp("unet")), "cpu", 1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Path of a model with networks for presence and malignancy."""
    folder = tmp_path_factory.mktemp("whole")
    return models.make_model(folder, ("unet", "presence", "malignancy"))


@pytest.fixture(scope="module")
def scan():
    """A drawn chest as it was read."""
    return reading.of_array(*models.scan(), uid="2.25.7")


@pytest.fixture(scope="module")
def findings(scan, model):
    """What is found in it."""
    return predict.predict(scan, model)


def near(findings, centre, within=2.0):
    """The findings whose centre lies near a world point."""
    return [f for f in findings if np.linalg.norm(np.subtract(f.world, centre)) < within]


def test_nodules_are_found_where_they_were_drawn(findings):
    for *centre, diameter in chest.NODULES[:2]:
        (found,) = near(findings, centre)
        assert found.diameter_mm == pytest.approx(diameter, rel=0.1)
        assert found.side == ("left" if centre[0] > 0 else "right")
        assert found.voxels * chest.SPACING**3 == pytest.approx(found.volume_mm3, rel=0.2)
        assert found.mean_hu == pytest.approx(40, abs=80)
        assert found.short_mm <= found.long_mm < diameter + 2 * chest.SPACING


def test_findings_are_ordered_numbered_and_apart(findings):
    assert [f.number for f in findings] == list(range(1, len(findings) + 1))
    scores = [f.probability for f in findings]
    assert scores == sorted(scores, reverse=True)
    labels = findings.labels()
    assert [int((labels == f.number).sum()) for f in findings] == [f.voxels for f in findings]


PLANES = models.CROPS | {"view": "planes", "planes": 3}


@pytest.mark.parametrize("crops", [models.CROPS, PLANES], ids=["slices", "planes"])
def test_they_are_the_candidates_of_the_workflow_number_by_number(scan, crops, tmp_path):
    whole = models.make_model(tmp_path, ("unet", "presence", "malignancy"), presence=crops)
    # What the scripts prepare_slices, detect_unet and classify_candidates do, with files between.
    made = load(whole, CPU)
    lungs = lung_search.search("volume", scan.voxels, scan.geometry)
    settings = slices.SliceSettings(**models.SLICES)
    array, grid, crop = slices.cut(scan.voxels, scan.geometry, lungs.mask, settings)
    write_array(tmp_path / "a.npy", array)
    table = slices.describe(scan.uid, scan.geometry, lungs.mask, grid, crop)
    tables.write(tmp_path / "a.parquet", "slices", table)
    stack = Stack(scan.uid, tmp_path / "a.npy", tmp_path / "a.parquet", None, "")
    limits = CandidateSettings(**models.CANDIDATES)
    (found,) = detect(
        [stack], lambda s: pixel_probability(made.networks("unet"), s, 1, CPU), "unet", limits
    )
    size = CropSize(**crops)
    asked = (found.candidates, found.regions, size, CPU)
    expected = classify_candidates(made.networks("presence"), stack, *asked)
    expected = expected.sort_values("confidence", ascending=False, kind="stable")
    assert len(expected) > 3

    own = predict.predict(scan, whole, device="cpu", threads=1)
    pairs = {"x": "x", "y": "y", "z": "z", "confidence": "probability", "probability": "detection"}
    pairs |= {"diameter_mm": "diameter_mm", "volume_mm3": "volume_mm3"}
    for theirs, ours in pairs.items():
        assert list(expected[theirs]) == [getattr(f, ours) for f in own], theirs
    assert all(0 <= f.malignancy <= 1 for f in own)
    calm = [f.confidence for f in own]  # a temperature of 2 brings all nearer to one half
    assert all(abs(c - 0.5) <= abs(f.probability - 0.5) for c, f in zip(calm, own, strict=True))
    assert [f.reported for f in own] == [f.probability >= 0.5 for f in own]


def test_a_stack_in_memory_is_the_stored_one(scan):
    lungs = lung_search.search("volume", scan.voxels, scan.geometry)
    settings = slices.SliceSettings(**models.SLICES)
    array, grid, _ = slices.cut(scan.voxels, scan.geometry, lungs.mask, settings)
    stack = held.stack_of("x", scan.voxels, scan.geometry, lungs.mask, settings)
    assert np.array_equal(stack.array, array) and stack.geometry.to_row() == grid.to_row()
    assert np.array_equal(stack.window(0, 1), array[[0, 0, 1]])


def test_a_mask_of_slices_lies_at_the_same_place_on_the_native_grid():
    native = Geometry.build((-50, 3, 7), (0.8, 0.7, 2.0), np.eye(3), (9, 60, 70))
    grid = native.resampled((0, 12, 9), (9, 40, 44), (9, 96, 96))
    mask = np.zeros((9, 96, 96), bool)
    mask[3:6, 30:50, 41:66] = True
    box = (slice(3, 6), slice(30, 50), slice(41, 66))
    corner, fine = slicewise.to_native(box, mask[box], grid, native)
    index = np.argwhere(fine) + corner
    place = native.to_world(index.mean(axis=0))
    assert np.allclose(place, grid.to_world(np.argwhere(mask).mean(axis=0)), atol=0.5)
    volume = fine.sum() * native.voxel_mm3
    assert volume == pytest.approx(mask.sum() * grid.voxel_mm3, rel=0.1)


def test_a_mask_between_native_pixels_keeps_one():
    native = Geometry.build((0, 0, 0), (4.0, 4.0, 4.0), np.eye(3), (5, 20, 20))
    grid = native.resampled((0, 4, 4), (5, 10, 10), (5, 200, 200))
    box = (slice(2, 3), slice(100, 101), slice(100, 101))
    corner, fine = slicewise.to_native(box, np.ones((1, 1, 1), bool), grid, native)
    assert fine.sum() == 1 and corner[0] == 2
    apart = native.to_world(corner) - grid.to_world((2, 100, 100))
    assert np.abs(apart).max() <= 2.0


def stored(folder, scan, form):
    """The scan in another form, as a path."""
    image = sitk.GetImageFromArray(scan.voxels)
    image.SetOrigin(scan.geometry.origin.tolist())
    image.SetSpacing(scan.geometry.spacing.tolist())
    kind, _, turn = form.partition(" ")
    if turn == "flipped":
        image = sitk.Flip(image, (True, False, True))
    elif turn == "permuted":
        image = sitk.PermuteAxes(image, (2, 0, 1))
    if kind == "DICOM":
        dicom_writing.write_series(folder / "dcm", scan.voxels, scan.geometry, scan.uid)
        return folder / "dcm"
    path = folder / f"scan{kind}"
    sitk.WriteImage(image, str(path))
    return path


FORMS = (
    "DICOM",
    ".mhd",
    ".mha",
    ".nii.gz",
    ".nrrd",
    ".nii flipped",
    ".mha permuted",
    ".nrrd permuted",
)


@pytest.mark.parametrize("form", FORMS)
def test_a_scan_of_any_form_has_the_same_findings(tmp_path, scan, findings, model, form):
    own = predict.predict(stored(tmp_path, scan, form), model)
    assert len(own) == len(findings)
    for mine, theirs in zip(own, findings, strict=True):
        for name in NUMBERS:
            assert getattr(mine, name) == pytest.approx(getattr(theirs, name), abs=1e-3)
    # Its own grid holds the same voxels at the same places, in the order of its file.
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(own.stored.shape) - 1)
    theirs = np.array(list(np.ndindex(2, 2, 2))) * (np.array(scan.geometry.shape) - 1)
    places = (own.stored.to_world(corners), scan.geometry.to_world(theirs))
    assert np.allclose(*(np.array(sorted(p.round(2).tolist())) for p in places), atol=0.02)


def test_what_is_no_hu_is_refused_in_one_sentence(scan, model):
    for voxels, reason in (
        (scan.voxels + np.int16(1024), "not Hounsfield units"),
        (np.full_like(scan.voxels, 5), "all voxels are 5"),
    ):
        with pytest.raises(FileDefect, match=reason):
            predict.predict(reading.of_array(voxels, scan.geometry), model)


def test_a_scan_without_lungs_is_told(model):
    voxels = chest.chest(lungs=())
    _, geometry = models.scan()
    own = predict.predict(reading.of_array(voxels, geometry), model)
    assert any("no sign of lungs" in note for note in own.notes)


@pytest.mark.parametrize(("source", "told"), [("phantom", True), ("luna16", False)])
def test_a_model_of_phantoms_is_told_in_every_scan(scan, model, source, told):
    manifest = {**model.manifest, "data": {"source": source}}
    own = predict.predict(scan, replace(model, manifest=manifest))
    assert any("trained on computer-made phantoms" in note for note in own.notes) == told


def test_a_model_of_another_system_or_without_networks_is_refused(tmp_path, monkeypatch):
    path = models.make_model(tmp_path)
    monkeypatch.setattr(predict, "WAYS", ())
    with pytest.raises(UserError, match="its lungs are found by 'volume', which is not known"):
        predict.open_model(path, "cpu", 1)
    monkeypatch.setattr(predict, "SYSTEMS", {})
    with pytest.raises(UserError, match="its system 'slices' is not known here"):
        predict.open_model(path, "cpu", 1)
    system = detectors.System(slicewise.detector, ("presence",))
    monkeypatch.setattr(predict, "SYSTEMS", {"slices": system})
    with pytest.raises(UserError, match="it has no network presence"):
        predict.open_model(path, "cpu", 1)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"threshold": 1.5}, "of 1.5"),
        ({"threshold": "high"}, "could not convert"),
        ({"temperature": 0}, "of 0"),
    ],
)
def test_a_model_of_absurd_settings_is_refused(tmp_path, settings, told):
    path = models.make_model(tmp_path, **settings)
    with pytest.raises(UserError, match=rf"its manifest cannot be used \(.*{told}"):
        predict.open_model(path, "cpu", 1)


def test_a_network_of_a_role_that_is_not_known_is_not_passed_over(tmp_path, monkeypatch):
    path = models.make_model(tmp_path, ("unet", "presence"))
    system = detectors.System(slicewise.detector, ("unet",))
    monkeypatch.setattr(predict, "SYSTEMS", {"slices": system})
    with pytest.raises(UserError, match="what its network 'presence' is for is not known here"):
        predict.open_model(path, "cpu", 1)


def test_another_detector_fits_behind_the_same_function(scan, model):
    def one(volume, geometry, lungs, tell):
        assert volume.shape == geometry.shape == lungs.shape
        x, y, z = geometry.to_world((5, 6, 7))
        mask = np.ones((2, 3, 4), bool)
        return [candidate.Candidate(x, y, z, 9.0, 380.0, 0.8, 0.7, np.nan, None, (4, 5, 6), mask)]

    other = predict.Model(model.manifest, model.lungs, one, 0.5, 1.0)
    (found,) = predict.predict(scan, other)
    assert (found.confidence, found.probability, found.voxels) == (0.7, 0.7, 24)
    assert found.box == (slice(4, 6), slice(5, 8), slice(6, 10))


def test_of_overlapping_masks_the_surer_one_has_the_voxels(scan, model):
    def two(volume, geometry, lungs, tell):
        x, y, z = geometry.to_world((5, 6, 7))
        mask = np.ones((2, 3, 4), bool)
        made = [(0.9, mask), (0.8, mask), (0.7, np.ones((2, 3, 5), bool))]
        numbers = (x, y, z, 9.0, 380.0, 0.5)
        corner = (4, 5, 6)
        return [candidate.Candidate(*numbers, p, np.nan, None, corner, m) for p, m in made]

    own = predict.predict(scan, predict.Model(model.manifest, model.lungs, two, 0.5, 1.0))
    assert [f.voxels for f in own] == [24, 0, 6] and own.rows[1]["mean_hu"] is None
    assert [row["slices"] for row in own.rows] == [2, 0, 2]
    assert np.bincount(own.labels().ravel(), minlength=4)[1:].tolist() == [24, 0, 6]


def test_a_device_that_is_not_there_is_told(tmp_path):
    path = models.make_model(tmp_path)
    for name in ("cuda:77", "pear", "meta"):
        with pytest.raises(UserError, match=f"--device {name}: not a device here"):
            predict.open_model(path, name, 1)


def test_an_array_is_a_scan_with_its_grid(scan, findings, model):
    own = predict.predict(reading.of_array(scan.voxels + np.float32(0.25), scan.geometry), model)
    assert [f.world for f in own] == [f.world for f in findings], "fractions are rounded"
    for odd in (scan.voxels[:5], scan.voxels[0], scan.voxels.astype(str)):
        with pytest.raises(UserError, match=r"an array: it is .* but its grid has 24 x 72 x 72"):
            reading.of_array(odd, scan.geometry)
    with pytest.raises(UserError, match="not finite"):
        reading.of_array(np.full(scan.voxels.shape, np.nan), scan.geometry)


@pytest.mark.parametrize(
    ("scan", "told"),
    [
        (np.zeros((3, 3, 3)), "reading.of_array"),
        (None, "a NoneType"),
        (["a", "b"], "one call each"),
    ],
)
def test_what_is_no_scan_is_a_type_error_in_words(model, scan, told):
    with pytest.raises(TypeError, match=told):
        predict.predict(scan, model)
    with pytest.raises(TypeError, match="model is a dict: give a path, or a Model"):
        predict.predict("scan", {})


def test_on_the_cpu_no_gpu_is_touched(tmp_path, monkeypatch):
    """Not even to see whether it is free: it may be the full card that one turns away from."""
    monkeypatch.setattr(machine, "pick_device", lambda: pytest.fail("a GPU is looked for"))
    path = models.make_model(tmp_path)
    assert predict.open_model(path, "cpu", 1).manifest["kind"] == exported.KIND
    with pytest.raises(UserError, match="not a device here"):
        predict.open_model(path, "cuda:99", 1)


def test_threads_below_nought_are_told():
    with pytest.raises(UserError, match="threads: -3 is below 0"):
        predict.open_model("absent.luna16", threads=-3)


def test_the_library_offers_it_and_loads_nothing_before(tmp_path, scan):
    code = "import sys, nodules; assert 'torch' not in sys.modules; nodules.predict"
    subprocess.run([sys.executable, "-c", code], check=True)
    own = nodules.predict(scan, models.make_model(tmp_path), device="cpu", threads=1)
    assert len(own) > 3 and own.uid == "2.25.7"
