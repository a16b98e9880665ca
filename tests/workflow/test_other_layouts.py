"""Data sets of other layouts as Snakemake plans them: names as wildcards, defects in a sentence."""

import re

import pytest

from helpers import other_layouts as made
from helpers.running import run_workflow, succeeded

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(300)]
CONFIG = """
data: {{source: {source}}}
dataset: {{dir: {folder}, lesion_labels: [2]}}
region: {{method: body}}
tasks: [presence]
detectors: [unet]
folds: {{n: 2, test_subset: null}}
"""


def planned(tmp_path, source, *targets):
    """What a dry-run of a data set in tmp_path / "set" says."""
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(source=source, folder=tmp_path / "set"))
    return run_workflow(tmp_path, "--configfile", str(config), "--dry-run", "--", *targets)


def test_names_are_free_text_and_no_scan_is_taken_for_anothers_file(tmp_path):
    """`x_lung.npy` is scan x's second file; the scan called x_lung has another name."""
    made.table(tmp_path / "set", scans=4)
    table = tmp_path / "set/scans.csv"
    text = table.read_text().replace(",test", ",train")
    for i, name in enumerate(("x", "x_lung", "Müller: left", "NA")):
        text = text.replace(f"Scan {i},", f"{name},")
    table.write_text(text)
    names = ("x", "x-lung", "M_ller_left", "scan_NA")
    targets = [f"results/volumes/{name}_lung.npy" for name in names]
    done = succeeded(planned(tmp_path, "table", *targets))
    said = done.stdout + done.stderr
    assert re.search(r"^prepare_volumes +4$", said, re.M), said
    assert re.search(r"^adopt_scan +4$", said, re.M)
    assert "ambiguous" not in said.lower()


def test_a_data_set_that_cannot_be_used_ends_in_one_sentence(tmp_path):
    made.decathlon(tmp_path / "set")
    (tmp_path / "set/labelsTr/case_1.nii.gz").unlink()
    done = planned(tmp_path, "decathlon", "results/scans/scans.parquet")
    said = done.stdout + done.stderr
    assert done.returncode and "Traceback" not in said
    assert "scan case_1 has no labels: there is no such file" in said
    assert "Or set data.on_bad_scan to skip" in said
