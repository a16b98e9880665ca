"""The repository read as text, for the tests that hold it to its own rules."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {".git", ".venv", ".tools", ".snakemake", "results", "data", "weights", "build", "dist"}
SKIPPED |= {"node_modules"}
RULE = re.compile(r"^(?P<indent> *)(?:rule|checkpoint) (?P<name>\w+):", re.MULTILINE)


@dataclass(frozen=True)
class Rule:
    """One rule of a rule file: its directives as text, keyed by name."""

    name: str
    file: Path
    directives: dict[str, str]

    def path(self, directive: str) -> Path:
        """The file that `script` or `conda` names, relative to the rule file."""
        match = re.search(r"""["']([^"']+)["']""", self.directives[directive])
        assert match, f"{self.file.name}: {self.name}: {directive} names no file"
        return (self.file.parent / match[1]).resolve()

    @cached_property
    def resources(self) -> set[str]:
        """Names of the resources that the rule asks for."""
        return set(re.findall(r"(\w+)\s*=(?!=)", self.directives.get("resources", "")))


def rules_in(file: Path) -> list[Rule]:
    """The rules and checkpoints of one rule file, as snakefmt lays them out."""
    text = re.sub(r'"""(?:.|\n)*?"""', '""', file.read_text())
    found = []
    for head in RULE.finditer(text):
        inner = head["indent"] + " " * 4
        body = re.match(rf"(?:\n(?:{inner}.*| *))*", text[head.end() :])
        assert body
        # re.split gives: what stands before the first directive, then name, text, name, text, ...
        parts = re.split(rf"\n{inner}(\w+):", body[0])[1:]
        found.append(Rule(head["name"], file, dict(zip(parts[::2], parts[1::2], strict=True))))
    return found


def all_rules() -> list[Rule]:
    """Every rule of workflow/rules, in the order of files and lines."""
    return [
        rule for file in sorted((ROOT / "workflow/rules").glob("*.smk")) for rule in rules_in(file)
    ]


def tracked_files() -> list[Path]:
    """The repository's own files: no caches, no environment, no results, no data."""

    def own(path: Path) -> bool:
        parts = path.relative_to(ROOT).parts
        return not any(
            part in SKIPPED or part.endswith(("_cache", "__pycache__", ".egg-info", ".hypothesis"))
            for part in parts
        )

    files = sorted(path for path in ROOT.rglob("*") if own(path) and path.is_file())
    readme = ROOT / "results/README.md"
    return files + [readme] * readme.is_file()


def locked(file: Path) -> list[Requirement]:
    """The pinned requirements of a lock file, markers kept, hashes left off."""
    lines = (line.removesuffix("\\").strip() for line in file.read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def pinned(requirement: Requirement) -> str:
    """The one version that a locked requirement allows."""
    (specifier,) = requirement.specifier
    assert specifier.operator == "==", f"{requirement} is not pinned"
    return specifier.version
