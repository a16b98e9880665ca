"""What the benchmarks print of few scans, of none with a nodule, or of one seed."""

from runpy import run_path

import pandas as pd
import pytest

from helpers.example_results import number
from helpers.sources import ROOT
from nodules.base import tables
from nodules.evaluation import seeds
from nodules.evaluation.detection import Truth, score_systems


@pytest.mark.parametrize(
    ("nodules", "said"), [(4, "CPM 1.000 (–); 4 of 4 nodules"), (0, "CPM –; 0 of 0 nodules")]
)
def test_a_line_of_few_scans_has_no_interval(nodules: int, said: str) -> None:
    uids = [f"2.25.{i}" for i in range(4)]
    place = {"x": 0.0, "y": 0.0, "z": 0.0, "diameter_mm": 8.0}
    wanted = [{"seriesuid": uid, "nodule": 1} | place for uid in uids[:nodules]]
    size = {"probability": 0.5, "volume_mm3": 270.0, "n_slices": 3}
    found = [{"seriesuid": uid, "candidate": 1} | place | size for uid in uids[:nodules]]
    folds = pd.DataFrame({"seriesuid": uids, "patient": uids, "subset": 0, "fold": 1})
    truth = Truth(
        tables.frame("nodules", wanted),
        tables.frame("excluded"),
        tables.frame("folds", folds.assign(n_nodules=1)),
    )
    scores = score_systems({"unet": tables.frame("candidates", found)}, truth, 100, 1)
    line = run_path(str(ROOT / "benchmarks/unseen.py"))["line"]
    assert said in line("unet", scores, "fold_1", float("nan"))


def test_one_seed_has_no_standard_deviation() -> None:
    told = run_path(str(ROOT / "benchmarks/fresh_seeds.py"))
    spread = seeds.spread({31: tables.frame("metrics", [number("cpm", "unet")])})
    assert "| 1 | 0.500 | –; 0.500 to 0.500 |" in told["markdown"](spread, [31])
