"""The page holds everything, fetches nothing, and text from data stays text."""

import base64
import gzip
import hashlib
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from helpers import followed, reader_pages
from nodules.report.viewer import levels, page

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>{{script}}"


@pytest.fixture(scope="module")
def html():
    return page.offline(reader_pages.example())


def part(html: str, name: str) -> str:
    """The text of a script element of an id."""
    (found,) = re.findall(rf'<script type="[\w/]+" id="{name}">(.*?)</script>', html, re.DOTALL)
    return found


def test_nothing_is_asked_of_anybody(html):
    addresses = re.findall(r"""(?:src|href)=["']([^"']*)""", html)
    assert (
        set(addresses) == {"data:,"}
        and "url(" not in html
        and "@import" not in html.replace("/** @import", "")
    )
    assert "connect-src 'none'" in html and "default-src 'none'" in html
    assert "http://" not in html and "https://" not in html


def test_only_the_page_s_own_script_and_style_count(html):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1]
    (code,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    for text in (code, style):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_hostile_text_ends_no_element_and_fills_no_place():
    shown = reader_pages.example(uid=HOSTILE, notes=[HOSTILE], headline=HOSTILE)
    html = page.offline(shown)
    assert "<img src=x" not in html and html.count("<script>") == 1
    assert json.loads(part(html, "case"))["seriesuid"] == HOSTILE
    assert "&lt;/script&gt;" in re.search("<title>(.*?)</title>", html)[1]


def test_voxels_are_those_of_the_scan_within_what_a_level_is(html):
    shown = reader_pages.example()
    case = json.loads(part(html, "case"))
    volume = case["volume"]
    data = b"".join(
        gzip.decompress(base64.b64decode(part(html, f"scan-{n}"))) for n in range(volume["pieces"])
    )
    nz, ny, nx = volume["grid"]["shape"]
    coded = np.frombuffer(data, np.uint8).reshape(nz, ny, nx)
    assert coded.shape[0] <= shown.voxels.shape[0]
    z, y, x = volume["corner"]
    first = levels.coded(shown.voxels[z : z + nz, y, x], levels.FINE)
    assert np.array_equal(coded[:, 0, 0], first)


def test_a_large_scan_is_kept_in_the_finest_levels_that_fit(monkeypatch):
    """Each step of the ladder takes less; where none fits, the last one stays."""
    box = page.around_lungs(reader_pages.example())
    voxels = reader_pages.example().voxels[box]
    sizes = [
        sum(map(len, levels.packed(levels.coded(voxels, steps)))) * 4 / 3 for steps in levels.LADDER
    ]
    assert sizes == sorted(sizes, reverse=True)
    for most, wanted in [(sizes[1], 1), (sizes[2], 2), (sizes[3] - 1, 3)]:
        monkeypatch.setattr(page, "MOST_BYTES", most)
        case = json.loads(part(page.offline(reader_pages.example()), "case"))
        assert case["volume"]["levels"] == levels.LADDER[wanted].tolist()


def test_a_prior_scan_has_pieces_of_its_own_around_its_lungs():
    """However far the scan reaches beyond them."""
    hu, grid = followed.chest(3)
    hu = np.rint(hu).astype(np.int16)
    wider = np.pad(hu, ((0, 0), (20, 0), (30, 0)), constant_values=-1024)
    around = replace(grid, origin=grid.to_world((0, -20, -30)), shape=wider.shape)
    corners, grids = [], []  # without and with the air beside
    for earlier, own in ((hu, grid), (wider, around)):
        shown = reader_pages.example(prior=(earlier, own, "before"), prior_when="2021-01-01")
        html = page.offline(shown)
        prior = json.loads(part(html, "case"))["prior"]
        assert part(html, "prior-0") and (prior["told"], prior["when"]) == ("before", "2021-01-01")
        corners.append(prior["volume"]["corner"])
        grids.append(prior["volume"]["grid"])
    moved = np.subtract(corners[1], corners[0])
    assert np.abs(moved - [0, 20, 30]).max() <= 2
    assert np.abs(np.subtract(grids[0]["shape"], grids[1]["shape"])).max() <= 2
    assert np.prod(grids[1]["shape"]) < hu.size, "of the wider scan no more than of the other"


def test_every_module_is_in_the_script_once_behind_what_it_imports():
    script = page.script()
    names = [path.stem for path in page.WEB.glob("*.js") if path.stem != "types"]
    places = {name: script.index(f"const _{name} = (() => {{") for name in names}
    assert all(script.count(f"const _{name} = (") == 1 for name in names)
    assert max(places, key=places.get) == "main"
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)
    for name in names:
        for _, other in page.IMPORT.findall((page.WEB / f"{name}.js").read_text()):
            assert places[other] < places[name]


def test_the_work_list_escapes_what_it_is_given():
    rows = [{"link": "scan/0/", "uid": HOSTILE, "told": HOSTILE, "state": "A & B"}]
    html = page.worklist(rows)
    assert "<img" not in html and "<script" not in html and "A &amp; B" in html
