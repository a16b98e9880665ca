"""Folders as archives and people lay them out, patients, and data that is not LUNA16's."""

import shutil
from collections.abc import Callable
from pathlib import Path

from helpers.chest import chest, scan_of, write
from helpers.luna16_folder import HEAD, write_scan
from reliability.catalogue import (
    AGAIN_DATA,
    ALL,
    ARCHIVE_DATA,
    ARCHIVE_HEADER,
    LINE,
    NONE,
    Case,
)
from reliability.catalogue_lists import edit

LUNA16_UID = "1.3.6.1.4.1.14519.5.2.1.6279.6001.111111111111111111111111111111"


def moved(source: str, target: str) -> Callable[[Path], None]:
    """Move a file or folder; folders above it are made."""

    def damage(folder: Path) -> None:
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        (folder / source).rename(folder / target)

    return damage


def deeper(folder: Path) -> None:
    """Scans of subset0 one folder too deep."""
    moved("subset0", "x")(folder)
    moved("x", "subset0/subset0")(folder)


def second_folder(folder: Path) -> None:
    """A scan in Subset0 beside subset0."""
    (folder / "other").mkdir()
    write_scan(folder / "other", 0, "2.25.4")
    moved("other/subset0", "Subset0")(folder)


def of_luna16(change: Callable[[Path], object]) -> Callable[[Path], None]:
    """A scan with one of LUNA16's UIDs, damaged: its header is given."""

    def damage(folder: Path) -> None:
        write(folder, chest(), LUNA16_UID)
        with (folder / "seriesuids.csv").open("a") as stream:
            stream.write(LUNA16_UID + "\n")
        change(folder / f"subset0/{LUNA16_UID}.mhd")

    return damage


def short(header: Path) -> None:
    """Cut the voxels of a scan."""
    path = header.with_suffix(".raw")
    path.write_bytes(path.read_bytes()[:-2])


def renamed(folder: Path) -> None:
    """Scans named by numbers, with LUNA16's lists and no list of scans."""
    for old, new in (("subset0/2.25.1", "subset0/000"), ("subset0/2.25.2", "subset0/001")):
        rename_scan(folder, old, new)
    rename_scan(folder, "subset4/2.25.3", "subset4/002")
    (folder / "seriesuids.csv").unlink()
    (folder / "patients.csv").unlink()


def rename_scan(folder: Path, old: str, new: str) -> None:
    """Rename a scan's files, and the data file in its header."""
    header = folder / f"{old}.mhd"
    text = header.read_text().replace(Path(old).name, Path(new).name)
    for path in (folder / old).parent.glob(f"{Path(old).name}.*raw"):
        path.rename(folder / f"{new}{path.suffix}")
    header.unlink()
    (folder / f"{new}.mhd").write_text(text)


def zeros(folder: Path) -> None:
    """Scans 042 and 043 where the lists have 42 and 43."""
    renamed(folder)
    rename_scan(folder, "subset0/000", "subset0/042")
    (folder / "annotations.csv").write_text(HEAD + "42,0,0,0,5\n43,0,0,0,6\n")
    (folder / "annotations_excluded.csv").write_text(HEAD)
    (folder / "candidates_V2.csv").unlink()


def luna16_lists(folder: Path) -> None:
    """Own scans beside LUNA16's annotations."""
    renamed(folder)
    for name in ("annotations.csv", "annotations_excluded.csv"):
        (folder / name).write_text(f"{HEAD}{LUNA16_UID},0,0,0,5\n")
    (folder / "candidates_V2.csv").unlink()


def few_named(folder: Path) -> None:
    """Two of three scans under names that no list has."""
    rename_scan(folder, "subset0/2.25.1", "subset0/000")
    rename_scan(folder, "subset4/2.25.3", "subset4/001")
    (folder / "seriesuids.csv").unlink()
    (folder / "patients.csv").unlink()


def copied(folder: Path, change=lambda voxels: voxels, **options) -> None:
    """The same chest raw as 2.25.1 and in another way as 2.25.2."""
    write(folder, chest())
    write(folder, change(chest()), "2.25.2", **options)


BOTH = ("2.25.1", "2.25.2")
KEEP = "Keep one where it is one scan under two names"
NODULES, PATIENTS = "annotations.csv", "patients.csv"
NAMES = "Name the headers as the lists name the scans"

LAYOUTS = [
    Case(
        "one folder too deep",
        deeper,
        "subset0/subset0",
        "its scans are taken; they lie one folder too deep",
        "Nothing to do; LUNA16 has them in subset0.",
        NONE,
    ),
    Case(
        "a folder a scan",
        lambda f: [
            moved(f"subset0/{name}", f"subset0/{name[:6]}/{name}")(f)
            for name in ("2.25.1.mhd", "2.25.1.raw", "2.25.2.mhd", "2.25.2.zraw")
        ],
        "subset0/2.25.1",
        "its scans are taken; they lie one folder too deep",
        "Nothing to do",
        NONE,
    ),
    Case(
        "two folders too deep",
        lambda f: (deeper(f), moved("subset0/subset0", "subset0/a/b")(f)),
        "subset0/a/b",
        "its scans are taken; they lie folders too deep",
        "Nothing to do",
        NONE,
    ),
    *(
        Case(
            f"{name} for subset4",
            moved("subset4", name),
            name,
            "taken as subset4",
            "Nothing to do.",
            NONE,
        )
        for name in ("Subset4", "subset04", "SUBSET4", "subset_4", "subset-4", "subset 4")
    ),
    Case(
        "Subset0 beside subset0",
        second_folder,
        "Subset0",
        "left out, since subset0 is there, too",
        "Put all scans of the subset into subset0.",
        NONE,
    ),
    Case(
        "scans within a subset with scans",
        lambda f: (write_scan(f, 7, "2.25.7"), moved("subset7", "subset0/more")(f)),
        "subset0/more",
        "left out: a folder of scans within a subset",
        "Move its scans up",
        NONE,
    ),
    Case(
        "lists in CSVFILES",
        lambda f: [moved(name, f"CSVFILES/{name}")(f) for name in (NODULES, "seriesuids.csv")],
        NODULES,
        "not here, and taken from CSVFILES/annotations.csv",
        "Nothing to do; moved up",
        NONE,
    ),
    Case(
        "a list in its archive's folder",
        moved("candidates_V2.csv", "candidates_V2/candidates_V2.csv"),
        "candidates_V2.csv",
        "not here, and taken from candidates_V2/candidates_V2.csv",
        "Nothing to do; moved up",
        NONE,
    ),
    Case(
        "a list two folders down",
        moved(NODULES, f"CSVFILES/CSVFILES/{NODULES}"),
        NODULES,
        "not here, and taken from CSVFILES/CSVFILES/annotations.csv",
        "Nothing to do; moved up",
        NONE,
    ),
    Case(
        "a list in capitals",
        moved(NODULES, "Annotations.CSV"),
        NODULES,
        "not here, and taken from Annotations.CSV",
        "Nothing to do; moved up",
        NONE,
    ),
    Case(
        "a list twice, elsewhere",
        lambda f: (
            moved("candidates_V2.csv", "a/candidates_V2.csv")(f),
            (f / "b").mkdir(),
            shutil.copy(f / "a/candidates_V2.csv", f / "b"),
        ),
        "candidates_V2.csv",
        "not here, and not taken from a/candidates_V2.csv and b/candidates_V2.csv",
        "Move the right one up.",
        NONE,
    ),
    *(
        Case(
            f"a scan as {suffix}",
            lambda f, suffix=suffix: (f / f"subset4/2.25.8{suffix}").write_bytes(b"voxels"),
            f"subset4/2.25.8{suffix}",
            "left out: scans and labels are read as .mhd only",
            "Convert each to <seriesuid>.mhd",
            NONE,
        )
        for suffix in (".nii.gz", ".nii", ".mha", ".nrrd", ".dcm", ".mhd.gz")
    ),
    Case(
        "the same scan in another format",
        lambda f: (f / "subset0/2.25.1.nii.gz").write_bytes(b"voxels"),
        "subset0/2.25.1.nii.gz",
        "left out: scans and labels are read as .mhd only",
        "Convert each to <seriesuid>.mhd",
        NONE,
    ),
    Case(
        "a folder of DICOM files",
        lambda f: [(f / f"subset4/{n}.dcm").write_bytes(b"DICM") for n in range(30)],
        "subset4/0.dcm",
        "left out and 29 more files: scans and labels are read as .mhd only",
        "Convert each to <seriesuid>.mhd",
        NONE,
    ),
    Case(
        "voxels without a header",
        lambda f: (f / "subset4/2.25.8.raw").write_bytes(b"voxels"),
        "subset4/2.25.8.raw",
        "left out: its header is missing",
        "Copy the .mhd file there to use the scan.",
        NONE,
    ),
]
NAMES_OF_SCANS = [
    Case(
        "no list names any scan",
        renamed,
        NODULES,
        "none of its 4 nodules belongs to one of the 3 scans here, and no list names one of them: "
        "the scans are named like '000', the list's like '2.25.1'; renamed files",
        NAMES,
        ALL,
    ),
    Case(
        "LUNA16's lists, own scans",
        luna16_lists,
        NODULES,
        "the list is LUNA16's, the scans are named otherwise ('000')",
        NAMES,
        ALL,
    ),
    Case(
        "zeros in front",
        zeros,
        NODULES,
        "scan '042' is spelled '42' in the list",
        NAMES,
        ALL,
    ),
    Case(
        "few scans are named",
        few_named,
        NODULES,
        "the lists name only 1 of 3 scans: the others, such as 000, count as scans without",
        "List in seriesuids.csv the scans that have none",
        NONE,
    ),
    Case(
        "no patients",
        lambda f: (f / PATIENTS).unlink(),
        PATIENTS,
        "nobody says whose 3 of the scans are, such as 2.25.1: each counts as a patient of its own",
        "Name their patients in patients.csv (columns seriesuid, patient).",
        NONE,
    ),
    Case(
        "a patient missing",
        edit(PATIENTS, "2.25.3,three\n", ""),
        PATIENTS,
        "nobody says whose 1 of the scans are, such as 2.25.3",
        "Name their patients",
        NONE,
    ),
    Case(
        "an empty patient",
        edit(PATIENTS, "2.25.1,one", "2.25.1,"),
        f"{PATIENTS}, line 2",
        "the patient is empty",
        LINE,
    ),
    Case(
        "two patients of one scan",
        edit(PATIENTS, "2.25.2,two", "2.25.1,two"),
        f"{PATIENTS}, line 3",
        "the scan is listed on line 2, as patient 'one'",
        LINE,
    ),
    Case(
        "a scan twice, same patient",
        edit(PATIENTS, "2.25.1,one\n", "2.25.1,one\n2.25.1,one\n"),
        f"{PATIENTS}, line 3",
        "the scan is listed on line 2, with the same patient",
        LINE,
        NONE,
    ),
    Case(
        "a patient of an unknown scan",
        edit(PATIENTS, "2.25.1,one\n", "2.25.1,one\n2.25.99,nine\n"),
        PATIENTS,
        "1 of 4 rows name no scan that is here, such as '2.25.99'",
        "Nothing to do, unless",
        NONE,
    ),
    Case(
        "patients without their column",
        edit(PATIENTS, "patient", "subject"),
        f"{PATIENTS}, line 1",
        "there is no column 'patient'",
        "The first line must name the columns, separated by commas.",
        ALL,
    ),
    Case(
        "patients cut off",
        edit(PATIENTS, "2.25.2,two", "2.25.2"),
        f"{PATIENTS}, line 3",
        "1 fields where line 1 has 2",
        "Complete or remove the line.",
        ALL,
    ),
    Case(
        "no patients in patients.csv",
        lambda f: (f / PATIENTS).write_text(""),
        PATIENTS,
        "the file is empty",
        "Even a list without rows needs its header.",
        ALL,
    ),
    Case(
        "a folder for patients",
        lambda f: ((f / PATIENTS).unlink(), (f / PATIENTS).mkdir()),
        PATIENTS,
        "cannot be read (it is not a regular file)",
        "Check the path.",
        ALL,
    ),
    Case(
        "patients in a spreadsheet",
        lambda f: (f / PATIENTS).write_bytes(b"PK\x03\x04[Content_Types].xml"),
        PATIENTS,
        "is a spreadsheet, no CSV text",
        "Save the table as CSV",
        ALL,
    ),
]
SAME = [
    Case(
        "the same scan, raw and compressed",
        lambda f: copied(f, compressed=True),
        "subset0/2.25.2.zraw",
        "the same voxels as scan 2.25.1",
        KEEP,
        BOTH,
    ),
    Case(
        "the same scan in another byte order",
        lambda f: (
            copied(f, lambda voxels: voxels.byteswap()),
            edit("subset0/2.25.2.mhd", "MSB = False", "MSB = True")(f),
        ),
        "subset0/2.25.2.raw",
        "the same voxels as scan 2.25.1",
        KEEP,
        BOTH,
    ),
    Case(
        "the same scan as int32",
        lambda f: copied(f, lambda voxels: voxels.astype("<i4")),
        "subset0/2.25.2.raw",
        "the same voxels as scan 2.25.1",
        KEEP,
        BOTH,
    ),
    Case(
        "the same scan as floats",
        lambda f: copied(f, lambda voxels: voxels.astype("<f4"), compressed=True),
        "subset0/2.25.2.zraw",
        "the same voxels as scan 2.25.1",
        KEEP,
        BOTH,
    ),
    Case(
        "the same scan from head to feet",
        lambda f: copied(f, lambda voxels: voxels[::-1]),
        "subset0/2.25.2.raw",
        "the same voxels as scan 2.25.1, stored in another order",
        KEEP,
        BOTH,
    ),
]
OWN = [
    Case(
        "LUNA16's header damaged",
        of_luna16(lambda path: path.write_bytes(b"")),
        f"subset0/{LUNA16_UID}.mhd",
        "the header is empty",
        ARCHIVE_HEADER,
        (LUNA16_UID,),
    ),
    Case(
        "LUNA16's voxels short",
        of_luna16(short),
        f"subset0/{LUNA16_UID}.raw",
        "bytes long where its header says",
        ARCHIVE_DATA,
        (LUNA16_UID,),
    ),
    Case(
        "own voxels short",
        lambda f: (scan_of(chest)(f), short(f / "subset0/2.25.1.mhd")),
        "subset0/2.25.1.raw",
        "bytes long where its header says",
        AGAIN_DATA,
    ),
    Case(
        "LUNA16's list missing",
        lambda f: (of_luna16(lambda path: None)(f), (f / NODULES).unlink()),
        NODULES,
        "the file is missing",
        "Copy LUNA16's annotations.csv there.",
        ALL,
    ),
]
