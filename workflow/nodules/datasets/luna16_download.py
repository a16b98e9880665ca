"""Download of LUNA16's own files from Zenodo, unpacked into the layout that the workflow reads.

Sizes and MD5 sums are those that Zenodo's records state at the time. LUNA16 is published under CC
BY 4.0 in two records: 10.5281/zenodo.3723295 (lists, subsets 0 to 6) and 10.5281/zenodo.4121926
(subsets 7 to 9).
"""

import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from nodules.base import downloads, files, locks
from nodules.base.downloads import PATIENT, Patience, Unreachable
from nodules.base.files import UserError
from nodules.datasets.scan import LUNG_MASKS

SERVER = "https://zenodo.org/api"
FIRST, SECOND = 3723295, 4121926  # records
UNFINISHED = ".download"  # folder of files that are incomplete or not unpacked yet
# Files of the first record, and the lists that each contains.
LISTS = {
    "annotations.csv": ("annotations.csv",),
    "evaluationScript.zip": ("annotations_excluded.csv", "seriesuids.csv"),
    "candidates_V2.zip": ("candidates_V2.csv",),
}
SCAN_SUFFIXES = (".mhd", ".raw", ".zraw")
UNPACKED = 2.2  # size of a zip's content, as a multiple of the zip's own
BY_HAND = "Unpack it yourself, by 7z for example, and start again."

Tell = Callable[[str, int, int], object]  # name, bytes so far, bytes in all or 0


@dataclass(frozen=True)
class Source:
    """A file of a record, and the files or folders that result from it.

    folder: the folder into which its scans are unpacked; "" for a file of lists.
    """

    record: int
    name: str
    results: tuple[str, ...]
    folder: str = ""


@dataclass(frozen=True)
class Published:
    """A file's URL, size in bytes and MD5 according to its record."""

    url: str
    size: int
    md5: str


@dataclass(frozen=True)
class Job:
    """Where to download LUNA16 to, and from which server."""

    folder: Path
    server: str = SERVER
    patience: Patience = PATIENT
    tell: Tell = field(default=lambda name, done, total: None)

    @property
    def unfinished(self) -> Path:
        """The folder of incomplete files."""
        return self.folder / UNFINISHED


def sources(subsets: Sequence[int], lungs: bool = False) -> list[Source]:
    """The files to fetch, beginning with the lists, which are small."""
    found = [Source(FIRST, name, results) for name, results in LISTS.items()]
    for number in subsets:
        record, folder = (FIRST if number < 7 else SECOND), f"subset{number}"
        found.append(Source(record, f"{folder}.zip", (folder,), folder))
    if lungs:
        found.append(Source(FIRST, f"{LUNG_MASKS}.zip", (LUNG_MASKS,), LUNG_MASKS))
    return found


def download(
    job: Job, wanted: Sequence[Source], ended: Callable[[str, str, bool], object]
) -> list[str]:
    """Fetch files, check them and put their contents in place; what is already there stays.

    ended: called with each file's name, what is wrong ("" for nothing), and whether it is new. A
    file that cannot be fetched does not stop the others. Returns the names of those that failed.
    Raises UserError if the server cannot be reached, or the folder cannot be written or is written
    by another process.
    """
    files.check_target(job.folder / wanted[0].results[0])
    missing = [s for s in wanted if not all(_is_there(job.folder / name) for name in s.results)]
    said: dict[int, dict[str, Published]] = {}
    for record in dict.fromkeys(source.record for source in missing):
        said[record] = published(record, job)
    _require_space(job, [said[s.record].get(s.name) for s in missing])
    failed = []
    with locks.alone(job.folder):
        for source in wanted:
            reason = ""
            if source in missing:
                try:
                    _fetched(source, said[source.record], job)
                except Unreachable:
                    raise
                except UserError as error:
                    reason = str(error)
                    failed.append(source.name)
            ended(source.name, reason, source in missing)
        if not failed:
            shutil.rmtree(job.unfinished, ignore_errors=True)
    return failed


def _is_there(path: Path) -> bool:
    """Whether a path is a file, or a folder with at least one entry that is not hidden."""
    if path.is_dir():
        return any(not inside.name.startswith(".") for inside in path.iterdir())
    return path.exists()


def published(record: int, job: Job) -> dict[str, Published]:
    """The files of a record by name. UserError if the answer does not have Zenodo's form."""
    url = f"{job.server}/records/{record}"
    told: Any = downloads.get_json(url, job.patience)
    try:
        return {
            str(f["key"]): Published(
                f"{url}/files/{f['key']}/content",
                int(f["size"]),
                str(f["checksum"]).removeprefix("md5:").lower(),
            )
            for f in told["files"]
        }
    except (KeyError, TypeError, ValueError) as error:
        reason = f"the answer is none of Zenodo's ({type(error).__name__} {error})"
        raise UserError(f"{url}: {reason}. {downloads.STAYS}") from error


def _require_space(job: Job, sizes: Sequence[Published | None]) -> None:
    """Raise UserError if the disk has too little room for the zips' contents and one zip."""
    known = [one.size for one in sizes if one is not None]
    needed = sum(known) * UNPACKED + max(known, default=0)
    above = next(place for place in (job.folder, *job.folder.absolute().parents) if place.is_dir())
    state = os.statvfs(above)
    free = state.f_bavail * state.f_frsize
    if free < needed:
        raise UserError(
            f"{job.folder}: about {needed / 1e9:.0f} GB are needed and {free / 1e9:.0f} GB free. "
            "Free space, name a folder on another disk, or fewer --subsets; what is there stays."
        )


def _fetched(source: Source, said: dict[str, Published], job: Job) -> None:
    """Fetch one file and put its contents in place."""
    known = said.get(source.name)
    if known is None:
        held = ", ".join(said)[:200]
        raise UserError(f"record {source.record}: it has no {source.name}, but {held}. Try later.")
    archive = job.unfinished / source.name
    if not archive.is_file() or complaint(archive, known):
        downloads.fetch(
            known.url,
            archive,
            lambda path: complaint(path, known),
            job.patience,
            lambda done, total: job.tell(source.name, done, total or known.size),
        )
    if source.folder:
        _unpack_scans(archive, job.folder / source.folder, job.unfinished / source.folder)
    elif archive.suffix == ".zip":
        _unpack_lists(archive, source, job.folder)
    else:
        archive.replace(job.folder / source.name)
    archive.unlink(missing_ok=True)


def complaint(path: Path, known: Published) -> str:
    """Defect of a downloaded file, "" for none."""
    size = path.stat().st_size
    if size != known.size:
        with path.open("rb") as stream:
            begins = stream.read(200)
        if begins.lstrip()[:1] == b"<" or not begins:
            return downloads.odd(begins)
        return f"{size} bytes came, but the record says {known.size}"
    if known.md5 and downloads.md5(path) != known.md5:
        return "its MD5 is another than the record says: it was changed on its way"
    return ""


def _unpack_lists(archive: Path, source: Source, folder: Path) -> None:
    """Write the lists that a zip contains, in whatever folder of it they lie."""
    with _opened(archive) as packed:
        members = {PurePosixPath(m.filename).name: m for m in packed.infolist()}
        for name in source.results:
            if name not in members:
                raise UserError(f"{archive}: it holds no {name}. {BY_HAND}")
            files.write_bytes(folder / name, _content(packed, members[name], archive))


def _unpack_scans(archive: Path, folder: Path, draft: Path) -> None:
    """Unpack a zip's scans into a folder, which then exists completely or not at all.

    Paths inside the zip are ignored, so a member cannot be written elsewhere. After an
    interruption, everything is unpacked again.
    """
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    with _opened(archive) as packed:
        for member in packed.infolist():
            name = PurePosixPath(member.filename).name
            if not member.is_dir() and name.endswith(SCAN_SUFFIXES) and not name.startswith("."):
                with (draft / name).open("xb") as out:
                    _copied(packed, member, out, archive)
                files.fsync(draft / name)
    if not any(draft.iterdir()):
        raise UserError(f"{archive}: it holds no scan. {BY_HAND}")
    files.fsync(draft)
    if not _is_there(folder):  # never remove a folder that was filled in the meantime
        shutil.rmtree(folder, ignore_errors=True)
    draft.replace(folder)
    files.fsync(folder.parent)


def _opened(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except zipfile.BadZipFile as error:
        raise UserError(f"{archive}: not an intact zip ({error}). {BY_HAND}") from error


def _content(packed: zipfile.ZipFile, member: zipfile.ZipInfo, archive: Path) -> bytes:
    try:
        return packed.read(member)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise UserError(f"{archive}, {member.filename}: {error}. {BY_HAND}") from error


def _copied(packed: zipfile.ZipFile, member: zipfile.ZipInfo, out: Any, archive: Path) -> None:
    try:
        with packed.open(member) as stream:
            shutil.copyfileobj(stream, out, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise UserError(f"{archive}, {member.filename}: {error}. {BY_HAND}") from error
