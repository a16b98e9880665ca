"""The page is for everybody: on any screen, readable, every control named, its limits said."""

import re

import pytest

from helpers.reader_acting import begin, press, reading

CONTRAST = 4.5  # WCAG 2.2, AA, 1.4.3


SIZES = [
    (960, 720, 1),
    (1024, 768, 1),
    (1280, 720, 1),
    (1920, 1080, 1),
    (3840, 2160, 1),
    (1920, 1080, 2),
]
NARROW = [(683, 768, 1), (768, 1024, 2), (600, 960, 1)]  # half a laptop, tablets upright


@pytest.mark.parametrize(("width", "height", "ratio"), [*SIZES, *NARROW])
def test_all_is_on_the_screen(path, visit, width, height, ratio):
    shown = visit(path, viewport={"width": width, "height": height}, device_scale_factor=ratio)
    begin(shown)
    assert outside(shown) == []
    cut = shown.evaluate(
        """[...document.querySelectorAll("aside button, aside dd, aside input")]
        .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth)
        .map((e) => e.textContent)"""
    )
    assert cut == []
    assert shown.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert shown.evaluate("reader.views[0].canvas.width") >= 0.45 * width * ratio * 0.9


@pytest.mark.parametrize(("width", "height", "ratio"), [*SIZES[:3], *NARROW])
def test_a_long_name_pushes_nothing_out_in_a_first_read(path, visit, width, height, ratio):
    shown = visit(path, viewport={"width": width, "height": height}, device_scale_factor=ratio)
    begin(shown, mode="second", reader="Prof. Dr. Maximiliane von Hohenstein-Wittelsbach")
    assert outside(shown) == []


def outside(shown):
    """What is shown of bars, planes and list, but not wholly on the screen."""
    return shown.evaluate(
        """[...document.querySelectorAll("header *, .tools *, footer *, #views canvas, aside")]
        .filter((e) => e.checkVisibility() && e.getBoundingClientRect().width)
        .filter((e) => { const { left, top, right, bottom } = e.getBoundingClientRect();
            return Math.min(left, top, innerWidth - right, innerHeight - bottom) < -1; })
        .map((e) => e.id || e.textContent)"""
    )


def test_what_it_is_not_for_is_never_cut_off(path, visit):
    shown = visit(path, viewport={"width": 420, "height": 800})
    begin(shown)
    assert shown.evaluate(
        """(() => { const e = document.querySelector("#research");
        return e.textContent.length > 40 && e.scrollWidth <= e.clientWidth
            && e.getBoundingClientRect().right <= innerWidth; })()"""
    )


def test_every_text_has_contrast(path, visit):
    shown = visit(path)
    begin(shown)
    press(shown, "a", "r", "e")
    texts = shown.evaluate(
        """[..."header *,.tools *,aside *,footer *,figcaption,figure i".split(",")]
        .flatMap((name) => [...document.querySelectorAll(name)])
        .filter((e) => e.checkVisibility())
        .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
        .map((e) => {
            let ground = e;
            const clear = (c) => /rgba\\(.*, 0\\)/.test(c);
            const behind = (one) => getComputedStyle(one).backgroundColor;
            while (clear(behind(ground))) ground = ground.parentElement;
            return [e.textContent.trim(), getComputedStyle(e).color, behind(ground)];
        })"""
    )
    ratios = {text: contrast(ink, ground) for text, ink, ground in texts}
    assert len(texts) > 30
    assert {text: ratio for text, ratio in ratios.items() if ratio < CONTRAST} == {}


def contrast(ink: str, ground: str) -> float:
    """WCAG's contrast of two CSS colours; what is partly clear lies over a mid grey of a scan."""

    def luminance(colour: str) -> float:
        *rgb, alpha = [*(float(n) for n in re.findall(r"[\d.]+", colour)), 1.0][:4]
        channels = [(alpha * value + (1 - alpha) * 128) / 255 for value in rgb]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted((luminance(ink), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_control_has_a_name(path, visit):
    shown = visit(path)
    begin(shown)
    nameless = shown.evaluate(
        """[...document.querySelectorAll("button, input, select, canvas[tabindex]")]
        .filter((e) => e.checkVisibility())
        .filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length))
        .map((e) => e.outerHTML)"""
    )
    assert nameless == []


def test_what_it_is_not_is_said_on_page_and_in_files(path, visit):
    shown = visit(path)
    begin(shown)
    assert "Not a medical device" in shown.inner_text("footer")
    assert "Not a medical device" in reading(shown)["research"]
    shown.click("summary")
    assert "Made for tests. Many." in shown.inner_text("#trained")
