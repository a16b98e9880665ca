"""A scan of a data set in another layout than LUNA16's, before it is brought into that one.

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

# Names become names of files and wildcards: `<name>_lung.npy` must not be another scan's.
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*(?<!_lung)"
LONGEST = 100  # characters
MISREAD = {"na", "nan", "null", "none", "true", "false", "inf"}  # by readers of CSV files
FOLDER = "results/dataset"  # where scans lie once they are in LUNA16's layout

Point = tuple[float, float, float, float]  # world x, y, z and diameter, mm


class Case(NamedTuple):
    """One scan: its safe name, its files, and what is known of it beside them.

    labels, region: label volumes of its lesions and of the organ; "" where there is none.
    subset: -1 where the data set does not say.
    values: labels that the data set declares, where it does. points: lesions as listed.
    """

    name: str
    image: str
    labels: str = ""
    region: str = ""
    patient: str = ""
    subset: int = -1
    values: tuple[int, ...] = ()
    points: tuple[Point, ...] = ()

    @property
    def files(self) -> list[str]:
        """All files that it is read from; of a header its voxels, too."""
        named = [Path(name) for name in (self.image, self.labels, self.region) if name]
        voxels = [file for path in named if path.is_file() for file in beside(path)]
        return [str(path) for path in dict.fromkeys([*named, *voxels])]

    def scan(self) -> Scan:
        """The same scan in LUNA16's layout, once it has been brought there."""
        stem = f"{FOLDER}/{self.name}/{self.name}"
        drawn = (f"{stem}_lesions.mhd", f"{stem}_lesions.zraw") if self.labels else ()
        return Scan(self.name, self.subset, f"{stem}.mhd", f"{stem}.zraw", drawn)


class Listing(NamedTuple):
    """The cases of a data set that can be used, and what is to be said of the others, or of all."""

    cases: list[Case]
    told: list[Oddity]


def safe(said: str) -> str:
    """A name for files, wildcards and CSV files of any text that a data set calls a scan by."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", said).strip("._-")[:LONGEST]
    name = re.sub(r"_lung$", "-lung", name)
    return f"scan_{name}" if not name or name.lower() in MISREAD else name


def usable(listing: Listing, on_bad_scan: str) -> list[Case]:
    """The cases of a listing; with `stop` FileDefect for the first one that cannot be used."""
    bad = [odd for odd in listing.told if odd.uid]
    if bad and on_bad_scan == "stop":
        more = f" `luna16 check` names all {len(bad)} such scans." if len(bad) > 1 else ""
        remedy = f"{bad[0].remedy} Or set data.on_bad_scan to skip.{more}"
        raise FileDefect(str(bad[0].path), bad[0].reason, remedy)
    return listing.cases


def settled(root: Path, cases: Iterable[Case], told: Iterable[Oddity] = ()) -> Listing:
    """A listing of cases whose files are there and whose names are their own, with their subsets.

    Subsets where none is given: patient after patient, so that all scans of one are in the same.
    Raises FileDefect where no case is left.
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
    """One note on numbers that are missing in the row of a data set's names, such as case_7.

    Harmless in itself, and how an unfinished copy shows.
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
    """FileDefect where a label that the config names is not among those that a data set has."""
    for value in wanted:
        if value not in declared:
            known = ", ".join(f"{k} {name}" for k, name in sorted(declared.items()))
            reason = f"it knows no label {value}; it has {known}"
            raise FileDefect(
                str(path), reason, "Correct dataset.lesion_labels or dataset.organ_labels."
            )


def require_channel(path: Path, channels: Any, channel: int) -> None:
    """FileDefect where the channel that the config names is not among those that a data set has.

    channels: their names by their numbers as text, where the data set says them.
    """
    if isinstance(channels, dict) and channels and str(channel) not in channels:
        known = ", ".join(f"{key} {name}" for key, name in channels.items())
        reason = f"it has no channel {channel}; it has {known}"
        raise FileDefect(str(path), reason, "Correct dataset.channel.")


def counted(path: Path, number: Any, holds: str, found: int) -> list[Oddity]:
    """A note where a data set says another number of training scans than there are."""
    if not isinstance(number, int) or number == found:
        return []
    reason = f"it says numTraining {number}, and {holds} {found}"
    return [Oddity(path, reason, "Nothing to do, unless scans are missing.")]


def wanted_values(config: Mapping[str, Any]) -> list[int]:
    """Labels that the config names."""
    dataset = config["dataset"]
    return [*dataset["lesion_labels"], *dataset["organ_labels"]]
