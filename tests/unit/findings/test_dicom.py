"""DICOM segmentations and reports hold the findings' own voxels, places and numbers.

Read back by highdicom, which wrote them, and by dcmqi, which did not; where Debian's validators
dciodvfy (dicom3tools) and DicomSRValidator (pixelmed-apps) are there, they find no error.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from shutil import which

import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from helpers import dicom_files
from helpers.builders import ball
from nodules.base.files import FileDefect
from nodules.findings import dicom_seg, dicom_sources, dicom_sr, found
from nodules.images import dicom_writing, reading
from nodules.images.geometry import Geometry

PATIENT = {
    **{"PatientID": "p1", "PatientName": "Doe^Jane", "PatientSex": "F", "StudyID": "s"},
    **{"PatientBirthDate": "19500101", "StudyDate": "20200101", "StudyTime": "101112"},
    **{"AccessionNumber": "", "ReferringPhysicianName": "", "Manufacturer": "", "KVP": "120"},
    **{"PositionReferenceIndicator": "", "SeriesNumber": 1, "PatientPosition": "HFS"},
}
MODEL = {"name": "small", "version": "0.1.0", "sha256": "ab" * 32, "manifest": {}}
SHAPE, RADIUS = (30, 48, 52), 6.0


def at(folder: Path, places: np.ndarray, **tags) -> Path:
    """A series whose slices lie at these places."""
    images = dicom_files.series(dicom_files.noise(SHAPE), places, **PATIENT | tags)
    return dicom_files.write(folder, images)


def straight(folder: Path) -> Path:
    return at(folder, dicom_files.positions(30))


def descending(folder: Path) -> Path:
    places = dicom_files.positions(30)[::-1]
    return dicom_files.write(
        folder, dicom_files.series(dicom_files.noise(SHAPE), places, **PATIENT)
    )


def rows_flipped(folder: Path) -> Path:
    return at(folder, dicom_files.positions(30), ImageOrientationPatient=[1, 0, 0, 0, -1, 0])


def oblique(folder: Path) -> Path:
    cos, sin = np.cos(0.2), np.sin(0.2)
    turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    grid = Geometry.build((-20, -30, -200), (0.7, 0.8, 2.0), turn, SHAPE)
    dicom_writing.write_series(folder, dicom_files.noise(SHAPE), grid, "2.25.7")
    return folder


def one_file(folder: Path) -> Path:
    images = dicom_files.series(dicom_files.noise(SHAPE), dicom_files.positions(30), **PATIENT)
    whole = dicom_files.enhanced(images)
    for name, value in PATIENT.items():
        setattr(whole, name, value)
    return dicom_files.write(folder, [whole])


def tilted(folder: Path) -> Path:
    places = dicom_files.positions(30) + np.arange(30)[:, None] * [0, 0.4, 0]
    return dicom_files.write(
        folder, dicom_files.series(dicom_files.noise(SHAPE), places, **PATIENT)
    )


def uneven(folder: Path) -> Path:
    places = dicom_files.positions(30, [2.0] * 14 + [4.0] * 15)
    return dicom_files.write(
        folder, dicom_files.series(dicom_files.noise(SHAPE), places, **PATIENT)
    )


SAME_GRID = (straight, descending, rows_flipped, oblique, one_file)
RESAMPLED = (tilted, uneven)


def findings_in(read: reading.Reading, shares=((0.3, 0.4, 0.3), (0.6, 0.6, 0.7))):
    """Findings as balls at shares of the grid; the last one below the threshold."""
    made = []
    native = read.geometry
    for number, share in enumerate([*shares, (0.8, 0.2, 0.2)], 1):
        whole = ball(native.shape, np.multiply(share, native.shape), RADIUS, native.spacing)
        index = np.argwhere(whole)
        box = tuple(slice(a, b + 1) for a, b in zip(index.min(0), index.max(0), strict=True))
        x, y, z = native.to_world(index.mean(axis=0))
        volume = len(index) * native.voxel_mm3
        numbers = (0.9 / number, 0.8 / number, 0.7, number <= len(shares))
        sizes = (12.0 + number / 7, volume, 13.0, 11.0, -30.5, None)
        side = "left" if number % 2 else "right"
        made.append(found.Finding(number, x, y, z, *numbers, *sizes, side, box, whole[box]))
    return found.Findings(
        read.uid, "", "DICOM", native, read.stored, "", (), 0.4, MODEL, tuple(made)
    )


def written(folder: Path, way, shares=((0.3, 0.4, 0.3), (0.6, 0.6, 0.7))):
    """Findings in a series made in a `way`, and the paths of their SEG (or None) and SR."""
    with reading.opened(way(folder / "scan")) as (scan,):
        findings = findings_in(scan.read(), shares)
        assert scan.chosen is not None
        sources = dicom_sources.read(scan.chosen)
        seg = dicom_seg.segmentation(findings, sources) if shares else None
        report = dicom_sr.report(findings, sources, seg)
    paths = [folder / "seg.dcm" if seg else None, folder / "sr.dcm"]
    for dataset, path in zip((seg, report), paths, strict=True):
        if dataset is not None:
            dataset.save_as(path)
    return findings, *paths


def centroids(path: Path) -> dict[int, np.ndarray]:
    """World centroid of each segment by each frame's own place, as a viewer has it."""
    seg = pydicom.dcmread(path)
    shared = seg.SharedFunctionalGroupsSequence[0]
    spacing = np.array(shared.PixelMeasuresSequence[0].PixelSpacing, float)
    turn = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(2, 3)
    points: dict[int, list[np.ndarray]] = {}
    for frame, image in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array, strict=True):
        first = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
        rows, columns = np.nonzero(image)
        place = (
            first + np.outer(columns * spacing[1], turn[0]) + np.outer(rows * spacing[0], turn[1])
        )
        number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        points.setdefault(number, []).append(place)
    return {number: np.concatenate(own).mean(axis=0) for number, own in points.items()}


def mean_place(finding, native):
    index = np.argwhere(finding.mask) + [s.start for s in finding.box]
    return native.to_world(index.mean(axis=0))


@pytest.mark.parametrize("way", SAME_GRID, ids=lambda way: way.__name__)
def test_segments_lie_where_the_findings_do(tmp_path, way):
    findings, seg, _ = written(tmp_path, way)
    own = centroids(seg)
    assert list(own) == [1, 2]
    for finding in findings.reported:
        place = mean_place(finding, findings.geometry)
        assert np.abs(own[finding.number] - place).max() < 0.01
    volume = hd.seg.segread(seg).get_volume(combine_segments=True)
    counts = np.bincount(volume.array.astype(int).ravel(), minlength=3)
    assert list(counts[1:]) == [f.voxels for f in findings.reported]
    frames = pydicom.dcmread(seg).NumberOfFrames
    assert frames == 2 * SHAPE[0], "empty frames stay, for viewers that count them"


def test_a_finding_between_two_slices_far_apart_is_no_empty_segment(tmp_path):
    """The grid on which it was found has slices there that no image shows."""

    def way(folder):
        places = dicom_files.positions(30, [1.0] * 10 + [7.0] * 19)
        return dicom_files.write(
            folder, dicom_files.series(dicom_files.noise(SHAPE), places, **PATIENT)
        )

    with reading.opened(way(tmp_path)) as (scan,):
        read, sources = scan.read(), dicom_sources.read(scan.chosen)
    both = findings_in(read, ((0.5, 0.5, 0.5), (0.2, 0.4, 0.4)))
    middle = [frame.position[2] for frame in sources.frames][20] + 3.5
    first = both.reported[0]
    z = round(float(read.geometry.to_index((first.x, first.y, middle))[0]))
    y, x = (s.start for s in first.box[1:])
    box = (slice(z, z + 1), slice(y, y + 2), slice(x, x + 2))
    thin = replace(first, box=box, mask=np.ones((1, 2, 2), bool))
    seg = dicom_seg.segmentation(replace(both, found=(thin, *both.found[1:])), sources)
    assert [item.SegmentNumber for item in seg.SegmentSequence] == [1]
    assert dicom_seg.segmentation(replace(both, found=(thin,)), sources) is None


def test_more_findings_than_a_byte_can_number_keep_their_own_masks(tmp_path):
    with reading.opened(straight(tmp_path / "scan")) as (scan,):
        read = scan.read()
        frames = dicom_sources.read(scan.chosen).frames
    one = findings_in(read, ((0.5, 0.5, 0.5),)).reported[0]
    labels = dicom_sources.masks_on(frames, [one] * 300, read.geometry)
    assert labels.max() == 300 and (labels == 300).sum() == one.voxels


@pytest.mark.parametrize("way", RESAMPLED, ids=lambda way: way.__name__)
def test_masks_of_a_resampled_scan_lie_on_its_own_slices(tmp_path, way):
    findings, seg, _ = written(tmp_path, way)
    own = centroids(seg)
    for finding in findings.reported:
        apart = own[finding.number] - mean_place(finding, findings.geometry)
        assert np.abs(apart).max() < 1.0


def dcmqi(tool: str, *arguments: str | Path) -> None:
    """Run a tool of dcmqi; its failure is the test's."""
    path = Path(sys.executable).with_name(tool)
    found_at = path if path.exists() else which(tool)
    if found_at is None:
        pytest.skip(f"DCMQI'S {tool} IS NOT INSTALLED: nothing is known of what it reads")
    done = subprocess.run([found_at, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("way", SAME_GRID, ids=lambda way: way.__name__)
def test_dcmqi_reads_the_same_voxels_at_the_same_places(tmp_path, way):
    findings, seg, _ = written(tmp_path, way)
    (tmp_path / "out").mkdir()
    asked = ("--inputDICOM", seg, "--outputDirectory", tmp_path / "out")
    dcmqi("segimage2itkimage", *asked, "--mergeSegments", "-t", "nii")
    (path,) = (tmp_path / "out").glob("*.nii*")
    image = sitk.ReadImage(str(path))
    labels = sitk.GetArrayFromImage(image)
    for finding in findings.reported:
        assert (labels == finding.number).sum() == finding.voxels
        for index in np.argwhere(finding.mask) + [s.start for s in finding.box]:
            at = image.TransformPhysicalPointToIndex(findings.geometry.to_world(index).tolist())
            assert image[at] == finding.number


def groups(path: Path):
    """Measurement groups of a report, by highdicom."""
    return hd.sr.srread(path).content.get_volumetric_roi_measurement_groups()


@pytest.mark.parametrize("way", SAME_GRID, ids=lambda way: way.__name__)
def test_the_report_has_the_same_numbers_places_and_tracking(tmp_path, way):
    findings, seg, report = written(tmp_path, way)
    segments = pydicom.dcmread(seg).SegmentSequence
    for finding, group, segment in zip(findings.reported, groups(report), segments, strict=True):
        numbers = {m.name.meaning: m.value for m in group.get_measurements()}
        assert numbers["Diameter"] == pytest.approx(finding.diameter_mm, abs=1e-9)
        assert numbers["Volume"] == pytest.approx(finding.volume_mm3, abs=1e-6)
        assert numbers["Certainty of Finding"] == pytest.approx(100 * finding.confidence)
        assert group.tracking_uid == segment.TrackingUID
        points = np.reshape(group.roi.graphic_data, (6, 3))
        assert np.abs(points.mean(axis=0) - finding.world).max() < 0.01
        assert np.linalg.norm(points[0] - points[1]) == pytest.approx(finding.diameter_mm, abs=1e-3)
    told = pydicom.dcmread(report)
    flags = (told.CompletionFlag, told.PreliminaryFlag, told.VerificationFlag)
    assert flags == ("COMPLETE", "PRELIMINARY", "UNVERIFIED")
    assert "research only" in told.SeriesDescription
    assert any(MODEL["sha256"] in str(element.value) for element in told.iterall())


def spheres(dataset) -> list[np.ndarray]:
    """Centre of each ellipsoid of a report, by pydicom alone: the mean of its axes' ends."""
    found = []
    for item in dataset.get("ContentSequence", ()):
        if item.get("GraphicType") == "ELLIPSOID":
            found.append(np.reshape(item.GraphicData, (6, 3)).astype(float).mean(axis=0))
        found += spheres(item)
    return found


@pytest.mark.parametrize("way", SAME_GRID, ids=lambda way: way.__name__)
def test_another_reader_finds_the_reports_places(tmp_path, way):
    findings, _, report = written(tmp_path, way)
    places = spheres(pydicom.dcmread(report))
    for finding, place in zip(findings.reported, places, strict=True):
        assert np.abs(place - finding.world).max() < 0.01


@pytest.mark.parametrize("way", [straight, rows_flipped, oblique], ids=lambda way: way.__name__)
def test_dcmqi_reads_the_report(tmp_path, way):
    findings, _, report = written(tmp_path, way)
    out = tmp_path / "out.json"
    dcmqi("tid1500reader", "--inputDICOM", report, "--outputMetadata", out)
    own = json.loads(out.read_text())["Measurements"]
    for finding, told in zip(findings.reported, own, strict=True):
        values = {m["quantity"]["CodeMeaning"]: float(m["value"]) for m in told["measurementItems"]}
        assert values["Diameter"] == pytest.approx(finding.diameter_mm, abs=1e-4)
        assert values["Volume"] == pytest.approx(finding.volume_mm3, abs=1e-2)
        assert values["Certainty of Finding"] == pytest.approx(100 * finding.confidence, abs=1e-4)
        assert told["TrackingIdentifier"] == f"Nodule {finding.number}"


def test_without_findings_the_report_says_so(tmp_path):
    _, seg, report = written(tmp_path, straight, shares=())
    assert seg is None and groups(report) == []
    told = [str(element.value) for element in pydicom.dcmread(report).iterall()]
    assert "No finding at or above the threshold" in told and "Absent" in told


@pytest.mark.parametrize("way", [straight, one_file], ids=lambda way: way.__name__)
def test_the_same_findings_make_the_same_bytes(tmp_path, way):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = written(tmp_path / "a", way)[1:], written(tmp_path / "b", way)[1:]
    for mine, theirs in zip(one, other, strict=True):
        assert mine.read_bytes() == theirs.read_bytes()


def test_headers_that_say_not_whose_they_are_make_no_dicom(tmp_path):
    images = dicom_files.series(dicom_files.noise(SHAPE), dicom_files.positions(30))
    told = r"no DICOM can be written.*lack PatientID"
    with (
        reading.opened(dicom_files.write(tmp_path, images)) as (scan,),
        pytest.raises(FileDefect, match=told),
    ):
        dicom_sources.read(scan.chosen)


def test_what_an_anonymiser_wrote_into_fields_that_may_be_empty_is_left_out(tmp_path):
    """It must not cost the SEG and the SR: their other fields are as they should be."""
    odd = {"PatientBirthDate": "00000000", "PatientSex": "Unknown", "StudyTime": "anon"}

    def way(folder):
        images = dicom_files.series(
            dicom_files.noise(SHAPE), dicom_files.positions(30), **PATIENT | odd
        )
        return dicom_files.write(folder, images)

    _, *paths = written(tmp_path, way)
    for path in paths:
        made = pydicom.dcmread(path)
        assert made.PatientID == "p1" and not any(made.get(key) for key in odd)


def test_the_same_file_of_many_frames_twice_is_one(tmp_path):
    def way(folder):
        (path,) = one_file(folder).iterdir()
        shutil.copy(path, folder / "copy.dcm")
        return folder

    findings, seg, _ = written(tmp_path, way)
    assert list(centroids(seg)) == [f.number for f in findings.reported]


@pytest.mark.parametrize("shares", [(), ((0.5, 0.5, 0.5),)], ids=["none", "one"])
@pytest.mark.parametrize("way", SAME_GRID, ids=lambda way: way.__name__)
def test_dciodvfy_reports_no_error(tmp_path, way, shares):
    if which("dciodvfy") is None:
        pytest.skip("DCIODVFY IS NOT INSTALLED (dicom3tools): nothing is known of what it says")
    _, *paths = written(tmp_path, way, shares)
    for path in filter(None, paths):
        told = subprocess.run(["dciodvfy", path], capture_output=True, text=True)
        assert "Error" not in told.stdout + told.stderr


@pytest.mark.slow
@pytest.mark.parametrize("shares", [(), ((0.3, 0.4, 0.3), (0.6, 0.6, 0.7))], ids=["none", "two"])
def test_pixelmeds_validator_accepts_the_report(tmp_path, shares):
    if which("DicomSRValidator") is None:
        pytest.skip("PIXELMED'S VALIDATOR IS NOT INSTALLED (pixelmed-apps): nothing is known of it")
    _, _, report = written(tmp_path, straight, shares)
    # Java's limits on XPath are too low for its templates.
    limits = ("xpathExprGrpLimit", "xpathExprOpLimit", "xpathTotalOpLimit")
    options = " ".join(f"-Djdk.xml.{name}=0" for name in limits)
    environment = os.environ | {"JAVA_TOOL_OPTIONS": options}
    command = ["DicomSRValidator", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    told = done.stdout + done.stderr
    assert "Root Template Validation Complete" in told, told
    assert "Error" not in told, told
