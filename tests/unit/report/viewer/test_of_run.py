"""A run's candidates are shown where its stored slices have them, with what else the run knows."""

from dataclasses import replace

import numpy as np
import pytest

from helpers import reader_pages
from nodules.base import tables
from nodules.base.files import UserError, write_json
from nodules.images import regions
from nodules.images.metaimage_writing import write_volume
from nodules.report.viewer import of_run

UID, OTHER = "2.25.8", "2.25.9"
FINER = 2  # pixels of a stored slice to one of the scan


@pytest.fixture
def results(tmp_path):
    """Results of a run with one scan in part `test`: two candidates, the first one a nodule."""
    voxels, geometry, masks = reader_pages.drawn()
    root = tmp_path / "results"
    write_volume(root / f"phantom/{UID}.mhd", root / f"phantom/{UID}.raw", voxels, geometry)
    header = f"results/phantom/{UID}.mhd"
    scan = {"seriesuid": UID, "patient": UID, "subset": 9, "header": header, "data": ""}
    scan |= {"labels": "", "status": "ok", "hu_min": -1024, "hu_max": 100, "bytes": 1}
    tables.write(
        root / "scans/scans.parquet",
        "scans",
        [scan | {"sha256": "", "n_nodules": 1} | geometry.to_row()],
    )
    tables.write(
        root / "folds/folds.parquet",
        "folds",
        [{"seriesuid": u, "patient": u, "subset": 9, "n_nodules": 1, "fold": f}
         for u, f in ((UID, -1), (OTHER, 0))],
    )  # fmt: skip
    nz, ny, nx = geometry.shape
    grid = geometry.resampled((0, 0, 0), geometry.shape, (nz, FINER * ny, FINER * nx))
    first = {"seriesuid": UID, "slice": 0, "z_mm": 0.0, "crop_y0": 0, "crop_x0": 0}
    first |= {"crop_height": ny, "crop_width": nx, "mm_per_px": 1.0, "lung_mm2": 1.0}
    tables.write(root / f"slices/{UID}.parquet", "slices", [first | grid.to_row()])
    rows, found = [], []
    for number, mask in enumerate(masks[:2], 1):
        fine = mask.repeat(FINER, axis=1).repeat(FINER, axis=2)
        rows += regions.encode(UID, "unet", "slices", number, fine)
        x, y, z = geometry.to_world(np.argwhere(mask).mean(axis=0)).tolist()
        one = {"seriesuid": UID, "candidate": number, "x": x, "y": y, "z": z, "diameter_mm": 9.0}
        one |= {"probability": 0.2, "volume_mm3": 380.0, "n_slices": 5, "logit": 1.0}
        found.append(one | {"confidence": 1 - 0.3 * number})
    home = root / "detection/unet/test"
    tables.write(home / "regions.parquet", "regions", rows)
    tables.write(root / "presence/test/candidates.parquet", "classified", found)
    hit = {"seriesuid": UID, "candidate": 1, "nodule": 4, "excluded": False}
    tables.write(home / "matches.parquet", "matches", [hit])
    score = {"system": "resnet", "seriesuid": UID, "nodule": 4, "member": 0, "logit": 0.0}
    tables.write(
        root / "malignancy/resnet/test/scores.parquet",
        "malignancy_scores",
        [score | {"probability": 0.75}, score | {"member": 1, "probability": 0.25}],
    )
    tables.write(
        root / f"masks/{UID}.parquet",
        "regions",
        [*regions.encode(UID, "readers", "native", 4, masks[0]),
         *regions.encode(UID, "sphere", "native", 4, masks[1])],
    )  # fmt: skip
    heat = np.zeros((1, 8, 8))
    heat[0, 2, 3] = 5.0
    np.savez(
        root / "malignancy/explained.npz",
        uid=np.array([UID]),
        number=np.array([4]),
        image=np.full((1, 3, 8, 8), 9, np.uint8),
        gradcam=heat,
    )
    write_json(root / "evaluation/presence.json", {"fitted": {"threshold": {"test": 0.5}}})
    return root


@pytest.mark.parametrize("place", [".", "presence/test", "detection/unet/test"])
def test_a_part_is_known_by_its_folder_or_its_name(results, place):
    part = of_run.part_of(results / place, "test" if place == "." else "")
    assert part == of_run.Part(results, "test", "unet_resnet") and part.uids == [UID]


def test_the_second_stage_follows_the_detector_whose_candidates_it_judged(results):
    """The first of the config's list, whatever else the run has beside it or from before."""
    (results / "detection/unet").rename(results / "detection/attention_unet")
    tables.write(results / "detection/unet/test/candidates.parquet", "candidates", [])
    assert of_run.part_of(results, "test").system == "attention_unet_resnet"


def test_the_system_is_that_of_the_first_page_or_the_one_that_is_named(results):
    judged = tables.read(results / "presence/test/candidates.parquet", "classified")
    masks = tables.read(results / "detection/unet/test/regions.parquet", "regions")
    tables.write(results / "reduction/test/candidates.parquet", "classified", judged)
    tables.write(results / "reduction/test/regions.parquet", "regions", masks)
    tables.write(results / "scans/excluded.parquet", "excluded", [])
    x, y, z = judged[["x", "y", "z"]].iloc[1].tolist()
    nodule = {"seriesuid": UID, "nodule": 4, "x": x, "y": y, "z": z, "diameter_mm": 9.0}
    nodule = dict.fromkeys(tables.columns("nodules"), 0) | nodule
    tables.write(results / "scans/nodules.parquet", "nodules", [nodule])

    part = of_run.part_of(results, "test")
    assert part.system == "unet3d_reduction"
    shown = of_run.shown(part, UID)
    assert shown.model["name"].startswith("3-D U-Net + 3-D CNN") and shown.threshold == 0.5
    assert [f.numbers["malignancy"] for f in shown.findings] == [None, 0.5]
    assert all(finding.mask for finding in shown.findings)

    assert of_run.part_of(results, "test", "unet_resnet").system == "unet_resnet"
    assert of_run.part_of(results / "presence/test").system == "unet_resnet"
    with pytest.raises(UserError, match=r"no system 'best'.*unet_resnet, unet3d_reduction"):
        of_run.part_of(results, "test", "best")


def test_the_threshold_was_fitted_on_other_scans_than_those_that_are_shown():
    fitted = {"fitted": {"threshold": {"test": 0.7, "folds": {"0": 0.2, "1": None}}}}
    assert of_run._threshold(fitted, "test") == 0.7
    assert of_run._threshold(fitted, "fold_0") == 0.2
    assert of_run._threshold(fitted, "fold_1") == of_run.UNKNOWN_THRESHOLD


def test_what_is_no_run_or_no_part_is_told(results, tmp_path):
    assert of_run.part_of(tmp_path / "elsewhere") is None
    (results / "detection/unet/fold_0_training").mkdir()
    with pytest.raises(UserError, match=r"no part 'fold_7'.*--part: test\."):
        of_run.part_of(results, "fold_7")
    with pytest.raises(UserError, match=f"no scan {OTHER} in part test"):
        of_run.shown(of_run.part_of(results, "test"), OTHER)


def test_candidates_lie_where_the_stored_slices_have_them(results):
    shown = of_run.shown(of_run.part_of(results, "test"), UID)
    voxels, _, masks = reader_pages.drawn()
    assert np.array_equal(shown.voxels, voxels) and shown.threshold == 0.5
    for finding, mask in zip(shown.findings, masks, strict=False):
        corner, own = reader_pages.cropped(mask)
        assert finding.mask[0] == corner and np.array_equal(finding.mask[1], own)
    assert shown.headline.startswith("1 of 2 candidates")


def test_a_nodule_that_was_hit_has_what_the_run_knows_of_it(results):
    first, second = of_run.shown(of_run.part_of(results, "test"), UID).findings
    assert first.numbers["malignancy"] == 0.5 and second.numbers["malignancy"] is None
    image, heat, _ = first.seen
    assert image.shape == heat.shape == (8, 8) and heat[2, 3] == 255 and second.seen is None


def test_readers_contours_are_shown_and_spheres_are_not(results):
    ((name, mask),) = of_run.shown(of_run.part_of(results, "test"), UID).outlines
    corner, own = reader_pages.cropped(reader_pages.drawn()[2][0])
    assert name == "readers, nodule 4" and mask[0] == corner and np.array_equal(mask[1], own)


def test_without_a_second_stage_the_detector_s_own_candidates_are_shown(results):
    judged = results / "presence/test/candidates.parquet"
    rows = tables.read(judged, "classified")
    tables.write(
        results / "detection/unet/test/candidates.parquet",
        "candidates",
        rows[list(tables.columns("candidates"))],
    )
    judged.unlink()
    shown = of_run.shown(of_run.part_of(results, "test"), UID)
    assert {finding.numbers["probability"] for finding in shown.findings} == {0.2}
    assert replace(shown.findings[0], mask=None).number == 1
