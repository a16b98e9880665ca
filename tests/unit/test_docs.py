"""Every link within the repository's documents leads somewhere, and the site shows them all."""

import importlib.util
import re
import shutil
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
import yaml

from helpers.sources import ROOT, tracked_files

DOCUMENTS = [path for path in tracked_files() if path.suffix == ".md"]
each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


def site_script():
    """The script docs/website.py as a module."""
    spec = importlib.util.spec_from_file_location("docs_site", ROOT / "docs/website.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def anchors(document: Path) -> set[str]:
    """Anchors of a document's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", FENCE.sub("", document.read_text()), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-"))
    return found


def broken(document: Path, text: str) -> Iterator[str]:
    """Links of a document that lead nowhere."""
    for target in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            yield target


@each_document
def test_every_link_leads_somewhere(document: Path) -> None:
    assert list(broken(document, document.read_text())) == []


def test_a_broken_link_is_found() -> None:
    document = ROOT / "docs/cluster.md"
    assert list(broken(document, "[x](none.md) [y](cluster.md#none) [z](predict.md)")) == [
        "none.md",
        "cluster.md#none",
    ]


def test_the_site_shows_every_document() -> None:
    site = site_script()
    assert {site.source(page) for page in site.pages()} == set(DOCUMENTS)


def test_links_to_code_are_plain_words_on_the_site(tmp_path: Path) -> None:
    site = site_script()
    site.gather(tmp_path)
    home, docs = (tmp_path / "index.md").read_text(), (tmp_path / "docs/reliability.md").read_text()
    assert "](docs/predict.md)" in home and "](config/index.md)" in home
    assert "](LICENSE)" not in home and "](../tests" not in docs and "test_kills.py" in docs


class Links(HTMLParser):
    """All that a page links to or loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take links, what is loaded, and names that can be linked to."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.found.append((tag, value))
            if name == "id" and value:
                self.names.add(value)


@pytest.mark.slow
def test_the_site_builds_and_every_link_on_it_resolves_without_the_network(tmp_path: Path) -> None:
    zensical = pytest.importorskip("zensical")
    assert zensical
    site = site_script()
    site.gather(tmp_path / "build/pages")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    done = site.subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    read = {}
    for page in (tmp_path / "build/site").rglob("*.html"):
        read[page] = Links()
        read[page].feed(page.read_text())
    assert len(read) >= len(list(site.pages()))
    nowhere = []
    for page, links in read.items():
        for tag, target in links.found:
            url = urlparse(target)
            if url.scheme or url.netloc:
                # Links may leave the site; what a page needs to be shown may not.
                nowhere += [f"{page.name}: loads {target}"] if tag in ("img", "script") else []
                continue
            file = (page.parent / unquote(url.path)).resolve() if url.path else page
            file = file / "index.html" if file.is_dir() else file
            there = file.exists() and (
                not url.fragment or file not in read or unquote(url.fragment) in read[file].names
            )
            if not there and page.name != "404.html":
                nowhere.append(f"{page.name}: {target}")
    assert nowhere == []


def test_the_workflow_catalogue_finds_what_it_needs() -> None:
    told = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert told["mandatory-flags"]["flags"] == "--resources gpu=1"
    assert told["software-stack-deployment"]["conda"] is True and told["report"] is True
    assert (ROOT / "config/README.md").is_file() and (ROOT / "Snakefile").is_file()


def test_what_is_built_on_can_be_cited() -> None:
    references = yaml.safe_load((ROOT / "CITATION.cff").read_text())["references"]
    titles = " ".join(reference["title"] for reference in references)
    methods = ("U-Net", "Residual", "Mask R-CNN", "Free-response")
    for name in ("LUNA16", "LIDC", "End-to-End", *methods):
        assert name in titles, name
    without = [reference["title"] for reference in references if "doi" not in reference]
    assert len(without) == 1 and without[0].startswith("End-to-End")
