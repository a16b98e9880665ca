"""A real scan of another layout: the chest CT with segmentations that slicerio's package brings.

128 x 128 x 34 voxels of 3.05 x 3.05 x 10 mm as NRRD, direction -1 -1 1. Its thoracic vertebrae
stand for lesions. One scan is no data set: its mirror image and its upper part, as NIfTI, are two
more, which is enough to see that every step takes them, and for no number.
"""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import nodules
from helpers.running import run_workflow, succeeded
from nodules.base import tables
from nodules.images import label_map, values
from nodules.images.geometry import Geometry

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]
CONFIG = """
data: {source: table}
dataset: {dir: SET, lesion_labels: [3], lesion: vertebra, lesions: vertebrae, organ: spine}
region: {method: body}
slices: {size: 64, window: [-200, 600]}
folds: {n: 3, test_subset: null}
tasks: [presence]
detectors: [unet]
maskrcnn: {enabled: false}
unet: {filters: 4, depth: 3, epochs: 1, batch: 2, learning_rate: 0.01, patch: 0, repeat: 2}
crops: {px: 32}
presence: {epochs: 1, batch: 8, negatives: 1.0}
candidates: {pixel_threshold: 0.1, max_per_scan: 10}
scoring: {bootstrap: 100, hit: overlap}
"""


@pytest.fixture(scope="module")
def slicer() -> Path:
    """The package's data."""
    found = importlib.util.find_spec("slicerio")
    if found is None or not found.origin:
        pytest.skip("no real scan of another layout: pip install slicerio (0.8 MB) brings one")
    return Path(found.origin).parent / "data"


@pytest.fixture(scope="module")
def run(slicer, tmp_path_factory):
    """The data set and the workflow's results on it, as far as its model file."""
    folder = tmp_path_factory.mktemp("slicer")
    image, labels = slicer / "CTChest4.nrrd", slicer / "Segmentation.seg.nrrd"
    rows = ["scan,image,labels,patient", f"whole,{image},{labels},A"]
    for name, change in (("mirrored", mirrored), ("upper part", upper)):
        for kind, path in (("image", image), ("labels", labels)):
            voxels, grid = change(*values.read(path))
            (folder / "set").mkdir(exist_ok=True)
            kept = voxels.astype(np.int16 if kind == "image" else np.uint16)
            label_map.write(folder / "set" / f"{name} {kind}.nii.gz", kept, grid)
        rows.append(f"{name},{name} image.nii.gz,{name} labels.nii.gz,{name[0]}")
    (folder / "set/scans.csv").write_text("\n".join(rows) + "\n")
    (folder / "config.yaml").write_text(CONFIG.replace("SET", str(folder / "set")))
    asked = ("--", "results/evaluation/detection.json", "export")
    succeeded(run_workflow(folder, "--configfile", str(folder / "config.yaml"), *asked))
    return folder / "results"


def mirrored(voxels, grid):
    return voxels[:, :, ::-1], grid


def upper(voxels, grid):
    moved = grid.to_world((10, 0, 0))
    shape = (len(voxels) - 10, *voxels.shape[1:])
    return voxels[10:], Geometry.build(moved, grid.spacing, grid.direction, shape)


def test_the_scan_lies_where_its_header_says(run, slicer):
    sheet = tables.read(run / "scans/scans.parquet", "scans").set_index("seriesuid")
    assert list(sheet.index) == ["whole", "mirrored", "upper_part"]
    assert (sheet["status"] == "ok").all()
    row = sheet.loc["whole"]
    assert list(row["shape"]) == [34, 128, 128] and row["hu_min"] == -3024
    assert np.allclose(row["direction"], np.eye(3).ravel())
    # The corner by hand: the header's first voxel is the last along x and y.
    step = 3.04687595367432
    corner = [193.09599304199222 - 127 * step, 216.39599609374994 - 127 * step, -340.25]
    assert np.allclose(row["origin"], corner, atol=1e-6)


def test_lesions_are_the_labels_connected_parts(run, slicer):
    labels, grid = values.read(slicer / "Segmentation.seg.nrrd")
    listed = tables.read(run / "scans/nodules.parquet", "nodules")
    own = listed[listed["seriesuid"] == "whole"]
    volume = (np.pi / 6 * own["diameter_mm"] ** 3).sum()
    assert volume == pytest.approx((labels == 3).sum() * grid.voxel_mm3, rel=0.01)
    masks = tables.read(run / "masks/whole.parquet", "regions")
    assert set(masks["kind"]) == {"sphere", "readers", "reader_1"}


def test_each_scan_is_judged_by_a_network_that_has_not_seen_it(run):
    folds = tables.read(run / "folds/folds.parquet", "folds")
    assert sorted(folds["fold"]) == [0, 1, 2]
    for row in folds.itertuples():
        peaks = tables.read(run / f"detection/unet/fold_{row.fold}/peaks.parquet", "slice_peaks")
        assert set(peaks["seriesuid"]) == {row.seriesuid}


def test_the_model_is_asked_about_the_file_as_it_came(run, slicer):
    model = run / "models/nodules.luna16"
    found = nodules.predict(slicer / "CTChest4.nrrd", model, device="cpu", threads=1)
    _, grid = values.read(slicer / "CTChest4.nrrd")
    assert all(grid.encloses((one.x, one.y, one.z)) for one in found)
    config = str(run.parent / "config.yaml")
    done = run_workflow(run.parent, "--configfile", config, "--dry-run", "--", "export")
    assert re.search("Nothing to be done", succeeded(done).stdout + done.stderr)
