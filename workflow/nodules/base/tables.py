"""The workflow's tables as Parquet files, checked against their declared columns."""

import os
from collections.abc import Iterable

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from nodules.base import columns as declared
from nodules.base import columns_results
from nodules.base.columns import Column
from nodules.base.files import UserError, atomic

TABLES: dict[str, tuple[Column, ...]] = declared.TABLES | columns_results.TABLES


def schema(name: str) -> pa.Schema:
    """Arrow schema of a table, with units and meanings as field metadata."""
    return pa.schema(
        [
            pa.field(c.name, c.type, metadata={"unit": c.unit, "meaning": c.meaning})
            for c in TABLES[name]
        ],
        metadata={"table": name},
    )


def columns(name: str) -> list[str]:
    """Column names of a table, in order."""
    return [column.name for column in TABLES[name]]


def frame(name: str, rows: Iterable[dict] | pd.DataFrame = ()) -> pd.DataFrame:
    """A data frame with exactly the declared columns, in order, and their types.

    Raises ValueError if a column is missing or unknown, and pyarrow's errors if values do not fit
    a column's type.
    """
    data = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    if data.empty and not len(data.columns):
        data = pd.DataFrame(columns=columns(name))
    _check_names(name, data.columns, "the rows given")
    if data.empty:  # without rows, pandas cannot know that a column holds lists
        return _to_pandas(schema(name).empty_table())
    arrow = pa.Table.from_pandas(data[columns(name)], schema(name), preserve_index=False)
    return _to_pandas(arrow)


def write(path: str | os.PathLike[str], name: str, data: pd.DataFrame | Iterable[dict]) -> None:
    """Write a table as Parquet, atomically, after checking it against its schema."""
    checked = frame(name, data)
    arrow = pa.Table.from_pandas(checked, schema(name), preserve_index=False)
    with atomic(path) as temporary:
        pq.write_table(arrow, temporary, compression="zstd")


def read(path: str | os.PathLike[str], name: str) -> pd.DataFrame:
    """Read a table and check its columns and types.

    Raises UserError if the file is not readable Parquet or a column has another type, ValueError
    if a column is missing or unknown.
    """
    try:
        # ParquetFile, since a dataset reader would turn a folder named "fold=1" into a column.
        with pq.ParquetFile(path) as stream:
            arrow = stream.read()
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path}: not a readable Parquet file ({error}). Delete it and run snakemake again."
        ) from error
    _check_names(name, arrow.column_names, str(path))
    try:
        return _to_pandas(arrow.select(columns(name)).cast(schema(name)))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UserError(f"{path}: a column of table '{name}' has another type: {error}") from error


def read_all(paths: Iterable[str | os.PathLike[str]], name: str) -> pd.DataFrame:
    """Read several files of one table into one frame; empty if there are no files."""
    parts = [read(path, name) for path in paths]
    return pd.concat(parts, ignore_index=True) if parts else frame(name)


def stacked(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Concatenated frames of one table; if all are empty, the first one, for its column types."""
    parts = list(parts)
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _check_names(name: str, found: Iterable[str], where: str) -> None:
    found, expected = set(found), set(columns(name))
    if found != expected:
        missing, unknown = sorted(expected - found), sorted(found - expected)
        raise ValueError(f"{where}: not table '{name}': missing {missing}, unknown {unknown}")


def _to_pandas(arrow: pa.Table) -> pd.DataFrame:
    """Data frame of plain NumPy columns; strings become Python objects, lists arrays."""
    return arrow.to_pandas()
