"""Files that cannot be read are refused in one sentence that names them."""

import gzip
import os
import zipfile
from pathlib import Path

import pytest
import SimpleITK as sitk

from helpers import dicom_files as made
from nodules.base.files import UserError
from nodules.images import reading

HU = made.noise()


def few(folder: Path, number: int, name: str) -> Path:
    sitk.WriteImage(made.picture(HU[:number]), str(folder / name))
    return folder / name


def truncated(folder: Path, name: str) -> Path:
    path = folder / name
    sitk.WriteImage(made.picture(HU), str(path))
    path.write_bytes(path.read_bytes()[:-2000])
    return path


def header(folder: Path) -> Path:
    """A header without the file of its voxels."""
    sitk.WriteImage(made.picture(HU), str(folder / "scan.mhd"))
    return folder / "scan.mhd"


def nrrd_with(folder: Path, old: str, new: str) -> Path:
    path = folder / "scan.nrrd"
    sitk.WriteImage(made.picture(HU), str(path))
    head, blank, rest = path.read_bytes().partition(b"\n\n")
    lines = [new if line.startswith(old) else line for line in head.decode().splitlines()]
    path.write_bytes("\n".join(filter(None, lines)).encode() + blank + rest)
    return path


def encrypted(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("a", b"text")
    content = bytearray((folder / "a.zip").read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + at] |= 1
    (folder / "a.zip").write_bytes(content)
    return folder / "a.zip"


def plain(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def four_dimensions(folder: Path) -> Path:
    sitk.WriteImage(sitk.JoinSeries([made.picture(HU), made.picture(HU)]), str(folder / "scan.mha"))
    return folder / "scan.mha"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def frames(folder: Path) -> Path:
    (image,) = made.series(HU[:1])
    image.NumberOfFrames = 2**31 - 1
    return made.write(folder, [image])


def damaged(folder: Path, name: str) -> Path:
    """A gzip whose sum of all bytes, which stands at its end, is another."""
    path = folder / name
    sitk.WriteImage(made.picture(HU), str(path), useCompression=True)
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    return path


def listing(folder: Path) -> Path:
    image = made.slice_of(HU[0], made.ORIGIN, 99)
    image.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    image.save_as(folder / "DICOMDIR")
    return folder / "DICOMDIR"


BAD_FILES = {
    "a pipe": (pipe, "it is neither a file nor a folder"),
    "two thousand million frames": (frames, "2147483647 frames in one file"),
    "nrrd of a size of 5000 digits": (
        lambda f: nrrd_with(f, "sizes", f"sizes: {'9' * 5000} 1 1"),
        r"its sizes 9{64}\.\. are absurd",
    ),
    "no such file": (lambda f: f / "absent", "no such file or folder"),
    "an empty folder": (lambda f: f, "no scan among its 0 files"),
    "a text": (lambda f: plain(f, "a.txt", b"x"), "neither DICOM nor a volume"),
    "a DICOMDIR": (listing, "a DICOMDIR only lists the files beside it. Name its folder"),
    "no zip": (lambda f: plain(f, "a.zip", b"PK\x03\x04xx"), "not an intact zip"),
    "an encrypted zip": (encrypted, "the zip is encrypted"),
    "mha cut short": (lambda f: truncated(f, "scan.mha"), "2000 bytes long|bytes long where"),
    "nrrd cut short": (
        lambda f: truncated(f, "scan.nrrd"),
        "not intact gzip data|2000 bytes of voxels are missing",
    ),
    "nrrd of one changed bit": (lambda f: damaged(f, "scan.nrrd"), "CRC check failed"),
    "nii.gz of one changed bit": (lambda f: damaged(f, "scan.nii.gz"), "CRC check failed"),
    "nii cut short": (lambda f: truncated(f, "scan.nii"), "2000 bytes of voxels are missing"),
    "nii.gz cut short": (lambda f: truncated(f, "scan.nii.gz"), "not intact gzip data"),
    "no gzip": (lambda f: plain(f, "a.nii.gz", b"xyz"), "a.nii.gz: "),
    "no nifti": (lambda f: plain(f, "a.nii", b"xyz" * 200), "it is no NIfTI file"),
    "no nrrd": (lambda f: plain(f, "a.nrrd", b"xyz"), "it is no NRRD file"),
    "nrrd without space": (lambda f: nrrd_with(f, "space:", ""), "it has no field `space`"),
    "nrrd of a scanner": (
        lambda f: nrrd_with(f, "space:", "space: scanner-xyz"),
        "its space is scanner-xyz",
    ),
    "nrrd without directions": (
        lambda f: nrrd_with(f, "space directions", ""),
        "its field `space directions` is missing",
    ),
    "nrrd as text": (lambda f: nrrd_with(f, "encoding", "encoding: text"), "stored as text"),
    "nrrd of blocks": (lambda f: nrrd_with(f, "type", "type: block"), "have the type block"),
    "nrrd of two dimensions": (
        lambda f: nrrd_with(f, "dimension", "dimension: 2"),
        "it is not one 3-D volume",
    ),
    "nrrd with voxels elsewhere": (
        lambda f: nrrd_with(f, "encoding", "encoding: raw\ndata file: ../a.raw"),
        "its data file ../a.raw is not one file beside it",
    ),
    "sheared nrrd": (
        lambda f: nrrd_with(
            f, "space directions", "space directions: (0.7,0,0) (0,0.8,0) (0,1,2.5)"
        ),
        "not at right angles",
    ),
    "a NIfTI of one slice": (
        lambda f: few(f, 1, "a.nii"),
        "a.nii: it has 1 slice, fewer than 10. Name a chest CT of at least 10 slices",
    ),
    "an mhd of nine slices": (lambda f: few(f, 9, "a.mhd"), "it has 9 slices, fewer than 10"),
    "two volumes in one": (four_dimensions, "NDims = 4 is not 3"),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_a_bad_file_is_one_sentence(tmp_path, what):
    make, message = BAD_FILES[what]
    path = make(tmp_path)
    with pytest.raises(UserError, match=message) as error:
        reading.read(path)
    text = str(error.value)
    assert text.startswith(str(tmp_path)) and "\n" not in text and text.endswith(".")


@pytest.mark.parametrize("suffix", [".nii.gz", ".mhd", ".mha"])
def test_a_bad_file_in_a_zip_is_named_by_the_zip_and_its_place_there(tmp_path, suffix):
    (tmp_path / "in").mkdir()
    path = truncated(tmp_path / "in", f"scan{suffix}") if suffix != ".mhd" else header(tmp_path)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(path, f"Müller/{path.name}")
    with pytest.raises(UserError) as error:
        reading.read(tmp_path / "a.zip")
    assert str(error.value).startswith(f"{tmp_path}/a.zip/Müller/scan.")
    assert "/luna16-" not in str(error.value)


def test_a_gzip_of_something_else_is_named(tmp_path):
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(bytes(10_000)))
    with pytest.raises(UserError, match="it is no NIfTI file"):
        reading.read(path)


@pytest.mark.real
@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("tilted", "it has 4 slices, fewer than 10"),
        ("seg", "its modality is SEG, not CT"),
        ("codecs", "it holds 5 scans"),
    ],
)
def test_real_odd_files_are_one_sentence(shared_data, folder, message):
    odd = shared_data / "data/dicom/odd"
    if not odd.is_dir():
        pytest.skip("REAL ODD FILES WERE NOT TRIED: no data/dicom/odd")
    with pytest.raises(UserError, match=message):
        reading.read(odd / folder)
