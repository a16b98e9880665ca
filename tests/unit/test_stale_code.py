"""What an edit makes stale: for typical edits, exactly the scripts whose results are made again.

EDITS says of each edit which trainings go stale; that is meant, and changed with thought.
stale_code.txt says which scripts do; where imports have changed on purpose, write it anew:

    PYTHONPATH=workflow:tests python tests/unit/test_stale_code.py > tests/unit/stale_code.txt
"""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from helpers.sources import ROOT, rules_in
from nodules.base import closure

UNET, PRESENCE, MALIGNANCY, MASKRCNN, SEGMENTER, LUNGS, UNET3D, REDUCTION = (
    f"train_{name}"
    for name in (
        *("unet", "presence", "malignancy", "maskrcnn", "segmenter", "lungs"),
        *("unet3d", "reduction"),
    )
)
RESNETS, IN_3D, NONE = {PRESENCE, MALIGNANCY}, {UNET3D, REDUCTION}, set[str]()
ALL = {UNET, MASKRCNN, SEGMENTER, LUNGS} | RESNETS | IN_3D
# A file that somebody edits -> the trainings that this is to make stale, no more and no fewer.
EDITS = {
    "base/messages.py": NONE,  # how a message spells a stray byte
    "base/files.py": NONE,
    "base/columns.py": NONE,  # what a column means
    "base/closure.py": NONE,
    "cli/main.py": NONE,
    "images/foreign.py": NONE,
    "images/metaimage.py": NONE,
    "images/geometry.py": ALL,
    "stats/seeds.py": ALL,
    "stats/bootstrap.py": NONE,
    "datasets/check.py": NONE,
    "datasets/folds.py": ALL,  # which scans a network sees
    "datasets/lidc.py": NONE,
    "datasets/phantom/vessels.py": NONE,
    "prepare/coarse_grid.py": NONE,
    "prepare/lungs.py": NONE,  # a training sees other slices only where these have changed
    "prepare/lung_masks.py": NONE,
    "prepare/masks.py": NONE,
    "prepare/stacks.py": ALL,
    "prepare/views.py": RESNETS,  # planes, cubes
    "prepare/volumes.py": IN_3D,
    "prepare/volume_cut.py": NONE,
    "prepare/cubes.py": IN_3D,
    "findings/hits.py": IN_3D,  # an excluded finding that is a nodule is one to them
    "findings/radiomics.py": NONE,
    "findings/rule.py": {MALIGNANCY},  # when a nodule is malignant
    "learning/loop.py": ALL,
    "learning/machine.py": ALL,
    "learning/networks/unet.py": {UNET, SEGMENTER, LUNGS},  # of its blocks the others are made
    "learning/networks/attention_unet.py": {SEGMENTER},
    "learning/networks/transformer.py": {SEGMENTER},
    "learning/networks/resnet.py": RESNETS,
    "learning/networks/maskrcnn.py": {MASKRCNN},
    "learning/networks/unet3d.py": IN_3D,
    "learning/networks/reducer3d.py": {REDUCTION},
    "learning/networks/not_chosen.py": NONE,  # a new architecture that no config names
    "learning/tasks/slices.py": {UNET, MASKRCNN, SEGMENTER},  # an augmentation
    "learning/tasks/segmenters.py": {SEGMENTER},
    "learning/tasks/presence.py": {PRESENCE},
    "learning/tasks/malignancy.py": {MALIGNANCY},
    "learning/tasks/instances.py": {MASKRCNN},
    "learning/tasks/patches3d.py": IN_3D,
    "learning/tasks/heat.py": IN_3D,
    "learning/tasks/mining.py": IN_3D,
    "learning/tasks/reduction.py": {REDUCTION},
    "inference/windows.py": NONE,
    "inference/reduction.py": NONE,
    "learning/tasks/lungs.py": {LUNGS},
    "inference/detection.py": NONE,
    "inference/candidates.py": NONE,
    "inference/locations.py": NONE,
    "inference/malignancy.py": NONE,
    "inference/maskrcnn.py": NONE,
    "inference/explanations.py": NONE,
    "inference/gates.py": NONE,
    "evaluation/froc.py": NONE,  # the official score
    "evaluation/names.py": NONE,
    "evaluation/statements/malignancy.py": NONE,
    "report/plotting.py": NONE,
    "report/figures/trends.py": NONE,
    "report/pages/numbers.py": NONE,
}
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())
TABLE = Path(__file__).with_name("stale_code.txt")
# A rule's code: its script, and the section of the config that names its network: by its name, as
# that of the first detector or of the lung U-Net, or by a wildcard, of which common.smk says what
# it may be.
NETWORK = r"""(?:config\[(?:"(\w+)"|(FIRST)|wildcards\.(\w+))\]|(LUNG_UNET))\["network"\]"""
CODE = re.compile(rf"""\bcode(?:_files)?\(\s*"(\w+)"(?:, {NETWORK})?\s*\)""")


def chosen(section: str) -> Path:
    """The file of the network that the default config names in a section, `lungs` for LUNG_UNET."""
    own = DEFAULT["lungs"]["unet"] if section == "lungs" else DEFAULT[section]
    return closure.LIBRARY / f"learning/networks/{own['network']}.py"


def sections(
    named: str | None, first: str | None, wildcard: str | None, lungs: str | None
) -> list[str]:
    """The sections whose networks a rule's code input may have, by what CODE finds."""
    if wildcard:
        common = (ROOT / "workflow/rules/common.smk").read_text()
        allowed = re.search(rf'^    {wildcard}="([\w|]+)",$', common, re.M)
        assert allowed, f"common.smk has no constraint of the wildcard {wildcard}"
        return allowed[1].split("|")
    return [named] if named else [DEFAULT["detectors"][0]] if first else ["lungs"] * bool(lungs)


def code() -> dict[str, list[str]]:
    """The code inputs of each script, as files within the library, as its rule has them."""
    found = {}
    for file in (ROOT / "workflow/rules").glob("*.smk"):
        for rule in rules_in(file):
            match = CODE.search(rule.directives["input"])
            assert match and match[1] == rule.name, f"{rule.name}: its code input is not its own"
            networks = [chosen(section) for section in sections(*match.groups()[1:])]
            paths = closure.result_code(ROOT / f"workflow/scripts/{rule.name}.py", networks)
            found[rule.name] = [str(path.relative_to(closure.LIBRARY)) for path in paths]
    return found


def stale(file: str, inputs: dict[str, list[str]]) -> set[str]:
    """Scripts whose results an edit of a library file makes stale."""
    return {script for script, files in inputs.items() if file in files}


def table() -> str:
    """Each edit with the scripts that it makes stale, a line each."""
    inputs = code()
    blocks = [
        [file, *(f"    {script}" for script in sorted(stale(file, inputs)))] for file in EDITS
    ]
    return "".join(f"{line}\n" for block in blocks for line in block)


@pytest.fixture(scope="module")
def inputs() -> dict[str, list[str]]:
    """The code inputs of every script."""
    return code()


@pytest.fixture
def library(tmp_path, monkeypatch) -> Path:
    """A copy of the library, in which imports may be added."""
    shutil.copytree(closure.LIBRARY, tmp_path / "nodules")
    monkeypatch.setattr(closure, "LIBRARY", tmp_path / "nodules")
    monkeypatch.setattr(closure, "BASE", tmp_path / "nodules/base")
    return tmp_path / "nodules"


def test_every_edit_is_one_of_a_file_that_is_there() -> None:
    absent = [file for file in EDITS if not (closure.LIBRARY / file).is_file()]
    assert absent == ["learning/networks/not_chosen.py"]


def test_every_training_is_meant() -> None:
    trainings = {path.stem for path in (ROOT / "workflow/scripts").glob("train_*.py")}
    assert trainings - {f"{name}_all" for name in ALL} == ALL


def test_a_training_on_all_scans_hangs_on_what_that_of_a_fold_does(inputs) -> None:
    more = {"learning/all_scans.py", "findings/rule.py"}
    whole = [name for name in inputs if name.startswith("train_") and name.endswith("_all")]
    assert len(whole) == 3
    for name in whole:
        assert set(inputs[name]) - more == set(inputs[name.removesuffix("_all")]) - more


@pytest.mark.parametrize("file", EDITS)
def test_an_edit_retrains_the_networks_that_are_meant(file, inputs) -> None:
    assert stale(file, inputs) & ALL == EDITS[file]


def test_edits_make_stale_exactly_what_the_table_says() -> None:
    assert table() == TABLE.read_text(), "on purpose? Then write it anew, see the file's docstring"


def test_a_new_architecture_makes_nothing_stale(library) -> None:
    (library / "learning/networks/not_chosen.py").write_text('"""A network."""\n')
    assert table() == TABLE.read_text()


def test_an_added_import_is_noticed(library) -> None:
    loop = library / "learning/loop.py"
    loop.write_text(loop.read_text() + "\n\ndef f():\n    from nodules.evaluation import froc\n")
    assert stale("evaluation/froc.py", code()) >= ALL
    assert table() != TABLE.read_text()


if __name__ == "__main__":
    print(table(), end="")
