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


def test_it_looks_for_jobs_when_one_is_done_and_not_for_ever_after(tmp_path):
    (tmp_path / "Snakefile").write_text(RULES)
    command = [sys.executable, "-m", "snakemake", "--verbose", "--cores", "2"]
    command += ["--resources", "gpu=1", "--workflow-profile", str(REPOSITORY / "profiles/default")]
    done = succeeded(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True))
    looked = done.stderr.count("Ready jobs")
    jobs = 20 + 2 + 1
    assert done.stderr.count("Finished jobid") == jobs
    assert looked <= jobs + 2, f"looked {looked} times"
