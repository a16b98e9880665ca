"""Gather the docs and build them as a website in build/site: `make docs`.

The pages lie where GitHub shows them best (README.md, docs, config, results). For the site they are
copied with that layout to build/pages; links between them stay, and links to code, which the site
does not hold, become plain text. Zensical then checks every link (--strict) and builds.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "zensical.toml"
PICTURES = (".svg", ".png")
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
ELSEWHERE = re.compile(r"[a-z]+:|#")


def pages(node: Any = None) -> Iterator[str]:
    """Pages of the navigation, in order, as the site names them."""
    if node is None:
        node = tomllib.loads(CONFIG.read_text())["project"]["nav"]
    if isinstance(node, str):
        yield node
    else:
        for child in node.values() if isinstance(node, dict) else node:
            yield from pages(child)


def source(page: str) -> Path:
    """The file of the repository that a page is made of: folders are opened by their README."""
    path = ROOT / page
    return path.with_name("README.md") if path.name == "index.md" else path


def text(page: str, shown: frozenset[Path]) -> str:
    """A page's text with links as the site has them. shown: files that are pages or pictures."""
    own = source(page)

    def linked(match: re.Match[str]) -> str:
        words, target = match.groups()
        if ELSEWHERE.match(target):
            return match[0]
        path, hash_sign, anchor = target.partition("#")
        if Path(os.path.normpath(own.parent / path)) not in shown:
            return words
        return f"[{words}]({path.replace('README.md', 'index.md')}{hash_sign}{anchor})"

    return LINK.sub(linked, own.read_text())


def gather(folder: Path) -> None:
    """Write all pages, and the pictures that they show, to a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    pictures = [path for path in (ROOT / "docs").rglob("*") if path.suffix in PICTURES]
    shown = frozenset([*map(source, pages()), *pictures])
    for page in pages():
        target = folder / page
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text(page, shown))
    for picture in pictures:
        target = folder / picture.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, target)


def main() -> None:
    """Gather, then build; exits with Zensical's status."""
    gather(ROOT / "build/pages")
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    sys.exit(subprocess.run([*command, "--config-file", str(CONFIG)], cwd=ROOT).returncode)


if __name__ == "__main__":
    main()
