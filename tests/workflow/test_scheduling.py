"""Snakemake leaves the cores to the jobs: it does not look for new ones without a reason."""

import subprocess
import sys

from helpers.running import REPOSITORY, succeeded

# Twenty short jobs, then two that wait for each other, as trainings on one GPU do.
RULES = f"""
include: "{REPOSITORY}/workflow/rules/common_scheduling.smk"

rule all:
    input: "slow/0", "slow/1"

rule short:
    output: touch("short/{{number}}")

rule slow:
    input: expand("short/{{number}}", number=range(20))
    output: "slow/{{number}}"
    resources: gpu=1
    shell: "sleep 3; touch {{output}}"
"""


def run(folder, *arguments):
    (folder / "Snakefile").write_text(RULES)
    command = [sys.executable, "-m", "snakemake", "--verbose", "--cores", "2"]
    command += ["--workflow-profile", str(REPOSITORY / "profiles/default"), *arguments]
    return succeeded(subprocess.run(command, cwd=folder, capture_output=True, text=True)).stderr


def test_it_looks_for_jobs_when_one_is_done_and_not_for_ever_after(tmp_path):
    said = run(tmp_path, "--resources", "gpu=1")
    jobs = 20 + 2 + 1
    assert said.count("Finished jobid") == jobs
    looked = said.count("Ready jobs")
    assert looked <= jobs + 2, f"looked {looked} times"


def test_a_rate_that_holds_jobs_back_is_kept(tmp_path):
    said = run(tmp_path, "--max-jobs-per-timespan", "2/1s", "--", "short/0", "short/1", "short/2")
    assert "Submitting maximum 2 job(s) over 1" in said and "rate limit reached" in said
