"""A phantom liver through the whole workflow to the report, by a config file alone."""

import json
import re
from pathlib import Path

import pytest

from helpers.running import run_workflow, succeeded
from nodules.base import tables

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(900)]
CONFIG = str(Path(__file__).with_name("other_organ.yaml"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Results of a whole run."""
    workdir = tmp_path_factory.mktemp("organ")
    succeeded(run_workflow(workdir, "--configfile", CONFIG))
    return workdir / "results"


def words_of(page: str) -> str:
    """What a person reads of a page."""
    page = re.sub(r"<(style|script|pre|footer)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_every_scan_is_read_and_judged(run):
    sheet = tables.read(run / "scans/scans.parquet", "scans")
    assert len(sheet) == 10 and (sheet["status"] == "ok").all()
    assert sheet["n_nodules"].sum() >= 8
    scores = json.loads((run / "evaluation/detection.json").read_text())["systems"]
    assert set(scores) == {"unet", "unet_resnet"}
    found = scores["unet"]["out_of_fold"]
    assert found["n_scans"] == 9
    assert found["n_nodules"] == sheet.loc[sheet["subset"] != 9, "n_nodules"].sum()


def test_a_lesion_is_hit_by_what_overlaps_it(run):
    drawn = tables.read(run / "evaluation/segmentation.parquet", "segmentation")
    drawn = drawn[(drawn["comparison"] == "unet") & (drawn["set"] == "out_of_fold")]
    hits = tables.read(run / "evaluation/nodule_hits.parquet", "nodule_hits")
    hits = hits[(hits["system"] == "unet") & (hits["set"] == "out_of_fold")]
    key = ["seriesuid", "nodule"]
    both = drawn.merge(hits, on=key, validate="one_to_one")
    assert len(both) == len(drawn) == len(hits)
    assert (both["hit"] == (both["detected"] > 0)).all()
    assert both["hit"].any(), "without a hit this shows nothing"


def test_the_region_is_the_organ_as_labelled(run):
    found = tables.read_all(sorted((run / "lungs").glob("*.parquet")), "lungs")
    assert set(found["method"]) == {"mask"} and found["litres"].between(0.5, 2.0).all()


@pytest.mark.parametrize("page", ["index.html", "report/metrics.html", "report/scans.html"])
def test_pages_speak_of_the_data_sets_own_lesions(run, page):
    said = words_of((run / page).read_text())
    assert "tumour" in said and "LUNA16 scans" not in said
    assert not re.findall(r"(?<![\w/.-])[Nn]odules?(?![\w/]|\.\w)", said)
    assert not re.findall(r"(?<![\w/.-])[Ll]ungs?(?![\w/]|\.\w)", said)


def test_captions_and_figures_speak_so_too(run):
    for path in [*(run / "figures").glob("*.md"), *(run / "figures").glob("*.svg")]:
        shown = re.sub(r"<style.*?</style>", "", path.read_text(), flags=re.DOTALL)
        said = re.sub(r"<[^>]*>", " ", shown)
        assert not re.findall(r"\b[Nn]odules?\b|\b[Ll]ungs?\b", said), path.name


def test_the_report_says_what_was_left_out_and_why(run):
    said = words_of((run / "report/run.html").read_text())
    assert "Stages left out" in said
    assert "benign or malignant the data set has no readers' ratings" in said.replace("&#x27;", "'")
    assert "Left out" in words_of((run / "index.html").read_text())
    report = (run / "report.html").read_text()
    assert "tumours (liver): provenance report" in report


def test_nothing_is_left_to_do(run):
    done = succeeded(run_workflow(run.parent, "--configfile", CONFIG, "--dry-run"))
    assert "Nothing to be done" in done.stdout + done.stderr
