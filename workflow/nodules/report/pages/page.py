"""Pages of the report: small HTML documents in which everything from data is escaped."""

import base64
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

from nodules.base.files import write_text

CSS = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; margin: 2rem auto; max-width: 66rem;
       padding: 0 1.5rem; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { max-width: 46rem; margin: .5rem 0; } p.note { color: #555; font-size: .9em; }
p.finding { border-left: 4px solid #0072B2; padding: .3rem .9rem; background: #f2f7fb; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .8rem 0; font-size: .92em; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th { text-align: left; vertical-align: bottom; white-space: pre-line;
     border-bottom: 2px solid #444; padding: .25rem .8rem .25rem 0; }
td { border-bottom: 1px solid #ddd; padding: .22rem .8rem .22rem 0; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; }
ol.notes { color: #555; font-size: .85em; margin: 0 0 1.4rem; padding-left: 1.6rem;
           max-width: 52rem; } ol.notes li { margin: 0; }
summary { cursor: pointer; color: #0072B2; margin: .8rem 0; }
td:first-child:has(~ td.number) { white-space: nowrap; }
td code { word-break: break-all; } pre { background: #f6f6f6; padding: .8rem; overflow-x: auto; }
img { max-width: 100%; }
"""


class Page:
    """An HTML page, built part by part; every text that comes in is escaped."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts = [f"<h1>{escape(title)}</h1>"]

    def heading(self, text: str) -> None:
        """Add a heading of the second level."""
        self._parts.append(f"<h2>{escape(text)}</h2>")

    def text(self, text: str, kind: str = "") -> None:
        """Add a paragraph; kind: note (small print), finding (set off), or plain."""
        style = f' class="{escape(kind)}"' if kind else ""
        self._parts.append(f"<p{style}>{escape(text)}</p>")

    def code(self, text: str) -> None:
        """Add text as it stands, lines kept."""
        self._parts.append(f"<pre>{escape(text)}</pre>")

    def table(
        self, rows: Iterable[Mapping[str, Any]], caption: str = "", numbers: Sequence[str] = ()
    ) -> None:
        """Add a table, one mapping (column -> cell) a row; columns in `numbers` stand right."""
        rows = list(rows)
        if not rows:
            self.text("None.", "note")
            return
        columns = list(rows[0])
        side = {c: ' class="number"' if c in numbers else "" for c in columns}
        head = "".join(f"<th{side[c]}>{escape(c)}</th>" for c in columns)
        body = "".join(
            "<tr>" + "".join(f"<td{side[c]}>{escape(cell(row[c]))}</td>" for c in columns) + "</tr>"
            for row in rows
        )
        title = f"<caption>{escape(caption)}</caption>" if caption else ""
        self._parts.append(
            f'<div class="wide"><table>{title}<thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )

    def notes(self, texts: Sequence[str]) -> None:
        """Add small numbered notes, from 1 on, to the table above them."""
        if texts:
            items = "".join(f"<li>{escape(text)}</li>" for text in texts)
            self._parts.append(f'<ol class="notes">{items}</ol>')

    @contextmanager
    def details(self, summary: str) -> Iterator[None]:
        """What is added within stays closed until the reader clicks on the summary."""
        self._parts.append(f"<details><summary>{escape(summary)}</summary>")
        yield
        self._parts.append("</details>")

    def picture(self, path: str | os.PathLike[str], description: str) -> None:
        """Add a PNG or SVG file, embedded in the page."""
        kind = {".svg": "svg+xml", ".png": "png"}[Path(path).suffix]
        self.image(Path(path).read_bytes(), description, kind)

    def image(self, content: bytes, description: str, kind: str = "png") -> None:
        """Add an image, embedded in the page; kind: png or svg+xml."""
        data = base64.b64encode(content).decode()
        self._parts.append(
            f'<img alt="{escape(description)}" src="data:image/{kind};base64,{data}">'
        )

    def html(self) -> str:
        """The page as one self-contained document, which fetches nothing."""
        return (
            '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
            f"<title>{escape(self._title)}</title><style>{CSS}</style></head>\n<body>\n"
            + "\n".join(self._parts)
            + "\n</body>\n</html>\n"
        )

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the page, whole or not at all."""
        write_text(path, self.html())


def cell(value: Any) -> str:
    """A cell's text: three decimals for fractions, a dash for what is missing."""
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
