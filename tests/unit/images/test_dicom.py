"""DICOM series: which is chosen, what is refused in a sentence, what is set right and told."""

from pathlib import Path

import numpy as np
import pytest

from helpers import dicom_files as made
from nodules.base.files import FileDefect, UserError
from nodules.images import dicom, dicom_headers, dicom_series, dicom_stack, reading, resampling
from nodules.images.geometry import Geometry

HU = made.noise()
N = len(HU)
TILT = np.radians(15)


def headers(folder: Path) -> dicom_headers.Headers:
    return dicom_headers.read_headers((path, path.name) for path in sorted(folder.iterdir()))


def series_in(folder: Path) -> list[dicom_series.Series]:
    return dicom_series.group(headers(folder).frames)


def reasons(folder: Path, *wanted: str) -> dict[str, str]:
    return dicom_series.choose(series_in(folder), wanted)[1]


def of_places(places: np.ndarray, orientation=made.AXIAL, shape=(40, 50)) -> list:
    """A series at given positions whose HU depend linearly on the world's points."""
    x, y = np.array(orientation[:3]), np.array(orientation[3:])
    rows, columns = np.mgrid[: shape[0], : shape[1]][..., None]
    plane = columns * x * made.PIXEL[0] + rows * y * made.PIXEL[1]
    hu = np.stack([made.linear_hu(place + plane) for place in places])
    return made.series(hu, places, ImageOrientationPatient=[f"{v:.12g}" for v in orientation])


def worst_hu(found: reading.Reading) -> float:
    """Largest error in HU of a read `of_places`, where slices reach."""
    index = np.moveaxis(np.indices(found.voxels.shape), 0, -1)
    truth = made.linear_hu(found.geometry.to_world(index))
    reached = found.voxels > resampling.OUTSIDE_HU
    assert truth.min() > -900 and reached.mean() > 0.6
    return float(np.abs(found.voxels - truth)[reached].max())


# Slices that do not stand evenly and straight


def test_uneven_steps_are_resampled_on_an_even_grid(tmp_path):
    places = made.positions(18, [2.5] * 9 + [5.0] * 8)
    found = reading.read(made.write(tmp_path, of_places(places)))
    assert found.voxels.shape == (9 + 16 + 1, 40, 50)
    assert np.allclose(found.geometry.spacing, (*made.PIXEL, 2.5))
    assert worst_hu(found) <= 1
    (note,) = found.notes
    assert "2.5 to 5 mm, 5 mm from 009.dcm to 010.dcm: resampled every 2.5 mm" in note


def test_positions_rounded_by_a_scanner_are_even(tmp_path):
    places = np.round(made.positions(N, 0.625), 1)
    found = reading.read(made.write(tmp_path, made.series(HU, places)))
    assert np.array_equal(found.voxels, HU) and not found.notes
    assert abs(found.geometry.spacing[2] - 0.625) < 0.1 / (N - 1)


def test_small_differences_that_add_up_are_uneven(tmp_path):
    places = made.positions(60, [2.5] * 30 + [2.54] * 29)
    found = reading.read(made.write(tmp_path, of_places(places)))
    assert "uneven steps of 2.5 to 2.54 mm" in found.notes[0]
    assert worst_hu(found) <= 1


def test_slices_of_an_uneven_series_on_the_grid_are_kept_as_they_are(tmp_path):
    places = made.positions(N, [2.5] * 7 + [5.0] * 6)
    found = reading.read(made.write(tmp_path, made.series(HU, places)))
    assert np.array_equal(found.voxels[:8], HU[:8])
    assert np.array_equal(found.voxels[9::2], HU[8:])


def test_a_tilted_gantry_is_resampled_on_a_straight_grid(tmp_path):
    orientation = (1, 0, 0, 0, np.cos(TILT), -np.sin(TILT))
    found = reading.read(made.write(tmp_path, of_places(made.positions(20), orientation)))
    normal = found.geometry.direction[:, 2]
    assert np.allclose(normal, (0, np.sin(TILT), np.cos(TILT)), atol=1e-6)
    assert np.isclose(found.geometry.spacing[2], 2.5 * np.cos(TILT))
    assert found.voxels.shape[1] > 40  # nothing is cut off
    assert worst_hu(found) <= 1
    assert (
        "gantry tilt: the slices drift sideways by 0.647 mm a step (15.0 degrees)"
        in (found.notes[0])
    )


def test_tilt_and_uneven_steps_are_set_right_together(tmp_path):
    orientation = (1, 0, 0, 0, np.cos(TILT), np.sin(TILT))
    places = made.positions(16, [2.5] * 9 + [5.0] * 6)
    found = reading.read(made.write(tmp_path, of_places(places, orientation)))
    assert worst_hu(found) <= 1
    assert len(found.notes) == 2


def test_a_tilt_below_the_limit_is_none(tmp_path):
    places = made.positions() + np.arange(N)[:, None] * [0, 0.004, 0]
    found = reading.read(made.write(tmp_path, made.series(HU, places)))
    assert np.array_equal(found.voxels, HU) and not found.notes


def test_equal_duplicates_are_left_out_and_recorded(tmp_path):
    made.write(tmp_path, made.series(HU))
    made.write(tmp_path, made.series(HU)[3:5], ["copy3", "copy4"])
    found = reading.read(tmp_path)
    assert np.array_equal(found.voxels, HU)
    assert found.notes == ("2 slices there twice and equal, left out: copy3, copy4",)


def test_two_acquisitions_of_one_series_are_two(tmp_path):
    made.write(tmp_path, made.series(HU, AcquisitionNumber=1))
    again = made.series(HU + 5, AcquisitionNumber=2)
    made.write(tmp_path, again, [f"b{i}" for i in range(N)])
    with pytest.raises(UserError, match="nothing tells which is the scan"):
        reading.read(tmp_path)
    assert np.array_equal(reading.read(tmp_path, "1.2.3.4:2").voxels, HU + 5)


def test_acquisitions_of_different_slices_are_one_scan(tmp_path):
    images = made.series(HU)
    for i, image in enumerate(images):
        image.AcquisitionNumber = 1 + (i > 6)
    assert np.array_equal(reading.read(made.write(tmp_path, images)).voxels, HU)


def test_straightened_slices_keep_their_pixels_where_nothing_moves():
    slices = HU.astype(np.float32)
    grid = Geometry.build((0, 0, 0), (0.7, 0.8, 2.5), np.eye(3), HU.shape)
    depths = 2.5 * np.arange(N)
    volume, native = resampling.straightened(slices, depths, np.zeros((N, 2)), grid)
    assert np.array_equal(volume, slices) and native.shape == grid.shape


# Several series


def test_thin_is_chosen_before_thick_and_never_stacked_with_it(tmp_path):
    thick = {"SeriesInstanceUID": "1.2.3.1", "SliceThickness": 5}
    made.write(
        tmp_path, made.series(HU, made.positions(N, 5.0), **thick), [f"a{i}" for i in range(N)]
    )
    whole = made.noise((27, *HU.shape[1:]))
    made.write(tmp_path, made.series(whole, made.positions(27)), [f"b{i}" for i in range(27)])
    scout = made.series(HU[:1], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    scout[0].SeriesInstanceUID = "1.2.3.0"
    made.write(tmp_path, scout, ["scout"])
    found = reading.read(tmp_path)
    assert found.uid == "1.2.3.4" and np.array_equal(found.voxels, whole)
    assert reasons(tmp_path) == {
        "1.2.3.4": "the best",
        "1.2.3.1": "its slices are thicker: every 5 mm",
        "1.2.3.0": "it is a localiser",
    }
    other = reading.read(tmp_path, "1.2.3.1")
    assert np.array_equal(other.voxels, HU) and other.geometry.spacing[2] == 5
    assert reasons(tmp_path, "1.2.3.1")["1.2.3.4"] == "another was asked for"


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"ConvolutionKernel": "LUNG"}, "its kernel STANDARD is none for lungs"),
        ({"ConvolutionKernel": ["I70f", "2"]}, "its kernel STANDARD is none for lungs"),
        ({"ConvolutionKernel": "Qr59"}, "its kernel STANDARD is none for lungs"),
        (
            {"ImageType": ["DERIVED", "SECONDARY", "MIP"]},
            "it is a projection or reformat of others",
        ),
        ({"PixelSpacing": [0.9, 0.9]}, ""),
    ],
)
def test_a_series_of_one_uid_but_other_kind_is_another(tmp_path, tags, reason):
    made.write(tmp_path, made.series(HU))
    made.write(tmp_path, made.series(HU, **tags), [f"b{i}" for i in range(N)])
    if "MIP" in str(tags):
        for path in tmp_path.glob("b*"):
            path.unlink()
        made.write(
            tmp_path, made.series(HU, ConvolutionKernel="MIP", **tags), [f"b{i}" for i in range(N)]
        )
    assert [len(series.frames) for series in series_in(tmp_path)] == [N, N]
    if reason:
        assert reason in reasons(tmp_path).values()
    else:
        with pytest.raises(UserError, match=r"1.2.3.4:1 and 1.2.3.4:2: nothing tells .* --series"):
            reasons(tmp_path)


def test_a_thin_part_of_the_body_is_not_chosen_before_the_whole(tmp_path):
    made.write(tmp_path, made.series(HU))
    part = {"SeriesInstanceUID": "1.2.3.9"}
    made.write(
        tmp_path, made.series(HU, made.positions(N, 1.0), **part), [f"b{i}" for i in range(N)]
    )
    assert reasons(tmp_path)["1.2.3.9"] == "it covers 13 mm alone"


def test_studies_are_scans_of_their_own(tmp_path):
    made.write(tmp_path, made.series(HU))
    other = {"SeriesInstanceUID": "1.2.4.4", "StudyInstanceUID": "1.2.4"}
    made.write(tmp_path, made.series(HU[:12], **other), [f"b{i}" for i in range(12)])
    with reading.opened(tmp_path) as scans:
        assert [scan.read().voxels.shape[0] for scan in scans] == [N, 12]
    with pytest.raises(UserError, match="it holds 2 scans"):
        reading.read(tmp_path)


# What is refused: one sentence with the slices' names


def tags(**tags):
    return lambda: made.series(HU, **tags)


def without(*left_out: int):
    return lambda: [image for i, image in enumerate(made.series(HU)) if i not in left_out]


def changed(**change):
    """The series with a tag of slice 4 changed."""

    def images():
        series = made.series(HU)
        for name, value in change.items():
            setattr(series[4], name, value)
        return series

    return images


def lacking(*names: str, **tags):
    def images():
        series = made.series(HU, **tags)
        for image in series:
            for name in names:
                delattr(image, name)
        return series

    return images


def unequal():
    return [*made.series(HU), *made.series(HU + 1)[3:4]]


def beside():
    """A slice a second time, moved within its plane."""
    return [*made.series(HU), made.slice_of(HU[3], made.positions()[3] + [1, 0, 0], 99)]


REFUSED = {
    "a missing slice": (
        without(6),
        r"a slice is missing between 005.dcm and 006.dcm, 5 mm apart where the step is 2.5 mm\.",
    ),
    "two missing side by side": (without(6, 7), "2 slices are missing between 005.dcm and 006.dcm"),
    "two missing apart": (without(3, 9), "2 slices are missing between .* and at 1 more places"),
    "a wide gap": (
        lambda: made.series(HU, made.positions(N, [2.5] * 6 + [12.5] * 7)),
        "006.dcm and 007.dcm lie 12.5 mm apart, more than 10 mm",
    ),
    "too far apart": (lambda: made.series(HU, made.positions(N, 20)), "20 mm are absurd"),
    "unequal duplicates": (unequal, "003.dcm and 014.dcm lie at the same place and differ"),
    "moved duplicate": (beside, "003.dcm and 014.dcm lie in one plane, 1.00 mm apart"),
    "too steep": (
        lambda: made.series(HU, made.positions() + np.arange(N)[:, None] * [0, 2.5, 0]),
        r"drift sideways by 2.500 mm a step \(45.0 degrees\), more than a gantry tilts",
    ),
    "inverted greys": (
        lambda: made.series(HU, PhotometricInterpretation="MONOCHROME1"),
        r"its grey values are stored upside down \(MONOCHROME1\). Export it as MONOCHROME2",
    ),
    "nine slices": (lambda: made.series(HU[:9]), "it has 9 slices, fewer than 10"),
    "one slice": (lambda: made.series(HU[:1]), "it has 1 slice, fewer than 10"),
    "a localiser": (tags(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "it is a localiser"),
    "MR": (tags(Modality="MR"), "its modality is MR, not CT"),
    "nuclear medicine without a modality": (
        lacking("Modality", SOPClassUID="1.2.840.10008.5.1.4.1.1.20"),
        "its modality is not given, not CT",
    ),
    "no modality": (lacking("Modality", "SOPClassUID"), "its modality is not given, not CT"),
    "colour": (tags(SamplesPerPixel=3), "it is in colour"),
    "no position": (
        lacking("ImagePositionPatient"),
        "ImagePositionPatient is missing or unreadable in 000.dcm, 001.dcm, 002.dcm and 11 more",
    ),
    "no orientation": (lacking("ImageOrientationPatient"), "ImageOrientationPatient is missing"),
    "no spacing": (
        lacking("PixelSpacing"),
        "PixelSpacing is missing .* and 11 more. Export the series again with this tag",
    ),
    "skewed": (
        tags(ImageOrientationPatient=[1, 0, 0, 0.5, 0.8, 0]),
        "not two unit vectors at right angles",
    ),
    "slope 0": (changed(RescaleSlope=0), "004.dcm: its rescale slope is 0"),
    "a slice without position": (changed(ImagePositionPatient=None), "unreadable in 004.dcm"),
    "damaged pixels": (
        lambda: [made.encoded(i, made.RLE, Path()) for i in changed(Rows=21)()],
        "fewer|missing|header says|decoded",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_is_one_sentence(tmp_path, what):
    images, message = REFUSED[what]
    made.write(tmp_path, images())
    with pytest.raises(UserError, match=message) as error:
        reading.read(tmp_path)
    text = str(error.value)
    assert text.startswith(str(tmp_path)) and "\n" not in text and text.endswith(".")


@pytest.mark.parametrize("kept", [0.6, 0.3, 0.1])
def test_a_slice_that_is_cut_short_is_named(tmp_path, kept):
    made.write(tmp_path, made.series(HU))
    whole = (tmp_path / "005.dcm").read_bytes()
    (tmp_path / "005.dcm").write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(UserError, match=r"005\.dcm"):
        reading.read(tmp_path)


def test_a_compressed_slice_that_is_cut_short_is_named(tmp_path):
    images = [made.encoded(image, made.RLE, tmp_path) for image in made.series(HU)]
    made.write(tmp_path, images)
    whole = (tmp_path / "005.dcm").read_bytes()
    (tmp_path / "005.dcm").write_bytes(whole[:-300])
    with pytest.raises(FileDefect, match=r"005.dcm: its pixels cannot be decoded"):
        reading.read(tmp_path)


def test_a_slice_that_vanishes_before_its_pixels_are_read_is_named(tmp_path):
    made.write(tmp_path, made.series(HU))
    with reading.opened(tmp_path) as (scan,):
        (tmp_path / "005.dcm").unlink()
        with pytest.raises(FileDefect, match=r"005.dcm: cannot be read \(No such file"):
            scan.read()


def test_an_encoding_that_nobody_knows_is_named(tmp_path):
    made.write(tmp_path, made.series(HU))
    for path in tmp_path.iterdir():
        known, strange = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0"
        path.write_bytes(path.read_bytes().replace(known, strange, 1))
    with pytest.raises(FileDefect, match=r"000.dcm: its pixels cannot be decoded"):
        reading.read(tmp_path)


def test_missing_ids_stop_nobody(tmp_path):
    gone = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")
    found = reading.read(made.write(tmp_path, lacking(*gone, "InstanceNumber")()))
    assert np.array_equal(found.voxels, HU)


def test_a_series_without_uid_gets_one_of_its_voxels(tmp_path):
    found = reading.read(made.write(tmp_path, lacking("SeriesInstanceUID")()))
    assert found.uid == reading.made_uid(HU)


# Real files of others


@pytest.fixture(scope="module")
def odd(shared_data):
    folder = shared_data / "data/dicom/odd"
    if not folder.is_dir():
        pytest.skip("REAL ODD FILES WERE NOT TRIED: no data/dicom/odd")
    return folder


@pytest.mark.real
@pytest.mark.parametrize("scan", ["CT1", "CT2"])
def test_real_slices_are_equal_in_every_lossless_encoding(odd, scan):
    frames = {frame.name: frame for frame in headers(odd / "codecs").frames}
    names = [f"{scan}_{codec}.dcm" for codec in ("RLE", "JLSL", "JPLL", "J2KR")]
    slices = [dicom.read_frames([frames[name]]) for name in names]
    assert all(np.array_equal(slices[0], other) for other in slices[1:])
    near = dicom.read_frames([frames[f"{scan}_JLSN.dcm"]])
    assert 0 < np.abs(near - slices[0]).max() <= 10  # as lossy as its maker says


@pytest.mark.real
def test_a_real_tilted_series_is_set_straight(odd):
    (series,) = series_in(odd / "tilted")
    stack = dicom_stack.arrange(series)
    assert not stack.straight and stack.even
    assert np.isclose(stack.step, 5 * np.cos(np.radians(14)), atol=1e-3)
    voxels, grid, notes = dicom.read_series(series)
    assert "1.210 mm a step (14.0 degrees)" in notes[0]
    first = dicom.read_frames([stack.frames[0]])[0]
    corner = np.rint(grid.to_index(stack.geometry.origin)).astype(int)
    assert corner[0] == 0 and voxels.shape[1] > 512
    assert np.array_equal(voxels[0, corner[1] :, corner[2] :][:512, :512], first)


@pytest.mark.real
def test_a_real_enhanced_file_has_its_frames_in_their_places(odd):
    (path,) = (odd / "codecs").glob("enhanced*")
    (series,) = dicom_series.group(dicom_headers.read_headers([(path, path.name)]).frames)
    assert [frame.count for frame in series.frames] == [2, 2]
    _, grid, notes = dicom.read_series(series)
    assert np.allclose(grid.spacing, (0.388672, 0.388672, 10)) and not notes
