"""The page's scripts: their own tests under node, their types by tsc, their style by eslint.

tsc and eslint are there after `npm ci --prefix tests/browser`; without them these tests skip.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from nodules.report.viewer.page import WEB

HERE = Path(__file__).parent
TOOLS = HERE / "node_modules/.bin"
WITHOUT = "not there: npm ci --prefix tests/browser"
NODE = shutil.which("node")


def run(*command: str | Path) -> None:
    """Run a command here; what it says is told where it fails."""
    done = subprocess.run(list(map(str, command)), cwd=HERE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not NODE, reason="no node on the path")
def test_modules_pass_their_tests() -> None:
    run(str(NODE), "--test", "modules.test.js")


@pytest.mark.skipif(not (TOOLS / "tsc").exists(), reason=f"tsc is {WITHOUT}")
def test_types_fit() -> None:
    run(TOOLS / "tsc", "--project", "tsconfig.json")


@pytest.mark.skipif(not (TOOLS / "eslint").exists(), reason=f"eslint is {WITHOUT}")
def test_style_holds() -> None:
    # The page's folder lies outside of the configuration's, so it is linted as a copy within; in
    # node_modules eslint would pass over it.
    with tempfile.TemporaryDirectory(prefix=".linted-", dir=HERE) as folder:
        copy = shutil.copytree(WEB, Path(folder) / "web")
        files = sorted(copy.glob("*.js"))
        run(TOOLS / "eslint", "--max-warnings=0", "modules.test.js", *files)


def test_every_file_says_what_it_is_for() -> None:
    for path in WEB.glob("*.js"):
        first = path.read_text().splitlines()[0]
        assert first.startswith("// ") and first.endswith((".", ":")), path.name
