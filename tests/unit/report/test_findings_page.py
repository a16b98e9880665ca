"""The page of a scan's findings shows each, says what it is not for, and fetches nothing."""

import base64
import re

import cv2
import numpy as np
import pytest

from helpers import chest, models
from nodules.images import reading
from nodules.inference import predict
from nodules.report.pages import findings as findings_page


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Findings in a drawn chest, and its voxels."""
    scan = reading.of_array(*models.scan(), uid="2.25.7")
    model = models.make_model(tmp_path_factory.mktemp("model"), threshold=0.9)
    return predict.predict(scan, model, device="cpu", threads=1), scan.voxels


def test_the_page_shows_each_reported_finding_and_lists_the_others(found):
    findings, voxels = found
    html = findings_page.page(findings, voxels).html()
    assert 0 < len(findings.reported) < len(findings)
    assert html.count("<img") == len(findings.reported)
    assert "Not a medical device" in html and "no person has looked at it" in html
    rest = len(findings) - len(findings.reported)
    assert f"{rest} candidates with a probability below the threshold, " in html
    assert not re.findall(r"(?:src|href)=\"(?!data:)", html)


def test_a_scan_without_findings_says_so(found):
    findings, voxels = found
    none = type(findings)(**{**findings.__dict__, "found": ()})
    told = findings_page.page(none, voxels).html()
    assert "No finding with a probability of 0.9 or more." in told


def test_pictures_show_the_finding_in_their_middle_with_the_right_on_the_left(found):
    findings, voxels = found
    place = chest.NODULES[1][:3]
    finding = min(findings, key=lambda f: np.linalg.norm(np.subtract(f.world, place)))
    png = findings_page.planes(finding, findings, voxels)
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    side = findings_page.VIEW_PX
    assert image.shape == (side, 3 * side + 2 * findings_page.GAP_PX, 3)
    for number in range(3):
        left = number * (side + findings_page.GAP_PX)
        plane = image[:, left : left + side]
        middle = plane[side // 2 - 6 : side // 2 + 6, side // 2 - 6 : side // 2 + 6]
        assert middle.mean() > 200, "the bright nodule"
        blue = (plane[..., 0].astype(int) - plane[..., 2]) > 60
        assert blue.any(), "its outline"
    assert base64.b64encode(png)


def test_left_and_right_are_the_patients(found):
    findings, voxels = found
    marked = voxels.copy()
    at = np.rint(findings.geometry.to_index(findings.found[2].world)).astype(int)
    marked[:, :, : at[2] - 2] = -1350  # all on the patient's right of it
    png = findings_page.planes(findings.found[2], findings, marked)
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    side = findings_page.VIEW_PX
    assert image[:, : side // 4].mean() < image[:, 3 * side // 4 : side].mean()
