"""The sample of public scans, from a server on the loopback that sends phantoms and misbehaves."""

import hashlib
import io
import zipfile

import numpy as np
import pytest

from helpers import chest
from helpers.loopback import answer, cut, instead, serving
from nodules.base.downloads import Patience, Unreachable
from nodules.cli import main as cli
from nodules.datasets import check, conversion, lidc, lidc_sample, luna16
from nodules.datasets.lidc_sample import Listed
from nodules.images import dicom_writing, metaimage
from nodules.images.geometry import Geometry

QUICK = Patience(pause=0.001, longest=0.01, timeout=10)
GRID = Geometry.build((-142.0, -142.0, -46.0), (4.0,) * 3, np.eye(3), chest.SHAPE)
PATHS = "/getImageWithMD5Hash?SeriesInstanceUID="
WANTED = [Listed(k, f"Phantom-{k}", f"2.25.100{k}", chest.SHAPE[0], 0) for k in range(3)]


def zipped(files, hashes=None):
    """A zip as NBIA sends it: files, and their MD5 in a table."""
    known = {name: hashlib.md5(data).hexdigest() for name, data in files.items()} | (hashes or {})
    rows = "".join(f"{name},{digest}\r\n" for name, digest in known.items())
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
        packed.writestr("LICENSE", "CC BY 3.0")
        packed.writestr("md5hashes.csv", f"Filename,MD5Hash\r\n{rows}")
    return stream.getvalue()


def dicom_files(folder, uid, seed):
    paths = dicom_writing.write_series(folder / uid, chest.chest(seed), GRID, uid)
    return {path.name: path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    """The files of each series."""
    folder = tmp_path_factory.mktemp("dicom")
    return {s.uid: dicom_files(folder, s.uid, k) for k, s in enumerate(WANTED)}


@pytest.fixture
def server(phantoms, monkeypatch):
    """Sends the series, without saying how long they are, as NBIA does."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as here:
        here.ranges = here.lengths = False
        here.files |= {PATHS + uid: zipped(files) for uid, files in phantoms.items()}
        yield here


def download(server, folder, wanted=WANTED):
    told = []
    job = lidc_sample.Job(folder, server.url, QUICK)
    rows = lidc_sample.download(job, lambda row, new: told.append((row, new)), wanted)
    assert [row for row, _ in told] == rows
    return told


def test_scans_come_in_luna16s_layout_with_lists_and_pass_the_check(server, tmp_path):
    told = download(server, tmp_path)
    assert [(row["status"], new) for row, new in told] == [("written", True)] * 3
    for k, one in enumerate(WANTED):
        voxels, grid = metaimage.read_volume(tmp_path / one.header)
        assert np.array_equal(voxels, chest.chest(k))
        assert np.allclose(grid.origin, GRID.origin) and np.allclose(grid.spacing, GRID.spacing)
    found = luna16.found(tmp_path)
    assert [scan.subset for scan in found] == [0, 1, 2]
    checked = check.check_folder(tmp_path, [scan.header for scan in found], lidc.patients())
    assert set(checked.scans["status"]) == {"ok"}
    assert "CC BY 3.0" in (tmp_path / "ATTRIBUTION.txt").read_text()
    assert server.busiest == 1, "one connection at a time"


def test_started_again_nothing_is_fetched(server, tmp_path):
    before = download(server, tmp_path)
    count = len(server.asked)
    assert download(server, tmp_path) == [(row, False) for row, _ in before]
    assert len(server.asked) == count


def test_without_its_dicom_a_scan_that_is_there_is_not_fetched_again(server, tmp_path):
    download(server, tmp_path)
    for path in (tmp_path / "dicom").iterdir():
        path.unlink()
    count = len(server.asked)
    assert not any(new for _, new in download(server, tmp_path))
    assert len(server.asked) == count


def test_only_what_is_missing_is_done(server, tmp_path):
    download(server, tmp_path)
    (tmp_path / WANTED[1].header).unlink()
    count = len(server.asked)
    told = download(server, tmp_path)
    assert [(row["status"], new) for row, new in told] == [
        ("written", False),
        ("written", True),
        ("written", False),
    ]
    assert len(server.asked) == count, "its DICOM was there and right"


def test_a_damaged_zip_on_disk_is_fetched_again(server, tmp_path):
    download(server, tmp_path)
    (tmp_path / WANTED[1].header).unlink()
    archive = tmp_path / f"dicom/{WANTED[1].uid}.zip"
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 255
    archive.write_bytes(data)
    assert all(row["status"] == "written" for row, _ in download(server, tmp_path))
    assert server.asked[-1][0].endswith(WANTED[1].uid)


def test_cuts_busy_answers_and_web_pages_are_outlived(server, tmp_path):
    one, two, three = (PATHS + s.uid for s in WANTED)
    server.faults = {
        one: [cut(5000)],
        two: [answer(503, Retry_After="0"), answer(500)],
        three: [instead(b"<html>Down for maintenance</html>")],
    }
    assert all(row["status"] == "written" for row, _ in download(server, tmp_path))


def refused(server, folder, wanted=WANTED):
    """The note of the first series, after which the others came."""
    (first, _), *rest = download(server, folder, wanted)
    assert first["status"] == "failed" and all(row["status"] == "written" for row, _ in rest)
    assert not (folder / wanted[0].header).exists()
    assert not list((folder / "dicom").glob(f"{wanted[0].uid}*")), "nothing by halves"
    assert (folder / "seriesuids.csv").read_text().split() == [s.uid for s in wanted[1:]]
    return first["notes"]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"", "the server sent nothing"),
        (b"<!DOCTYPE html><p>Sorry", "the server sent a web page"),
        (
            b'{"error": "no such series"}',
            'something else (it begins \'{"error": "no such series"}\')',
        ),
        (b"PK\x03\x04 and no more", "the zip is cut short or damaged"),
    ],
)
def test_what_is_no_series_is_one_sentence_and_the_others_come(server, tmp_path, sent, told):
    server.files[PATHS + WANTED[0].uid] = sent
    assert told in refused(server, tmp_path)


def test_a_wrong_md5_is_told(server, tmp_path, phantoms):
    files = phantoms[WANTED[0].uid]
    server.files[PATHS + WANTED[0].uid] = zipped(files, {"0007.dcm": "0" * 32})
    note = refused(server, tmp_path)
    assert "0007.dcm in the zip has another MD5 than the server says. Start again" in note


def test_a_zip_without_md5_is_refused(server, tmp_path, phantoms):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, data in phantoms[WANTED[0].uid].items():
            packed.writestr(name, data)
    server.files[PATHS + WANTED[0].uid] = stream.getvalue()
    assert "no md5hashes.csv, by which to check its 24 files" in refused(server, tmp_path)


def test_a_series_that_lacks_slices_is_refused(server, tmp_path, phantoms):
    files = dict(list(phantoms[WANTED[0].uid].items())[:-1])
    server.files[PATHS + WANTED[0].uid] = zipped(files)
    assert "the zip has 23 of the series' 24 slices" in refused(server, tmp_path)


def test_another_series_than_asked_for_is_not_taken(server, tmp_path, phantoms):
    server.files[PATHS + WANTED[0].uid] = zipped(phantoms[WANTED[1].uid])
    (first, _), *_ = download(server, tmp_path)
    assert first["status"] == "failed" and f"no series {WANTED[0].uid} in it" in first["notes"]


def test_a_series_that_is_not_there_is_told(server, tmp_path):
    del server.files[PATHS + WANTED[0].uid]
    assert "the server answers 404" in refused(server, tmp_path)


def test_offline_is_one_sentence_and_what_is_there_keeps_its_lists(server, tmp_path):
    download(server, tmp_path, WANTED[:1])
    job = lidc_sample.Job(tmp_path, "http://127.0.0.1:9", QUICK)
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9: cannot be reached"):
        lidc_sample.download(job, lambda row, new: None, WANTED)
    assert (tmp_path / "seriesuids.csv").read_text().split() == [WANTED[0].uid]


def test_the_command_tells_scans_failures_and_the_sum(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lidc_sample, "listed", lambda: WANTED)
    del server.files[PATHS + WANTED[2].uid]
    arguments = ["download", "lidc-sample", str(tmp_path), "--server", f"{server.url}/"]
    assert cli.main(arguments) == 1
    out, err = capsys.readouterr()
    assert out.count("written: subset") == 2 and "2 of 3 scans are in" in out
    assert err.count("\n") == 1 and "404" in err
    assert (
        cli.main(["download", "lidc-sample", str(tmp_path), "--server", "http://127.0.0.1:9"]) == 2
    )
    assert "cannot be reached" in capsys.readouterr().err


def test_a_full_disk_is_told_before_anything_is_fetched(server, tmp_path, monkeypatch):
    monkeypatch.setattr(lidc_sample, "NEEDED_BYTES", 1 << 60)
    with pytest.raises(Exception, match=r"GB are needed and .* GB free"):
        download(server, tmp_path)
    assert not server.asked


def test_the_ten_series_are_lidcs_of_ten_subsets_and_patients():
    listed = lidc_sample.listed()
    patients = lidc.patients()
    assert [one.subset for one in listed] == list(range(10))
    assert all(patients[one.uid] == one.patient for one in listed)
    assert len({one.patient for one in listed}) == 10
    assert {one.nodules == 0 for one in listed} == {True, False}


def test_conversions_rows_are_those_of_the_sample(server, tmp_path):
    download(server, tmp_path)
    table = conversion.read_table(tmp_path / conversion.SCANS)
    assert {row["seriesuid"] for row in table} == {s.uid for s in WANTED}
