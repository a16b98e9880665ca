"""Agreement of lungs by several methods: Dice of those used against each other method's."""

import numpy as np
import pytest

from helpers import lung_masks as made
from nodules.base import tables
from nodules.evaluation import lungs


def test_dice_is_of_the_lungs_used_against_each_other_method():
    own, half, none = np.zeros((3, 2, 4, 5), np.bool_)
    own[:, :2], half[0, :2] = True, True
    others = {"a": half, "b": none, "c": own}
    rows = {r["other"]: r for r in lungs.agreement("1", "volume", own, others, 5e5)}
    assert [rows[name]["dice"] for name in "abc"] == [pytest.approx(2 / 3), 0.0, 1.0]
    assert rows["a"]["litres"] == 10.0 and rows["a"]["other_litres"] == 5.0
    tables.frame("lung_agreement", rows.values())


def test_a_scan_is_compared_by_all_methods_at_hand(tmp_path, caplog):
    volume, geometry = made.scan(tmp_path)
    header = tmp_path / f"subset0/{made.UID}.mhd"
    good = made.write(tmp_path / "good", made.labels_of(volume, geometry), geometry)
    bad = made.write(tmp_path / "bad", np.zeros(geometry.shape), geometry)
    sources = {"volume": [], "slice_kmeans": [], "given": [str(good)]}
    rows = {r["other"]: r for r in lungs.compare_scan(header, "volume", sources)}
    assert set(rows) == {"slice_kmeans", "given"} and rows["given"]["dice"] > 0.95
    exact = np.count_nonzero(made.labels_of(volume, geometry) > 2) * geometry.voxel_mm3 / 1e6
    assert rows["given"]["other_litres"] == pytest.approx(exact, rel=0.05)
    assert lungs.compare_scan(header, "volume", {"volume": [], "given": [str(bad)]}) == []
    assert "lungs by 'given' are not compared" in caplog.text
