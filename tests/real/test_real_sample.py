"""The sample of public scans with real series, and its lists held against LUNA16's own."""

import hashlib
import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest

from helpers.loopback import cut, serving
from nodules.base.downloads import Patience
from nodules.datasets import lidc_sample, luna16, reader_lists
from nodules.datasets.lidc_sample import Listed
from nodules.images import dicom_writing, metaimage

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
QUICK = Patience(pause=0.001, longest=0.01)
COLUMNS = ["coordX", "coordY", "coordZ"]
LIDC_0001 = "1.3.6.1.4.1.14519.5.2.1.6279.6001.179049373636438705059720603192"


def official(shared_data, name):
    return pd.read_csv(shared_data / "data/luna16" / name, dtype={"seriesuid": str})


def zipped(files):
    """As NBIA sends a series: its files, and their MD5 in a table."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
        rows = [f"{n},{hashlib.md5(data).hexdigest()}" for n, data in files.items()]
        packed.writestr("md5hashes.csv", "\n".join(["Filename,MD5Hash", *rows, ""]))
    return stream.getvalue()


@pytest.fixture(scope="module")
def sample(shared_data, tmp_path_factory):
    """The two real scans as the sample brings them, from DICOM made of them."""
    folder = tmp_path_factory.mktemp("sample")
    scans = {scan.uid: scan for scan in luna16.found(shared_data / "data/luna16")}
    wanted = [one for one in lidc_sample.listed() if one.uid in scans]
    assert len(wanted) == 2
    with pytest.MonkeyPatch.context() as patch, serving() as server:
        patch.setenv("no_proxy", "127.0.0.1")
        server.ranges = server.lengths = False
        for one in wanted:
            voxels, grid = metaimage.read_volume(scans[one.uid].header)
            paths = dicom_writing.write_series(folder / one.uid, voxels, grid, one.uid, one.patient)
            path = f"/getImageWithMD5Hash?SeriesInstanceUID={one.uid}"
            server.files[path] = zipped({p.name: p.read_bytes() for p in paths})
            server.faults[path] = [cut(1_000_000)]
        job = lidc_sample.Job(folder / "out", server.url, QUICK)
        rows = lidc_sample.download(job, lambda row, new: None, wanted)
    assert all(row["status"] == "written" for row in rows), rows
    return folder / "out", scans


def test_voxels_and_grid_are_luna16s(sample):
    folder, scans = sample
    for scan in luna16.found(folder):
        voxels, grid = metaimage.read_volume(scan.header)
        theirs, their_grid = metaimage.read_volume(scans[scan.uid].header)
        assert np.array_equal(voxels, theirs)
        assert np.allclose(grid.to_world((9, 8, 7)), their_grid.to_world((9, 8, 7)), atol=1e-3)


def test_the_four_nodules_are_those_of_annotations_csv(sample, shared_data):
    folder, scans = sample
    ours = pd.read_csv(folder / "annotations.csv", dtype={"seriesuid": str})
    theirs = official(shared_data, "annotations.csv")
    theirs = theirs[theirs["seriesuid"].isin(list(scans))]
    assert len(ours) == len(theirs) == 4
    for row in theirs.itertuples():
        own = ours[ours["seriesuid"] == row.seriesuid]
        apart = np.linalg.norm(own[COLUMNS] - [row.coordX, row.coordY, row.coordZ], axis=1)
        assert apart.min() < 0.1, "1 mm was promised"
        diameter = own["diameter_mm"].iloc[apart.argmin()]
        assert diameter == pytest.approx(row.diameter_mm, rel=0.002), "5 % was promised"


def test_what_readers_outlined_else_is_excluded_as_luna16_does(sample, shared_data):
    folder, scans = sample
    ours = pd.read_csv(folder / "annotations_excluded.csv", dtype={"seriesuid": str})
    theirs = official(shared_data, "annotations_excluded.csv").drop_duplicates()
    theirs = theirs[theirs["seriesuid"].isin(list(scans)) & (theirs["diameter_mm"] > 0)]
    assert len(ours) == len(theirs) == 13
    for row in theirs.itertuples():
        place = [row.coordX, row.coordY, row.coordZ, row.diameter_mm]
        assert np.linalg.norm(ours[[*COLUMNS, "diameter_mm"]] - place, axis=1).min() < 0.1


def test_the_list_of_ten_says_what_luna16_says(shared_data):
    nodules = official(shared_data, "annotations.csv")["seriesuid"].value_counts()
    subsets = json.loads((shared_data / "data/subset_to_seriesuids.json").read_text())
    for one in lidc_sample.listed():
        assert one.nodules == nodules.get(one.uid, 0)
        assert any(
            one.uid in uids for k, uids in subsets.items() if str(k).endswith(str(one.subset))
        )


def test_real_dicom_files_of_the_archive(shared_data, tmp_path, monkeypatch):
    source = shared_data / "data/dicom/LIDC-IDRI-0001"
    if not source.is_dir():
        pytest.skip(f"no real DICOM series: {source} is not there")
    files = {p.name: p.read_bytes() for p in sorted(source.glob("*.dcm"))}
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as server:
        server.lengths = False
        server.files[f"/getImageWithMD5Hash?SeriesInstanceUID={LIDC_0001}"] = zipped(files)
        job = lidc_sample.Job(tmp_path, server.url, QUICK)
        (cut_short,) = [one for one in lidc_sample.listed() if one.uid == LIDC_0001]
        (row,) = lidc_sample.download(job, lambda row, new: None, [cut_short])
        assert f"the zip has {len(files)} of the series' 133 slices" in row["notes"]
        part = Listed(1, cut_short.patient, LIDC_0001, len(files), 1)
        (row,) = lidc_sample.download(job, lambda row, new: None, [part])
    assert row["status"] == "written", row
    voxels, grid = metaimage.read_volume(tmp_path / part.header)
    whole = next(s for s in luna16.found(shared_data / "data/luna16") if s.uid == LIDC_0001)
    theirs, their_grid = metaimage.read_volume(whole.header)
    first = round(float(their_grid.to_index(grid.origin)[0]))
    assert np.array_equal(voxels, theirs[first : first + len(voxels)])
    nodules = pd.read_csv(tmp_path / "annotations.csv")
    assert len(nodules) == 1 and nodules["diameter_mm"][0] == pytest.approx(23.35064438, rel=0.002)


def test_the_rule_over_all_of_luna16_as_docs_tell_it(shared_data):
    """Depth and diameter of every nodule, which need no scan: a grid at the database's own z."""
    from nodules.datasets import lidc
    from nodules.images.geometry import Geometry

    uids = (shared_data / "data/luna16/seriesuids.csv").read_text().split()
    rows = lidc._query(
        "SELECT series_instance_uid, MIN(val), (MAX(val) - MIN(val)) / (COUNT(DISTINCT val) - 1),"
        " COUNT(DISTINCT val), scans.pixel_spacing FROM zvals JOIN scans ON scans.id ="
        " zvals.scan_id {where} GROUP BY scans.id",
        uids,
    )
    grids = {
        uid: Geometry.build((0, 0, z), (mm, mm, step), np.eye(3), (n, 512, 512))
        for uid, z, step, n, mm in rows
    }
    found = reader_lists.of_scans(grids)
    nodules = official(shared_data, "annotations.csv")
    assert sum(len(own.nodules) for own in found.values()) == 1187 and len(nodules) == 1186
    close = same = 0
    for row in nodules.itertuples():
        near = [s for s in found[row.seriesuid].nodules if abs(s.centre[2] - row.coordZ) < 1]
        off = [abs(s.diameter_mm / row.diameter_mm - 1) for s in near]
        same += min(off, default=1) < 0.01
        close += min(off, default=1) < 0.05
    assert same >= 1160 and close >= 1170
