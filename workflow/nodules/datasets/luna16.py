"""Scans in LUNA16's layout, as found in a folder.

Runs while the Snakefile is read, so it imports nothing heavy and reads no voxel.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from nodules.base.files import FileDefect, UserError, require_regular
from nodules.base.messages import escaped
from nodules.datasets import layout
from nodules.datasets.scan import Oddity, Scan
from nodules.images import remedies
from nodules.images.foreign import is_luna16, is_path, is_uid, is_voxel_name

LABEL_SUFFIXES = ("_nodules", "_nodule_labels")
# Formats of scans and masks that other tools write.
OTHER_FORMATS = (
    ".nii.gz",
    ".nii",
    ".mha",
    ".nrrd",
    ".nhdr",
    ".hdr",
    ".mgz",
    ".gipl",
    ".dcm",
    ".mhd.gz",
)
HEADER_BYTES = 65_536  # a longer header is refused
AHEAD_S = 5  # seconds; clocks of machines in one network differ by less
LISTS = ("annotations.csv", "annotations_excluded.csv")  # those that every run requires
NAME = "Name the header as LUNA16 does: <seriesuid>.mhd."
LABEL_NAME = "Name labels <seriesuid>_nodules.mhd, and the header of a scan <seriesuid>.mhd."


def found(folder: str | os.PathLike[str]) -> list[Scan]:
    """Real scans below `folder`: every subset0..9/<uid>.mhd, by subset and UID.

    Any selection of the ten subsets will do, wherever `layout.subset_folders` finds them. `data` is
    the file that the header names, or the header itself if it names none in its own folder.
    `misfits`, and what `remarks` reports as left out, are not included. Raises UserError if the
    folder does not exist or contains no scan.
    """
    root = Path(folder)
    if not os.fspath(folder):
        raise UserError(
            "luna16_dir is not set: name the folder that holds subset0 .. subset9, with "
            "--config luna16_dir=/path/to/LUNA16, or set data.source to phantom."
        )
    if not root.is_dir():
        place = escaped(str(root))
        raise UserError(f"{place}: no such folder. Name the folder of subset0 .. subset9.")
    scans = _scans(root)
    for odd in misfits(root) if not scans else []:
        raise FileDefect(str(odd.path), odd.reason, odd.remedy)
    if not scans:
        raise UserError(
            f"{escaped(str(root))}: no subset0 .. subset9 with .mhd files in it. "
            f"{layout.hint(root)}Unpack LUNA16's subset*.zip there, or set luna16_dir to the "
            "folder above the subsets."
        )
    return scans


def ready(folder: str, config: Mapping[str, Any]) -> list[Scan]:
    """The scans that can be passed to Snakemake: their file names cannot be misread.

    Raises UserError if the folder or the lists of nodules cannot be used, or a file's modification
    time lies in the future; with `data.on_bad_scan: stop`, also for the first header that no run
    may take or file that is missing.
    """
    if not is_path(folder):
        raise UserError(
            f"luna16_dir {escaped(folder)}: Snakemake takes braces, angle brackets and characters "
            "that cannot be printed for something else. Rename the folder, or name a link to it."
        )
    scans = found(folder)
    for path in (list_files(folder)[name] for name in LISTS):
        try:
            require_regular(path)
        except OSError as error:
            remedy = missing_list(path.name, any(is_luna16(scan.uid) for scan in scans))
            raise FileDefect(str(path), f"cannot be read ({error.strerror})", remedy) from error
    for odd in ahead(folder, scans):  # Snakemake would delete results made from it, skipped or not
        raise FileDefect(str(odd.path), odd.reason, odd.remedy)
    if config["data"]["on_bad_scan"] == "stop":
        bad = [*misfits(folder), *_missing(scans)]
        more = f" `luna16 check` names all {len(bad)} such files." if len(bad) > 1 else ""
        for odd in bad:
            remedy = f"{odd.remedy} Or set data.on_bad_scan to skip.{more}"
            raise FileDefect(str(odd.path), odd.reason, remedy)
    return scans


def ahead(folder: str | os.PathLike[str], scans: Iterable[Scan]) -> list[Oddity]:
    """One oddity for all files modified in the future, if any: Snakemake deletes older results."""
    files = [Path(name) for s in scans for name in (s.header, s.data, *s.labels)]
    files += list_files(folder).values()
    latest = time.time() + AHEAD_S
    early = [path for path in files if path.exists() and path.stat().st_mtime > latest]
    if not early:
        return []
    more = f", as that of {len(early) - 1:,} more files" if len(early) > 1 else ""
    reason = f"its time lies in the future{more}: Snakemake would delete what is made of it"
    remedy = "Set the machine's clock right, or give the files the present time with `touch`."
    return [Oddity(early[0], reason, remedy)]


def list_files(folder: str | os.PathLike[str]) -> dict[str, Path]:
    """Path of each list, whether it exists or not, by name: annotations.csv, patients.csv, ..."""
    return {name: layout.list_file(Path(folder), name) for name in layout.FILES}


def missing_list(name: str, of_luna16: bool) -> str:
    """Remedy for a missing list, for LUNA16's scans and for others."""
    if of_luna16:
        return f"Copy LUNA16's {name} there."
    return (
        f"Write {name} with the columns seriesuid,coordX,coordY,coordZ,diameter_mm in world mm; "
        "its header alone says that there are none."
    )


def misfit(header: Path) -> Oddity | None:
    """Why no run may take a header below a subset, or None.

    Its name becomes the name of results, and Snakemake would wait forever for data from a pipe.
    """
    if not is_uid(header.stem):
        remedy = LABEL_NAME if is_uid(header.stem.partition("_")[0]) else NAME
        return Oddity(header, "the file's name is not a series UID", remedy)
    try:
        require_regular(header)
    except OSError as error:
        remedy = "Check the path and permissions."
        return Oddity(header, f"the header cannot be read ({error.strerror})", remedy)
    return None


def misfits(folder: str | os.PathLike[str]) -> list[Oddity]:
    """Headers that no run may take because of `misfit`; each is a scan lost."""
    found = (misfit(header) for _, header in _headers(Path(folder)))
    return [odd for odd in found if odd is not None]


def remarks(folder: str | os.PathLike[str]) -> list[Oddity]:
    """Notes on what resembles a scan, labels, a list or a subset, and is left out or still used."""
    told = layout.remarks(Path(folder)) + ahead(folder, _scans(Path(folder)))
    for subset in _folders(Path(folder)):
        try:
            names = sorted(p.name for p in subset.iterdir()) if os.path.lexists(subset) else []
        except OSError as error:
            reason = f"no folder of scans, and left out ({error.strerror})"
            told.append(Oddity(subset, reason, "Unpack the subset's scans into a folder there."))
            continue
        paths = [subset / name for name in names if not name.startswith(".")]
        for path in paths:
            scan = _labelled(path)
            if path.suffix.lower() == ".mhd" and path.suffix != ".mhd":
                remedy = "Write the suffix in small letters to use the scan."
                told.append(Oddity(path, f"left out: its suffix is {path.suffix}", remedy))
            elif path.suffix == ".mhd" and scan and not os.path.lexists(scan):
                remedy = "Copy the scan there, or remove the labels."
                told.append(Oddity(path, "left out: labels without their scan", remedy))
        told += _other_formats(paths) + _without_header(paths)
    return told


def label_volume(header: Path) -> Path | None:
    """Header of the nodule label volume beside a scan, or None; a broken link counts as one."""
    beside = (header.with_name(header.stem + suffix + ".mhd") for suffix in LABEL_SUFFIXES)
    return next((path for path in beside if os.path.lexists(path)), None)


def label_files(header: Path) -> tuple[str, ...]:
    """Header and voxels of the label volume beside a scan; empty if there is none.

    Empty also if the header is no regular file: only the check may open it.
    """
    labels = label_volume(header)
    if labels is None or _is_special(labels):
        return ()
    return str(labels), str(data_file(labels))


def beside(path: Path) -> list[Path]:
    """The voxel file that a header names, if any; for .mhd without one, the header itself."""
    if path.suffix.lower() == ".mhd":
        return [data_file(path)]
    if path.suffix.lower() in (".nhdr", ".nrrd"):
        from nodules.images import nrrd  # the Snakefile seldom needs it

        found = nrrd.data_file(path)
        return [found] if found else []
    return []


def data_file(header: Path) -> Path:
    """The file in a header's own folder that its ElementDataFile names; else the header itself.

    The latter for LOCAL, a path, a name that Snakemake would misread, or something that is no
    regular file: the check reports what is wrong, and no such name reaches Snakemake.
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


def _folders(root: Path) -> list[Path]:
    """Folders that contain scans, by subset."""
    return [folder for folders in layout.subset_folders(root).values() for folder in folders]


def _headers(root: Path) -> Iterator[tuple[int, Path]]:
    """Subset and path of each header that is not a label volume's, by subset and name."""
    for subset, folders in layout.subset_folders(root).items():
        for folder in folders:
            try:
                names = sorted(filter(layout.is_header, (p.name for p in folder.iterdir())))
            except OSError:  # `remarks` reports it
                continue
            for path in (folder / name for name in names):
                if _labelled(path) is None:
                    yield subset, path


def _scans(root: Path) -> list[Scan]:
    """The scans below a folder, by subset and UID."""
    return [
        Scan(header.stem, subset, str(header), str(data_file(header)), label_files(header))
        for subset, header in _headers(root)
        if misfit(header) is None
    ]


def _other_formats(paths: Iterable[Path]) -> list[Oddity]:
    """Oddities for files in other formats: labels make their scan unusable, others are left out."""
    told, others = [], []
    for path in paths:
        suffix = next((s for s in OTHER_FORMATS if path.name.lower().endswith(s)), None)
        if suffix is None:
            continue
        stem = path.name[: -len(suffix)]
        header = _labelled(path.with_name(f"{stem}.mhd"))
        if header is not None and os.path.lexists(header) and label_volume(header) is None:
            reason = f"labels are read as .mhd only, not as {suffix}"
            remedy = f"Convert them to {stem}.mhd, or remove them: then readers' contours count."
            told.append(Oddity(path, reason, remedy, header.stem))
        else:
            others.append(path)
    if others:
        more = f" and {len(others) - 1} more files" if len(others) > 1 else ""
        reason = f"left out{more}: scans and labels are read as .mhd only"
        remedy = "Convert each to <seriesuid>.mhd, labels to <seriesuid>_nodules.mhd, to use it."
        told.append(Oddity(others[0], reason, remedy))
    return told


def _without_header(paths: Iterable[Path]) -> list[Oddity]:
    """One oddity for all voxel files that no header names, if any."""
    known = {data_file(path) for path in paths if path.name.endswith(".mhd")}
    lost = [p for p in paths if p.suffix in (".raw", ".zraw") and p not in known]
    lost = [p for p in lost if not os.path.lexists(p.with_suffix(".mhd"))]
    if not lost:
        return []
    more = f", as that of {len(lost) - 1} more" if len(lost) > 1 else ""
    reason = f"left out: its header is missing{more}"
    return [Oddity(lost[0], reason, "Copy the .mhd file there to use the scan.")]


def _labelled(header: Path) -> Path | None:
    """Header of the scan to which a label volume belongs by its name; None for other names."""
    suffix = next((s for s in LABEL_SUFFIXES if header.stem.endswith(s)), None)
    if suffix is None:
        return None
    return header.with_name(header.stem.removesuffix(suffix) + ".mhd")


def _is_special(path: Path) -> bool:
    """Whether a path exists but is no regular file; a broken link does not exist."""
    return path.exists() and not path.is_file()


def _missing(scans: Iterable[Scan]) -> Iterator[Oddity]:
    """Yield voxel and label files that are named but missing."""
    for scan in scans:
        for path in (Path(name) for name in (scan.data, *scan.labels)):
            if not path.exists():
                remedy = remedies.restore_data(Path(scan.header))
                yield Oddity(path, f"the file of scan {scan.uid} is missing", remedy)
