"""A data set's own words for what the report calls nodules in lungs.

All pages, captions and figures speak of nodules, lungs and CT. For other lesions, organs or scans,
the text that people read is reworded on output; file names and keys stay the same.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from html import escape, unescape
from typing import Any, NamedTuple

# A word that is no part of a file name, path or key: nodules.luna16, scans/nodules.parquet,
# nodule_hits.
ALONE = r"(?<![\w/.\-\"'])(?:{})(?![\w/]|\.\w|\"|'(?!s\b))"
# Tags, and whole elements whose text must not change: style, script, code, cited sources.
MARKUP = re.compile(r"<(style|script|pre|footer)\b.*?</\1>|<[^>]*>", re.DOTALL)
SPOKEN = re.compile(r'\b(alt|aria-label)="([^"]*)"')
# The region searched in place of the lungs, by `method` in table `lungs`.
REGIONS = {
    "body": "the whole body",
    "mask": "the data set's own mask",
    "whole": "the whole scan",
}
OVERLAP = "LUNA16's rules, except that where both have a mask any overlap is a hit"


class Words(NamedTuple):
    """A data set's words from the config's section `dataset`, and facts that other phrases need.

    overlap: whether overlap makes a hit; ct: whether the scans are CT; read: whether several
    readers outlined lesions; data: a name for the scans.
    """

    lesion: str
    lesions: str
    organ: str
    overlap: bool
    ct: bool
    read: bool
    data: str

    def told(self, text: str) -> str:
        """The text, written about nodules in lungs, reworded for this data set's lesions."""
        for pattern, words in self._phrases():
            text = re.sub(ALONE.format(pattern), _in_place(words), text)
        return re.sub(ALONE.format(r"(?:an? )?nodules?"), self._renamed, text, flags=re.I)

    def _phrases(self) -> Iterator[tuple[str, str]]:
        """Patterns and replacements: fixed phrases, and words wrong for other organs or scans."""
        yield r"(?:the|LUNA16's) official rules?", OVERLAP if self.overlap else "LUNA16's rules"
        lungs = self.organ == "lungs"
        titled = f"lung {self.lesions}" if lungs else f"{self.lesions} ({self.organ})"
        yield r"LUNA16 lung nodules", titled
        yield r"[Ll]ung nodules in chest CT", titled
        yield r"LUNA16 scans", self.data
        yield r"in a lung window", "in the config's window"
        if not lungs:
            yield r"lung CT slices", f"slices ({self.organ})"
        if not self.read:
            yield r"readers' (?:consensus|masks?|outlines?)", "reference masks"
        if not self.ct:
            yield r"axial CT", "axial slice"
            yield r"CT itself", "scan itself"
            yield r"CT", "scan"
        if not lungs:
            yield r"[Ll]ungs?", self.organ

    def _renamed(self, found: re.Match[str]) -> str:
        """The data set's word for a match, with the article, number and capital that it needs."""
        *article, noun = found[0].split(" ")
        word = self.lesions if noun.endswith("s") else self.lesion
        said = " ".join([*(["an" if word[0] in "aeiou" else "a"] if article else []), word])
        return _like(found[0], said)


def _like(before: str, after: str) -> str:
    """`after`, capitalised if `before` is, unless `before` starts with a name (LUNA16, CT)."""
    named = before.startswith(("LUNA16", "CT"))
    return after[:1].upper() + after[1:] if before[0].isupper() and not named else after


def _in_place(words: str) -> Callable[[re.Match[str]], str]:
    return lambda found: _like(found[0], words)


def of(said: Mapping[str, Any] | None) -> Words | None:
    """Words from a rule's params; None if the texts need no rewording."""
    return Words(**said) if said else None


def in_text(words: Words | None, text: str) -> str:
    """A text in a data set's words; unchanged for None."""
    return words.told(text) if words else text


def in_html(words: Words | None, html: str) -> str:
    """A document with its text, `alt` and `aria-label` attributes in a data set's words."""
    if words is None:
        return html
    parts, end = list[str](), 0
    for mark in MARKUP.finditer(html):
        parts += [_unescaped(words, html[end : mark.start()]), _spoken(words, mark[0])]
        end = mark.end()
    return "".join([*parts, _unescaped(words, html[end:])])


def _unescaped(words: Words, text: str) -> str:
    """A document's text, reworded; unescaped meanwhile, since the patterns hold apostrophes."""
    return escape(words.told(unescape(text))) if text.strip() else text


def _spoken(words: Words, tag: str) -> str:
    """A tag with its texts for screen readers in the data set's words."""
    if tag.startswith(("<style", "<script", "<pre", "<footer")):
        return tag
    return SPOKEN.sub(lambda m: f'{m[1]}="{escape(words.told(unescape(m[2])))}"', tag)
