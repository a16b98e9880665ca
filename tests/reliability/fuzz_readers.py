"""Fuzz a reader of headers or lists: python fuzz_readers.py headers|lists FOLDER -max_total_time=60

Atheris (libFuzzer) steers towards branches of the reader that it has not seen yet. Whatever bytes
come, a reader gives a result or says in its own words what is wrong; anything else is a crash.
FOLDER holds the first inputs, and takes what is found.
"""

import math
import sys
import tempfile
from pathlib import Path

import atheris
import numpy as np

with atheris.instrument_imports(include=["nodules"]):
    from nodules.base.files import FileDefect
    from nodules.datasets import luna16, points_csv
    from nodules.images import foreign, metaimage_header

SCRATCH = Path(tempfile.mkdtemp())
HEADER = SCRATCH / "2.25.1.mhd"
LIST = SCRATCH / "annotations.csv"
MESSAGE = 1000  # characters: 64 of them foreign, spelled with up to ten each, and words


def read_header(content: bytes) -> None:
    """A header is refused with reasons, or its grid is sound and its voxels lie beside it."""
    HEADER.write_bytes(content)
    header, problems = metaimage_header.examine(HEADER)
    data = luna16.data_file(HEADER)
    assert data.parent == SCRATCH and foreign.is_path(data.name)
    if header is None:
        assert problems and all(p.reason.isprintable() and p.remedy for p in problems)
        assert all(0 < len(p.reason) < MESSAGE for p in problems)
        return
    assert not problems
    assert header.data.parent == SCRATCH and header.data.name not in ("", ".", "..")
    assert 0 < header.voxel_bytes <= 8 * metaimage_header.MAX_VOXELS
    assert abs(abs(float(np.linalg.det(header.direction))) - 1) < 0.01
    header.geometry.reoriented()


def read_lists(content: bytes) -> None:
    """A list is refused, or every row is kept or told with its line; numbers are finite."""
    LIST.write_bytes(content)
    bad: list[points_csv.BadRow] = []
    try:
        columns, lines = points_csv.read_points(LIST, "diameter_mm", bad)
    except FileDefect as defect:
        assert str(LIST) in defect.place and defect.reason and defect.remedy
        assert str(defect).isprintable()
    else:
        assert all(len(column) == len(lines) for column in columns.values())
        assert all(columns["seriesuid"]) and all(row.reason and row.line for row in bad)
        assert all(row.reason.isprintable() and len(row.reason) < MESSAGE for row in bad)
        assert all(math.isfinite(x) for key in ("x", "y", "z") for x in columns[key])
        try:
            strict = points_csv.read_findings(LIST)
            assert len(strict["x"]) == len(lines) + sum(not row.seriesuid for row in bad)
        except FileDefect:
            assert bad
    try:
        uids = points_csv.read_scans(LIST)
    except FileDefect:
        return
    assert len(set(uids)) == len(uids) > 0 and all(uids)


TARGETS = {"headers": read_header, "lists": read_lists}

if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
