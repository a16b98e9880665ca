"""What an exported model says of its data counts the scans that were used."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from nodules.base import tables
from nodules.inference import export_facts


def test_scans_are_counted_by_what_they_were_used_for(tmp_path, monkeypatch):
    sheet = pd.DataFrame({"status": ["ok"] * 4 + ["unusable"], "n_nodules": [1, 0, 2, 3, 9]})
    division = pd.DataFrame({"fold": [0, 1, 1, -1]})
    monkeypatch.setattr(
        tables, "read", lambda path, name: {"scans": sheet, "folds": division}[name]
    )
    monkeypatch.setattr(export_facts.provenance, "data_hash", lambda scans: "abc")
    params = SimpleNamespace(source="luna16", folds=2)
    inputs = SimpleNamespace(scans="s", folds="f")
    told = export_facts.facts_of(inputs, params, Path(tmp_path))
    assert told["data"] == {
        **{"source": "luna16", "scans": 4, "scans trained on": 3, "test scans": 1},
        **{"nodules": 6, "folds": 2, "SHA-256 of the scans": "abc"},
    }
    assert {"commit", "torch", "numpy"} <= set(told["made_with"])
