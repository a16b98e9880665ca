"""Whether files are whole, each kind by a reader of its own, and whether two runs are equal."""

import base64
import gzip
import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pydicom
import torch
import yaml

from nodules.base.files import sha256
from nodules.images.metaimage import voxel_blocks
from nodules.images.metaimage_header import read_header

# Snakemake's own: it writes them in place, and marks the job incomplete until they are there.
SNAKEMAKES = ("logs", "benchmarks")
# What a run cannot repeat: how long something took and how much memory. Everything else has to.
MEASURED = {
    "history.parquet": ["seconds"],
    "epochs.parquet": ["seconds"],
    "system_costs.parquet": ["seconds", "peak_mb"],
}
# What shows nothing else; that each is there and whole is all that can be asked.
SHOWS_MEASURED = {"report/costs.html"}
SHOWS_MEASURED |= {f"figures/system_costs.{form}" for form in ("svg", "png", "pdf")}
REPORT = "report.html"


def _html(path: Path) -> None:
    text = path.read_text()
    assert text.lstrip()[:9].lower() == "<!doctype" and text.rstrip().endswith("</html>")


def _svg(path: Path) -> None:
    assert path.read_text().rstrip().endswith("</svg>")


def _scan(path: Path) -> None:
    # The header is written last, so its voxels must be there.
    header = read_header(path)
    assert sum(map(len, voxel_blocks(header))) == header.voxel_bytes


def _text(path: Path) -> None:
    assert path.read_text().endswith("\n")


def _pdf(path: Path) -> None:
    assert path.read_bytes().rstrip().endswith(b"%%EOF")


def _model(path: Path) -> None:
    with zipfile.ZipFile(path) as model:
        assert model.testzip() is None


def _dicom(path: Path) -> None:
    found = pydicom.dcmread(path)
    expected = int(found.get("NumberOfFrames", 0)) * found.get("Rows", 0) * found.get("Columns", 0)
    assert found.SOPInstanceUID and len(found.get("PixelData", b"")) * 8 >= expected


READERS: dict[str, Callable[[Path], object]] = {
    ".parquet": pq.read_table,
    ".npy": lambda path: np.load(path, allow_pickle=False),
    ".npz": lambda path: dict(np.load(path, allow_pickle=False)),
    ".png": lambda path: cv2.imread(str(path)).shape,
    ".json": lambda path: json.loads(path.read_text()),
    ".yaml": lambda path: yaml.safe_load(path.read_text()),
    ".pt": lambda path: torch.load(path, weights_only=True),
    ".html": _html,
    ".svg": _svg,
    ".csv": _text,
    ".md": _text,
    ".pdf": _pdf,
    ".luna16": _model,
    ".dcm": _dicom,
    ".gz": lambda path: gzip.decompress(path.read_bytes()),
    ".mhd": _scan,
    ".raw": lambda path: None,  # whole where its header is
    ".zraw": lambda path: None,
}


def finished(results: Path) -> Iterator[Path]:
    """Files that carry their final name, but for Snakemake's own logs and benchmarks."""
    for path in sorted(results.rglob("*")):
        parts = path.relative_to(results).parts
        # Hidden: being written, or Snakemake's own mark in a folder.
        hidden = any(part.startswith(".") for part in parts)
        if path.is_file() and parts[0] not in SNAKEMAKES and not hidden:
            yield path


def broken(results: Path, known: set[tuple[Path, int]] | None = None) -> list[str]:
    """Files with a final name that cannot be read to their end.

    known: files, with their time of change, that have been read before; more are added.
    """
    known, found = set() if known is None else known, []
    for path in finished(results):
        version = path, path.stat().st_mtime_ns
        if version in known:
            continue
        known.add(version)
        try:
            READERS[path.suffix](path)
        except Exception as error:
            found.append(f"{path.relative_to(results)}: {type(error).__name__}: {error}")
    return found


def differences(results: Path, reference: Path) -> list[str]:
    """What differs between two finished runs, but for what was measured."""
    names, expected = (
        {str(path.relative_to(folder)) for path in finished(folder)}
        for folder in (results, reference)
    )
    return [
        *(f"{name} is missing" for name in sorted(expected - names)),
        *(f"{name} should not be there" for name in sorted(names - expected)),
        *(
            f"{name} differs"
            for name in sorted(names & expected)
            if _content(results / name, results) != _content(reference / name, reference)
        ),
    ]


def _content(path: Path, results: Path) -> Any:
    """What two runs must have in common of a file: its bytes, but for what was measured."""
    name = str(path.relative_to(results))
    if path.name in MEASURED:
        table = pd.read_parquet(path).drop(columns=MEASURED[path.name])
        return table.to_csv(float_format="%.17g")
    if path.name == "training_state.pt":
        return _state(path)
    if name in SHOWS_MEASURED:
        return None
    if name == REPORT:
        return _shown(path) - {sha256(results / name) for name in SHOWS_MEASURED}
    return sha256(path)


def _state(path: Path) -> Any:
    """What a training's state holds, tensors by their hash, without the durations."""
    state = torch.load(path, weights_only=True)
    state["progress"] = json.loads(state["progress"])
    for row in [state["progress"], *state["progress"]["history"]]:
        del row["seconds"]
    del state["fingerprint"]  # holds when the slices were written
    return _hashed(state)


def _hashed(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _hashed(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_hashed(value) for value in node]
    if isinstance(node, torch.Tensor):
        return hashlib.sha256(node.contiguous().numpy().tobytes()).hexdigest()
    return node


def _shown(path: Path) -> set[str]:
    """Hashes of the files that the report carries."""
    parts = re.findall(r'"data:[^"]*?;base64,([^"]+)"', path.read_text())
    assert parts
    return {hashlib.sha256(base64.b64decode(part)).hexdigest() for part in parts}
