"""Tables are what they declare, on writing and on reading."""

import pandas as pd
import pyarrow.parquet as pq
import pytest

from nodules.base import columns, columns_results, tables
from nodules.base.files import UserError

ROW = {"seriesuid": "2.25.1", "nodule": 1, "x": 1.0, "y": 2.0, "z": 3.0, "diameter_mm": 4.0}


@pytest.mark.parametrize("name", tables.TABLES)
def test_every_table_can_be_empty(name, tmp_path):
    tables.write(tmp_path / "t.parquet", name, [])
    data = tables.read(tmp_path / "t.parquet", name)
    assert list(data.columns) == tables.columns(name) and data.empty


@pytest.mark.parametrize("name", tables.TABLES)
def test_a_frame_without_rows_needs_no_types(name):
    rowless = pd.DataFrame({column: pd.Series(dtype=float) for column in tables.columns(name)})
    assert tables.frame(name, rowless).dtypes.equals(tables.frame(name).dtypes)


@pytest.mark.parametrize("name", tables.TABLES)
def test_every_column_has_a_meaning(name):
    assert all(column.meaning for column in tables.TABLES[name])
    assert len({column.name for column in tables.TABLES[name]}) == len(tables.TABLES[name])


def test_no_table_is_declared_twice():
    assert not set(columns.TABLES) & set(columns_results.TABLES)


def test_rows_survive_in_any_column_order(tmp_path):
    shuffled = dict(reversed(list(ROW.items())))
    tables.write(tmp_path / "t.parquet", "nodules", [shuffled])
    assert tables.read(tmp_path / "t.parquet", "nodules").iloc[0].to_dict() == ROW


def test_units_and_meanings_travel_in_the_file(tmp_path):
    tables.write(tmp_path / "t.parquet", "nodules", [ROW])
    field = pq.read_schema(tmp_path / "t.parquet").field("x")
    assert field.metadata == {b"unit": b"mm", b"meaning": b"world x (LPS)"}


@pytest.mark.parametrize(
    "change", [{"extra": 1}, {"x": None, "nodule": "one"}, {"diameter_mm": "large"}]
)
def test_wrong_rows_are_refused(change):
    with pytest.raises((ValueError, TypeError)):
        tables.frame("nodules", [ROW | change])


def test_missing_columns_are_named():
    with pytest.raises(ValueError, match=r"missing \['diameter_mm'\]"):
        tables.frame("nodules", [{k: v for k, v in ROW.items() if k != "diameter_mm"}])


def test_a_broken_file_is_named_with_a_remedy(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1 cut short")
    with pytest.raises(UserError, match=r"t\.parquet.*snakemake again"):
        tables.read(tmp_path / "t.parquet", "nodules")


def test_a_column_of_another_type_is_refused(tmp_path):
    pd.DataFrame([ROW | {"x": "left"}]).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(UserError, match="another type"):
        tables.read(tmp_path / "t.parquet", "nodules")


def test_folders_named_like_partitions_add_no_column(tmp_path):
    path = tmp_path / "fold=1" / "t.parquet"
    tables.write(path, "nodules", [ROW])
    assert list(tables.read(path, "nodules").columns) == tables.columns("nodules")
