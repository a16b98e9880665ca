"""`luna16 score` as a person runs it."""

import json
import os
import re
import resource
import subprocess
import sys
import threading
import time

import pytest

from helpers.score_command import LISTS, score_in
from nodules.cli import main as cli

FILES = {
    "good.csv": "seriesuid,coordX,coordY,coordZ,probability\na,0,0,0,0.9\nb,50,0,0,0.2\n",
    "worse.csv": "seriesuid,coordX,coordY,coordZ,probability\na,0,0,0,0.1\nb,50,0,0,0.2\n",
    "none.csv": "seriesuid,coordX,coordY,coordZ,probability\n",
    "broken.csv": "seriesuid,coordX,coordY,coordZ,probability\na,0,0,0,sure\n",
    "far.csv": "seriesuid,coordX,coordY,coordZ,probability\na,-7781561218,0,0,0.9\n",
    "annotations.csv": "seriesuid,coordX,coordY,coordZ,diameter_mm\na,0,0,0,6\nz,0,0,0,6\n",
    "excluded.csv": "seriesuid,coordX,coordY,coordZ,diameter_mm\nb,0,0,0,-1\n",
    "scans.csv": "seriesuid\na\nb\n",
    "nothing.csv": "seriesuid,coordX,coordY,coordZ,diameter_mm\na,0,0,0,6\na,9,9,9,0\n",
    "vast.csv": "seriesuid,coordX,coordY,coordZ,diameter_mm\na,0,0,0,1e9\n",
    "unmeasured.csv": "seriesuid,coordX,coordY,coordZ,diameter_mm\na,0,0,0,-1\n",
    "column.csv": "SeriesInstanceUID\na\nb\n",
    "fields.csv": "1.2,x\n1.3,y\n",
}


@pytest.fixture
def score(tmp_path, monkeypatch, capsys):
    """Run `luna16 score` on the small files; gives status, stdout and stderr."""
    return score_in(tmp_path, FILES, monkeypatch, capsys)


def test_prints_counts_rates_and_denominators(score):
    status, out, err = score("good.csv", "--bootstrap", "100")
    assert (status, err) == (0, "")
    for line in (
        r"2 scans, 1 reference nodules",
        r" 1  nodules hit \(TP\)",
        r" 1  false positives \(FP\)",
        r" 1/8 +1\.000000   -",
        r" CPM +1\.000000",
        r"all 1 reference nodules",
        r"all 2 listed scans",
        r"Bands: none for 2 scans and 1 nodule, where an interval needs 5",
        r"not listed: 1 reference nodules, 0 excluded findings",
    ):
        assert re.search(line, out), f"{line}\nnot in\n{out}"


def test_json_holds_the_score(score, tmp_path):
    score("good.csv", "--json", "made/here.json", "--bootstrap", "0")
    stored = json.loads((tmp_path / "made" / "here.json").read_text())
    assert {"cpm", "cpm_ci", "sensitivity", "counts", "n_scans", "n_nodules"} <= stored.keys()
    assert list(stored["sensitivity"]) == ["0.125", "0.25", "0.5", "1", "2", "4", "8"]
    assert (stored["cpm"], stored["cpm_ci"], stored["n_scans"]) == (1.0, [None, None], 2)


def test_no_marks_score_zero(score):
    status, out, _ = score("none.csv")
    assert status == 0
    assert re.search(r"CPM +0\.000000   -", out)


def test_several_submissions_are_compared(score, tmp_path):
    status, out, _ = score("good.csv", "worse.csv", "none.csv", "--json", "all.json")
    assert status == 0
    assert re.search(r"none minus good\n +-1\.000000   -\n", out)
    stored = json.loads((tmp_path / "all.json").read_text())
    assert list(stored["submissions"]) == ["good", "worse", "none"]
    assert [(d["minuend"], d["subtrahend"]) for d in stored["differences"]] == [
        ("worse", "good"),
        ("none", "good"),
        ("none", "worse"),
    ]


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_figures_repeat_to_the_byte(score, tmp_path, suffix):
    names = [f"first.{suffix}", f"second.{suffix}"]
    for name in names:
        assert score("good.csv", "none.csv", "--figure", name, "--bootstrap", "20")[0] == 0
    first, second = ((tmp_path / name).read_bytes() for name in names)
    assert first == second
    assert len(first) > 5000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("broken.csv",), "broken.csv, line 2: probability 'sure' is not a finite number"),
        (("missing.csv",), "missing.csv: cannot be read"),
        (("good.csv", "--figure", "froc.bmp"), "froc.bmp: a figure's name must end in .svg"),
        (("good.csv", "good.csv"), "named twice"),
        (("good.csv", "--json", "good.csv/x.json"), "good.csv is no folder"),
        (("good.csv", "--json", "."), ".: cannot be written: it is a folder"),
        (("good.csv", "--json", "/dev/null"), "/dev/null: cannot be written: it is no plain file"),
        (("broken.csv", "--json", "."), "it is a folder"),
        (("broken.csv", "--figure", "good.csv/x.svg"), "good.csv is no folder"),
        (("good.csv", "--json", "./scans.csv"), "scans.csv: is read for the score and would be"),
        (
            ("good.csv", "--annotations", "nothing.csv"),
            "nothing.csv, line 3: diameter_mm 0 is impossible. Correct or remove the line.",
        ),
        (("good.csv", "--annotations", "vast.csv"), "vast.csv, line 2: diameter_mm 1e+09 is"),
        (("far.csv",), "far.csv, line 2: coordX -7781561218 is impossible. Correct or remove"),
        (("good.csv", "--excluded", "vast.csv"), "vast.csv, line 2: diameter_mm 1e+09 is"),
        (
            ("good.csv", "--scans", "column.csv"),
            "column.csv, line 1: 'SeriesInstanceUID' is neither a series UID nor a header",
        ),
        (("good.csv", "--scans", "fields.csv"), "fields.csv, line 1: '1.2,x' is neither"),
    ],
)
def test_a_defect_is_one_message_and_status_2(score, arguments, message):
    status, out, err = score(*arguments)
    assert status == 2
    assert err.startswith("luna16: ")
    assert message in err
    assert err.count("\n") == 1
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x", "argument --bootstrap: 'x' is not a whole number"),
        ("3000000000000", "argument --bootstrap: 3000000000000 is above 100000"),
        ("-1", "argument --bootstrap: -1 is below 0"),
    ],
)
def test_a_wrong_number_is_named_in_words(value, message, capsys):
    with pytest.raises(SystemExit):
        cli.main(["score", "a.csv", *LISTS, "--bootstrap", value])
    assert message in capsys.readouterr().err


def test_a_header_in_capitals_is_no_scan(score, tmp_path):
    (tmp_path / "capitals.csv").write_text("SeriesUID,subset\na,1\nb,1\n")
    assert "2 scans, 1 reference nodules" in score("good.csv", "--scans", "capitals.csv")[1]


def test_a_diameter_below_0_counts_as_10_mm(score):
    status, out, _ = score("good.csv", "--annotations", "unmeasured.csv")
    assert status == 0 and re.search(r" 1  nodules hit \(TP\)", out)


def test_a_submission_may_be_a_pipe(score, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    writer = threading.Thread(target=(tmp_path / "pipe.csv").write_text, args=[FILES["good.csv"]])
    writer.start()
    status, out, _ = score("pipe.csv", "--bootstrap", "0")
    writer.join()
    assert status == 0 and re.search(r" CPM +1\.000000", out)


@pytest.mark.parametrize("arguments", [[], ["score"], ["score", "a.csv", "--bootstrap", "-1"]])
def test_a_wrong_command_line_is_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage: luna16" in capsys.readouterr().err


def test_help_teaches(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["score", "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for word in (
        "seriesuid,coordX,coordY,coordZ,probability",
        "examples:",
        "Exit status",
        "LPS",
        "--together",
    ):
        assert word in text


def python(repository, *arguments):
    """Run Python on the library, without an installed package; gives stdout."""
    environment = os.environ | {"PYTHONPATH": str(repository / "workflow")}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def test_scoring_needs_no_heavy_import(repository):
    heavy = {"pandas", "sklearn", "matplotlib", "torch", "scipy", "pyarrow"}
    code = "import sys, nodules.cli.main, nodules.datasets.points_csv, nodules.evaluation.froc_text"
    code += "; print(*sys.modules)"
    assert not heavy & set(python(repository, "-c", code).split())


# The command, and then its own peak of memory: what the system counts for a child begins with a
# copy of its parent, which in a long test run is the larger of the two.
MEASURED = """
import atexit, pathlib, runpy
atexit.register(lambda: print(pathlib.Path("/proc/self/status").read_text()))
runpy.run_module("nodules", run_name="__main__")
"""


def test_a_thousand_resamples_of_the_real_submission_are_quick_and_small(repository, shared_data):
    data = shared_data / "data"
    lists = data / "luna16"
    arguments = ["-c", MEASURED, "score"]
    arguments += [data / "submissions" / "deeplung_dpn26" / "deeplung_dpn26_submission.csv"]
    arguments += ["--annotations", lists / "annotations.csv", "--scans", lists / "seriesuids.csv"]
    arguments += ["--excluded", lists / "annotations_excluded.csv", "--bootstrap", "1000"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    printed = python(repository, *arguments)
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert re.search(r"CPM +0\.841966   0\.81\d+ to 0\.86\d+", printed)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert cpu < 5, f"{cpu:.2f} s of processor, {wall:.2f} s in all"
    peak_kb = int(re.search(r"VmHWM:\s+(\d+) kB", printed)[1])
    assert peak_kb < 1_000_000
