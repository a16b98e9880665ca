"""Ids that name one scan in two spellings: recognised and reported, never corrected.

Lists pass through spreadsheets, file names and scripts, which pad with zeros, append `.mhd` or
`.0`, or write long numbers as 1.04E+02. An id missing from a list may be such a spelling of one in
it.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from nodules.base.files import FileDefect
from nodules.base.messages import shown

PathLike = str | os.PathLike[str]

SHOWN = 80  # characters: a whole UID and what may have been added to it
QUOTES = "\"'`´“”„‘’«»"
ENDINGS = "mhd|mha|raw|zraw|nii|nrrd|nhdr|npy|npz|dcm|h5|hdf5|csv|json|txt|zip|gz|tar"
_QUOTED = re.compile(rf"^(?:=|b)?[{QUOTES}]+|[{QUOTES}]+$")
_UNSEEN = re.compile(r"[\s\ufeff\u200b-\u200f\u2060\u00ad]+")
_ENDING = re.compile(rf"(?:\.(?:{ENDINGS}))+$", re.IGNORECASE)
_GROUPED = re.compile(r"\d{1,3}(?:([,.'’_])\d{3})(?:\1\d{3})*")
# A spreadsheet writes the sign. Without it, 12e4 may be an id in hexadecimal digits.
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d{1,2}")


@dataclass(frozen=True)
class Form:
    """A way in which spellings differ: something that one has and the other lacks."""

    name: str
    without: Callable[[str], str]


CAPITALS = Form("capitals", str.casefold)
# In the order in which they are removed.
FORMS = (
    Form("folders", lambda text: re.split(r"[\\/]", text)[-1]),
    Form("quotes", lambda text: _QUOTED.sub("", text)),
    Form("blanks or hidden characters", lambda text: _UNSEEN.sub("", text)),
    Form("the file's ending", lambda text: _ENDING.sub("", text)),
    Form("the channel number '_0000'", lambda text: text.removesuffix("_0000")),
    Form("the trailing '.0'", lambda text: re.sub(r"(?<=\d)\.0+$", "", text)),
    Form(
        "thousands separators",
        lambda text: re.sub(r"[,.'’_]", "", text) if _GROUPED.fullmatch(text) else text,
    ),
    Form("leading zeros", lambda text: re.sub(r"(?<!\d)0+(?=\d)", "", text)),
    CAPITALS,
)
SCIENTIFIC = Form("scientific notation", str)
# One difference explains an id better than two, and two better than all.
_SETS = [*((form,) for form in FORMS), *combinations(FORMS, 2), *combinations(FORMS, 3), FORMS]


@dataclass(frozen=True)
class NearMiss:
    """An unlisted id, the listed one that it seems to mean, and how the two differ."""

    unlisted: str
    listed: str
    forms: tuple[Form, ...]
    fitting: int = 1  # number of listed ids that it may mean; above 1 if digits are lost


def near_misses(unlisted: Iterable[str], listed: Iterable[str]) -> list[NearMiss]:
    """The unlisted ids that differ from a listed one only in their form, in their order."""
    others, known = list(dict.fromkeys(unlisted)), list(dict.fromkeys(listed))
    if not others:
        return []
    full = _by_key(known, FORMS)
    indices: dict[tuple[Form, ...], dict[str, list[str]]] = {}
    numbers = _rounded(others, known)
    found = []
    for uid in others:
        if uid in numbers:
            found.append(numbers[uid])
        elif plain(uid) in full:
            for forms in _SETS:
                if forms not in indices:
                    indices[forms] = _by_key(known, forms)
                fitting = indices[forms].get(plain(uid, forms), [])
                if fitting:
                    least = _needed(uid, fitting[0], forms)
                    found.append(NearMiss(uid, fitting[0], least, len(fitting)))
                    break
    return found


def _needed(one: str, other: str, forms: Sequence[Form]) -> tuple[Form, ...]:
    """The forms without which two spellings would still differ."""
    needed = list(forms)
    for form in forms:
        rest = [kept for kept in needed if kept is not form]
        if plain(one, rest) == plain(other, rest):
            needed = rest
    return tuple(needed)


def plain(uid: str, forms: Sequence[Form] = FORMS) -> str:
    """An id stripped of the given forms; a form that would leave nothing is skipped."""
    text = uid
    for form in forms:
        text = form.without(text) or text
    return text


def alike(uids: Iterable[str]) -> list[list[str]]:
    """Groups of ids that differ only in their form."""
    return [group for group in _by_key(uids, FORMS).values() if len(group) > 1]


def _by_key(uids: Iterable[str], forms: Sequence[Form]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for uid in uids:
        groups[plain(uid, forms)].append(uid)
    return groups


def _rounded(others: Sequence[str], known: Sequence[str]) -> dict[str, NearMiss]:
    """Near misses of ids, listed or unlisted, that a spreadsheet took for numbers."""
    found: dict[str, NearMiss] = {}
    for short, whole in ((others, known), (known, others)):
        places = {uid: digits for uid in short if (digits := _digits_kept(uid)) is not None}
        numbers = [uid for uid in whole if uid.isascii() and uid.isdigit()]
        indices = {
            digits: _by_key(numbers, [_spreadsheet(digits)]) for digits in set(places.values())
        }
        for uid, digits in places.items():
            key = _spreadsheet(digits).without(uid.replace(",", "."))
            fitting = indices[digits].get(key, [])
            for other in fitting:
                one, two = (uid, other) if short is others else (other, uid)
                found.setdefault(one, NearMiss(one, two, (SCIENTIFIC,), len(fitting)))
    return found


def _spreadsheet(digits: int) -> Form:
    """Form of a number with this many digits after the first, as spreadsheets shorten long ones."""
    return Form("digits", lambda text: f"{float(text):.{digits}e}")


def _digits_kept(uid: str) -> int | None:
    """Digits after the first of a number in scientific notation; None for other ids."""
    if not _SCIENTIFIC.fullmatch(uid):
        return None
    return max(len(re.split("[eE]", uid)[0]) - 2, 0)


def require_listed(
    path: PathLike, uids: Iterable[str], lines: Iterable[int], scans: Collection[str]
) -> None:
    """Raise FileDefect if a submission has marks of scans that are not in the list of scans."""
    first, counts = _unlisted(uids, lines, scans)
    if not first:
        return
    _refuse_near_misses(path, first, counts, scans)
    uid, line = next(iter(first.items()))
    listed = len(counts) - len(first)
    reason = (
        f"seriesuid '{shown(uid)}' is not in the list of scans: of the file's "
        f"{_count(len(counts), 'scan')} {listed or 'none'} {'is' if listed <= 1 else 'are'} among "
        f"the {len(scans):,} listed"
    )
    remedy = (
        f"Give as --scans the list that the file was made for, or leave the "
        f"{_count(sum(counts[uid] for uid in first), 'mark')} of {_count(len(first), 'scan')} out "
        "with --ignore-unlisted."
    )
    if not listed:
        remedy = (
            "Give lists of the same scans as the submission: the listed ids look like "
            f"'{shown(next(iter(scans), ''))}'."
        )
    raise FileDefect(f"{path}, line {line}", reason, remedy)


def require_one_spelling(
    path: PathLike, uids: Iterable[str], lines: Iterable[int], scans: Collection[str]
) -> None:
    """Raise FileDefect if ids differ from listed ones only in their form; other scans are fine."""
    first, counts = _unlisted(uids, lines, scans)
    _refuse_near_misses(path, first, counts, scans)


def _refuse_near_misses(
    path: PathLike, first: dict[str, int], counts: Counter[str], scans: Collection[str]
) -> None:
    """Raise FileDefect if unlisted ids (given with their first lines) seem to mean listed ones."""
    near = near_misses(first, scans)
    if not near:
        return
    groups = Counter(miss.forms for miss in near)
    forms, many = groups.most_common(1)[0]
    miss = next(miss for miss in near if miss.forms == forms)
    rows = sum(counts[miss.unlisted] for miss in near)
    reason = (
        f"seriesuid '{shown(miss.unlisted, SHOWN)}' is not in the list of scans, but "
        f"'{shown(miss.listed, SHOWN)}' is: {_count(len(near), 'id')} ({_count(rows, 'row')}) "
        "would fall out by their spelling alone"
    )
    raise FileDefect(f"{path}, line {first[miss.unlisted]}", reason, _mend(miss, many))


def _unlisted(
    uids: Iterable[str], lines: Iterable[int], scans: Collection[str]
) -> tuple[dict[str, int], Counter[str]]:
    """First line of each unlisted id, and the number of rows of every id."""
    known = set(scans)
    counts: Counter[str] = Counter()
    first: dict[str, int] = {}
    for uid, line in zip(uids, lines, strict=True):
        counts[uid] += 1
        if uid not in known:
            first.setdefault(uid, line)
    return first, counts


def _mend(miss: NearMiss, many: int) -> str:
    """Remedy for a group of near misses, in one sentence with an example."""
    one, other = shown(miss.unlisted, SHOWN), shown(miss.listed, SHOWN)
    if miss.forms == (SCIENTIFIC,) and miss.fitting > 1:
        return (
            f"Export the table again with its ids as text: {miss.fitting} ids fit '{one}', and "
            "nobody can know which is meant."
        )
    if miss.fitting > 1:
        return f"Spell each scan in one way: '{one}' may mean {miss.fitting} of the listed ids."
    if miss.forms == (SCIENTIFIC,):
        is_short = _digits_kept(miss.unlisted) is not None
        how = "in all their digits" if is_short else "in the list's scientific notation"
    else:
        how = _differences(miss)
    return f"Write them {how}, '{one}' as '{other}', and {_count(many, 'id')} will match."


def _differences(miss: NearMiss) -> str:
    """How an unlisted id has to be written: `without folders and leading zeros`."""
    text = miss.unlisted
    words: dict[str, list[str]] = {"without": [], "with": [], "in": []}
    for form in miss.forms:
        bare = form.without(text) or text
        if form is CAPITALS:
            words["in"].append("the list's capitals")
        else:
            words["without" if bare != text else "with"].append(form.name)
        text = bare
    return " and ".join(f"{how} {' and '.join(names)}" for how, names in words.items() if names)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")
