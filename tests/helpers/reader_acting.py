"""What tests do on the page, and what they read from it."""

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray


def begin(page: Any, mode: str = "concurrent", reader: str = "Dr Test") -> None:
    """Say who reads, and how, by keys alone."""
    page.keyboard.type(reader)
    if mode == "concurrent":
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    until(page, "reader.app.reading")
    settle(page)


def go_on(page: Any, reader: str = "") -> None:
    """Continue the reading of a reader, or the one that was saved last."""
    page.locator("#begun button").filter(has_text=reader).first.click()
    until(page, "reader.app.reading")
    settle(page)


def settle(page: Any) -> None:
    """Wait until what was asked for is drawn."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def until(page: Any, expression: str) -> None:
    """Wait until an expression is true. (The page's policy forbids Playwright's own way.)"""
    page.evaluate(
        f"""new Promise((done) => {{
        const look = () => ({expression}) ? done() : setTimeout(look, 20);
        look();
    }})"""
    )


def press(page: Any, *keys: str) -> None:
    """Press keys, one after another."""
    for key in keys:
        page.keyboard.press(key)
    settle(page)


def app(page: Any, expression: str) -> Any:
    """A value of the page's state."""
    return page.evaluate(f"reader.app.{expression}")


def reading(page: Any) -> Any:
    """The reading as it is now."""
    return app(page, "reading")


def status(page: Any) -> str:
    """What the page has said last."""
    return str(page.inner_text("#status"))


def picture(page: Any, view: int) -> NDArray[np.uint8]:
    """Grey values of a plane's picture, a value a voxel; view: 0 axial, 1 coronal, 2 sagittal."""
    return _pixels(page, f"reader.views[{view}].buffer")[:, :, 0]


def prior_picture(page: Any) -> NDArray[np.uint8]:
    """Grey values of the prior scan's picture."""
    return _pixels(page, "reader.prior.buffer")[:, :, 0]


def prior_canvas(page: Any) -> NDArray[np.uint8]:
    """RGBA of the prior scan's plane as it is on the screen."""
    return _pixels(page, "reader.prior.canvas")


def canvas(page: Any, view: int) -> NDArray[np.uint8]:
    """RGBA of a plane as it is on the screen."""
    return _pixels(page, f"reader.views[{view}].canvas")


def _pixels(page: Any, name: str) -> NDArray[np.uint8]:
    width, height, text = page.evaluate(
        f"""(() => {{
        const canvas = {name};
        const {{ data }} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let text = "";
        for (let n = 0; n < data.length; n += 32768) {{
            text += String.fromCharCode(...data.subarray(n, n + 32768));
        }}
        return [canvas.width, canvas.height, btoa(text)];
    }})()"""
    )
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)


def coloured(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels are a mark's: scans are grey."""
    return image[:, :, 2].astype(int) - image[:, :, 0] > 50


def to_canvas(page: Any, view: int, places: NDArray[Any]) -> NDArray[np.float64]:
    """Places (..., 2) in a plane's picture as places on its canvas, by what a view's scale is.

    Worked out here: the middle of the canvas shows `centre`, and a mm is `fitted * zoom` pixels.
    """
    told = page.evaluate(
        f"""(() => {{
        const {{ app, views }} = reader, view = views[{view}];
        return {{ centre: app.centre, scale: view.fitted * app.zoom, shape: view.volume.shape,
            spacing: view.volume.spacing, size: [view.canvas.width, view.canvas.height] }};
    }})()"""
    )
    across, down, flipped = ((2, 1, False), (2, 0, True), (1, 0, True))[view]
    mm = np.array([told["spacing"][across], told["spacing"][down]])
    rows = told["centre"][down] + 0.5
    middle = [told["centre"][across] + 0.5, told["shape"][down] - rows if flipped else rows]
    return np.array(told["size"]) / 2 + (np.asarray(places, float) - middle) * mm * told["scale"]


def corner(page: Any) -> tuple[int, int, int]:
    """The scan's voxel that is the first of what the page shows."""
    z, y, x = app(page, "shown.volume.corner")
    return z, y, x
