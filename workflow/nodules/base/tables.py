"""Every table of the workflow, checked against its declared columns on read and write."""

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
    """A data frame with exactly the declared columns and types; rows may come in any order.

    Raises ValueError where a column is missing, unknown or of another type.
    """
    data = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    if data.empty and not len(data.columns):
        data = pd.DataFrame(columns=columns(name))
    _check_names(name, data.columns, "the rows given")
    if data.empty:  # without a row pandas knows no type of a column of lists
        return _to_pandas(schema(name).empty_table())
    arrow = pa.Table.from_pandas(data[columns(name)], schema(name), preserve_index=False)
    return _to_pandas(arrow)


def write(path: str | os.PathLike[str], name: str, data: pd.DataFrame | Iterable[dict]) -> None:
    """Write a table as Parquet, whole or not at all, after checking it against its schema."""
    checked = frame(name, data)
    arrow = pa.Table.from_pandas(checked, schema(name), preserve_index=False)
    with atomic(path) as temporary:
        pq.write_table(arrow, temporary, compression="zstd")


def read(path: str | os.PathLike[str], name: str) -> pd.DataFrame:
    """Read a table and check its columns and types; UserError where the file is something else."""
    try:
        # One file, opened as such: a folder name such as "fold=1" must not become a column.
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
    """Read several files of one table into one frame."""
    parts = [read(path, name) for path in paths]
    return pd.concat(parts, ignore_index=True) if parts else frame(name)


def stacked(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Frames of one table one under another; the first one, which may be empty, gives the types."""
    parts = list(parts)
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _check_names(name: str, found: Iterable[str], where: str) -> None:
    found, expected = set(found), set(columns(name))
    if found != expected:
        missing, unknown = sorted(expected - found), sorted(found - expected)
        raise ValueError(f"{where}: not table '{name}': missing {missing}, unknown {unknown}")


def _to_pandas(arrow: pa.Table) -> pd.DataFrame:
    """Arrow to pandas with plain NumPy columns; strings as Python objects, lists as arrays."""
    return arrow.to_pandas()
