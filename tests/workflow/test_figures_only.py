"""`snakemake figures` on a machine that has the stored tables and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from snakemake.utils import update_config

from helpers import example_results as results
from helpers import malignancy_results
from helpers.sources import ROOT
from nodules.base import tables
from nodules.base.files import write_json
from nodules.report.catalogue import TITLES

NODULES, CURVES, MALIGNANCY = malignancy_results.result()
TABLES: dict[str, tuple[str, pd.DataFrame]] = {
    "trend_slices": ("trend_slices", results.trend_slices()),
    "trend_windows": ("trend_windows", results.trend_windows()),
    "epochs": ("history", results.history()),
    "froc": ("froc", results.froc_table()),
    "reduction_track": ("froc", results.locations_froc()),
    "presence_curves": ("presence_curves", results.presence_curves()),
    "reliability": ("reliability", results.reliability()),
    "calibration": ("calibration", results.calibration()),
    "segmentation": ("segmentation", results.segmentation()),
    "proxy_nodules": ("proxy_nodules", results.proxy_nodules()),
    "certainty_bins": ("certainty_bins", results.certainty_bins()),
    "comparison_slices": ("comparison_slices", results.comparison_slices()),
    "comparison": ("comparison", results.comparison()),
    "system_costs": ("system_costs", results.system_costs()),
    "risk_coverage": ("risk_coverage", results.risk_coverage()),
    "malignancy_nodules": ("malignancy_nodules", NODULES),
    "malignancy_curves": ("malignancy_curves", CURVES),
}
# As the run wrote it down. Its scans are elsewhere, and so are the weights to start from.
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())
RUN = {
    "data": {"source": "luna16"},
    "luna16_dir": "nowhere",
    "folds": {"scheme": "official"},
    "presence": {"weights": "nowhere.pth"},
    "scoring": {"reduction_track": True},
    "follow_up": {"pairs": "nowhere.csv"},
}


@pytest.mark.workflow
@pytest.mark.slow
def test_figures_are_drawn_from_tables_alone(tmp_path: Path) -> None:
    for name, (schema, table) in TABLES.items():
        tables.write(tmp_path / f"results/evaluation/{name}.parquet", schema, table)
    for name in ("trends", "detection", "presence"):
        write_json(tmp_path / f"results/evaluation/{name}.json", getattr(results, name)())
    tables.write(tmp_path / "results/follow_up/pairs.parquet", "follow_up", [])
    write_json(tmp_path / "results/evaluation/malignancy.json", MALIGNANCY)
    write_json(tmp_path / "results/evaluation/reduction_track.json", results.track())
    update_config(CONFIG, RUN)
    (tmp_path / "results/config.yaml").write_text(yaml.safe_dump(CONFIG))
    command = [sys.executable, "-m", "snakemake", "figures", "--cores", "1"]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(tmp_path)]
    quiet = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=quiet, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    drawn = {path.name for path in (tmp_path / "results/figures").iterdir()}
    assert len(drawn) == 4 * (len(TITLES) - 1)  # LUNA16's own folds have no test
    forms = ("svg", "png", "pdf", "md")
    assert {f"{name}.{form}" for name in ("froc", "slice_loss") for form in forms} <= drawn
    assert not (tmp_path / "results/phantom").exists()
