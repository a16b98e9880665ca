"""The page, figure and files of patients seen at several times."""

import base64
import itertools
import re
from dataclasses import replace
from datetime import date

import cv2
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from helpers import dicom_files, followed
from nodules.base import tables
from nodules.findings.follow_up import compare, table
from nodules.images import dicom_study, dicom_writing
from nodules.report import following_up
from nodules.report.figures import follow_up as figure
from nodules.report.pages import follow_up as page


@pytest.fixture(scope="module")
def pair():
    """Two times of a patient, compared."""
    patient = followed.patient()
    return compare.compare(patient.prior, patient.current)


def shown(made):
    """The pictures of a page, RGB."""
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', made.html())
    return [
        cv2.imdecode(np.frombuffer(base64.b64decode(f), np.uint8), 1)[:, :, ::-1] for f in found
    ]


def test_each_nodule_has_a_picture_of_both_times_and_its_warning(pair):
    made = page.page([pair])
    text = made.html()
    assert len(shown(made)) == len(pair.links) == 4
    assert text.count("not for diagnosis") >= 5 and "Christensen" in text and "MacMahon" in text
    assert "2 at both times, 1 new, 1 gone" in text


def test_pairs_of_several_patients_are_told_apart(pair):
    text = page.page([pair, pair], patients=["anna", "ben"]).html()
    assert ">anna: " in text and ">ben: " in text


def test_the_outline_is_where_the_nodule_is_and_a_cross_where_it_is_not(pair):
    gone = next(link for link in pair.links if link.state == "gone")
    png = cv2.imdecode(np.frombuffer(page.side_by_side(pair, gone), np.uint8), 1)
    left, right = png[:, : page.VIEW_PX, ::-1], png[:, -page.VIEW_PX :, ::-1]
    outlined = np.argwhere((left == page.OUTLINE).all(axis=2))
    middle = (page.VIEW_PX - 1) / 2
    np.testing.assert_allclose(outlined.mean(axis=0), middle, atol=4)
    # A nodule of 12 mm is 48 pixels wide in a view of 60 mm and 240 pixels.
    np.testing.assert_allclose(np.ptp(outlined, axis=0), 48, atol=10)
    crossed = np.argwhere((right == page.CROSS).all(axis=2))
    np.testing.assert_allclose(crossed.mean(axis=0), middle, atol=2)
    assert not (right == page.OUTLINE).all(axis=2).any()


def test_what_failed_is_said_and_no_nodule_is_shown(pair):
    apart = replace(pair.registration.quality, likeness=0.1)
    failed = replace(pair, registration=replace(pair.registration, quality=apart))
    made = page.page([failed])
    assert "could not be registered" in made.html() and shown(made) == []


def test_the_figure_says_when_there_is_nothing_to_draw(pair):
    nothing = figure.growth(tables.frame("follow_up"))
    assert "no nodule was measured at two times" in str(
        [t.get_text() for t in nothing.axes[0].texts]
    )
    drawn = figure.growth(table.table_of([pair], ["A"]))
    labels = [label.get_text() for label in drawn.axes[1].get_yticklabels()]
    assert len(labels) == 2 and all(label.startswith("A, no. ") for label in labels)


def test_a_figure_without_all_dates_counts_scans(pair):
    undated = replace(pair.current, uid="2.25.9", day=None)
    later = replace(pair, prior=pair.current, current=undated)
    left = figure.growth(table.table_of([pair, later], ["A", "A"])).axes[0]
    places = {float(x) for line in left.lines for x in line.get_xdata()}
    assert left.get_xlabel() == "Scan" and places == {0, 1, 2}


def test_a_figure_of_many_nodules_says_which_changes_it_shows(pair):
    measured = figure.measured(table.table_of([pair], ["A"]))
    many = pd.concat([measured] * 20, ignore_index=True)
    right = figure.growth(many).axes[1]
    assert right.get_title(loc="left") == f"Change, the {figure.MOST} largest of {len(many)}"
    assert figure.growth(measured).axes[1].get_title(loc="left") == "Change"


@pytest.mark.parametrize("factor", [1.3, 3.0, 8.0, 40.0])
def test_labels_of_changes_do_not_overlap(pair, factor):
    rows = figure.measured(table.table_of([pair], ["A"])).iloc[[0, 0]]
    percent = [100 * (factor - 1), 100 * (1 / factor - 1)]
    rows = rows.assign(change_percent=percent, change_low=percent, change_high=percent)
    drawn = figure.growth(rows)
    FigureCanvasAgg(drawn).draw()
    boxes = [label.get_window_extent() for label in drawn.axes[1].get_xticklabels()]
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))


def test_files_are_the_same_for_the_same_pair(pair, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        following_up.write(tmp_path / name, [pair], ["a note"])
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_a_header_tells_the_day_and_what_tells_a_patient(tmp_path):
    import pydicom

    time = followed.patient().prior
    path = dicom_writing.write_series(tmp_path, time.hu[:3], time.geometry, time.uid)[0]
    image = pydicom.dcmread(path)
    for name in dicom_study.DAYS:
        if name in image:
            delattr(image, name)
    image.StudyDate, image.PatientID, image.PatientSex = "20240531", "7", "F"
    image.save_as(path)
    assert dicom_study.about(path) == dicom_study.Study(date(2024, 5, 31), "7//F")
    image.AcquisitionDate, image.PatientID = "20240530", ""
    image.save_as(path)
    assert dicom_study.about(path) == dicom_study.Study(date(2024, 5, 30), "")


def test_a_header_without_preamble_tells_it_too(tmp_path):
    (image,) = dicom_files.series(dicom_files.noise()[:1], PatientID="7", StudyDate="20240531")
    dicom_files.without_preamble(image, tmp_path / "1.dcm")
    study = dicom_study.about(tmp_path / "1.dcm")
    assert study.day == date(2024, 5, 31) and study.patient.startswith("7/")
