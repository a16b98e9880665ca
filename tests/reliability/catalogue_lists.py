"""Defective lists, and what has to be said of each."""

from collections.abc import Callable
from pathlib import Path

from helpers.luna16_folder import HEAD
from reliability.catalogue import ALL, EXPORT, LINE, NAMED, NONE, Case, pipe


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Replace text of a list."""

    def damage(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return damage


def append(name: str, line: str) -> Callable[[Path], None]:
    """Add a line to a list."""

    def damage(folder: Path) -> None:
        with (folder / name).open("a") as stream:
            stream.write(line + "\n")

    return damage


def rewrite(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    """Change the bytes of a list."""
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def widened(column: bytes) -> Callable[[bytes], bytes]:
    """Add a column of ones to a list."""
    return lambda content: b"".join(
        line + b"," + (b"1" if number else column) + b"\n"
        for number, line in enumerate(content.splitlines())
    )


NODULES, EXCLUDED, SCANS = "annotations.csv", "annotations_excluded.csv", "seriesuids.csv"
CANDIDATES = "candidates_V2.csv"
LINE_3 = f"{NODULES}, line 3"  # a nodule of 2.25.1
UIDS_ALONE = "Write the UIDs alone, as the headers are named: digits and dots."
OUTSIDE = "Correct the line, or the header's Offset, ElementSpacing or TransformMatrix."

LISTS = [
    Case(
        "no annotations",
        lambda f: (f / NODULES).unlink(),
        NODULES,
        "the file is missing",
        "with the columns seriesuid,coordX",
        ALL,
    ),
    Case(
        "no excluded",
        lambda f: (f / EXCLUDED).unlink(),
        EXCLUDED,
        "the file is missing",
        "with the columns seriesuid,coordX",
        ALL,
    ),
    Case(
        "an empty list",
        rewrite(NODULES, lambda b: b""),
        NODULES,
        "the file is empty",
        "needs its header.",
        ALL,
    ),
    Case(
        "colons",
        rewrite(NODULES, lambda b: b.replace(b",", b":")),
        f"{NODULES}, line 1",
        "there is no column 'seriesuid'",
        NAMED,
        ALL,
    ),
    Case(
        "a column missing",
        edit(NODULES, "coordZ", "Z"),
        f"{NODULES}, line 1",
        "there is no column 'coordZ'",
        NAMED,
        ALL,
    ),
    Case(
        "no header",
        edit(NODULES, HEAD, ""),
        f"{NODULES}, line 1",
        "there is no column 'seriesuid'",
        NAMED,
        ALL,
    ),
    Case(
        "a list in half of UTF-16",
        lambda f: (f / NODULES).write_bytes(HEAD.encode("utf-16")[:-1]),
        NODULES,
        "is not CSV text in UTF-8",
        EXPORT,
        ALL,
    ),
    Case(
        "a list in Latin-1",
        rewrite(NODULES, lambda b: b + "é".encode("latin-1")),
        NODULES,
        "is not CSV text in UTF-8",
        EXPORT,
        ALL,
    ),
    Case(
        "voxels for a list",
        rewrite(NODULES, lambda b: b"\xfe\x00\x10\xfc" * 9),
        NODULES,
        "is not CSV text in UTF-8",
        EXPORT,
        ALL,
    ),
    Case(
        "a field without end",
        append(NODULES, '2.25.1,"' + "x" * 200_000),
        NODULES,
        "is not CSV text in UTF-8",
        EXPORT,
        ALL,
    ),
    Case(
        "a column twice",
        rewrite(NODULES, widened(b"coordZ")),
        f"{NODULES}, line 1",
        "the column 'coordZ' stands twice",
        "Name each column once",
        ALL,
    ),
    Case(
        "a folder for a list",
        lambda f: ((f / NODULES).unlink(), (f / NODULES).mkdir()),
        NODULES,
        "cannot be read",
        "Check the path.",
        ALL,
    ),
    Case(
        "a row cut off",
        edit(NODULES, "2.25.1,-1,0,0,5", "2.25.1,-1"),
        LINE_3,
        "2 fields where line 1 has 5",
        LINE,
        ALL,
    ),
    Case(
        "decimal commas in a row",
        edit(NODULES, "2.25.1,-1,", "2.25.1,-1,5,"),
        LINE_3,
        "6 fields where line 1 has 5",
        LINE,
        ALL,
    ),
    Case(
        "a row without UID",
        edit(NODULES, "2.25.1,", ","),
        LINE_3,
        "the seriesuid is empty",
        LINE,
        ALL,
    ),
    Case(
        "text for a number",
        edit(NODULES, "2.25.1,-1", "2.25.1,left"),
        LINE_3,
        "coordX 'left' is not a finite number",
        LINE,
    ),
    Case(
        "NaN for a number",
        edit(NODULES, "2.25.1,-1", "2.25.1,NaN"),
        LINE_3,
        "coordX 'NaN' is not a finite number",
        LINE,
    ),
    Case(
        "a number missing", edit(NODULES, "2.25.1,-1", "2.25.1,"), LINE_3, "coordX is empty", LINE
    ),
    Case(
        "an infinite diameter",
        edit(NODULES, "0,0,5\n", "0,0,inf\n"),
        LINE_3,
        "diameter_mm 'inf' is not a finite",
        LINE,
    ),
    Case(
        "a diameter below 0",
        edit(NODULES, "0,0,5\n", "0,0,-5\n"),
        LINE_3,
        "diameter_mm -5 is impossible",
        LINE,
    ),
    Case(
        "a diameter of 0",
        edit(NODULES, "0,0,5\n", "0,0,0\n"),
        LINE_3,
        "diameter_mm 0 is impossible",
        LINE,
    ),
    Case(
        "a nodule of 4 m",
        edit(NODULES, "0,0,5\n", "0,0,4000\n"),
        LINE_3,
        "diameter_mm 4000 is impossible",
        LINE,
    ),
    Case(
        "a nodule outside its scan",
        edit(NODULES, "2.25.1,-1", "2.25.1,-99"),
        LINE_3,
        "(-99, 0, 0) mm lies outside the scan's volume",
        OUTSIDE,
    ),
    Case(
        "a finding of 4 m",
        edit(EXCLUDED, ",-1\n", ",4000\n"),
        f"{EXCLUDED}, line 2",
        "diameter_mm 4000 is impossible",
        LINE,
        ("2.25.3",),
    ),
    Case(
        "scans listed twice",
        edit(SCANS, "2.25.3", "2.25.2"),
        f"{SCANS}, line 3",
        "scan '2.25.2' is listed already on line 2",
        "List each scan once",
        ALL,
    ),
    Case(
        "an empty list of scans",
        rewrite(SCANS, lambda b: b""),
        SCANS,
        "the file is empty",
        "needs its header.",
        ALL,
    ),
    # Told, and harmless.
    Case(
        "a finding outside its scan",
        edit(EXCLUDED, "-10,0,0", "-999,0,0"),
        f"{EXCLUDED}, line 2",
        "(-999, 0, 0) mm lies outside",
        OUTSIDE,
        NONE,
    ),
    Case(
        "a nodule twice",
        append(NODULES, "2.25.1,-1,0,0,5"),
        f"{NODULES}, line 6",
        "the same nodule is listed on an earlier line",
        "Remove the line.",
        NONE,
    ),
    Case(
        "a nodule twice, rounded",
        append(NODULES, "2.25.1,-1.004,0.3,0,5.1"),
        f"{NODULES}, line 6",
        "the nodule lies within 1 mm of that on line 3, and both count",
        "Remove one of the lines, if they are one nodule.",
        NONE,
    ),
    Case(
        "a nodule of an unknown scan",
        append(NODULES, "../../etc,0,0,0,5"),
        NODULES,
        "2 of 5 rows belong to 2 scans that are not there",
        "Nothing to do, unless",
        NONE,
    ),
    Case(
        "a candidate of class 7",
        edit("candidates_V2.csv", "2.25.1,0,0,0,1", "2.25.1,0,0,0,7"),
        "candidates_V2.csv, line 2",
        "class 7 is impossible",
        LINE,
        NONE,
    ),
    Case(
        "a scan that is not listed",
        edit(SCANS, "2.25.3\n", ""),
        SCANS,
        "scan 2.25.3 is not listed",
        "Add it to the lists",
        NONE,
    ),
    Case(
        "not one UID is one",
        rewrite(NODULES, lambda b: b.replace(b"2.25", b"L2.25")),
        NODULES,
        "4 of 4 rows name no series UID, such as 'L2.25.2' on line 2",
        UIDS_ALONE,
        ALL,
    ),
    Case(
        "one UID is none",
        edit(NODULES, "2.25.9,500", "2.25.9.mhd,500"),
        NODULES,
        "1 of 4 rows name no series UID, such as '2.25.9.mhd' on line 5",
        UIDS_ALONE,
        NONE,
    ),
    Case(
        "a number with _",
        edit(NODULES, "2.25.1,-1", "2.25.1,-0_1"),
        LINE_3,
        "coordX '-0_1' is not a finite number",
        LINE,
    ),
    Case(
        "a number in full-width digits",
        edit(NODULES, "2.25.1,-1", "2.25.1,\uff11"),
        LINE_3,
        "coordX '\uff11' is not a finite number",
        LINE,
    ),
    Case(
        "a forged line",
        edit(NODULES, "2.25.1,-1", '2.25.1,"1\nerror: \x1b[31mx"'),
        f"{NODULES}, line 4",
        r"coordX '1\nerror: \x1b[31mx' is not a finite number",
        LINE,
    ),
    Case(
        "a number of 130,000 characters",
        edit(NODULES, "2.25.1,-1", "2.25.1," + "x" * 130_000),
        LINE_3,
        f"coordX '{'x' * 64}..' is not a finite number",
        LINE,
    ),
    *(
        Case(
            f"a pipe for {name}",
            pipe(name),
            name,
            "cannot be read (it is not a regular file)",
            "Check the path.",
            ALL,
        )
        for name in (NODULES, EXCLUDED, SCANS, CANDIDATES)
    ),
    *(
        Case(
            f"{name} is a link to {target}",
            lambda f, name=name, target=target: (
                (f / name).unlink(),
                (f / name).symlink_to(target),
            ),
            name,
            f"cannot be read ({reason})",
            "Check the path.",
            ALL,
        )
        for name in (NODULES, SCANS, CANDIDATES)
        for target, reason in (
            ("nowhere", "No such file or directory"),
            (name, "Too many levels of symbolic links"),
        )
    ),
]
