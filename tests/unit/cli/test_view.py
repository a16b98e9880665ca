"""`luna16 view` from the command line."""

import json
import signal
import subprocess
import sys
import urllib.request
import webbrowser
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from helpers import reader_pages
from nodules.cli import main as cli
from nodules.cli import view as cli_view
from nodules.images.metaimage_writing import write_volume


@pytest.fixture
def folder(tmp_path):
    """A folder that `luna16 predict` may have written, with its scan."""
    voxels, geometry, _ = reader_pages.drawn()
    scan = tmp_path / f"{reader_pages.UID}.mhd"
    write_volume(scan, scan.with_suffix(".raw"), voxels, geometry)
    reader_pages.predicted(tmp_path / "found", scan)
    return tmp_path / "found"


def test_a_page_lies_beside_the_findings(folder, capsys):
    assert cli.main(["view", str(folder)]) == 0
    text = (folder / cli_view.PAGE).read_text()
    assert text.startswith("<!doctype html>") and reader_pages.UID in text
    assert str(folder / cli_view.PAGE) in capsys.readouterr().out


def test_the_page_may_go_elsewhere_beside_a_prior_scan(folder, tmp_path):
    options = ["--out", str(tmp_path / "page.html"), "--prior", str(folder)]
    assert cli.main(["view", str(folder), *options]) == 0
    assert '"matrix":[1.0,0.0' in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("name", [f"{reader_pages.UID}.mhd", "found/findings.json"])
def test_a_page_is_not_written_over_what_is_no_page(folder, tmp_path, capsys, name):
    before = (tmp_path / name).read_bytes()
    assert cli.main(["view", str(folder), "--out", str(tmp_path / name)]) == 2
    assert "Name a file that ends in .html" in capsys.readouterr().err
    assert (tmp_path / name).read_bytes() == before


def test_a_summary_is_not_written_over_a_reading(tmp_path, capsys):
    place = tmp_path / "A.json"
    place.write_text(json.dumps(reader_pages.decided()))
    before = place.read_bytes()
    assert cli.main(["view", "--summary", str(tmp_path), "--json", str(place)]) == 2
    assert "is read for the summary and would be lost" in capsys.readouterr().err
    assert place.read_bytes() == before


def test_a_server_shows_its_address_and_ends_at_ctrl_c(folder):
    command = [sys.executable, "-m", "nodules", "view", str(folder), "--serve"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    address = process.stdout.readline().strip()
    with urllib.request.urlopen(address, timeout=60) as answer:
        assert reader_pages.UID in answer.read().decode()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert "Ctrl-C ends" in process.stdout.read()
    process.stdout.close()


def test_no_command_line_of_a_browser_holds_the_secret_address(folder, monkeypatch, capsys):
    opened = []

    def look(place):
        path = Path(url2pathname(urlsplit(place).path))
        modes = [oct(one.stat().st_mode & 0o777) for one in (path, path.parent)]
        opened.append((place, path, path.read_text(), modes))
        return True

    def ended(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(webbrowser, "open", look)
    monkeypatch.setattr(ThreadingHTTPServer, "serve_forever", ended)
    assert cli.main(["view", str(folder), "--serve", "--open"]) == 0
    address = capsys.readouterr().out.splitlines()[0]
    ((place, path, text, modes),) = opened
    assert place.startswith("file:") and address not in place and f"url={address}" in text
    assert modes == ["0o600", "0o700"] and not path.parent.exists()


@pytest.mark.parametrize("port", ["-1", "65536", "http", "9" * 5000])
def test_what_is_no_port_is_told(folder, capsys, port):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["view", str(folder), "--serve", "--port", port])
    assert "is none of 0 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nowhere"], "no such folder"),
        (["."], "neither findings"),
        ([".", "."], "name one DIR"),
        (["--summary", "."], "no reading in it"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path, monkeypatch, capsys, arguments, reason):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["view", *arguments]) == 2
    told = capsys.readouterr().err
    assert reason in told and told.count("\n") == 1


def test_the_help_s_example_names_no_list_of_scans_as_marks():
    (example,) = (part for part in cli_view.VIEW_EXAMPLES.split("\n  ") if "score" in part)
    assert "*" not in example


def test_two_readers_are_summed_up_and_scored(tmp_path, capsys):
    for reader, verdicts in (("A", "ar"), ("B", "aa")):
        reading = reader_pages.decided(reader=reader, verdicts=verdicts)
        (tmp_path / f"{reader}.json").write_text(json.dumps(reading))
    options = ["--submissions", str(tmp_path / "out"), "--json", str(tmp_path / "sum.json")]
    assert cli.main(["view", "--summary", str(tmp_path), *options]) == 0
    assert "kappa" in capsys.readouterr().out
    assert json.loads((tmp_path / "sum.json").read_text())["pairs"][0]["findings"] == 2
    head = "seriesuid,coordX,coordY,coordZ,diameter_mm\n"
    (tmp_path / "annotations.csv").write_text(f"{head}{reader_pages.UID},1,2,3,5\n")
    (tmp_path / "excluded.csv").write_text(head)
    paths = [str(path) for path in sorted((tmp_path / "out").glob("[AB]*.csv"))]
    lists = ["--annotations", str(tmp_path / "annotations.csv")]
    lists += ["--excluded", str(tmp_path / "excluded.csv")]
    lists += ["--scans", str(tmp_path / "out" / "seriesuids.csv"), "--bootstrap", "0"]
    assert cli.main(["score", *paths, *lists]) == 0
    assert len(paths) == 4
