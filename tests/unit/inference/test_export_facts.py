"""What an exported model says of its data counts the scans that were used."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from nodules.base import tables
from nodules.datasets.folds import TEST_FOLD, UNUSED
from nodules.inference import export_facts


@pytest.mark.parametrize(("whole", "taught", "held_out"), [(False, 3, 1), (True, 5, 0)])
def test_scans_are_counted_by_what_they_were_used_for(
    whole, taught, held_out, tmp_path, monkeypatch
):
    """Of networks trained on all scans none is held out; a scan that is not used is no test."""
    sheet = pd.DataFrame({"status": ["ok"] * 5 + ["unusable"], "n_nodules": [1, 0, 2, 2, 1, 9]})
    division = pd.DataFrame({"fold": [0, 1, 1, TEST_FOLD, UNUSED]})
    monkeypatch.setattr(
        tables, "read", lambda path, name: {"scans": sheet, "folds": division}[name]
    )
    monkeypatch.setattr(export_facts.provenance, "data_hash", lambda scans: "abc")
    params = SimpleNamespace(source="luna16", folds=2, whole=whole)
    inputs = SimpleNamespace(scans="s", folds="f")
    told = export_facts.facts_of(inputs, params, Path(tmp_path))
    assert told["data"] == {
        **{"source": "luna16", "scans": 5, "scans trained on": taught, "test scans": held_out},
        **{"nodules": 6, "folds": 2, "SHA-256 of the scans": "abc"},
    }
    assert {"commit", "torch", "numpy"} <= set(told["made_with"])
