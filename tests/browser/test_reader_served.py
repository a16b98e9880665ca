"""The page from the server of this machine: every HU, and readings in a folder."""

import json
import threading
from dataclasses import replace

import numpy as np
import pytest

from helpers import reader_pages
from helpers.reader_acting import app, begin, go_on, picture, press, until
from nodules.report.viewer import server


@pytest.fixture
def place(tmp_path):
    """Where a server with two scans, the second beside a prior one, has its work list."""
    shown = reader_pages.example()
    other = replace(shown, uid="2.25.9", prior=(shown.voxels, shown.geometry, "before"))
    items = [server.Item(one.uid, one.headline, lambda one=one: one) for one in (shown, other)]
    desk = server.Desk(items, tmp_path / "readings")
    with server.serve(desk) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield server.address(running, desk)
        running.shutdown()
        thread.join()


def test_a_served_scan_has_every_hu_and_its_readings_lie_in_the_folder(place, visit, tmp_path):
    page = visit(f"{place}scan/0/", allowed=place)
    begin(page)
    press(page, "a", "e", "2")
    voxels = reader_pages.example().voxels.astype(int)
    z = app(page, "at[0]")
    grey = np.floor(np.clip((voxels[z] - 40) / 400 + 0.5, 0, 1) * 255 + 0.5).astype(np.uint8)
    assert np.array_equal(picture(page, 0), grey)
    page.evaluate("reader.app.store.waiting")
    (kept,) = (tmp_path / "readings").glob("*.json")
    reading = json.loads(kept.read_text())
    assert reading["decisions"][0]["verdict"] == "accept" and len(reading["added"]) == 1
    assert len(kept.with_suffix(".csv").read_text().splitlines()) == 3


def test_another_browser_goes_on_where_one_stopped(place, visit):
    first = visit(f"{place}scan/0/", allowed=place)
    begin(first)
    press(first, "a")
    first.evaluate("reader.app.store.waiting")
    other = visit(f"{place}scan/0/", allowed=place)
    go_on(other)
    assert app(other, "reading.decisions[0].verdict") == "accept"


def test_a_server_that_is_gone_is_told_and_the_browser_keeps_all(place, visit):
    page = visit(f"{place}scan/1/", allowed=place, expected="Failed to load resource")
    begin(page)
    assert page.is_visible("#prior")
    page.evaluate("reader.app.shown.save = 'nowhere'")
    press(page, "a")
    until(page, "document.querySelector('#problem').innerText.includes('The browser still has it')")
    assert page.evaluate("localStorage.length") == 1


def test_a_reading_of_earlier_findings_hides_no_other(place, visit, tmp_path):
    first = visit(f"{place}scan/0/", allowed=place)
    begin(first)
    press(first, "a")
    first.evaluate("reader.app.store.waiting")
    earlier = reader_pages.decided(reader="Earlier")
    (tmp_path / "readings" / "earlier.json").write_text(json.dumps(earlier))
    other = visit(f"{place}scan/0/", allowed=place)
    other.wait_for_selector("#begun button")
    assert other.locator("#begun button").all_inner_texts() == [
        "Continue as Dr Test: 1 decided, concurrent"
    ]


def test_whoever_has_begun_elsewhere_meanwhile_begins_nothing_anew(place, visit, tmp_path):
    stale = visit(f"{place}scan/0/", allowed=place)
    first = visit(f"{place}scan/0/", allowed=place)
    begin(first)
    press(first, "a", "r")
    first.evaluate("reader.app.store.waiting")
    stale.keyboard.type("Dr Test")
    stale.keyboard.press("Enter")
    until(stale, "document.getElementById('start-problem').textContent")
    assert "already started" in stale.inner_text("#start-problem")
    go_on(stale, "Dr Test")
    assert len(app(stale, "reading.decisions")) == 2


def test_a_stale_dialog_continues_what_is_kept_now(place, visit):
    first = visit(f"{place}scan/0/", allowed=place)
    begin(first)
    stale = visit(f"{place}scan/0/", allowed=place)
    stale.wait_for_selector("#begun button")
    press(first, "a", "r")
    first.evaluate("reader.app.store.waiting")
    go_on(stale)
    assert len(app(stale, "reading.decisions")) == 2


def test_readings_that_the_server_does_not_tell_are_not_taken_for_none(place, visit):
    page = visit(f"{place}scan/0/", allowed=place, expected="Failed to load resource")
    page.evaluate("reader.app.shown.save = 'nowhere'")
    page.keyboard.type("A")
    page.keyboard.press("Enter")
    until(page, "document.getElementById('start-problem').textContent")
    assert "did not tell which readings it keeps (it answered 404)" in page.inner_text(
        "#start-problem"
    )
    assert app(page, "reading") is None


def test_another_reading_of_the_same_reader_is_refused_in_words(place, visit):
    first = visit(f"{place}scan/0/", allowed=place)
    begin(first)
    first.evaluate("reader.app.store.waiting")
    page = visit(f"{place}scan/0/", allowed=place, expected="Failed to load resource")
    begin(page, reader="B")
    page.evaluate("reader.app.begin('Dr Test', 'concurrent')")
    until(
        page, "document.querySelector('#problem').innerText.includes('another reading of Dr Test')"
    )


def test_a_file_of_another_reading_is_refused_where_the_server_would_not_store_it(
    place, visit, tmp_path
):
    """Else the browser would go on with it, and the server keep the other one."""
    shown = visit(f"{place}scan/0/", allowed=place)
    begin(shown)
    press(shown, "a")
    with shown.expect_download() as told:
        shown.evaluate("document.querySelector('#save-json').click()")
    told.value.save_as(tmp_path / "own.json")
    values = json.loads((tmp_path / "own.json").read_text())
    other = values | {"begun": "2020-01-01T00:00:00.000Z", "decisions": []}
    (tmp_path / "other.json").write_text(json.dumps(other))
    shown.evaluate("reader.app.store.waiting")
    shown.set_input_files("#file", tmp_path / "other.json")
    until(shown, "document.body.innerText.includes('never replaces one by another')")
    assert "another reading of Dr Test, with 1 verdict and 0 added" in shown.inner_text("body")
    assert app(shown, "reading.begun") == values["begun"] and not shown.is_visible("#finish")
    shown.set_input_files("#file", tmp_path / "own.json")
    until(shown, "document.body.innerText.includes('Loaded the reading of Dr Test')")


def test_a_scan_leads_back_to_the_list(place, visit):
    page = visit(f"{place}scan/0/", allowed=place)
    begin(page)
    page.click("#worklist")
    page.wait_for_selector("body.worklist")
    assert page.url == place
