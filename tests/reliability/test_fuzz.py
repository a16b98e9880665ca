"""The readers of headers and lists under a coverage-guided fuzzer, for a bounded time."""

import os
import re
import resource
import subprocess
import sys

import pytest

from helpers.luna16_folder import write_folder
from helpers.sources import ROOT

SECONDS = int(os.environ.get("FUZZ_SECONDS", "60"))
SEEDS = {
    "headers": ("subset*/*.mhd",),
    "lists": ("*.csv",),
}


@pytest.mark.reliability
@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize("target", SEEDS)
def test_no_bytes_make_a_reader_fail_otherwise_than_in_words(tmp_path, record_property, target):
    pytest.importorskip("atheris", reason="atheris is not installed: make setup-dev")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (tmp_path / "luna16").mkdir()
    folder = write_folder(tmp_path / "luna16")
    for number, path in enumerate(p for glob in SEEDS[target] for p in folder.glob(glob)):
        (corpus / str(number)).write_bytes(path.read_bytes())
    command = [sys.executable, str(ROOT / "tests/reliability/fuzz_readers.py"), target]
    command += [str(corpus), f"-max_total_time={SECONDS}", "-max_len=2000", "-print_final_stats=1"]
    # Linux counts what this process has held, until the fuzzer begins, as the fuzzer's own.
    held_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    command += [f"-rss_limit_mb={held_mb + 2048}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, errors="replace"
    )
    assert done.returncode == 0, done.stderr[-6000:]
    executions = int(re.search(r"number_of_executed_units: +(\d+)", done.stderr)[1])
    new = int(re.search(r"new_units_added: +(\d+)", done.stderr)[1])
    assert executions > 20 * SECONDS and new > 10, "the fuzzer met hardly any code"
    record_property("fuzz", f"{target}: {executions} executions, 0 crashes")
