"""Which scans a run is about: from the config for the phantom, from the folder for real scans.

Runs while the Snakefile is read, so it imports nothing heavy and reads no voxel.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nodules.base.files import FileDefect, UserError, require_regular
from nodules.base.messages import escaped
from nodules.datasets.scan import SUBSETS, Scan
from nodules.images.foreign import is_path, is_uid, is_voxel_name

LABEL_SUFFIXES = ("_nodules", "_nodule_labels")
HEADER_BYTES = 65_536  # a longer header is refused
LISTS = ("annotations.csv", "annotations_excluded.csv")  # those that no run can do without
NAME = "Name the header as LUNA16 does: <seriesuid>.mhd."


class Oddity(NamedTuple):
    """A file or folder that looks as if it belonged to the scans: what it is, what to do."""

    path: Path
    reason: str
    remedy: str


def found(folder: str | os.PathLike[str]) -> list[Scan]:
    """Real scans below `folder`: every subset0..9/<uid>.mhd, by subset and UID.

    Any part of the ten subsets will do. `data` is the file that the header names, or the header
    itself where it names none in its own folder. Left out are `misfits` and what `remarks` tells.
    Raises UserError where there is no folder or no scan in it.
    """
    root = Path(folder)
    if not os.fspath(folder):
        raise UserError(
            "luna16_dir is not set: name the folder that holds subset0 .. subset9, with "
            "--config luna16_dir=/path/to/LUNA16, or set data.source to phantom."
        )
    if not root.is_dir():
        place = escaped(str(root))
        raise UserError(f"{place}: no such folder. Set luna16_dir to the folder of subset0 .. 9.")
    scans = [
        Scan(header.stem, subset, str(header), str(data_file(header)), label_files(header))
        for subset in SUBSETS
        for header in _headers(root, subset)
        if misfit(header) is None
    ]
    for odd in misfits(root) if not scans else []:
        raise FileDefect(str(odd.path), odd.reason, odd.remedy)
    if not scans:
        raise UserError(
            f"{escaped(str(root))}: no subset0 .. subset9 with .mhd files in it. Unpack LUNA16's "
            "subset*.zip there, or set luna16_dir to the folder above the subsets."
        )
    return scans


def ready(folder: str, config: Mapping[str, Any]) -> list[Scan]:
    """The scans that Snakemake may be told of: their files' names mean what they say.

    Raises UserError where the folder or the lists of nodules cannot be used; with
    data.on_bad_scan `stop` also for the first header that no run may take or file that is missing.
    """
    if not is_path(folder):
        raise UserError(
            f"luna16_dir {escaped(folder)}: Snakemake takes braces, angle brackets and characters "
            "that cannot be printed for something else. Rename the folder, or name a link to it."
        )
    scans = found(folder)
    for path in (Path(folder, name) for name in LISTS):
        try:
            require_regular(path)
        except OSError as error:
            remedy = f"Copy LUNA16's {path.name} there."
            raise FileDefect(str(path), f"cannot be read ({error.strerror})", remedy) from error
    if config["data"]["on_bad_scan"] == "stop":
        bad = [*misfits(folder), *_missing(scans)]
        more = f" `luna16 check` names all {len(bad)} such files." if len(bad) > 1 else ""
        for odd in bad:
            remedy = f"{odd.remedy} Or set data.on_bad_scan to skip.{more}"
            raise FileDefect(str(odd.path), odd.reason, remedy)
    return scans


def misfit(header: Path) -> Oddity | None:
    """Why a header below a subset is one that no run may take, or None.

    Its name becomes the name of results, and Snakemake would wait for a pipe to be written to.
    """
    if not is_uid(header.stem):
        return Oddity(header, "the file's name is not a series UID", NAME)
    try:
        require_regular(header)
    except OSError as error:
        remedy = "Check the path and permissions."
        return Oddity(header, f"the header cannot be read ({error.strerror})", remedy)
    return None


def misfits(folder: str | os.PathLike[str]) -> list[Oddity]:
    """Headers that are no scans because of what `misfit` says; each is a scan that is lost."""
    headers = (header for subset in SUBSETS for header in _headers(Path(folder), subset))
    return [odd for odd in map(misfit, headers) if odd is not None]


def remarks(folder: str | os.PathLike[str]) -> list[Oddity]:
    """What looks like a scan or a subset, is left out, and harms nothing else."""
    told = []
    for subset in (Path(folder, f"subset{k}") for k in SUBSETS):
        try:
            paths = sorted(subset.iterdir()) if os.path.lexists(subset) else []
        except OSError as error:
            reason = f"no folder of scans, and left out ({error.strerror})"
            told.append(Oddity(subset, reason, "Unpack the subset's scans into a folder there."))
            continue
        for path in (p for p in paths if not p.name.startswith(".")):
            scan = _labelled(path)
            if path.suffix.lower() == ".mhd" and path.suffix != ".mhd":
                remedy = "Write the suffix in small letters to use the scan."
                told.append(Oddity(path, f"left out: its suffix is {path.suffix}", remedy))
            elif path.suffix == ".mhd" and scan and not os.path.lexists(scan):
                remedy = "Copy the scan there, or remove the labels."
                told.append(Oddity(path, "left out: labels without their scan", remedy))
    return told


def label_volume(header: Path) -> Path | None:
    """Header of the nodule label volume beside a scan, or None; a broken link is one."""
    beside = (header.with_name(header.stem + suffix + ".mhd") for suffix in LABEL_SUFFIXES)
    return next((path for path in beside if os.path.lexists(path)), None)


def label_files(header: Path) -> tuple[str, ...]:
    """Header and voxels of the label volume beside a scan; empty where there is none.

    What is there and no regular file is left to the check: nobody else may open it.
    """
    labels = label_volume(header)
    if labels is None or _is_special(labels):
        return ()
    return str(labels), str(data_file(labels))


def data_file(header: Path) -> Path:
    """The file in a header's own folder that its ElementDataFile names; else the header itself.

    So for LOCAL, a path, a name that Snakemake reads otherwise, or something that is no file:
    the check says what is wrong, and nobody looks for a name that a header made up.
    """
    try:
        require_regular(header)
        with header.open("rb") as stream:
            text = stream.read(HEADER_BYTES)
    except OSError:
        return header
    for line in text.splitlines():
        key, _, value = line.partition(b"=")
        if key.strip() == b"ElementDataFile":
            name = value.strip().decode(errors="surrogateescape")
            data = header.parent / name if is_voxel_name(name) else header
            return header if _is_special(data) else data
    return header


def _headers(root: Path, subset: int) -> list[Path]:
    """Headers of a subset that are no label volumes, by name.

    Hidden files are none: systems leave `._<name>` beside files that they copied.
    """
    try:
        paths = sorted((root / f"subset{subset}").iterdir())
    except OSError:  # `remarks` tells it
        return []
    mine = (p for p in paths if p.name.endswith(".mhd") and not p.name.startswith("."))
    return [path for path in mine if _labelled(path) is None]


def _labelled(header: Path) -> Path | None:
    """Header of the scan that a label volume belongs to, by its name; None for a scan's own."""
    suffix = next((s for s in LABEL_SUFFIXES if header.stem.endswith(s)), None)
    if suffix is None:
        return None
    return header.with_name(header.stem.removesuffix(suffix) + ".mhd")


def _is_special(path: Path) -> bool:
    """Whether something is there that is no regular file; a link to nothing is nothing."""
    return path.exists() and not path.is_file()


def _missing(scans: Iterable[Scan]) -> Iterator[Oddity]:
    """Voxel and label files that are named and not there."""
    for scan in scans:
        for path in (Path(name) for name in (scan.data, *scan.labels)):
            if not path.exists():
                remedy = "Copy or unpack it again from LUNA16's archive."
                yield Oddity(path, f"the file of scan {scan.uid} is missing", remedy)
