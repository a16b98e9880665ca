"""What `luna16 score` would score wrongly without a word: refused, or told in a note."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from helpers.luna16_folder import HEAD
from reliability.catalogue_lists import EXCLUDED, NODULES, SCANS, append, edit
from reliability.catalogue_more import MARK

# Marks on the three nodules of the listed scans.
HITS = "2.25.2,1,2,3,.9\n2.25.1,-1,0,0,.8\n2.25.2,0,0,0,.7\n"
SPELT = "would fall out by their spelling alone"


class Score(NamedTuple):
    """A mistake: what it does to the folder, what is added to the command, what is said."""

    damage: Callable[[Path], object]
    added: tuple[str, ...]
    status: int
    message: str


def mine(*parts: str) -> Callable[[Path], None]:
    """Submissions mine.csv, mine1.csv .. of the given marks."""

    def damage(folder: Path) -> None:
        for number, part in enumerate(parts):
            (folder / f"mine{number or ''}.csv").write_text(MARK.decode() + part)

    return damage


def marks(change: Callable[[list[float]], list[float]]) -> Callable[[Path], None]:
    """A submission whose coordinates are changed; nodules far from the origin, of six scans."""
    uids = [f"2.25.{number}" for number in range(1, 7)]
    places = [[31.0 + n, -52.0 - 9 * n, 73.0 + 4 * n] for n in range(6)]

    def damage(folder: Path) -> None:
        rows = zip(uids, places, strict=True)
        nodules = [f"{uid},{','.join(map(str, place))},6\n" for uid, place in rows]
        (folder / NODULES).write_text(HEAD + "".join(nodules))
        (folder / SCANS).write_text("\n".join(uids))
        rows = zip(uids, map(change, places), strict=True)
        mine("".join(f"{uid},{','.join(map(str, place))},1\n" for uid, place in rows))(folder)

    return damage


def both(*damages: Callable[[Path], object]) -> Callable[[Path], None]:
    """One damage after the other."""

    def damage(folder: Path) -> None:
        for each in damages:
            each(folder)

    return damage


def swap(folder: Path) -> None:
    """Exchange the annotations and the excluded findings."""
    first, second = (folder / NODULES).read_text(), (folder / EXCLUDED).read_text()
    (folder / NODULES).write_text(second)
    (folder / EXCLUDED).write_text(first)


SCORES = {
    "annotations spelt otherwise": Score(
        both(edit(NODULES, "2.25.2", "2.25.02"), mine(HITS)),
        (),
        2,
        f"{NODULES}, line 2: seriesuid '2.25.02' is not in the list of scans, but '2.25.2' is: 1 id"
        f" (2 rows) {SPELT}. Write them without leading zeros, '2.25.02' as '2.25.2', and 1 id",
    ),
    "excluded findings spelt otherwise": Score(
        both(edit(EXCLUDED, "2.25.3", "2.25.3.mhd"), mine(HITS)),
        (),
        2,
        f"{EXCLUDED}, line 2: seriesuid '2.25.3.mhd' is not in the list of scans, but '2.25.3' is:",
    ),
    "scans spelt otherwise": Score(
        both(edit(SCANS, "2.25", "2.025"), mine(HITS)),
        (),
        2,
        "Write them with leading zeros, '2.25.2' as '2.025.2', and 2 ids will match.",
    ),
    "scans in two spellings": Score(
        both(append(SCANS, "2.25.01"), mine("2.25.01,-1,0,0,1\n")),
        (),
        2,
        "mine.csv: has marks of scan '2.25.01', and the annotations spell it '2.25.1': both are",
    ),
    "lists swapped": Score(
        both(swap, mine(HITS)),
        (),
        2,
        f"{NODULES}: 1 of its 1 rows have a diameter below 0 (not measured), and of the 4 in",
    ),
    "one list for both": Score(
        both(lambda f: (f / EXCLUDED).write_bytes((f / NODULES).read_bytes()), mine(HITS)),
        (),
        2,
        f"{NODULES}: holds the same 4 findings as",
    ),
    "parts compared": Score(
        mine("2.25.1,-1,0,0,1\n", "2.25.2,1,2,3,1\n"),
        ("mine1.csv",),
        0,
        "note: no scan has marks in two of these 2 files. If they are parts of one system",
    ),
    "parts that overlap": Score(
        mine(HITS, "2.25.2,1,2,3,1\n"),
        ("mine1.csv", "--together"),
        2,
        "mine1.csv: scan '2.25.2' has marks here and in",
    ),
    "unlisted marks left out": Score(
        mine(HITS + "2.25.8,0,0,0,1\n"),
        ("--ignore-unlisted",),
        0,
        "note: mine: 1 of 4 marks are left out (unlisted scans: 1).",
    ),
    "unlisted marks left out, one spelt otherwise": Score(
        mine(HITS + "2.25.03,0,0,0,1\n"),
        ("--ignore-unlisted",),
        2,
        "seriesuid '2.25.03' is not in the list of scans, but '2.25.3' is",
    ),
    "a part alone": Score(
        mine("2.25.1,-1,0,0,1\n"),
        (),
        0,
        "note: mine: marks lie in only 1 of the 3 listed scans, so at most 1 of 3 nodules",
    ),
    "a nodule twice, rounded": Score(
        both(append(NODULES, "2.25.1,-1.004,0.3,0,5.1"), mine(HITS)),
        (),
        0,
        "note: reference nodules within 1 mm of another that is listed before them: 1, the first "
        "in scan 2.25.1. Each counts as a nodule of its own",
    ),
    "no ranking": Score(
        mine("2.25.1,-1,0,0,1\n" + "".join(f"2.25.2,{x},2,3,1\n" for x in range(5))),
        (),
        0,
        "note: mine: all 6 marks have the probability 1. The score ranks marks by it",
    ),
    "RAS": Score(
        marks(lambda p: [-p[0], -p[1], p[2]]),
        (),
        0,
        "note: mine: 0 of 6 nodules in scans with marks are hit by 6 marks. If x and y have the "
        "other sign (RAS in place of LPS) in the submission, 6 would be. Nothing was changed",
    ),
    "z,y,x": Score(marks(lambda p: p[::-1]), (), 0, "If the columns hold z,y,x in this order"),
    "z negated": Score(marks(lambda p: [p[0], p[1], -p[2]]), (), 0, "If z has the other sign in"),
    "metres": Score(
        marks(lambda p: [x / 1000 for x in p]), (), 0, "If the coordinates are in m in"
    ),
    "voxel indices": Score(
        marks(lambda p: [round(x + 200) for x in p]),
        (),
        0,
        "Their coordinates are whole numbers from 0 on, as voxel indices are; what they would hit",
    ),
    "another place": Score(
        marks(lambda p: [x + 50 for x in p]),
        (),
        0,
        "Axes negated or in another order, cm and m don't explain it: look at the ids, and whether",
    ),
}
