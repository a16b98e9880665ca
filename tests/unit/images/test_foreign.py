"""Text that others wrote: what is taken for a UID, a name or a number, and how it is shown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodules.base import messages
from nodules.images import foreign

ANY = st.text(st.characters(codec=None, exclude_categories=()))


@pytest.mark.parametrize("text", ["1", "2.25.1", "1.3.6.1.4.1.14519", "1" * 64])
def test_uids(text):
    assert foreign.is_uid(text)


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "1.", ".1", "1..2", "1.a", "1 ", "1\n", "1" * 65, "\u0661", "\uff11", "1/2"],
)
def test_what_is_no_uid(text):
    assert not foreign.is_uid(text)


@given(ANY)
def test_a_uid_is_digits_between_single_dots(text):
    parts = text.split(".")
    plain = all(re.fullmatch("[0-9]+", part) for part in parts) and len(text) <= 64
    assert foreign.is_uid(text) == plain


@pytest.mark.parametrize("text", ["0_6", "\uff12", "\u0661", "", "1,5", "0x10", "\xa01"])
def test_what_nobody_writes_is_no_number(text):
    with pytest.raises(ValueError):
        foreign.decimal(text)


def test_numbers_are_read_as_python_reads_them():
    assert [foreign.decimal(t) for t in ("1", "-2.5", "+1e-3", " 4 ")] == [1, -2.5, 0.001, 4]


@given(ANY)
def test_what_is_shown_is_short_printable_and_spelled_once(text):
    assert messages.escaped(text).isprintable()
    assert messages.escaped(messages.escaped(text)) == messages.escaped(text)
    assert messages.shown(text).isprintable() and len(messages.shown(text)) <= 10 * 64 + 2
    messages.shown(text).encode()


def test_what_is_harmless_is_shown_as_it_is():
    assert messages.shown("\u00e9 2.25.1") == "\u00e9 2.25.1"
    assert messages.shown("a\nb\x1b\udcff") == r"a\nb\x1b\udcff"
    assert messages.shown("x" * 70) == "x" * 64 + ".."


def test_names_of_voxel_files():
    assert all(foreign.is_voxel_name(n) for n in ("1.raw", "a b.zraw", "\u00e9.raw", "x" * 255))
    for name in (
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "%d",
        "{a}",
        "<a>",
        "LOCAL",
        "list",
        "a\n",
        "x" * 256,
    ):
        assert not foreign.is_voxel_name(name)
    assert not foreign.is_voxel_name("x" * 256)


def test_what_a_terminal_cannot_show_is_spelled():
    assert messages.for_terminal("\u00e9\uff11\n", "latin-1") == "\u00e9\\uff11\n"
    assert messages.for_terminal("\u00e9\uff11\n", None) == "\u00e9\uff11\n"
