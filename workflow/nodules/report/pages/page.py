"""Pages of the report: small HTML documents in which all text from data is escaped."""

import base64
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

from nodules.base.files import write_text
from nodules.report.pages import style
from nodules.report.pages.markup import slug
from nodules.report.words import Words, in_html


class Page:
    """An HTML page, built part by part; all text that is added is escaped."""

    def __init__(self, title: str, told: Callable[[str], str] = str) -> None:
        """told: rewords headings, paragraphs, tables and notes, before they are escaped."""
        self._title = title
        self._told = lambda text: escape(told(text))
        self._parts = [f"<h1>{escape(title)}</h1>"]

    def heading(self, text: str) -> None:
        """Add a second-level heading, with its slug as anchor for links."""
        self._parts.append(f'<h2 id="{escape(slug(text))}">{self._told(text)}</h2>')

    def text(self, text: str, kind: str = "") -> None:
        """Add a paragraph; kind: note (small print), finding (set off), or plain."""
        look = f' class="{escape(kind)}"' if kind else ""
        self._parts.append(f"<p{look}>{self._told(text)}</p>")

    def code(self, text: str) -> None:
        """Add preformatted text."""
        self._parts.append(f'<pre tabindex="0">{escape(text)}</pre>')

    def table(
        self,
        rows: Iterable[Mapping[str, Any]],
        caption: str = "",
        numbers: Sequence[str] = (),
        soft: Sequence[str] = (),
    ) -> None:
        """Add a table, one mapping (column -> cell) per row.

        Columns in `numbers` are right-aligned, those in `soft` greyed.
        """
        rows = list(rows)
        if not rows:
            self.text("None.", "note")
            return
        columns = list(rows[0])
        looks = {c: ["number"] * (c in numbers) + ["soft"] * (c in soft) for c in columns}
        side = {c: f' class="{" ".join(own)}"' if own else "" for c, own in looks.items()}
        heads = "".join(_head(self._told(c), side[c]) for c in columns)
        body = "".join(
            "<tr>"
            + "".join(f"<td{side[c]}>{self._told(cell(row[c]))}</td>" for c in columns)
            + "</tr>"
            for row in rows
        )
        title = f"<caption>{self._told(caption)}</caption>" if caption else ""
        # It can have the focus, so that a table wider than the page is scrolled with the keyboard.
        self._parts.append(
            f'<div class="wide" tabindex="0"><table>{title}<thead><tr>{heads}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )

    def notes(self, texts: Sequence[str]) -> None:
        """Add small notes, numbered from 1, to the table above them."""
        if texts:
            items = "".join(f"<li>{self._told(text)}</li>" for text in texts)
            self._parts.append(f'<ol class="notes">{items}</ol>')

    @contextmanager
    def details(self, summary: str) -> Iterator[None]:
        """Fold away what is added within the `with` block until the reader opens the summary."""
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
            f"{head(self._title, style.BASE)}<body>\n<main>\n"
            + "\n".join(self._parts)
            + "\n</main>\n</body>\n</html>\n"
        )

    def write(self, path: str | os.PathLike[str], words: Words | None = None) -> None:
        """Write the page atomically, in a data set's own words."""
        write_text(path, in_html(words, self.html()))


def head(title: str, css: str) -> str:
    """The start of a self-contained document, up to the end of its <head>."""
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{css}</style></head>\n"
    )


def _head(column: str, side: str) -> str:
    """A column's header cell, its text already escaped; an empty one is a plain cell."""
    kind = "th" if column else "td"
    return f"<{kind}{side}>{column}</{kind}>"


def cell(value: Any) -> str:
    """A cell's text: three decimals for fractions, a dash for what is missing."""
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
