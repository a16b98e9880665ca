"""A headless browser, and pages in it, watched: no request, no error."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers import reader_pages
from nodules.report.viewer import page

OWN = ("file:", "data:", "blob:")
READ_BACK = "Canvas2D: Multiple readback"  # what Chromium says to tests that look at pixels
LAPTOP = {"width": 1280, "height": 720}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reader's page of the drawn scan with three findings and a contour of readers."""
    shown = reader_pages.example()
    shown = replace(shown, outlines=[("readers, nodule 1", shown.findings[0].mask)])
    place = tmp_path_factory.mktemp("page") / "reader.html"
    place.write_text(page.offline(shown))
    return place


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address, in its own context or in a page's; at the end nothing was amiss in any."""
    amiss: list[str] = []
    contexts = []

    def opened(
        address: str | Path,
        beside: Any = None,
        allowed: str = "",
        expected: str = READ_BACK,
        ready: str = "body[data-ready]",
        **options: Any,
    ) -> Any:
        if beside is None:
            options = {"viewport": LAPTOP, "device_scale_factor": 1, **options}
            contexts.append(browser.new_context(accept_downloads=True, **options))
        page = (beside.context if beside else contexts[-1]).new_page()
        page.set_default_timeout(120_000)

        def told(message: Any) -> None:
            if not message.text.startswith((READ_BACK, expected)):
                amiss.append(f"console: {message.text}")

        page.on("console", told)
        page.on("pageerror", lambda error: amiss.append(f"error: {error}"))
        page.on("dialog", lambda dialog: amiss.append(f"dialog: {dialog.message}"))

        def requested(request: Any) -> None:
            if not request.url.startswith((*OWN, *filter(None, [allowed]))):
                amiss.append(f"request: {request.url}")

        page.on("request", requested)
        page.goto(address if isinstance(address, str) else address.as_uri())
        page.wait_for_selector(ready)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert amiss == []
