"""What people really bring to `luna16 score`: folds in files, other spellings, axes, dialects."""

import csv
import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from helpers.score_command import LISTS, score_in
from nodules.cli import main as cli

FINDINGS = "seriesuid,coordX,coordY,coordZ,diameter_mm\n"
MARKS = "seriesuid,coordX,coordY,coordZ,probability\n"
FILES = {
    "mine.csv": MARKS + "42,30,40,50,0.9\n7,-20,30,9,0.2\n",
    "padded.csv": MARKS + "042,30,40,50,0.9\n007,-20,30,9,0.2\n",
    "more.csv": MARKS + "42,30,40,50,0.9\n8,1,2,3,0.2\n",
    "ras.csv": MARKS + "42,-30,-40,50,0.9\n7,20,-30,9,0.2\n",
    "fold0.csv": MARKS + "42,30,40,50,0.9\n",
    "fold1.csv": MARKS + "7,-20,30,9,0.2\n",
    "mine.json": '[{"seriesuid": "42"}]\n',
    "semicolons.csv": "sep=;\n# a system\n" + (MARKS + "42,30,40,50,0.9\n").replace(",", ";"),
    "annotations.csv": FINDINGS + "42,30,40,50,6\n7,-20,30,9,6\n",
    "excluded.csv": FINDINGS + "42,0,0,0,-1\n",
    "scans.csv": "42\n7\n104\n",
    "padded_scans.csv": "042\n007\n104\n",
    "both_scans.csv": "42\n7\n104\n042\n007\n",
}


@pytest.fixture
def score(tmp_path, monkeypatch, capsys):
    """Run `luna16 score` on the small files; gives status, stdout and stderr."""
    return score_in(tmp_path, FILES, monkeypatch, capsys, (*LISTS, "--bootstrap", "0"))


@pytest.mark.parametrize("scans", ["scans.csv", "padded_scans.csv", "both_scans.csv"])
def test_ids_with_other_zeros_are_an_error_whatever_the_list_of_scans(score, scans):
    status, out, err = score("padded.csv", "--scans", scans)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert re.search("'0?42'.*'0?42'", err) and re.search("Write|--scans", err)


def test_files_are_scored_together(score, tmp_path):
    status, out, err = score("fold0.csv", "fold1.csv", "--together", "--json", "together.json")
    assert (status, err) == (0, "")
    assert re.search(r"^fold\n====\n3 scans, 2 reference nodules\n\n +2  nodules hit", out)
    assert json.loads((tmp_path / "together.json").read_text())["cpm"] == 1.0


def test_parts_that_are_compared_are_told_to_be_parts(score, tmp_path):
    status, out, err = score("fold0.csv", "fold1.csv", "--json", "parts.json")
    assert status == 0 and "fold1 minus fold0" in out
    assert err.startswith("luna16: note: no scan has marks in two of these 2 files. ")
    assert "--together" in err and err.count("\n") == 1
    assert len(json.loads((tmp_path / "parts.json").read_text())["notes"]) == 1


def test_a_scan_in_two_parts_is_an_error(score):
    status, out, err = score("mine.csv", "fold0.csv", "--together")
    assert (status, out) == (2, "")
    assert "fold0.csv: scan '42' has marks here and in mine.csv." in err


def test_more_scans_than_listed_are_counted_and_can_be_left_out(score):
    status, _, err = score("more.csv")
    assert status == 2 and "of the file's 2 scans 1 is among the 3 listed." in err
    status, out, err = score("more.csv", "--ignore-unlisted")
    assert status == 0 and re.search(r" 1  marks submitted", out)
    assert err == "luna16: note: more: 1 of 2 marks are left out (unlisted scans: 1).\n"


def test_swapped_lists_are_an_error(score):
    swapped = ("--annotations", "excluded.csv", "--excluded", "annotations.csv")
    status, _, err = score("mine.csv", *swapped)
    assert status == 2 and "have a diameter below 0 (not measured)" in err


def test_marks_that_miss_by_a_usual_mistake_are_told(score):
    status, out, err = score("ras.csv")
    assert status == 0 and re.search(r" 0  nodules hit", out)
    assert "0 of 2 nodules in scans with marks are hit by 2 marks. If x and y have the other" in err
    assert "2 would be. Nothing was changed" in err


def test_dialects_are_read_or_named(score):
    status, out, err = score("semicolons.csv")
    assert (status, err) == (0, "") and re.search(r" 1  nodules hit", out)
    status, _, err = score("mine.json")
    assert status == 2 and err.startswith("luna16: mine.json: is JSON, no CSV. Write")


# Terminals, names and Ctrl-C


def started(repository, folder, *arguments, **environment):
    """The command as a process, in a folder of the small files."""
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return subprocess.Popen(
        [sys.executable, "-m", "nodules", "score", *LISTS, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(repository / "workflow")} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


@pytest.mark.parametrize("name", [b"m\xe9\xff.csv", "mü.csv".encode(), b"m\n\x1b[31m.csv"])
@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_any_name_on_any_terminal(repository, tmp_path, name, encoding):
    path = tmp_path / os.fsdecode(name)
    path.write_text(FILES["mine.csv"])
    outputs = ["--json", "out.json", "--figure", "out.svg", "--bootstrap", "0"]
    process = started(repository, tmp_path, path.name, *outputs, PYTHONIOENCODING=encoding)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines()[0].isprintable() and "CPM" in out
    assert (tmp_path / "out.json").exists() and (tmp_path / "out.svg").exists()
    process = started(repository, tmp_path, path.name + "x", PYTHONIOENCODING=encoding)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("luna16: m") and err.rstrip("\n").isprintable()


def test_an_interrupted_command_says_so_in_one_line(repository, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    process = started(repository, tmp_path, "pipe.csv")
    writer = (tmp_path / "pipe.csv").open("w")  # opens once the command reads; nothing is written
    process.send_signal(signal.SIGINT)
    writer.close()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "luna16: interrupted; no file was left half written.\n"


# The real submission


@pytest.fixture(scope="module")
def real(shared_data):
    """The folder of the official lists, the submission's lines, and the official folds."""
    data = shared_data / "data"
    path = data / "submissions" / "deeplung_dpn26" / "deeplung_dpn26_submission.csv"
    folds = json.loads((data / "subset_to_seriesuids.json").read_text())
    return data / "luna16", path.read_text(), [set(uids) for uids in folds.values()]


def official(lists):
    """Options that name the official lists."""
    options = {"annotations": "annotations", "excluded": "annotations_excluded"}
    options["scans"] = "seriesuids"
    return [word for o, name in options.items() for word in (f"--{o}", f"{lists / name}.csv")]


def test_ten_folds_together_give_the_official_score(real, tmp_path, capsys):
    lists, text, folds = real
    header, *rows = text.splitlines(keepends=True)
    paths = [tmp_path / f"deeplung_fold{number}.csv" for number in range(len(folds))]
    for path, fold in zip(paths, folds, strict=True):
        path.write_text(header + "".join(row for row in rows if row.split(",")[0] in fold))
    files = [str(path) for path in paths]
    assert cli.main(["score", *files, "--together", *official(lists), "--bootstrap", "0"]) == 0
    out, err = capsys.readouterr()
    assert (out.startswith("deeplung_fold\n"), err) == (True, "")
    for line in ("1136  nodules hit", "50  nodules missed", "46078  false positives", "0.841966"):
        assert line in out
    joined = tmp_path / "joined.csv.gz"  # as `cat fold*.csv` makes it
    joined.write_bytes(gzip.compress("".join(path.read_text() for path in paths).encode()))
    assert cli.main(["score", str(joined), *official(lists), "--bootstrap", "0"]) == 0
    assert "CPM      0.841966" in capsys.readouterr().out


@pytest.mark.parametrize("dialect", ["semicolons and decimal commas", "tabs", "UTF-16", "gzip"])
def test_dialects_of_the_real_submission_score_alike(real, tmp_path, capsys, dialect):
    lists, text, _ = real
    if dialect.startswith("semicolons"):
        rows = [row.split(",", 1) for row in text.splitlines()]
        rows = [f"{uid};{rest.replace(',', ';').replace('.', ',')}" for uid, rest in rows]
        text = "sep=;\n" + "\n".join(rows)
    content = text.replace(",", "\t").encode() if dialect == "tabs" else text.encode()
    content = text.encode("utf-16") if dialect == "UTF-16" else content
    content = gzip.compress(content) if dialect == "gzip" else content
    (tmp_path / "mine.csv").write_bytes(content)
    path = str(tmp_path / "mine.csv")
    assert cli.main(["score", path, *official(lists), "--bootstrap", "0"]) == 0
    out, err = capsys.readouterr()
    assert "CPM      0.841966" in out and err == ""


def test_notes_on_the_real_submission_take_no_second(real, tmp_path, capsys):
    lists, text, _ = real
    rows = list(csv.reader(io.StringIO(text)))
    made = io.StringIO()
    csv.writer(made).writerows([rows[0], *([r[0], r[3], r[2], r[1], r[4]] for r in rows[1:])])
    (tmp_path / "zyx.csv").write_text(made.getvalue())
    started = time.process_time()
    path = str(tmp_path / "zyx.csv")
    assert cli.main(["score", path, *official(lists), "--bootstrap", "0"]) == 0
    assert time.process_time() - started < 2.5  # reading and scoring included
    err = capsys.readouterr().err
    assert "If the columns hold z,y,x in this order in the submission, 1,136 would be" in err
