"""docs/rooms.svg shows the rooms and imports that the code has."""

import runpy
import shutil

import pytest

from helpers.sources import ROOT
from nodules.base import closure
from nodules.report import plotting

SCRIPT = ROOT / "docs/rooms.py"


@pytest.fixture
def picture():
    """What the script that draws it defines."""
    return runpy.run_path(str(SCRIPT))


def drawn(picture, folder) -> bytes:
    plotting.save(picture["draw"](), [folder / "rooms.svg"])
    return (folder / "rooms.svg").read_bytes()


def test_the_picture_is_what_the_code_gives(picture, tmp_path):
    stored = (ROOT / "docs/rooms.svg").read_bytes()
    assert drawn(picture, tmp_path) == stored, "make picture, and look at it"


def test_another_import_is_another_picture(picture, tmp_path, monkeypatch):
    before = picture["rooms"]()
    shutil.copytree(closure.LIBRARY, tmp_path / "nodules")
    monkeypatch.setattr(closure, "LIBRARY", tmp_path / "nodules")
    lonely = tmp_path / "nodules/stats/seeds.py"
    lonely.write_text(lonely.read_text() + "\nfrom nodules.base import files\n")
    assert picture["rooms"]() == before | {"stats": {"base"}}
    assert drawn(picture, tmp_path) != (ROOT / "docs/rooms.svg").read_bytes()


def test_a_room_stands_above_all_that_it_imports(picture):
    imports = {"door": {"shop", "cellar"}, "shop": {"cellar"}, "cellar": set(), "well": set()}
    assert picture["floors"](imports) == {"cellar": 0, "well": 0, "shop": 1, "door": 2}


def test_rooms_in_a_circle_are_named(picture):
    with pytest.raises(ValueError, match=r"\['shop', 'store'\]"):
        picture["floors"]({"shop": {"store"}, "store": {"shop"}, "cellar": set()})
