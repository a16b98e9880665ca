"""Pages and figures in a real browser: phones to walls, light, dark and print, and accessible."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers import first_page

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs the extra `test`")

SIZES = ((390, 844), (820, 1180), (1440, 900), (3840, 2160))
PAGES = ("index.html", "report/metrics.html")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return first_page.write(tmp_path_factory.mktemp("results")).parent


@pytest.fixture
def see(visit: Callable[..., Any], results: Path) -> Callable[..., Any]:
    """Opens a page or figure of the results; `visit` says that nothing was fetched."""
    return lambda name, **options: visit(results / name, ready=":root", **options)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_and_break_no_rule_of_accessibility(
    see: Callable[..., Any], name: str, size: tuple[int, int], scheme: str
) -> None:
    width, height = size
    page = see(name, viewport={"width": width, "height": height}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    broken = "Array.from(document.images).filter(i => !i.naturalWidth).map(i => i.src)"
    assert page.evaluate(broken) == []
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_the_answer_is_on_the_first_screen(see: Callable[..., Any]) -> None:
    page = see("index.html", viewport={"width": 1440, "height": 900})
    last = page.locator(".number-card").last.bounding_box()
    assert last["y"] + last["height"] <= 900


def test_the_keyboard_reaches_the_results_first(see: Callable[..., Any]) -> None:
    page = see("index.html")
    page.keyboard.press("Tab")
    focused = "document.activeElement.textContent"
    assert page.evaluate(focused) == "Skip to the results"
    page.keyboard.press("Tab")
    assert page.evaluate(focused).startswith("CPM of")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_print_is_black_on_white_without_what_only_a_screen_can_use(
    see: Callable[..., Any], tmp_path: Path
) -> None:
    page = see("index.html", color_scheme="dark")
    page.emulate_media(media="print")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    assert not page.locator("details").first.is_visible()
    assert page.locator("#verdict").is_visible()
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    content = (tmp_path / "page.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 4


def test_a_figures_text_is_text_with_a_title_and_a_description(see: Callable[..., Any]) -> None:
    page = see("figures/froc.svg")
    assert page.evaluate("document.querySelector('title').textContent") == "Detection: FROC"
    assert "n = 30 scans" in page.evaluate("document.querySelector('desc').textContent")
    words = "Array.from(document.querySelectorAll('text')).map(t => t.textContent)"
    assert "Sensitivity (share of nodules found)" in page.evaluate(words)
