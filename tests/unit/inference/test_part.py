"""What a rule is told of a part's scans is what `detect` says of them."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import torch

from helpers import models
from nodules.base import tables
from nodules.base.files import write_array
from nodules.inference import part
from nodules.inference.detection import CandidateSettings, detect, joined, predict
from nodules.learning.networks import bundle
from nodules.prepare import lung_search, slices
from nodules.prepare.stacks import open_stacks

UIDS = ["2.25.7", "2.25.8"]


def stored(folder, uid, sign):
    """A drawn chest cut into slices, as prepare_slices stores them."""
    voxels, grid = models.scan()
    voxels = voxels[:, :, ::sign]
    lungs = lung_search.search("volume", voxels, grid)
    array, own, crop = slices.cut(voxels, grid, lungs.mask, slices.SliceSettings(**models.SLICES))
    files = [folder / "slices" / f"{uid}{suffix}" for suffix in (".npy", ".parquet")]
    write_array(files[0], array)
    tables.write(files[1], "slices", slices.describe(uid, grid, lungs.mask, own, crop))
    return [str(path) for path in files]


def test_the_tables_of_a_part_are_those_of_its_scans(tmp_path):
    files = [
        f for uid, sign in zip(UIDS, (1, -1), strict=True) for f in stored(tmp_path, uid, sign)
    ]
    models.make_model(tmp_path)
    manifests = sorted((tmp_path / "models/unet").glob("fold_*/model.json"))
    names = ("candidates", "regions", "peaks")
    job = SimpleNamespace(
        input=SimpleNamespace(stacks=files, models=manifests),
        output=SimpleNamespace(**{name: tmp_path / f"{name}.parquet" for name in names}),
        params=SimpleNamespace(candidates=models.CANDIDATES),
        wildcards=SimpleNamespace(part="test"),
        threads=1,
        resources={},
    )
    part.detect_part(job, UIDS, "attention_unet")
    cpu = torch.device("cpu")
    networks = [bundle.restore(path, cpu).network for path in manifests]
    limits = CandidateSettings(**models.CANDIDATES)
    found = joined(
        detect(
            open_stacks(files, UIDS),
            lambda stack: predict(networks, stack, 1, cpu),
            "attention_unet",
            limits,
        )
    )
    kinds = {"candidates": "candidates", "regions": "regions", "peaks": "slice_peaks"}
    for name, kind in kinds.items():
        own = tables.read(Path(getattr(job.output, name)), kind)
        pd.testing.assert_frame_equal(own, tables.frame(kind, getattr(found, name)))
    assert set(found.candidates["seriesuid"]) == set(UIDS)
