"""Who reads, and that what is decided is kept: over a reload, a crash, in files, in other tabs."""

import json

import pytest

from helpers import reader_pages
from helpers.reader_acting import app, begin, go_on, press, reading, settle, status, until
from nodules.cli import main as cli

# Who reads


def test_without_a_reader_the_dialog_stays_and_nothing_is_claimed(path, visit):
    shown = visit(path)
    for _ in range(4):
        shown.keyboard.press("Escape")
        shown.wait_for_timeout(50)
    assert shown.locator("#start").get_attribute("open") is not None
    for action in ("add", "save", "finish"):
        shown.evaluate(f"document.querySelector('[data-action={action}]').disabled = false")
        shown.evaluate(f"document.querySelector('[data-action={action}]').click()")
        assert status(shown) == "Nobody is reading yet."
    assert shown.locator("dialog[open]").count() == 1
    begin(shown)
    assert reading(shown)["reader"] == "Dr Test"


def test_all_readers_are_offered_and_a_name_is_typed_into_its_field(path, visit):
    shown = visit(path)
    for number in range(9):
        shown.evaluate(f"reader.app.begin('Reader {number}', 'concurrent')")
    shown.reload()
    shown.wait_for_selector("#begun button")
    assert shown.locator("#begun button").count() == 9
    shown.keyboard.type("Dr New One")
    assert reading(shown) is None and shown.input_value("#reader") == "Dr New One"
    go_on(shown, "Reader 0")
    assert reading(shown)["reader"] == "Reader 0"


# Decisions are kept


def test_decisions_survive_a_reload(path, visit):
    shown = visit(path)
    begin(shown)
    press(shown, "a", "r", "e")
    before = reading(shown)
    shown.reload()
    go_on(shown)
    after = reading(shown)
    assert after["decisions"] == before["decisions"] and after["added"] == before["added"]
    assert app(shown, "selected") == 3, "the first that is left to judge"


def test_decisions_survive_a_crash_of_the_tab(path, visit):
    shown = visit(path, allowed="chrome:")
    begin(shown)
    press(shown, "a")
    beside = visit(path, beside=shown)
    with pytest.raises(Exception, match="crash"):
        shown.goto("chrome://crash", timeout=20_000)
    beside.reload()
    go_on(beside)
    assert reading(beside)["decisions"][0]["verdict"] == "accept"


def test_a_reading_goes_on_in_one_tab_at_a_time(path, visit):
    shown = visit(path)
    begin(shown)
    beside = visit(path, beside=shown)
    go_on(beside)
    until(shown, "document.getElementById('start').open")
    assert "goes on in another tab" in shown.inner_text("#start-problem")
    press(beside, "a", "r")
    shown.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    go_on(shown)
    assert len(reading(shown)["decisions"]) == 2
    until(beside, "document.getElementById('start').open")
    assert reading(beside) is None and "goes on in another tab" in beside.inner_text("#start")


def test_what_the_older_tab_wrote_before_does_not_end_the_newer(path, visit):
    """Tabs write every second, and are told of it a moment later: then both would be asked."""
    shown = visit(path)
    begin(shown)
    shown.evaluate(
        """document.dispatchEvent(new Event("visibilitychange")); // writes
        reader.key = Object.keys(localStorage).find(key => key.endsWith("/Dr Test"));
        reader.before = localStorage.getItem(reader.key)"""
    )
    press(shown, "a")

    def tell(text):
        event = f"new StorageEvent('storage', {{ key: reader.key, newValue: {text} }})"
        shown.evaluate(f"dispatchEvent({event})")

    tell("reader.before")
    assert len(reading(shown)["decisions"]) == 1
    for text in ("JSON.stringify({...reader.app.reading, saved: '2999'})", "null", "'damaged'"):
        tell(text)
        assert reading(shown) is None
        go_on(shown)


def test_files_hold_the_reading_and_another_browser_goes_on_with_it(path, visit, tmp_path):
    shown = visit(path)
    begin(shown, "second reader", "Dr. Ü/..")
    press(shown, "e", "f", "Tab", "Enter", "a", "r", "u", "s")
    files = {}
    for name in ("json", "csv", "first"):
        with shown.expect_download() as told:
            shown.click(f"#save-{name}")
        files[name] = tmp_path / told.value.suggested_filename
        told.value.save_as(files[name])
    assert len({path.name for path in files.values()}) == 3
    other = visit(path)
    with other.expect_file_chooser() as chooser:
        other.click("#start-load")
    chooser.value.set_files(files["json"])
    until(other, "reader.app.reading")
    verdicts = [(one["finding"], one["verdict"]) for one in reading(shown)["decisions"]]
    assert [(one["finding"], one["verdict"]) for one in reading(other)["decisions"]] == verdicts
    assert cli.main(["view", "--summary", str(files["json"])]) == 0
    lists = {"annotations": "", "excluded": ""}
    for name in lists:
        (tmp_path / name).write_text("seriesuid,coordX,coordY,coordZ,diameter_mm\n")
    (tmp_path / "scans").write_text(f"{reader_pages.UID}\n")
    arguments = [f"--{name}={tmp_path / name}" for name in (*lists, "scans")]
    assert cli.main(["score", str(files["csv"]), str(files["first"]), *arguments]) == 0


def test_a_file_of_something_else_is_refused_in_words(path, visit, tmp_path):
    shown = visit(path)
    (tmp_path / "x.json").write_text(json.dumps(reader_pages.decided(uid="2.25.99")))
    shown.set_input_files("#file", tmp_path / "x.json")
    until(shown, "document.getElementById('start-problem').textContent")
    assert "another scan" in shown.inner_text("#start-problem")


def test_an_older_file_replaces_a_newer_reading_only_when_asked(path, visit, tmp_path):
    shown = visit(path)
    begin(shown)
    press(shown, "a", "e", "s")
    with shown.expect_download() as told:
        shown.click("#save-json")
    told.value.save_as(tmp_path / "older.json")
    press(shown, "Escape", "r", "u")
    for answer, left in (("#finish-no", 3), ("#finish-yes", 1)):
        shown.set_input_files("#file", tmp_path / "older.json")
        shown.wait_for_selector("#finish[open]")
        asked = shown.inner_text("#finish-text")
        assert "with 3 verdicts and 1 added nodule." in asked
        assert "The file holds 1 verdict and 1 added nodule." in asked
        shown.click(answer)
        settle(shown)
        assert len(reading(shown)["decisions"]) == left


def test_time_is_counted_for_what_is_looked_at(path, visit):
    shown = visit(path)
    begin(shown)
    shown.wait_for_timeout(1200)
    press(shown, "a")
    (decision,) = reading(shown)["decisions"]
    assert decision["seconds"] >= 1.1
    assert reading(shown)["seconds"]["total"] >= decision["seconds"]
