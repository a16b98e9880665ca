"""Paths of a data set's folders and lists: as in LUNA16, and as archives unpack them.

Runs while the Snakefile is read, so it imports nothing heavy. Unambiguous deviations are accepted:
`Subset4` or `subset04` for subset4, scans one folder too deep, the lists in `CSVFILES`.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from nodules.base.messages import escaped
from nodules.datasets.scan import SUBSETS, Oddity
from nodules.images.foreign import is_path

NAME = re.compile(r"subset[ _-]?0*([0-9])", re.IGNORECASE)
DEEPEST = 3  # levels searched below a subset's own folder, if that contains no header
LOOKED_AT = 5000  # number of names after which a folder without a subset is left unidentified
FILES = (
    "annotations.csv",
    "annotations_excluded.csv",
    "candidates_V2.csv",
    "seriesuids.csv",
    "patients.csv",
)


def subset_number(name: str) -> int | None:
    """Number of the subset that a folder of this name stands for; None for any other name."""
    match = NAME.fullmatch(name)
    return int(match[1]) if match else None


def subset_of(header: Path) -> int:
    """Number of the subset in which a header lies, at whatever depth; -1 for none."""
    folders = [parent.name for parent in header.parents[: DEEPEST + 1]]
    return next((k for k in map(subset_number, folders) if k is not None), -1)


def subset_folders(root: Path) -> dict[int, list[Path]]:
    """The folders with each subset's scans; subsets that are not there are left out.

    Usually one folder per subset. For a subset without any header, its own folder.
    """
    found = {}
    for number, paths in _candidates(root).items():
        chosen = _chosen(number, paths)
        if chosen is not None:
            found[number] = holders(chosen) or [chosen]
    return found


def holders(folder: Path) -> list[Path]:
    """Folders that contain headers: the subset's own or, if it has none, those below it."""
    level = [folder]
    for _ in range(DEEPEST + 1):
        holding = [f for f in level if any(is_header(name) for name in _names(f))]
        if holding:
            return holding
        level = [sub for f in level for sub in subfolders(f) if is_path(sub.name)]
    return []


def list_file(root: Path, name: str) -> Path:
    """Path of a list: in the folder itself, else the only one of this name up to two folders down.

    Capitals matter only if a file has exactly this name. If no list is found, or several are, the
    path in the folder itself.
    """
    if os.path.lexists(root / name):
        return root / name
    found = _elsewhere(root, name)
    return found[0] if len(found) == 1 else root / name


def remarks(root: Path) -> list[Oddity]:
    """Notes on deviations from LUNA16's layout: what is used all the same, and what is left out."""
    told: list[Oddity] = []
    for number, paths in _candidates(root).items():
        told += _folder_remarks(root, number, paths)
    for name in FILES:
        if os.path.lexists(root / name):
            continue
        found = _elsewhere(root, name)
        if len(found) == 1:
            place = escaped(str(found[0].relative_to(root)))
            told.append(Oddity(root / name, f"not here, and taken from {place}", MOVE_LIST))
        elif found:
            places = " and ".join(escaped(str(path.relative_to(root))) for path in found[:3])
            reason = f"not here, and not taken from {places}: which of them counts is unclear"
            told.append(Oddity(root / name, reason, "Move the right one up."))
    return told


MOVE_LIST = "Nothing to do; moved up, it lies where LUNA16 has it."


def hint(root: Path) -> str:
    """Where the scans may be if a folder contains none; "" if nothing suggests it."""
    own = _names(root)
    if any(is_header(name) for name in own):
        if subset_number(root.resolve().name) is not None:
            return "This folder is a subset itself: name the folder above it. "
        return "The scans lie in the folder itself: move them into a folder subset0 there. "
    above = [sub for sub in subfolders(root) if any(map(holders, _subsets_in(sub)))]
    if above:
        places = " or ".join(escaped(str(sub)) for sub in above[:2])
        return f"The subsets lie one folder deeper: name {places}. "
    suffixes = _suffixes(root)
    for told, kinds in KINDS.items():
        if suffixes & set(kinds):
            return told
    return ""


KINDS = {
    "There are DICOM files in it: 'luna16 convert' makes scans of them. ": (".dcm", ".ima"),
    "Scans are read as .mhd only: give what lies there to 'luna16 convert'. ": (
        ".nii",
        ".gz",
        ".mha",
        ".nrrd",
        ".nhdr",
        ".hdr",
    ),
    "There are archives in it: unpack them. ": (".zip", ".tar", ".7z"),
}


def is_header(name: str) -> bool:
    """Whether a file's name is a header's; hidden files, such as macOS's `._<name>`, are not."""
    return name.endswith(".mhd") and not name.startswith(".")


def subfolders(folder: Path) -> list[Path]:
    """Folders in a folder, by name, without hidden ones; none if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            found = [e.name for e in entries if not e.name.startswith(".") and e.is_dir()]
    except OSError:
        return []
    return [folder / name for name in sorted(found)]


def _folder_remarks(root: Path, number: int, paths: list[Path]) -> Iterator[Oddity]:
    """Notes on the folders that may be one subset."""
    chosen = _chosen(number, paths)
    for path in paths:
        others = " and ".join(escaped(p.name) for p in paths if p != path)
        if path != chosen and (holders(path) or chosen is None):
            reason = f"left out, since {others} {'is' if len(paths) == 2 else 'are'} there, too"
            yield Oddity(path, reason, f"Put all scans of the subset into subset{number}.")
    if chosen is None:
        return
    if chosen.name != f"subset{number}":
        yield Oddity(chosen, f"taken as subset{number}", "Nothing to do.")
    deeper = [f for f in holders(chosen) if f != chosen]
    for folder in deeper:
        depth = len(folder.relative_to(chosen).parts)
        reason = f"its scans are taken; they lie {'one folder' if depth == 1 else 'folders'} too "
        yield Oddity(folder, f"{reason}deep", f"Nothing to do; LUNA16 has them in subset{number}.")
    for folder in [] if deeper else subfolders(chosen):
        if holders(folder):
            remedy = "Move its scans up, beside the others, to use them."
            yield Oddity(folder, "left out: a folder of scans within a subset", remedy)


def _candidates(root: Path) -> dict[int, list[Path]]:
    """Paths whose name can mean a subset, by the subset's number; LUNA16's own name first."""
    found: dict[int, list[Path]] = {}
    for name in sorted(_names(root)):
        number = subset_number(name)
        if number is not None and number in SUBSETS:
            found.setdefault(number, []).append(root / name)
    for number, paths in found.items():
        paths.sort(key=lambda path: path.name != f"subset{number}")
    return dict(sorted(found.items()))


def _chosen(number: int, paths: list[Path]) -> Path | None:
    """The folder used for a subset; None if several could be meant."""
    if paths[0].name == f"subset{number}" or len(paths) == 1:
        return paths[0]
    return None


def _subsets_in(folder: Path) -> list[Path]:
    return [path for paths in _candidates(folder).values() for path in paths]


def _elsewhere(root: Path, name: str) -> list[Path]:
    """Files of this name, ignoring capitals, at the first of three levels that has any.

    The levels are the folder itself, those in it, and those one further down; subsets are skipped.
    """
    level = [root]
    for _ in range(3):
        found = [f / own for f in level for own in _names(f) if own.lower() == name.lower()]
        if found:
            return sorted(found)
        level = [sub for f in level for sub in subfolders(f) if subset_number(sub.name) is None]
        level = [sub for sub in level if is_path(sub.name)]
    return []


def _suffixes(root: Path) -> set[str]:
    """Suffixes, in lower case, of the first files up to three folders down."""
    found: set[str] = set()
    seen, level = 0, [root]
    for _ in range(4):
        for folder in level:
            names = _names(folder)
            found |= {Path(name).suffix.lower() for name in names}
            seen += len(names)
            if seen > LOOKED_AT:
                return found
        level = [sub for folder in level for sub in subfolders(folder)]
    return found


def _names(folder: Path) -> list[str]:
    """Names in a folder; none if it cannot be read."""
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []
