"""Ten public LIDC-IDRI series of LUNA16, from TCIA, in LUNA16's layout with lists of their nodules.

`lidc_sample.csv` names them: one from each of LUNA16's ten subsets, two without a nodule. Each is a
zip of DICOM files with their MD5 sums (NBIA's public interface, without an account). Data:
LIDC-IDRI, CC BY 3.0, 10.7937/K9/TCIA.2015.LO9QL9SX.
"""

import csv
import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from nodules.base import downloads, files
from nodules.base.downloads import PATIENT, Patience, Unreachable
from nodules.base.files import FileDefect, UserError
from nodules.datasets import check, conversion, reader_lists
from nodules.datasets.conversion import FAILED, WRITTEN
from nodules.datasets.row_tables import Row
from nodules.images.metaimage_header import read_header

SERVER = "https://services.cancerimagingarchive.net/nbia-api/services/v1"
LIST = Path(__file__).with_name("lidc_sample.csv")
DICOM = "dicom"  # folder of the zips as downloaded
HASHES = "md5hashes.csv"  # member of each zip that lists the MD5 of the others
NEEDED_BYTES = 2 << 30  # of disk space, for zips and scans
ATTRIBUTION = """\
These scans and the readers' outlines behind the lists are LIDC-IDRI data of The Cancer Imaging
Archive, under the licence CC BY 3.0 (https://creativecommons.org/licenses/by/3.0/). Please cite:
Armato SG III et al. (2015). Data From LIDC-IDRI. The Cancer Imaging Archive.
https://doi.org/10.7937/K9/TCIA.2015.LO9QL9SX
Armato SG III et al. (2011). The Lung Image Database Consortium (LIDC) and Image Database Resource
Initiative (IDRI). Medical Physics 38, 915-931. https://doi.org/10.1118/1.3528204
The scans were converted from DICOM to MetaImage; the lists were made of the outlines.
"""

Tell = Callable[[str, int, int], object]  # name, bytes so far, bytes in all or 0


@dataclass(frozen=True)
class Listed:
    """A series of the list, with its numbers of slices and nodules."""

    subset: int
    patient: str
    uid: str
    slices: int
    nodules: int

    @property
    def header(self) -> Path:
        """Path of its scan's header, relative to the sample's folder."""
        return Path(f"subset{self.subset}", f"{self.uid}.mhd")


@dataclass(frozen=True)
class Job:
    """Where to download the sample to, and from which server.

    further: a further check of each scan, such as whether its lungs are found.
    """

    folder: Path
    server: str = SERVER
    patience: Patience = PATIENT
    further: check.Further | None = None
    tell: Tell = field(default=lambda name, done, total: None)


def listed() -> list[Listed]:
    """The ten series."""
    with LIST.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return [
        Listed(int(r["subset"]), r["patient"], r["seriesuid"], int(r["slices"]), int(r["nodules"]))
        for r in rows
    ]


def download(
    job: Job, ended: Callable[[Row, bool], object], wanted: Sequence[Listed] | None = None
) -> list[Row]:
    """Download, check and convert the series, and write the lists for the scans that are there.

    Series already there are left untouched. A series that cannot be downloaded or is defective
    becomes a row with the reason, and the next one follows. ended: called with each row, and
    whether it is new. Returns rows as `conversion.convert` does. Raises UserError if the server
    cannot be reached or nothing can be written.
    """
    files.check_target(job.folder / reader_lists.SCANS)
    wanted = listed() if wanted is None else wanted
    rows = []
    try:
        _require_space(job.folder, sum(not (job.folder / s.header).is_file() for s in wanted))
        for series in wanted:
            row, new = _series(series, job)
            rows.append(row)
            ended(row, new)
    finally:
        write_lists(job.folder, wanted)
    return rows


def write_lists(folder: Path, wanted: Sequence[Listed]) -> None:
    """Write the nodule lists of the scans that are there, and the data's attribution."""
    there = [s.uid for s in wanted if (folder / s.header).is_file()]
    headers = {s.uid: folder / s.header for s in wanted if s.uid in there}
    if not headers:
        return
    geometries = {uid: read_header(path).geometry for uid, path in headers.items()}
    reader_lists.write(folder, reader_lists.of_scans(geometries))
    files.write_text(folder / "ATTRIBUTION.txt", ATTRIBUTION)


def _require_space(folder: Path, missing: int) -> None:
    """Raise UserError if the disk has too little room for the missing scans."""
    above = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    state = os.statvfs(above)
    needed, free = NEEDED_BYTES * missing // len(listed()), state.f_bavail * state.f_frsize
    if free < needed:
        raise UserError(
            f"{folder}: {needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB free. Free space, "
            "or name a folder on another disk; what is there stays."
        )


def _series(series: Listed, job: Job) -> tuple[Row, bool]:
    """The row of one series, and whether anything was done for it."""
    known = {r["seriesuid"]: r for r in conversion.read_table(job.folder / conversion.SCANS)}
    header = job.folder / series.header
    if header.is_file() and header.with_suffix(".raw").is_file() and series.uid in known:
        return known[series.uid], False
    archive = job.folder / DICOM / f"{series.uid}.zip"
    try:
        if not archive.is_file() or complaint(archive, series):
            downloads.fetch(
                f"{job.server}/getImageWithMD5Hash?SeriesInstanceUID={series.uid}",
                archive,
                lambda path: complaint(path, series),
                job.patience,
                lambda done, total: job.tell(series.patient, done, total),
            )
    except Unreachable:
        raise
    except UserError as error:
        row = dict.fromkeys(conversion.SCAN_COLUMNS, "")
        told = {"status": FAILED, "seriesuid": series.uid, "notes": str(error)}
        return row | {"source": str(archive), "name": series.uid} | told, True
    way = conversion.Job(job.folder, series.subset, (series.uid,), job.further)
    (row,) = conversion.convert([archive], way, lambda row, new: None)
    return row, True


def complaint(archive: Path, series: Listed) -> str:
    """Defect of a series' zip; "" if every file has the MD5 that it should have.

    A zip that lacks slices, or its own list of MD5 sums, is defective too.
    """
    with archive.open("rb") as stream:
        begins = stream.read(200)
    if begins[:2] != b"PK":
        return downloads.odd(begins)
    try:
        with zipfile.ZipFile(archive) as packed:
            return _wrong(packed, series)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        return f"the zip is cut short or damaged ({error})"
    except (ValueError, KeyError, FileDefect) as error:
        return f"the zip is not one of a series ({error})"


def _wrong(packed: zipfile.ZipFile, series: Listed) -> str:
    """Defect of an opened zip of a series, or ""."""
    members = {PurePosixPath(m.filename).name: m for m in packed.infolist() if not m.is_dir()}
    slices = {name: m for name, m in members.items() if name.lower().endswith(".dcm")}
    if HASHES not in members:
        return f"the zip has no {HASHES}, by which to check its {len(slices)} files"
    text = packed.read(members[HASHES]).decode("utf-8", errors="replace")
    said = {
        PurePosixPath(row[0].strip()).name: row[1].strip().lower()
        for row in csv.reader(io.StringIO(text))
        if len(row) > 1
    }
    if len(slices) != series.slices:
        return f"the zip has {len(slices)} of the series' {series.slices} slices"
    for name, member in slices.items():
        with packed.open(member) as stream:
            found = hashlib.md5(stream.read(), usedforsecurity=False).hexdigest()
        if said.get(name) != found:
            return f"{name} in the zip has another MD5 than the server says"
    return ""


def is_done(row: Row) -> bool:
    """Whether a row says that its series is there."""
    return row["status"] == WRITTEN
