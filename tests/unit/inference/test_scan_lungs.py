"""A new scan's lungs by the method that the model's own scans had."""

import json

import numpy as np
import pytest
import SimpleITK as sitk
import torch
import yaml

from helpers import chest, models
from nodules.base import tables
from nodules.base.files import FileDefect, UserError, write_array
from nodules.cli import main as cli
from nodules.images import metaimage_writing, reading
from nodules.images.geometry import Geometry
from nodules.inference import predict, scan_lungs
from nodules.inference.ensemble import load
from nodules.inference.lungs import probability
from nodules.prepare import coarse_grid, lung_grid, lung_masks, region, slices
from nodules.prepare.stacks import Stack

CPU = torch.device("cpu")
PX = 64


@pytest.fixture(scope="module")
def scan():
    return reading.of_array(*models.scan(), uid="2.25.7")


def model(folder, way, more=()):
    return models.make_model_3d(folder, way, more)


def test_lung_networks_are_asked_as_the_workflow_asks_them(scan, tmp_path):
    # What the scripts prepare_lungs, find_lungs and prepare_slices do, with files between.
    made = load(model(tmp_path, "unet", models.lung_unets(tmp_path, PX)), CPU)
    coarse, _ = coarse_grid.decimate(scan.voxels, scan.geometry)
    stack, grid = lung_grid.images(coarse, PX), lung_grid.grid(scan.geometry, PX)
    write_array(tmp_path / "s.npy", stack)
    truth = np.zeros(stack.shape, np.uint8)
    crop = slices.CropBox(*map(round, lung_grid.square(scan.geometry)))
    table = slices.describe(scan.uid, grid, truth, grid, crop)
    tables.write(tmp_path / "s.parquet", "slices", table)
    stored = Stack(scan.uid, tmp_path / "s.npy", tmp_path / "s.parquet", None, "")
    write_array(tmp_path / "answer.npy", probability(made.bundles["lungs"], stored, CPU))
    expected = lung_masks.of_scan("unet", scan.voxels, scan.geometry, [tmp_path / "answer.npy"])

    found, notes = scan_lungs.LungFinder("unet", made).find(scan.voxels, scan.geometry)
    assert np.array_equal(found.mask, expected.mask) and found.mask.any() and not notes
    assert found.method == "unet" == expected.method
    findings = predict.predict(scan, tmp_path / "small_3d.luna16", device="cpu", threads=1)
    assert findings.lungs == expected.plausibility.statement


def given(folder, scan, value=3):
    """A lung mask beside no scan: the left half of the drawn lungs is 3, the right one 4."""
    lung = (scan.voxels < -700) & (scan.voxels > -950)
    header = folder / f"{scan.uid}.mhd"
    folder.mkdir(exist_ok=True)
    labels = (lung * value).astype(np.int16)
    metaimage_writing.write_volume(header, header.with_suffix(".raw"), labels, scan.geometry)
    return header, lung


def test_a_given_mask_is_used_as_it_is(scan, tmp_path):
    header, lung = given(tmp_path / "masks", scan)
    finder = scan_lungs.LungFinder("given", load(model(tmp_path, "given"), CPU))
    found, notes = finder.find(scan.voxels, scan.geometry, header)
    assert np.array_equal(found.mask > 0, lung) and found.method == "given" and not notes


def test_without_one_the_lungs_are_found_and_a_note_says_so(scan, tmp_path):
    findings = predict.predict(scan, model(tmp_path, "given"), device="cpu", threads=1)
    assert scan_lungs.WITHOUT_MASK in findings.notes
    found = predict.predict(scan, model(tmp_path / "two", "volume"), device="cpu", threads=1)
    assert [f.world for f in findings] == [f.world for f in found]


def test_a_mask_for_a_model_that_finds_lungs_itself_is_refused(scan, tmp_path):
    header, _ = given(tmp_path / "masks", scan)
    with pytest.raises(UserError, match=r"the model finds lungs itself, by 'volume'"):
        predict.predict(scan, model(tmp_path, "volume"), lungs=header)


def test_a_mask_on_another_grid_is_refused(scan, tmp_path):
    grid = scan.geometry
    small = Geometry.build(grid.origin, grid.spacing, grid.direction, scan.voxels[:-1].shape)
    other = reading.of_array(scan.voxels[:-1], small, uid=scan.uid)
    header, _ = given(tmp_path / "masks", other)
    with pytest.raises(UserError, match=r"the lung mask has .* voxels and its scan"):
        predict.predict(scan, model(tmp_path, "given"), lungs=header)


@pytest.mark.parametrize("way", ["body", "whole"])
def test_a_model_of_another_organ_only_notes_what_is_odd_in_hu(scan, tmp_path, way):
    """As the check does where no lungs are looked for: an abdomen has no lung, a crop no air."""
    abdomen = np.where(scan.voxels > -300, scan.voxels.clip(20, 80), -1024).astype(np.int16)
    odd = reading.of_array(abdomen, scan.geometry, uid=scan.uid)
    with pytest.raises(FileDefect, match="these are not Hounsfield units"):
        predict.predict(odd, model(tmp_path, "volume"), device="cpu", threads=1)
    found = predict.predict(odd, model(tmp_path / "two", way), device="cpu", threads=1)
    assert any("these are not Hounsfield units" in note for note in found.notes)


def test_a_model_that_lacks_its_lung_networks_or_names_another_way_is_refused(tmp_path):
    with pytest.raises(FileDefect, match="it has no network lungs"):
        predict.open_model(model(tmp_path, "unet"), "cpu", 1)
    with pytest.raises(FileDefect, match="its lungs are found by 'magic', which is not known"):
        predict.open_model(model(tmp_path / "two", "magic"), "cpu", 1)


def test_a_model_that_was_told_where_the_organ_is_is_refused_with_the_reason(tmp_path):
    """No version of luna16 can find that in a new scan."""
    with pytest.raises(FileDefect, match=r"mask of the organ.*region\.method body"):
        predict.open_model(model(tmp_path, "mask"), "cpu", 1)


def test_the_command_takes_a_folder_of_masks(scan, tmp_path, capsys):
    given(tmp_path / "masks", scan)
    image = sitk.GetImageFromArray(scan.voxels)
    image.SetSpacing([chest.SPACING] * 3)
    image.SetOrigin(scan.geometry.origin.tolist())
    sitk.WriteImage(image, str(tmp_path / f"{scan.uid}.nii.gz"))
    path = model(tmp_path, "given")
    words = ["predict", str(tmp_path / f"{scan.uid}.nii.gz"), "--model", str(path)]
    words += ["--device", "cpu", "--out", str(tmp_path / "out")]
    assert cli.main([*words, "--lungs", str(tmp_path / "masks")]) == 0
    details = json.loads((tmp_path / f"out/{scan.uid}/findings.json").read_text())
    assert scan_lungs.WITHOUT_MASK not in details["notes"]
    assert cli.main(words) == 0, "without masks it is another answer, and done again"
    details = json.loads((tmp_path / f"out/{scan.uid}/findings.json").read_text())
    assert scan_lungs.WITHOUT_MASK in details["notes"]
    capsys.readouterr()


def test_every_method_of_the_config_is_known(repository):
    schema = yaml.safe_load((repository / "workflow/schemas/config.schema.yaml").read_text())
    methods = schema["properties"]["lungs"]["properties"]["method"]["enum"]
    # Beside them the regions of other organs, but for a mask that no new scan brings.
    assert set(scan_lungs.WAYS) == {*methods, *region.METHODS} - {region.MASK}
