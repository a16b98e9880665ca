"""The page as one HTML file of markup, style, script and data; offline, it fetches nothing."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodules.report.viewer import levels
from nodules.report.viewer.shown import Shown, around_lungs, box_of_lungs, spec, told

WEB = Path(__file__).parent / "web"
MOST_BYTES = 25 << 20  # of a volume's voxels as base64; above, coarser levels are used
IMPORT = re.compile(r'^import (.+?) from "\./(\w+)\.js";\n', re.MULTILINE | re.DOTALL)
EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) (\w+))", re.MULTILINE)


def offline(shown: Shown) -> str:
    """The page of a scan, cropped to the lungs, in 256 HU levels; its prior's are coarser."""
    box = around_lungs(shown)
    steps, texts = _kept("scan", shown.voxels[box], levels.LADDER)
    volume, prior = spec("scan", shown.geometry, box, steps), None
    if shown.prior:
        earlier, grid, _ = shown.prior
        places = [link.world for link in shown.links]
        around = box_of_lungs(earlier, grid, places)
        steps, pieces = _kept("prior", earlier[around], levels.LADDER[1:])
        prior = spec("prior", grid, around, steps)
        texts |= pieces
    return html(told(shown, box, volume, prior), texts)


def _kept(
    name: str, voxels: NDArray[np.int16], ladder: Sequence[NDArray[np.int16]]
) -> tuple[NDArray[np.int16], dict[str, bytes]]:
    """The finest levels with which voxels fit into MOST_BYTES, else the coarsest; the pieces."""
    for steps in ladder:
        pieces, left = [], MOST_BYTES * 3 // 4  # of base64 in the page
        for piece in levels.packed(levels.coded(voxels, steps)):
            pieces.append(piece)
            left -= len(piece)
            if left < 0 and steps is not ladder[-1]:
                break
        if left >= 0:
            break
    return steps, {f"{name}-{n}": piece for n, piece in enumerate(pieces)}


def html(case: Mapping[str, Any], pieces: Mapping[str, bytes], connects: bool = False) -> str:
    """The page of a case (`shown.told`), with pieces of voxels by element id.

    connects: whether the page may send requests to its own server; to others it never may.
    """
    style, code = (WEB / "style.css").read_text(), script()
    asked = "'self'" if connects else "'none'"
    policy = (
        f"default-src 'none'; script-src {_hash(code)}; style-src {_hash(style)}; img-src data:; "
        f"connect-src {asked}; base-uri 'none'; form-action 'none'"
    )
    # A < in the JSON could end its element.
    data = json.dumps(case, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    parts = {
        "policy": policy,
        "title": escape(f"Second reader: {case['seriesuid']}"),
        "style": style,
        "case": data,
        "pieces": "\n".join(_element(name, piece) for name, piece in pieces.items()),
        "script": code,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda m: parts[m[1]], (WEB / "page.html").read_text())


def script() -> str:
    """All modules as one script, each wrapped in a function that returns its exports."""
    done: dict[str, str] = {}
    _gather("main", done)
    return '"use strict";\n' + "\n".join(done.values())


def _gather(name: str, done: dict[str, str]) -> None:
    """Add a module to `done`, after those that it imports."""
    text = (WEB / f"{name}.js").read_text()
    for _, other in IMPORT.findall(text):
        if other not in done:
            _gather(other, done)
    names = EXPORT.findall(text)
    body = EXPORT.sub("", IMPORT.sub(lambda m: _taken(m[1], m[2]), text))
    done[name] = f"const _{name} = (() => {{\n{body}\nreturn {{ {', '.join(names)} }};\n}})();"


def _taken(names: str, module: str) -> str:
    """An import of `{ a, b }` or `* as c`, rewritten as an assignment."""
    return f"const {names.removeprefix('* as ').strip()} = _{module};\n"


def _element(name: str, piece: bytes) -> str:
    text = base64.b64encode(piece).decode()
    return f'<script type="text/plain" id="{name}">{text}</script>'


def _hash(text: str) -> str:
    """Source expression with which the page's policy admits this script or style alone."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def worklist(rows: Iterable[Mapping[str, str]]) -> str:
    """The work list of a server's scans: link, findings, and each reader's progress."""
    style = (WEB / "style.css").read_text()
    cells = "".join(
        f'<tr><td><a href="{escape(row["link"])}">{escape(row["uid"])}</a></td>'
        f"<td>{escape(row['told'])}</td><td>{escape(row['state'])}</td></tr>"
        for row in rows
    )
    policy = f"default-src 'none'; style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>Second reader: scans</title><style>{style}</style></head>"
        '<body class="worklist"><header><h1>Second reader</h1></header><div class="rows"><table>'
        f"<thead><tr><th>Scan</th><th>Findings</th><th>Read</th></tr></thead>{cells}"
        "</table></div></body></html>\n"
    )
