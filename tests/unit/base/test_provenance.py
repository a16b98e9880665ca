"""Versions, commit, hash of the data, and costs of the rules."""

import math
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from nodules.base import provenance
from nodules.evaluation.costs import rule_costs

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def test_costs_add_up_time_and_take_the_largest_memory(tmp_path: Path) -> None:
    for rule, name, line in (
        ("train_unet", "fold_0", "10.0\t0:00:10\t900.0\t1\t1\t1\t1\t1\t80.0\t8.0\n"),
        ("train_unet", "fold_1", "30.0\t0:00:30\t700.0\t1\t1\t1\t1\t1\t80.0\t25.0\n"),
        ("make_folds", "all", "0.1\t0:00:00\t-\t-\t-\t-\t-\t-\t-\t-\n"),
    ):
        (tmp_path / rule).mkdir(exist_ok=True)
        (tmp_path / rule / f"{name}.tsv").write_text(HEAD + line)
    costs = rule_costs(sorted(tmp_path.glob("*/*.tsv")))
    first, second = costs.to_dict("records")
    assert first == {
        "rule": "train_unet",
        "jobs": 2,
        "total_s": 40.0,
        "longest_s": 30.0,
        "cpu_s": 33.0,
        "peak_mb": 900.0,
    }
    assert second["rule"] == "make_folds"
    assert math.isnan(second["peak_mb"])


def test_costs_of_a_rule_with_one_job_have_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "make_folds.tsv").write_text(HEAD + "1.0\t0:00:01\t9.0\t1\t1\t1\t1\t1\t80.0\t1.0\n")
    assert rule_costs(folder.rglob("*.tsv"))["rule"].tolist() == ["make_folds"]


def test_costs_of_nothing() -> None:
    assert rule_costs([]).empty


def test_data_hash_takes_all_used_scans_in_any_order() -> None:
    scans = pd.DataFrame(
        {"seriesuid": ["a", "b", "c"], "sha256": ["1", "2", "3"], "status": ["ok", "ok", "skipped"]}
    )
    same = provenance.data_hash(scans)
    assert provenance.data_hash(scans.iloc[::-1]) == same
    assert provenance.data_hash(scans.assign(sha256=["1", "2", "9"])) == same
    assert provenance.data_hash(scans.assign(sha256=["1", "9", "3"])) != same


def test_versions_name_what_is_there_and_what_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "PACKAGES", ("numpy", "no-such-package"))
    found = provenance.versions()
    assert found["numpy"][0].isdigit()
    assert found["no-such-package"].startswith("not in")


def test_commit_of_a_checkout_and_of_a_plain_folder(tmp_path: Path) -> None:
    assert "not in a git checkout" in provenance.commit(tmp_path)

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True)

    git("init", "-q")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-q", "-m", "first")
    assert len(provenance.commit(tmp_path)) == 40
    (tmp_path / "a").write_text("2")
    assert provenance.commit(tmp_path).endswith("with uncommitted changes")
