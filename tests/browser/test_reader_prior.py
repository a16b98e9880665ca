"""From `luna16 follow-up` to the reader's page: the prior scan beside the current one.

The whole way as a person goes it, by the command line: two scans of a drawn patient, moved by a
known warp, findings as `luna16 predict` writes them, follow_up.json, the page, and keys.
"""

from pathlib import Path

import numpy as np
import pytest

from helpers import followed, reader_pages
from helpers.reader_acting import app, begin, coloured, press, prior_canvas, prior_picture, settle
from nodules.cli import main as cli
from nodules.images.metaimage_writing import write_volume
from nodules.report.viewer import levels

DATES = ("--dates", "2021-01-01", "2021-07-01")
WITHIN_MM = 3.0  # of the affine map, which the two are scrolled by, from the warp that is true


@pytest.fixture(scope="module")
def patient() -> followed.Patient:
    return followed.patient()


@pytest.fixture(scope="module")
def written(patient, tmp_path_factory) -> Path:
    """The page of the current scan with the prior one, and what it was made from."""
    place = tmp_path_factory.mktemp("followed")
    lists = []
    for time in (patient.prior, patient.current):
        scan = place / f"{time.uid}.mhd"
        write_volume(scan, scan.with_suffix(".raw"), time.hu, time.geometry)
        balls = [
            followed.within(time.geometry, spot.world, spot.diameter_mm) for spot in time.spots
        ]
        folder = place / "findings" / time.uid
        reader_pages.predicted(folder, scan, time.uid, (time.hu, time.geometry, balls), 0.0)
        lists.append(str(folder / "findings.csv"))
    scans = [str(place / f"{time.uid}.mhd") for time in (patient.prior, patient.current)]
    asked = ["follow-up", *scans, "--findings", *lists, *DATES, "--out", str(place / "growth")]
    assert cli.main(asked) == 0
    current, prior = (str(place / "findings" / uid) for uid in ("2.25.2", "2.25.1"))
    view = ["view", current, "--prior", prior]
    view += ["--follow-up", str(place / "growth" / "follow_up.json")]
    assert cli.main(view) == 0
    return place / "findings" / "2.25.2" / "reader.html"


def at_prior(page) -> np.ndarray:
    """World point (x, y, z mm) at the prior's crosshair."""
    return np.array(page.evaluate("reader.priorAt()"))


def test_linked_nodules_are_shown_at_their_places_in_the_prior(written, patient, visit):
    """By keys alone: each finding in turn, with what became of it in words."""
    page = visit(written)
    begin(page)
    names = list(patient.second)
    told = {}
    for _ in names:
        number = app(page, "selected")
        name = names[number - 1]
        told[name] = page.inner_text("#prior-told")
        if name in patient.first:
            apart = at_prior(page) - np.array(patient.first[name].centre)
            voxel = patient.prior.geometry.spacing.max()
            assert np.linalg.norm(apart) <= voxel, f"{name} is {apart} mm off"
            assert coloured(prior_canvas(page)).any(), "a ring where it was"
        press(page, "j")
    assert page.inner_text("#prior-when") == "Prior 2021-01-01, 181 days before"
    assert told["grown"].startswith("grown: volume +") and "doubles in" in told["grown"]
    assert told["same"].startswith("within repeatability")
    assert told["new"] == "new"


def test_the_prior_is_scrolled_along_by_what_was_registered(written, patient, visit):
    """Far from every finding, in each direction, its place is the one that the warp gives."""
    page = visit(written)
    begin(page)
    start = at_prior(page)
    for keys in (["PageUp"] * 6, ["ArrowRight"] * 20, ["ArrowUp"] * 15):
        press(page, *keys)
        here = page.evaluate("reader.at()")
        true = patient.warp(np.array(here))
        assert np.linalg.norm(at_prior(page) - true) <= WITHIN_MM
    assert np.linalg.norm(at_prior(page) - start) > 15
    assert page.inner_text("#prior-told") == "the same place, by position"


def test_what_is_shown_of_the_prior_is_the_slice_it_says(written, patient, visit):
    page = visit(written)
    begin(page)
    press(page, "2")
    settle(page)
    z = int(np.rint(patient.prior.geometry.to_index(at_prior(page))[0]))
    low = page.evaluate("reader.app.shown.prior.volume.corner")
    shape = page.evaluate("reader.app.shown.prior.volume.grid.shape")
    rows, columns = (slice(a, a + n) for a, n in zip(low[1:], shape[1:], strict=True))
    steps = np.array(page.evaluate("reader.app.shown.prior.volume.levels"))
    seen = patient.prior.hu[z, rows, columns]
    hu = steps[levels.coded(seen, steps.astype(np.int16))].astype(int)
    level, width = app(page, "window.level"), app(page, "window.width")
    grey = np.floor(np.clip((hu - level) / width + 0.5, 0, 1) * 255 + 0.5)
    assert np.array_equal(prior_picture(page), grey)


def test_marks_that_are_hidden_are_hidden_in_the_prior_too(written, visit):
    """Before the first read is finished nothing tells where a mark was."""
    page = visit(written)
    begin(page, "second reader")
    assert not coloured(prior_canvas(page)).any()
    press(page, "f", "Tab", "Enter")
    assert coloured(prior_canvas(page)).any()
    press(page, "h")
    assert not coloured(prior_canvas(page)).any()
