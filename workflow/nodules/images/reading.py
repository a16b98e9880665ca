"""Reading of chest CTs of any format: DICOM folders and zips, MetaImage, NIfTI, NRRD.

`opened` finds the scans in a file or folder; `read` is the shortcut for a single one. HU and world
points do not depend on the format.
"""

import contextlib
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodules.base.files import FileDefect, UserError
from nodules.base.messages import escaped
from nodules.images import (
    dicom,
    dicom_headers,
    dicom_series,
    metaimage,
    metaimage_local,
    nifti,
    nrrd,
    source_files,
)
from nodules.images.dicom_headers import Headers
from nodules.images.dicom_series import Series
from nodules.images.foreign import is_uid
from nodules.images.geometry import Geometry
from nodules.images.volume import as_hu, in_patient_order

METAIMAGE = ".mhd"
VOXELS = (".raw", ".zraw")  # voxel files that belong to a header
SUFFIXES = (METAIMAGE, metaimage_local.SUFFIX, *nifti.SUFFIXES, *nrrd.SUFFIXES)
FORMS = "a DICOM file, folder or zip, .mhd, .mha, .nii, .nii.gz, .nrrd"
MOST_TOLD = 3  # series named in a note

Volume = tuple[NDArray[np.int16], Geometry, Geometry]  # HU, its grid, the grid as stored


@dataclass(frozen=True, eq=False)
class Reading:
    """A scan: its voxels as int16 HU (z, y, x) on the grid reoriented nearest to LPS.

    uid:    DICOM's series UID, or the file's name if that is a UID, or one made from the voxels.
    stored: the same grid in the order of the file, or of the slices along their normal.
    form:   file suffix, "DICOM" or "array".
    notes:  what was done to the scan, and what was left out of the source; one sentence each.
    """

    uid: str
    voxels: NDArray[np.int16]
    geometry: Geometry
    stored: Geometry
    form: str
    source: str
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Found:
    """A scan found in a source, not read yet.

    name:    the file, or the series' name.
    files:   files that it is read from.
    series:  for DICOM, each series of the study with the reason for or against it.
    chosen:  for DICOM, the series to read.
    problem: why it cannot be read, or "".
    is_ct:   False for a DICOM study without CT (of X-rays, say), whose problem is no failure.
    place:   folder or file below the source that holds all its files; "" for the source itself.
    """

    source: str
    name: str
    form: str
    files: tuple[Path, ...]
    series: tuple[tuple[Series, str], ...] = ()
    chosen: Series | None = None
    problem: str = ""
    is_ct: bool = True
    notes: tuple[str, ...] = field(default=())
    place: str = ""

    def read(self) -> Reading:
        """Read the scan. Raises UserError if it cannot be read."""
        if self.problem:
            raise UserError(f"{self.source}: {self.problem}")
        if self.chosen is not None:
            try:
                voxels, geometry, stored, notes = dicom.read_with_stored(self.chosen)
            except FileDefect as error:
                place = f"{self.source}, {error.place}"
                reason = "; ".join([error.reason, *self.notes])
                raise FileDefect(place, reason, error.remedy) from error
            uid = self.chosen.first.series
        else:
            try:
                (voxels, geometry, stored), notes = _read_file(self.files[0])
            except UserError as error:
                raise UserError(self._named_as_given(str(error))) from error
            _require_slices(min(voxels.shape), self.source)
            uid = _stem(self.files[0])
            uid = uid if _is_name_of_series(uid) else ""
        uid = uid if is_uid(uid) else made_uid(voxels)
        notes = [*notes, *self.notes]
        source = self.place or self.source
        return Reading(uid, voxels, geometry, stored, self.form, source, tuple(notes))

    def _named_as_given(self, told: str) -> str:
        """A message with a zip and a file in it for the temporary file unpacked from it."""
        unpacked, given = (escaped(str(p.parent)) for p in (self.files[0], Path(self.source)))
        return told.replace(unpacked, given)


def _is_name_of_series(stem: str) -> bool:
    """Whether a volume file's name looks like a UID, and not like a number or a date."""
    return re.match(r"[012](\.\d+){2}", stem) is not None


def _require_slices(number: int, place: str) -> None:
    """Raise FileDefect unless a volume has as many axial slices as a DICOM series must have."""
    if number < dicom_series.FEWEST:
        told = f"it has {number} {'slice' if number == 1 else 'slices'}"
        remedy = f"Name a chest CT of at least {dicom_series.FEWEST} slices."
        raise FileDefect(place, f"{told}, fewer than {dicom_series.FEWEST}", remedy)


def read(path: str | os.PathLike[str], series: str = "") -> Reading:
    """Read the one scan that a file, folder or zip holds.

    series: UID of the series to take if DICOM holds several.
    Raises UserError if there is no scan or more than one, or if it cannot be read.
    """
    with opened(path, [series] if series else []) as found:
        scans = [scan for scan in found if scan.is_ct] or found
        if len(scans) > 1:
            held = ", ".join(scan.name for scan in scans[:3])
            raise UserError(f"{path}: it holds {len(scans)} scans ({held}). Name one of them.")
        return scans[0].read()


@contextlib.contextmanager
def opened(path: str | os.PathLike[str], wanted: Iterable[str] = ()) -> Iterator[list[Found]]:
    """The scans in a file, folder or zip, to be read within the `with` block.

    Each DICOM study and each volume file is one. A zip is unpacked into a temporary folder; zips in
    a folder are skipped, as sources of their own. wanted: UIDs of series to take; volume files, and
    studies without these series, are then left out. Raises UserError if no scan is found.
    """
    root, wanted = Path(path), tuple(wanted)
    _require_there(root)
    with contextlib.ExitStack() as stack:
        if source_files.is_zip(root):
            unpacked = stack.enter_context(tempfile.TemporaryDirectory(prefix="luna16-"))
            files = source_files.unpack(root, Path(unpacked))
        elif root.is_dir():
            files = source_files.below(root)
        else:
            files = [(root, root.name)]
        yield _found(root, files, wanted)


def _require_there(root: Path) -> None:
    """Raise UserError unless a path is a readable folder or regular file.

    Opening a named pipe would block until something writes to it, perhaps for ever.
    """
    place = escaped(str(root))
    try:
        kind = root.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{place}: no such file or folder. Check the path.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{place}: cannot be read ({reason}). Check the path.") from error
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise UserError(f"{place}: it is neither a file nor a folder. Name {FORMS}.")
    if not os.access(root, os.R_OK | (os.X_OK if stat.S_ISDIR(kind) else 0)):
        raise UserError(f"{place}: you may not read it. Ask its owner, or copy it.")


def made_uid(voxels: NDArray[np.int16]) -> str:
    """A UID for a scan without one, equal for equal voxels: `2.25.` and a number."""
    digest = hashlib.sha256(repr(voxels.shape).encode())
    digest.update(np.ascontiguousarray(voxels, "<i2").tobytes())
    return f"2.25.{int.from_bytes(digest.digest()[:16], 'big')}"


def _found(root: Path, files: list[tuple[Path, str]], wanted: tuple[str, ...]) -> list[Found]:
    """The scans among files: one per volume file and one per DICOM study."""
    volumes = [(path, name) for path, name in files if suffix_of(path)]
    scans = []
    if not wanted:
        for path, name in volumes:
            source = str(root) if path == root else f"{root}/{name}"
            scans.append(Found(source, name, suffix_of(path), (path,)))
    rest = [
        (path, name)
        for path, name in files
        if not suffix_of(path) and path.suffix.lower() not in VOXELS
    ]
    headers = dicom_headers.read_headers(rest)
    studies = _studies(root, headers, wanted)
    if scans and headers.damaged and not studies:  # else each study has a note on them
        scans.append(_unread(root, headers.damaged))
    if scans or studies:
        return scans + studies
    place = escaped(str(root))
    if headers.damaged:
        name, reason = headers.damaged[0]
        raise FileDefect(f"{root}, {name}", reason, "Copy or send the file again.")
    if wanted:
        raise UserError(
            f"{place}: no series {', '.join(wanted)} in it. "
            "`luna16 convert --list` names its series."
        )
    if root.is_dir():
        raise UserError(f"{place}: no scan among its {len(files)} files. Name {FORMS}.")
    if headers.listings and not source_files.is_zip(root):
        raise UserError(f"{place}: a DICOMDIR only lists the files beside it. Name its folder.")
    raise UserError(f"{place}: neither DICOM nor a volume. Name {FORMS}.")


def _studies(root: Path, headers: Headers, wanted: tuple[str, ...]) -> list[Found]:
    """A Found for each study among DICOM headers."""
    studies: dict[tuple[str, str], list[Series]] = {}
    for series in dicom_series.group(headers.frames):
        first = series.first  # anonymised patients may share a study UID, or have none
        own = first.study or f"of series {series.name}"
        studies.setdefault((own, first.patient), []).append(series)
    notes = [f"left out: {_told(headers.damaged)}"] if headers.damaged else []
    return [
        _study(root, own, wanted, tuple(notes))
        for own in studies.values()
        if not wanted or any(series.is_in(wanted) for series in own)
    ]


def _told(damaged: list[tuple[str, str]]) -> str:
    """The first of the damaged files with the reason, and the number of the others."""
    name, reason = damaged[0]
    more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
    return f"{name}{more}: {reason}"


def _unread(root: Path, damaged: list[tuple[str, str]]) -> Found:
    """What may hold scans beside volume files, but cannot be read, as a scan that failed."""
    name = damaged[0][0]
    told = f"{_told(damaged)}. Make it readable or copy it again, or move it elsewhere."
    return Found(str(root), name, "", (root / name,), problem=told, place=f"{root}/{name}")


def _study(root: Path, own: list[Series], wanted: tuple[str, ...], notes: tuple[str, ...]) -> Found:
    """One study, with the chosen series or the reason why there is none."""
    problem = ""
    try:
        chosen, reasons = dicom_series.choose(own, wanted)
    except UserError as error:
        chosen, problem = None, str(error)
        reasons = {s.name: dicom_series.unusable(s) or "as good as another" for s in own}
    if chosen is None and not problem:
        told = [s for s in own if s.is_in(wanted)] or own
        worst = max(told, key=lambda s: (s.first.modality == "CT", len(s.frames)))
        more = f"; none of its {len(own)} series is one" if len(own) > 1 and not wanted else ""
        remedy = f"Name a chest CT of at least {dicom_series.FEWEST} slices."
        if reasons[worst.name] == dicom_series.unplaced(worst):
            remedy = "Export the series again with this tag, or name another chest CT."
        problem = f"series {worst.name}: {reasons[worst.name]}{more}. {remedy}"
    frames = chosen.frames if chosen else own[0].frames
    return Found(
        source=str(root),
        name=chosen.name if chosen else own[0].name,
        form="DICOM",
        files=tuple(dict.fromkeys(frame.path for frame in frames)),
        series=tuple((series, reasons[series.name]) for series in own),
        chosen=chosen,
        problem=problem,
        is_ct=any(series.first.modality == "CT" for series in own),
        notes=(*notes, *_others(own, chosen, reasons)),
        place=_below(root, [frame.name for frame in frames]),
    )


def _others(own: list[Series], chosen: Series | None, reasons: Mapping[str, str]) -> list[str]:
    """A note on the usable series that were not chosen, with the reasons, or no note."""
    rest = [s for s in own if chosen and s is not chosen and not dicom_series.unusable(s)]
    others = [f"{s.name}: {reasons[s.name]}" for s in rest]
    more = [f"and {len(others) - MOST_TOLD} more"] if len(others) > MOST_TOLD else []
    told = "; ".join([*others[:MOST_TOLD], *more])
    return [f"other series of the study left out: {told}"] if others else []


def _below(root: Path, names: Iterable[str]) -> str:
    """The folder or file below a folder that holds all these files; "" for the root or a zip."""
    if not root.is_dir():
        return ""
    own = {Path(name) for name in names}
    common = os.path.commonpath(own if len(own) == 1 else [path.parent for path in own])
    return f"{root}/{common}" if common.strip(".") else ""


def suffix_of(path: Path) -> str:
    """The suffix of a volume file in lower case, "" for other files."""
    name = path.name.lower()
    return next((suffix for suffix in sorted(SUFFIXES, key=len) if name.endswith(suffix)), "")


def _stem(path: Path) -> str:
    """A volume file's name without its suffix."""
    return path.name[: -len(suffix_of(path))]


def _read_file(path: Path) -> tuple[Volume, list[str]]:
    """Read a volume file as HU, with a note if any were clipped."""
    values, stored = stored_values(path)
    notes: list[str] = []
    native, placed = in_patient_order(as_hu(values, str(path), notes), stored)
    return (native, placed, stored), notes


def stored_values(path: Path, channel: int | None = None) -> tuple[NDArray[Any], Geometry]:
    """Voxels of a volume file of any type, in stored order (z, y, x), and the grid as stored.

    The suffix tells the format; a .mhd may also hold its own voxels. channel: which volume of a
    4-D NIfTI file; None refuses 4-D files. Raises UserError if the file cannot be read.
    """
    suffix = suffix_of(path)
    if suffix in nifti.SUFFIXES:
        return nifti.read_values(path, channel)
    if suffix in nrrd.SUFFIXES:
        return nrrd.read_values(path)
    if suffix == metaimage_local.SUFFIX or metaimage_local.is_local(path):
        return metaimage_local.read(path, metaimage.read_values)
    return metaimage.read_values(path)


def of_array(voxels: NDArray[Any], geometry: Geometry, uid: str = "") -> Reading:
    """A scan from an array of HU (z, y, x) of any numeric type, rounded to int16, on any grid.

    uid: by default one is made from the voxels. Raises UserError if the array does not have the
    grid's shape, is not numeric, or holds NaN or infinity.
    """
    values = np.asarray(voxels)
    if values.shape != geometry.shape or values.dtype.kind not in "iuf":
        told = f"{' x '.join(map(str, values.shape))} of type {values.dtype}"
        wanted = " x ".join(map(str, geometry.shape))
        reason = f"it is {told}, but its grid has {wanted} voxels (z, y, x)"
        raise FileDefect("an array", reason, "Give HU as numbers, and their own grid.")
    place, notes = "an array", list[str]()
    native, placed = in_patient_order(as_hu(values, place, notes), geometry)
    own = uid or made_uid(native)
    return Reading(own, native, placed, geometry, "array", place, tuple(notes))
