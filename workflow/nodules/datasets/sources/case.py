"""A case: a scan of a data set in another layout, before it is converted to LUNA16's.

Runs while the Snakefile is read, so it imports nothing heavy and reads no voxel.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nodules.base.files import FileDefect
from nodules.base.messages import escaped, shown
from nodules.datasets.luna16 import beside
from nodules.datasets.scan import SUBSETS, Oddity, Scan
from nodules.images.foreign import is_path

# Names become file names and wildcards: `<name>_lung.npy` must not belong to another scan.
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*(?<!_lung)"
LONGEST = 100  # characters
MISREAD = {"na", "nan", "null", "none", "true", "false", "inf"}  # by programs that read CSV files
FOLDER = "results/dataset"  # folder of the scans once they are in LUNA16's layout

Point = tuple[float, float, float, float]  # world x, y, z and diameter, mm


class Case(NamedTuple):
    """One scan: its safe name, its files, and what else the data set says about it.

    labels, region: label volumes of its lesions and of the organ; "" if there is none.
    subset: -1 if the data set does not say.
    values: labels that the data set declares, if it does. points: lesions listed in a table.
    ignored: labels of voxels that nobody labelled.
    """

    name: str
    image: str
    labels: str = ""
    region: str = ""
    patient: str = ""
    subset: int = -1
    values: tuple[int, ...] = ()
    points: tuple[Point, ...] = ()
    ignored: tuple[int, ...] = ()

    @property
    def files(self) -> list[str]:
        """All files from which it is read, including the voxel files that headers name."""
        named = [Path(name) for name in (self.image, self.labels, self.region) if name]
        voxels = [file for path in named if path.is_file() for file in beside(path)]
        return [str(path) for path in dict.fromkeys([*named, *voxels])]

    def scan(self) -> Scan:
        """The scan in LUNA16's layout, once it has been converted."""
        stem = f"{FOLDER}/{self.name}/{self.name}"
        drawn = (f"{stem}_lesions.mhd", f"{stem}_lesions.zraw") if self.labels else ()
        return Scan(self.name, self.subset, f"{stem}.mhd", f"{stem}.zraw", drawn)


class Listing(NamedTuple):
    """The usable cases of a data set, and oddities of the others or of the whole."""

    cases: list[Case]
    told: list[Oddity]


def safe(said: str) -> str:
    """A name for files, wildcards and CSV files, from any text that a data set uses for a scan."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", said).strip("._-")[:LONGEST]
    name = re.sub(r"_lung$", "-lung", name)
    return f"scan_{name}" if not name or name.lower() in MISREAD else name


def usable(listing: Listing, on_bad_scan: str) -> list[Case]:
    """The cases of a listing; with `stop`, FileDefect for the first one that cannot be used."""
    bad = [odd for odd in listing.told if odd.uid]
    if bad and on_bad_scan == "stop":
        more = f" `luna16 check` names all {len(bad)} such scans." if len(bad) > 1 else ""
        remedy = f"{bad[0].remedy} Or set data.on_bad_scan to skip.{more}"
        raise FileDefect(str(bad[0].path), bad[0].reason, remedy)
    return listing.cases


def settled(root: Path, cases: Iterable[Case], told: Iterable[Oddity] = ()) -> Listing:
    """List the cases whose files exist and whose names are unique, with their subsets.

    If no subset is given, patients are assigned to the subsets in turn, so that all scans of a
    patient are in the same one. Raises FileDefect if no case is left.
    """
    said, kept, taken = list(told), list[Case](), dict[str, str]()
    for case in cases:
        odd = _unusable(case)
        if case.name in taken:
            reason = f"its scan's name {case.name} is that of {taken[case.name]}, too"
            odd = Oddity(Path(case.image), reason, "Give each scan a name of its own.", case.name)
        if odd:
            said.append(odd)
            continue
        taken[case.name] = case.image
        kept.append(case)
    if not kept:
        first = next((odd for odd in said if odd.uid), None)
        if first:
            raise FileDefect(str(first.path), first.reason, first.remedy)
        raise FileDefect(str(root), "it names no scan with a reference", "Name another folder.")
    patients = {name: i for i, name in enumerate(dict.fromkeys(c.patient or c.name for c in kept))}
    return Listing(
        [
            case._replace(
                patient=case.patient or case.name,
                subset=case.subset
                if case.subset >= 0
                else patients[case.patient or case.name] % len(SUBSETS),
            )
            for case in kept
        ],
        said,
    )


def _unusable(case: Case) -> Oddity | None:
    """Why no run may take a case, or None."""
    for kind, name in (("image", case.image), ("labels", case.labels), ("region", case.region)):
        path = Path(name)
        if not name:
            continue
        if not is_path(name):
            reason = f"Snakemake takes a part of '{shown(name)}' for something else"
            return Oddity(path, reason, "Rename the file, without { } < >.", case.name)
        if not path.exists():
            reason = f"scan {case.name} has no {kind}: there is no such file"
            return Oddity(path, reason, "Copy it there, or take the scan out.", case.name)
        if path.stat().st_size == 0:
            return Oddity(path, "the file is empty", "Copy it again.", case.name)
    return None


def gaps(root: Path, names: Iterable[str]) -> list[Oddity]:
    """One note on numbers missing from the sequence of a data set's names, such as case_7.

    Harmless in itself, but typical of an unfinished copy.
    """
    numbers: dict[str, set[int]] = {}
    for name in names:
        stem, number = re.fullmatch(r"(.*?)(\d*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
        if number and len(number) < 9:
            numbers.setdefault(stem, set()).add(int(number))
    missing = [
        f"{stem}{k}"
        for stem, found in numbers.items()
        if len(found) > 1 and max(found) - min(found) < 2 * len(found)
        for k in range(min(found), max(found))
        if k not in found
    ]
    if not missing:
        return []
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    few = escaped(", ".join(missing[:5]))
    reason = f"in the row of its names {len(missing)} are missing: {few}{more}"
    return [Oddity(root, reason, "Nothing to do, unless a copy of the data set is unfinished.")]


def require_values(path: Path, declared: Mapping[int, str], wanted: Iterable[int]) -> None:
    """Raise FileDefect if the data set does not declare a label that the config names."""
    for value in wanted:
        if value not in declared:
            known = ", ".join(f"{k} {name}" for k, name in sorted(declared.items()))
            reason = f"it knows no label {value}; it has {known}"
            raise FileDefect(
                str(path), reason, "Correct dataset.lesion_labels or dataset.organ_labels."
            )


def require_channel(path: Path, channels: Any, channel: int) -> None:
    """Raise FileDefect if the data set does not have the channel that the config names.

    channels: names by number (as text), if the data set states them.
    """
    if isinstance(channels, dict) and channels and str(channel) not in channels:
        known = ", ".join(f"{key} {name}" for key, name in channels.items())
        reason = f"it has no channel {channel}; it has {known}"
        raise FileDefect(str(path), reason, "Correct dataset.channel.")


def counted(path: Path, number: Any, holds: str, found: int) -> list[Oddity]:
    """A note if a data set states another number of training scans than there are."""
    if not isinstance(number, int) or number == found:
        return []
    reason = f"it says numTraining {number}, and {holds} {found}"
    return [Oddity(path, reason, "Nothing to do, unless scans are missing.")]


def wanted_values(config: Mapping[str, Any]) -> list[int]:
    """Labels that the config names."""
    dataset = config["dataset"]
    return [*dataset["lesion_labels"], *dataset["organ_labels"]]
