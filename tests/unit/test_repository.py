"""The house's own rules: how rules, scripts and library files are named, sized and laid out."""

import ast
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import nodules
from helpers.sources import ROOT, Rule, all_rules, rules_in, tracked_files
from nodules.base import closure

RULES = all_rules()
LIBRARY = sorted((ROOT / "workflow/nodules").rglob("*.py"))
SCRIPTS = sorted((ROOT / "workflow/scripts").glob("*.py"))
RULE_FILES = sorted((ROOT / "workflow/rules").glob("*.smk"))
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
each_module = pytest.mark.parametrize(
    "module", LIBRARY, ids=lambda module: str(module.relative_to(ROOT / "workflow/nodules"))
)
each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)

# Spelled in two halves, so that this file does not hold them itself.
FORBIDDEN = {
    "a package registry": ["pypi" + ".org", "python" + "hosted.org", "anaconda" + ".org/"],
    "a path of one machine": ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "/opt/" + "pypi"],
    "an unfinished place": ["TO" + "DO", "FIX" + "ME"],
}


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            yield node


# Rules


def test_there_are_rules() -> None:
    assert len(RULES) > 10


def test_the_parser_reads_a_rule(tmp_path: Path) -> None:
    (tmp_path / "x.smk").write_text(
        'rule first:\n    """Doc: ignored."""\n    output:\n        a="x",\n    threads: 2\n'
        "    resources:\n        mem_mb=100,\n        gpu=1,\n\n\n"
        "if True:\n\n    checkpoint second:\n        log:\n            'y',\n"
    )
    first, second = rules_in(tmp_path / "x.smk")
    assert (first.name, set(first.directives)) == ("first", {"output", "threads", "resources"})
    assert first.resources == {"mem_mb", "gpu"}
    assert (second.name, set(second.directives)) == ("second", {"log"})


@each_rule
def test_rule_says_all_that_running_it_takes(rule: Rule) -> None:
    needed = {"input", "output", "log", "benchmark", "conda", "threads", "resources", "script"}
    assert needed - set(rule.directives) == set()


@each_rule
def test_rule_script_log_and_benchmark_carry_one_name(rule: Rule) -> None:
    assert rule.path("script") == ROOT / f"workflow/scripts/{rule.name}.py"
    for directive in ("log", "benchmark"):
        assert re.search(rf"[/\"']{rule.name}\b", rule.directives[directive]), directive
    assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+", rule.name), "names are verb_object"


@each_rule
def test_rule_asks_for_resources_by_the_names_that_work(rule: Rule) -> None:
    assert {"mem_mb", "runtime"} <= rule.resources
    # Snakemake and its SLURM plugin take these without a word and do nothing with them.
    assert not rule.resources & {"gpus", "time", "partition", "mem", "walltime"}


@each_rule
def test_rule_asks_for_more_memory_and_time_at_a_retry(rule: Rule) -> None:
    assert re.search(r"\bmem_mb=memory\(", rule.directives["resources"])
    assert re.search(r"\bruntime=(minutes|hours)\(", rule.directives["resources"])


@each_rule
def test_rule_names_files_that_exist(rule: Rule) -> None:
    assert rule.path("script").is_file()
    assert rule.path("conda").is_file()
    assert rule.path("conda").parent == ROOT / "envs"


def test_every_script_belongs_to_a_rule() -> None:
    assert {script.stem for script in SCRIPTS} == {rule.name for rule in RULES}


def test_rule_names_are_unique() -> None:
    names = [rule.name for rule in RULES]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("file", RULE_FILES, ids=lambda file: file.stem)
def test_rule_file_is_short_and_holds_rules_only(file: Path) -> None:
    text = file.read_text()
    assert lines(file) <= 150
    assert text.startswith(("#", '"""')), "say first what the stage takes and gives"
    assert "use rule" not in text, "the tests here read rules as they stand"
    if not file.stem.startswith("common"):
        assert not re.search(r"^\s*def ", text, re.MULTILINE), "functions live in common.smk"


def test_a_name_means_one_thing_in_all_rule_files() -> None:
    # All rule files share one namespace: a second assignment would change another file's rules.
    text = "\n".join(file.read_text() for file in RULE_FILES)
    names = re.findall(r"^([A-Z][A-Z_]*)\b[^=\n]*=[^=]", text, re.MULTILINE)
    assert len(names) > 10
    assert sorted(names) == sorted(set(names))


def test_snakefile_is_a_table_of_contents() -> None:
    text = (ROOT / "Snakefile").read_text()
    assert lines(ROOT / "Snakefile") <= 55
    stages = re.findall(r"COMPUTED = \"\"\"(.+?)\"\"\"|DRAWN = \"(.+?)\"", text, re.DOTALL)
    named = " ".join(computed or drawn for computed, drawn in stages).split()
    own = {f.stem for f in RULE_FILES if f.stem != "common" and not f.stem.startswith("common_")}
    assert sorted(named) == sorted(own)
    assert text.index("rules/common.smk") < text.index("COMPUTED")


# Scripts and library


@each_script
def test_script_is_thin_and_says_what_it_makes(script: Path) -> None:
    assert lines(script) <= 60, "move what it does into the library"
    (main,) = (f for f in functions(script) if f.name == "main")
    assert ast.get_docstring(main), "main has no docstring"


@each_module
def test_module_fits_the_reader(module: Path) -> None:
    assert lines(module) <= 400
    long = {f.name for f in functions(module) if (f.end_lineno or 0) - f.lineno >= 60}
    assert long == set(), "longer than a screen"


@each_module
def test_module_explains_what_it_offers(module: Path) -> None:
    tree = ast.parse(module.read_text())
    public = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    assert ast.get_docstring(tree), "the module has no docstring"
    assert [node.name for node in public if not ast.get_docstring(node)] == []


@each_module
def test_library_does_not_know_snakemake(module: Path) -> None:
    assert not {name for name in closure.imported(module) if name.split(".")[0] == "snakemake"}


@each_module
def test_imports_can_be_followed(module: Path) -> None:
    # A rule's code inputs and its environment come from following absolute imports.
    tree = ast.parse(module.read_text())
    assert not any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree))
    if module.stem == "__init__" and module.parent != closure.LIBRARY:
        assert not closure.imported(module), "import a package's modules, not the package"


@each_module
def test_module_has_a_unit_test(module: Path) -> None:
    if not module.stem.startswith("__"):
        name = ".".join(module.relative_to(ROOT / "workflow").with_suffix("").parts)
        tests = (ROOT / "tests/unit").rglob("test_*.py")
        assert any(name in closure.imported(test) for test in tests), f"no test imports {name}"


# Everything that is handed out


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    found = []
    for path in tracked_files():
        text = path.read_text(errors="ignore")
        found += [f"{path.relative_to(ROOT)}: {word}" for word in FORBIDDEN[what] if word in text]
    assert found == []


def test_no_scans_weights_or_large_files() -> None:
    data = {".mhd", ".raw", ".zraw", ".dcm", ".nii", ".npz", ".pt", ".pth"}
    files = tracked_files()
    assert [str(path) for path in files if path.suffix in data] == []
    assert [str(path) for path in files if path.stat().st_size > 1_000_000] == []


def test_one_version_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert nodules.__version__ == version
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def test_continuous_integration_runs_what_the_readme_says() -> None:
    script, readme = ROOT / ".ci/run", (ROOT / "README.md").read_text()
    assert os.access(script, os.X_OK)
    for command in ("make lint", "make test", "make browser-test", "make cluster-test"):
        assert command in script.read_text() and command in readme
    assert readme.index("make run") < readme.index("make test") < readme.index("pip install")


# Organs by name: what is true of one organ alone belongs into a config file.
ORGANS = "liver|hepatic|prostate|brain|hippocamp|kidney|renal|pancrea|spleen|breast|bladder|uter"


def test_no_code_knows_an_organ_but_the_lungs() -> None:
    """Lungs are a method of finding the region; other organs are words of a config."""
    word = re.compile(rf"(?<![a-z])(?:{ORGANS})", re.IGNORECASE)
    own = [path for path in tracked_files() if path.is_relative_to(ROOT / "workflow")]
    own += [ROOT / "Snakefile", ROOT / "config/config.yaml"]
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in own
        for match in word.finditer(path.read_text(errors="ignore"))
    ]
    assert len(own) > 300 and found == []
    assert word.search("if organ == 'Liver_1':"), "the search finds what it looks for"
