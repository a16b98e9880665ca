"""LUNA16's own files from a Zenodo of our own on the loopback, which cuts, lies and fails."""

import hashlib
import io
import json
import zipfile

import pytest

from helpers.loopback import answer, cut, instead, serving
from nodules.base.downloads import Patience, Unreachable
from nodules.base.files import UserError
from nodules.cli import main as cli
from nodules.datasets import luna16_download

QUICK = Patience(pause=0.001, longest=0.01, timeout=10)
FIRST, SECOND = luna16_download.FIRST, luna16_download.SECOND


def zipped(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return stream.getvalue()


def subset(k):
    return zipped(
        {
            f"subset{k}/": b"",
            f"subset{k}/1.2.{k}.mhd": b"header",
            f"subset{k}/1.2.{k}.raw": bytes(range(256)) * 2000,
            f"subset{k}/.DS_Store": b"x",
        }
    )


LISTS = {
    "annotations.csv": b"seriesuid,coordX,coordY,coordZ,diameter_mm\n",
    "evaluationScript.zip": zipped(
        {
            "evaluationScript/noduleCADEvaluationLUNA16.py": b"pass",
            "evaluationScript/annotations/annotations_excluded.csv": b"excluded\n",
            "evaluationScript/annotations/seriesuids.csv": b"1.2.0\n",
        }
    ),
    "candidates_V2.zip": zipped({"candidates_V2.csv": b"candidates\n"}),
    "seg-lungs-LUNA16.zip": zipped({"seg-lungs-LUNA16/1.2.0.mhd": b"h", "a/1.2.0.zraw": b"v"}),
}
RECORDS = {
    FIRST: LISTS | {f"subset{k}.zip": subset(k) for k in range(7)},
    SECOND: {f"subset{k}.zip": subset(k) for k in range(7, 10)},
}


def place(record, name):
    return f"/records/{record}/files/{name}/content"


def told(files):
    """A record as Zenodo's API tells it."""
    return [
        {"key": name, "size": len(data), "checksum": f"md5:{hashlib.md5(data).hexdigest()}"}
        for name, data in files.items()
    ]


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as here:
        for record, files in RECORDS.items():
            text = json.dumps({"id": record, "files": told(files)})
            here.files[f"/records/{record}"] = text.encode()
            here.files |= {place(record, name): data for name, data in files.items()}
        yield here


def download(server, folder, subsets=(0, 9), lungs=False):
    ended = []
    job = luna16_download.Job(folder, server.url, QUICK)
    wanted = luna16_download.sources(subsets, lungs)
    failed = luna16_download.download(job, wanted, lambda *row: ended.append(row))
    assert [name for name, reason, _ in ended if reason] == failed
    return ended


def files_of(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


WHOLE = {
    *("annotations.csv", "annotations_excluded.csv", "seriesuids.csv", "candidates_V2.csv"),
    *("subset0/1.2.0.mhd", "subset0/1.2.0.raw", "subset9/1.2.9.mhd", "subset9/1.2.9.raw"),
}


def test_lists_and_subsets_of_both_records_lie_as_the_workflow_reads_them(server, tmp_path):
    assert not any(reason for _, reason, _ in download(server, tmp_path))
    assert files_of(tmp_path) == WHOLE and not (tmp_path / ".download").exists()
    assert (tmp_path / "subset9/1.2.9.raw").read_bytes() == bytes(range(256)) * 2000
    assert server.busiest == 1, "one connection at a time"


def test_lung_masks_come_where_asked_for(server, tmp_path):
    download(server, tmp_path, [0], lungs=True)
    assert {"seg-lungs-LUNA16/1.2.0.mhd", "seg-lungs-LUNA16/1.2.0.zraw"} < files_of(tmp_path)


def test_all_ten_are_asked_of_the_right_record():
    wanted = {s.name: s.record for s in luna16_download.sources(range(10), lungs=True)}
    assert all(name in RECORDS[record] for name, record in wanted.items()) and len(wanted) == 14


def test_started_again_nothing_is_asked(server, tmp_path):
    download(server, tmp_path)
    count = len(server.asked)
    assert not any(new for _, _, new in download(server, tmp_path))
    assert len(server.asked) == count


def test_an_empty_folder_is_no_subset(server, tmp_path):
    (tmp_path / "subset0").mkdir()
    (tmp_path / "subset0/.DS_Store").write_text("")
    assert not any(reason for _, reason, _ in download(server, tmp_path))
    assert files_of(tmp_path) == WHOLE


def test_what_somebody_put_there_meanwhile_is_never_removed(server, tmp_path, monkeypatch):
    """A subset takes an hour to come."""
    copied, own = luna16_download._copied, tmp_path / "subset0/1.2.0.mhd"

    def meanwhile(*arguments):
        own.parent.mkdir(exist_ok=True)
        own.write_text("of somebody")
        return copied(*arguments)

    monkeypatch.setattr(luna16_download, "_copied", meanwhile)
    with pytest.raises(OSError, match="not empty"):
        download(server, tmp_path, [0])
    assert own.read_text() == "of somebody"


def test_scans_are_on_the_disk_before_their_folder_has_its_name(server, tmp_path, monkeypatch):
    """What a power cut could halve after that would be taken for whole ever after."""
    safe = []

    def noted(path):
        safe.append((path.name, (tmp_path / "subset0").exists()))

    monkeypatch.setattr(luna16_download.files, "fsync", noted)
    download(server, tmp_path, [0])
    assert {("1.2.0.mhd", False), ("1.2.0.raw", False), (tmp_path.name, True)} <= set(safe)


def test_another_subset_later_is_all_that_comes(server, tmp_path):
    download(server, tmp_path, [0])
    server.asked.clear()
    download(server, tmp_path, [0, 9])
    assert [path for path, _ in server.asked] == [
        f"/records/{SECOND}",
        place(SECOND, "subset9.zip"),
    ]


def test_a_cut_subset_is_gone_on_with_another_day(server, tmp_path):
    own, half = place(FIRST, "subset0.zip"), len(RECORDS[FIRST]["subset0.zip"]) // 2
    server.faults[own] = [cut(half), *[answer(503)] * 6]
    (name, reason, _), *_ = [row for row in download(server, tmp_path) if row[1]]
    assert name == "subset0.zip" and "503" in reason and "what is there stays" in reason
    assert files_of(tmp_path) == {n for n in WHOLE if "subset0" not in n} | {
        ".download/subset0.zip.part"
    }
    download(server, tmp_path)
    assert files_of(tmp_path) == WHOLE
    assert server.asked[-1] == (own, f"bytes={half}-")


def test_a_changed_file_is_fetched_twice_and_then_told(server, tmp_path):
    own = place(FIRST, "subset0.zip")
    server.files[own] = server.files[own][:-1] + b"x"
    failed = [row for row in download(server, tmp_path) if row[1]]
    assert len(failed) == 1 and "its MD5 is another than the record says" in failed[0][1]
    assert sum(path == own for path, _ in server.asked) == 2
    assert not (tmp_path / "subset0").exists() and not (tmp_path / ".download/subset0.zip").exists()


def test_a_web_page_in_place_of_a_file_is_told(server, tmp_path):
    server.faults[place(FIRST, "annotations.csv")] = [instead(b"<html>")] * 2
    (failed,) = [row for row in download(server, tmp_path) if row[1]]
    assert "the server sent a web page" in failed[1]
    assert not (tmp_path / "annotations.csv").exists()


def test_an_interrupted_unpacking_leaves_no_half_subset(server, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(luna16_download.shutil, "copyfileobj", stop)
    with pytest.raises(KeyboardInterrupt):
        download(server, tmp_path, [0])
    assert not (tmp_path / "subset0").exists()
    monkeypatch.undo()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server.asked.clear()
    download(server, tmp_path, [0])
    assert place(FIRST, "subset0.zip") not in [path for path, _ in server.asked]
    assert "subset0/1.2.0.raw" in files_of(tmp_path)


def test_a_members_path_is_not_followed(server, tmp_path):
    evil = zipped({"../../evil.mhd": b"h", "/etc/evil.raw": b"v"})
    server.files[place(FIRST, "subset0.zip")] = evil
    record = RECORDS[FIRST] | {"subset0.zip": evil}
    server.files[f"/records/{FIRST}"] = json.dumps({"files": told(record)}).encode()
    download(server, tmp_path / "in", [0])
    assert {"subset0/evil.mhd", "subset0/evil.raw"} < files_of(tmp_path / "in")
    assert {path.name for path in tmp_path.iterdir()} == {"in"}


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (b"[]", "the answer is none of Zenodo's"),
        (b'{"files": [{"key": "a"}]}', "the answer is none of Zenodo's"),
        (b"<html>", "the server sent a web page"),
    ],
)
def test_an_odd_record_is_one_sentence(server, tmp_path, record, said):
    server.files[f"/records/{FIRST}"] = record
    with pytest.raises(UserError, match=rf"/records/{FIRST}: {said}"):
        download(server, tmp_path)
    assert not files_of(tmp_path)


def test_a_file_that_the_record_lacks_is_named_and_the_others_come(server, tmp_path):
    files = {k: v for k, v in RECORDS[FIRST].items() if k != "candidates_V2.zip"}
    server.files[f"/records/{FIRST}"] = json.dumps({"files": told(files)}).encode()
    (failed,) = [row for row in download(server, tmp_path) if row[1]]
    assert f"record {FIRST}: it has no candidates_V2.zip, but annotations.csv" in failed[1]
    assert WHOLE - files_of(tmp_path) == {"candidates_V2.csv"}


def test_too_small_a_disk_is_told_first(server, tmp_path, monkeypatch):
    monkeypatch.setattr(luna16_download, "UNPACKED", 1e15)
    with pytest.raises(UserError, match=r"GB are needed and .* GB free"):
        download(server, tmp_path)
    assert not files_of(tmp_path)


def test_the_command(server, tmp_path, capsys):
    words = [
        "download",
        "luna16",
        str(tmp_path),
        "--server",
        server.url,
        "--subsets",
        "9",
        "0",
        "9",
    ]
    assert cli.main(words) == 0
    out = capsys.readouterr().out
    assert out.count("checked and in place") == 5 and files_of(tmp_path) == WHOLE
    assert cli.main([*words, "--quiet"]) == 0 and capsys.readouterr() == ("", "")
    with pytest.raises(SystemExit):
        cli.main(["download", "luna16", str(tmp_path), "--subsets", "10"])


def test_offline_is_one_sentence(tmp_path):
    job = luna16_download.Job(tmp_path, "http://127.0.0.1:9", QUICK)
    with pytest.raises(
        Unreachable, match=r"^127\.0\.0\.1:9: cannot be reached .*Check the network"
    ):
        luna16_download.download(job, luna16_download.sources([0]), lambda *row: None)
