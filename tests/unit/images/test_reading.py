"""Every form of one scan gives the same HU at the same world points."""

import gzip
import itertools
import os
import random
import shutil
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from helpers import dicom_files as made
from nodules.base.files import UserError
from nodules.images import metaimage, metaimage_local, nifti, nrrd, reading, source_files, volume
from nodules.images.geometry import Geometry
from nodules.images.metaimage_writing import write_volume

HU = made.noise()
GRID = Geometry.build(made.ORIGIN, (*made.PIXEL, made.STEP), np.eye(3), HU.shape)
FORMS = [".mhd", ".mha", ".nii", ".nii.gz", ".nrrd"]
CODECS = {
    "RLE": made.RLE,
    "JPEG lossless": made.JPEG_LOSSLESS,
    "JPEG 2000": made.JPEG_2000,
    "JPEG-LS": made.JPEG_LS,
    "deflated": "1.2.840.10008.1.2.1.99",
    "implicit": made.IMPLICIT,
}


def is_the_scan(found: reading.Reading) -> bool:
    """Whether a reading has the HU of `HU`, voxel by voxel, at its world points to 1e-3 mm."""
    ends = np.array(list(np.ndindex(2, 2, 2))) * (np.array(HU.shape) - 1)
    assert found.voxels.dtype == np.int16 and found.voxels.flags.c_contiguous
    assert np.array_equal(found.voxels, HU)
    assert np.abs(found.geometry.to_world(ends) - GRID.to_world(ends)).max() < 1e-3
    return True


def shuffled(folder: Path) -> Path:
    names = [f"{i:03}" for i in range(len(HU))]
    random.Random(1).shuffle(names)
    return made.write(folder, made.series(HU), names)


def nested(folder: Path) -> Path:
    """Folders in folders, with junk, a DICOMDIR and hidden files between the slices."""
    names = [f"a/{i % 3}/b{i}/IM{i}" for i in range(len(HU))]
    made.write(folder, made.series(HU), names)
    (folder / "a/README.TXT").write_text("viewer")
    (folder / "a/AUTORUN.EXE").write_bytes(bytes(200))
    (folder / "a/empty").touch()
    (folder / "a/.DS_Store").write_bytes(b"x")
    listing = made.slice_of(HU[0], made.ORIGIN, 99)
    listing.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    listing.save_as(folder / "DICOMDIR")
    return folder


def zipped(folder: Path) -> Path:
    nested(folder / "scan")
    with zipfile.ZipFile(folder / "scan.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((folder / "scan").rglob("*")):
            archive.write(path, path.relative_to(folder))
        archive.writestr("__MACOSX/scan/._IM1", b"x")
        archive.writestr("../../outside.txt", b"x")
    shutil.rmtree(folder / "scan")
    return folder / "scan.zip"


def descending(folder: Path) -> Path:
    return made.write(folder, made.series(HU)[::-1])


def rows_flipped(folder: Path) -> Path:
    """Rows run from right to left and columns from back to front."""
    corner = made.positions() + np.array([25 * made.PIXEL[0], 21 * made.PIXEL[1], 0])
    tags = {"ImageOrientationPatient": [-1, 0, 0, 0, -1, 0]}
    return made.write(folder, made.series(HU[:, ::-1, ::-1], corner, **tags))


def coronal(folder: Path) -> Path:
    """The same voxels as slices from front to back; rows from right to left, columns downwards."""
    slices = HU[::-1].transpose(1, 0, 2)
    top = np.array(made.ORIGIN) + np.array([0, 0, 13 * made.STEP])
    places = top + np.arange(22)[:, None] * [0, made.PIXEL[1], 0]
    tags = {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}
    return made.write(
        folder, made.series(slices, places, PixelSpacing=[made.STEP, made.PIXEL[0]], **tags)
    )


def no_preamble(folder: Path) -> Path:
    folder.mkdir()
    for i, image in enumerate(made.series(HU)):
        made.without_preamble(image, folder / f"{i}")
    return folder


def meta_without_preamble(folder: Path) -> Path:
    """File meta, and before it neither 128 bytes nor DICM."""
    made.write(folder, made.series(HU))
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[132:])
    return folder


def not_utf8(folder: Path) -> Path:
    """A folder whose name is in Latin-1; SimpleITK cannot even be asked to open files in it."""
    return shuffled(folder.with_name(os.fsdecode(b"M\xfcller")))


def one_file(folder: Path) -> Path:
    made.write(folder, [made.enhanced(made.series(HU))], ["IM0"])
    return folder / "IM0"


def frames_shuffled(folder: Path) -> Path:
    images = made.series(HU)
    random.Random(2).shuffle(images)
    return made.write(folder, [made.enhanced(images)], ["IM0"])


def slopes(folder: Path) -> Path:
    """Each slice with a slope of its own, all of which hold the HU exactly."""
    images = [
        made.slice_of(hu, place, i, slope=(1.0, 0.5)[i % 2])
        for i, (hu, place) in enumerate(zip(HU, made.positions(), strict=True))
    ]
    return made.write(folder, images)


def frames_with_slopes(folder: Path) -> Path:
    slopes(folder)
    images = [
        made.slice_of(hu, place, i, slope=(1.0, 0.5)[i % 2])
        for i, (hu, place) in enumerate(zip(HU, made.positions(), strict=True))
    ]
    shutil.rmtree(folder)
    return made.write(folder, [made.enhanced(images)])


WAYS = (
    shuffled,
    nested,
    zipped,
    descending,
    rows_flipped,
    coronal,
    no_preamble,
    meta_without_preamble,
    not_utf8,
    one_file,
    frames_shuffled,
)
WAYS += (slopes, frames_with_slopes)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_dicom_of_every_kind_is_the_same_scan(tmp_path, way):
    found = reading.read(way(tmp_path / "in"))
    assert is_the_scan(found)
    assert (found.uid, found.form, found.notes) == ("1.2.3.4", "DICOM", ())
    assert not (tmp_path.parent / "outside.txt").exists()


@pytest.mark.parametrize("codec", CODECS)
def test_dicom_in_every_encoding_is_the_same_scan(tmp_path, codec):
    if codec == "JPEG-LS" and find_spec("jpeg_ls") is None:
        pytest.skip("JPEG-LS OF MADE-UP SLICES WAS NOT TRIED: no encoder (pip install pyjpegls)")
    images = [made.encoded(image, CODECS[codec], tmp_path) for image in made.series(HU)]
    assert is_the_scan(reading.read(made.write(tmp_path / "in", images)))


@pytest.mark.parametrize("form", FORMS)
def test_volume_files_are_the_same_scan(tmp_path, form):
    path = tmp_path / f"1.2.3.4{form}"
    sitk.WriteImage(made.picture(HU), str(path))
    found = reading.read(path)
    assert is_the_scan(found)
    assert (found.uid, found.form) == ("1.2.3.4", form)


TURNS = [
    (order, flips)
    for order in itertools.permutations(range(3))
    for flips in itertools.product((False, True), repeat=3)
]


@pytest.mark.parametrize("form", [".mhd", ".mha", ".nii.gz", ".nrrd"])
def test_flipped_and_permuted_volume_files_are_the_same_scan(tmp_path, form):
    path = tmp_path / f"scan{form}"
    uids = set()
    for order, flips in TURNS:
        turned = sitk.Flip(sitk.PermuteAxes(made.picture(HU), order), flips, False)
        sitk.WriteImage(turned, str(path))
        found = reading.read(path)
        assert is_the_scan(found)
        uids.add(found.uid)
    assert len(uids) == 1 and uids.pop().startswith("2.25.")  # made of the voxels


def test_an_oblique_volume_keeps_its_world_points_in_every_form(tmp_path):
    image = made.picture(HU)
    image.SetDirection(sitk.Euler3DTransform((0, 0, 0), 0.2, -0.1, 0.15).GetMatrix())
    for form in FORMS:
        sitk.WriteImage(image, str(tmp_path / f"scan{form}"))
        found = reading.read(tmp_path / f"scan{form}")
        for x, y, z in ((0, 0, 0), (25, 21, 13), (25, 0, 3)):
            truth = image.TransformIndexToPhysicalPoint((x, y, z))
            index = found.geometry.to_index(truth)
            assert np.abs(index - np.rint(index)).max() < 1e-3
            assert found.voxels[tuple(np.rint(index).astype(int))] == image[x, y, z]


def test_an_mhd_that_holds_its_own_voxels_is_read(tmp_path):
    sitk.WriteImage(made.picture(HU), str(tmp_path / "scan.mha"))
    (tmp_path / "scan.mha").rename(tmp_path / "scan.mhd")
    assert is_the_scan(reading.read(tmp_path / "scan.mhd"))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr"])
def test_nrrd_of_every_kind_is_the_same_scan(tmp_path, suffix, compressed):
    path = tmp_path / f"scan{suffix}"
    sitk.WriteImage(made.picture(HU), str(path), useCompression=compressed)
    assert is_the_scan(reading.read(path))


@pytest.mark.parametrize(("space", "signs"), [("RAS", (-1, -1, 1)), ("LAS", (1, -1, 1))])
def test_nrrd_of_other_spaces_is_brought_into_lps(tmp_path, space, signs):
    words = [f"({','.join(f'{value:.9g}' for value in signs * row)})" for row in GRID.axes.T]
    origin = f"({','.join(f'{value:.9g}' for value in signs * GRID.origin)})"
    head = (
        f"NRRD0004\ntype: short\ndimension: 3\nsizes: 26 22 14\nspace: {space}\nendian: big\n"
        f"space directions: {' '.join(words)}\nspace origin: {origin}\nencoding: raw\n\n"
    )
    (tmp_path / "scan.nrrd").write_bytes(head.encode() + HU.astype(">i2").tobytes())
    assert is_the_scan(reading.read(tmp_path / "scan.nrrd"))


@pytest.mark.parametrize("compressed", [False, True])
def test_mha_is_the_same_scan_compressed_or_not(tmp_path, compressed):
    sitk.WriteImage(made.picture(HU), str(tmp_path / "scan.mha"), useCompression=compressed)
    assert is_the_scan(reading.read(tmp_path / "scan.mha"))


def test_what_is_written_is_read_back(tmp_path):
    for suffix in (".raw", ".zraw"):
        header = tmp_path / f"1.2{suffix}.mhd"
        write_volume(header, tmp_path / f"1.2{suffix}", HU, GRID)
        voxels, grid = metaimage.read_volume(header)
        assert np.array_equal(voxels, HU)
        assert np.array_equal(grid.origin, GRID.origin)


def test_values_become_hu_by_rounding_and_clipping():
    values = np.array([-1000.5, -1000.4, 1.5, 1e9, -1e9]).reshape(5, 1, 1)
    assert volume.as_hu(values, "x").ravel().tolist() == [-1000, -1000, 2, 32767, -32768]
    with pytest.raises(UserError, match="x: there are voxels that are not finite"):
        volume.as_hu(np.full((1, 1, 1), np.nan), "x")


@pytest.mark.parametrize("form", FORMS)
def test_voxels_that_are_clipped_are_told(tmp_path, form):
    values = HU.astype(np.float32)
    values[0, 0, :3] = 70_000, -70_000, 32767.3
    sitk.WriteImage(made.picture(values), str(tmp_path / f"scan{form}"))
    told = "2 voxels beyond 16 bits, clipped to -32768 or 32767 HU"
    assert reading.read(tmp_path / f"scan{form}").notes == (told,)
    assert reading.of_array(values, GRID).notes == (told,)
    assert reading.of_array(HU, GRID).notes == ()


def test_voxels_of_dicom_that_are_clipped_are_told(tmp_path):
    images = made.series(HU)
    images[3].RescaleSlope = 1000
    notes = reading.read(made.write(tmp_path, images)).notes
    assert len(notes) == 1 and "voxels beyond 16 bits, clipped" in notes[0]


def test_zips_and_volumes_in_a_folder_are_found(tmp_path):
    shuffled(tmp_path / "in/dicom")
    sitk.WriteImage(made.picture(HU), str(tmp_path / "in/b.nii.gz"))
    (tmp_path / "in/c.mha").write_bytes(b"nothing")
    with reading.opened(tmp_path / "in") as scans:
        assert [scan.name for scan in scans] == ["b.nii.gz", "c.mha", "1.2.3.4"]
        assert is_the_scan(scans[0].read()) and is_the_scan(scans[2].read())


def test_no_more_is_unpacked_than_a_header_tells_of(tmp_path, monkeypatch):
    asked = []

    class Counted(nifti.igzip.IGzipFile):
        def read(self, size=-1):
            asked.append(size)
            return super().read(size)

    monkeypatch.setattr(nifti.igzip, "open", Counted)
    sitk.WriteImage(made.picture(HU), str(tmp_path / "scan.nii"))
    content = (tmp_path / "scan.nii").read_bytes()
    (tmp_path / "scan.nii.gz").write_bytes(gzip.compress(content + bytes(1 << 20)))
    assert is_the_scan(reading.read(tmp_path / "scan.nii.gz"))
    assert asked == [nifti.HEADER_BYTES, len(content)]


@pytest.mark.parametrize(
    ("content", "told"), [(b"", "it is empty"), (bytes(9000), "it is not DICOM, despite its name")]
)
def test_a_slice_that_was_lost_at_an_end_is_told(tmp_path, content, told):
    made.write(tmp_path, made.series(HU))
    for name in ("before.dcm", "last.DCM"):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "README").touch()
    assert reading.read(tmp_path).notes == (f"left out: before.dcm and 1 more: {told}",)


def test_a_folder_that_may_not_be_listed_is_told(tmp_path, monkeypatch):
    shuffled(tmp_path / "in/dicom")
    (tmp_path / "in/closed").mkdir()
    walk = os.walk

    def closed(folder, onerror, **options):
        onerror(PermissionError(13, "Permission denied", str(tmp_path / "in/closed")))
        return walk(folder, **options)

    monkeypatch.setattr(source_files.os, "walk", closed)
    read = reading.read(tmp_path / "in")
    assert any(note.startswith("left out: closed: cannot be read") for note in read.notes)


def test_the_series_that_are_not_taken_are_told_with_the_reason(tmp_path):
    made.write(tmp_path / "in/lung", made.series(HU, ConvolutionKernel="B70f"))
    soft = {"ConvolutionKernel": "B30f", "SeriesInstanceUID": "1.2.3.5"}
    made.write(tmp_path / "in/soft", made.series(HU - 1, **soft))
    scout = {"SeriesInstanceUID": "1.2.3.6", "Modality": "SR"}
    made.write(tmp_path / "in/scout", made.series(HU, **scout))
    read = reading.read(tmp_path / "in")
    told = "1.2.3.5: its kernel B30f is none for lungs"
    assert read.notes == (f"other series of the study left out: {told}",)
    assert read.uid == "1.2.3.4" and is_the_scan(read)


def test_a_scan_in_a_folder_of_many_is_where_its_files_are(tmp_path):
    shuffled(tmp_path / "in/patient 7/CT")
    assert reading.read(tmp_path / "in").source == f"{tmp_path}/in/patient 7/CT"
    assert reading.read(tmp_path / "in/patient 7/CT").source == f"{tmp_path}/in/patient 7/CT"


def test_the_suffixes_are_one_readers_each():
    assert {metaimage_local.SUFFIX, *nrrd.SUFFIXES} <= set(reading.SUFFIXES)


# The real series


@pytest.fixture(scope="module")
def real(shared_data):
    """The folder of 60 real slices; voxels and grid of the same slices in LUNA16's file."""
    folder = shared_data / "data/dicom/LIDC-IDRI-0001"
    if not folder.is_dir():
        pytest.skip("THE REAL SERIES WAS NOT TRIED: no data/dicom/LIDC-IDRI-0001")
    (header,) = (shared_data / "data/luna16/subset1").glob("*603192.mhd")
    return folder, *metaimage.read_volume(header)


@pytest.mark.real
def test_the_real_series_is_lunas_scan(real):
    folder, voxels, grid = real
    found = reading.read(folder)
    z = int(np.rint(grid.to_index(found.geometry.origin)[0]))
    assert found.uid.endswith("603192") and found.voxels.shape == (60, 512, 512)
    assert np.array_equal(found.voxels, voxels[z : z + 60])
    apart = found.geometry.to_world((59, 511, 511)) - grid.to_world((z + 59, 511, 511))
    assert np.abs(apart).max() < 1e-3


@pytest.mark.real
def test_the_real_series_without_a_slice_is_refused(real, tmp_path):
    slices = sorted(real[0].iterdir())
    found = reading.read(real[0])
    shutil.copytree(real[0], tmp_path / "in")
    (tmp_path / "in" / slices[len(slices) // 2].name).unlink()
    assert found.voxels.shape[0] == len(slices)
    with pytest.raises(UserError, match=r"a slice is missing between .*5 mm apart.*2.5 mm"):
        reading.read(tmp_path / "in")
