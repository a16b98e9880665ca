"""The catalogue of defective input, as a user meets it: one readable error each, no traceback."""

import copy
import pickle
import re

import pytest
import yaml

from helpers.chest import labelled
from helpers.luna16_folder import write_folder
from nodules.base import configuration
from nodules.base.files import UserError
from nodules.cli import main as cli
from nodules.learning.networks import unet, weights
from reliability.catalogue import ALL, Case
from reliability.catalogue_dialects import DIALECTS, FINE_DIALECTS
from reliability.catalogue_folders import FINE, FOLDERS
from reliability.catalogue_headers import HEADERS
from reliability.catalogue_hounsfield import HOUNSFIELD, LUNGLESS, SCANS, right
from reliability.catalogue_labels import FINE as FINE_LABELS
from reliability.catalogue_labels import FITTING
from reliability.catalogue_layout import LAYOUTS, NAMES_OF_SCANS, OWN, SAME
from reliability.catalogue_lists import LISTS
from reliability.catalogue_more import CONFIGS, SUBMISSIONS, WEIGHTS
from reliability.catalogue_scores import SCORES
from reliability.catalogue_voxels import VOXELS

CASES = {
    "headers": HEADERS,
    "voxels": VOXELS,
    "lists": LISTS + DIALECTS,
    "folders": [*FOLDERS, *LAYOUTS],
    "values that are not HU": HOUNSFIELD,
    "labels": FITTING,
    "names and patients": NAMES_OF_SCANS,
    "the same scan twice": SAME,
    "remedies": OWN,
}
TAKEN = FINE | FINE_DIALECTS
EACH = [
    pytest.param(group, case, id=f"{group}: {case.name}")
    for group, cases in CASES.items()
    for case in cases
]


@pytest.fixture
def folder(tmp_path):
    """A small valid LUNA16 folder."""
    return write_folder(tmp_path)


def check(folder, capsys) -> tuple[int, list[str]]:
    """Run `luna16 check`: its exit status and its lines."""
    status = cli.main(["check", str(folder)])
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    lines = (out + err).split("\n")
    assert all(line.isprintable() for line in lines)
    return status, lines[:-1]


@pytest.mark.parametrize(("group", "case"), EACH)
def test_a_defect_is_told_with_its_place_reason_and_remedy(
    folder, capsys, record_property, group: str, case: Case
):
    case.damage(folder)
    status, lines = check(folder, capsys)
    level = "error" if case.skipped else "note"
    pattern = rf"{level}: {re.escape(str(folder / case.place))}(, line \d+)?: "
    told = [line for line in lines if re.match(pattern, line)]
    told = [line for line in told if case.reason in line and case.remedy in line]
    assert len(told) == 1, "\n".join(lines)
    assert told[0].endswith(".")
    assert status == (1 if case.skipped else 0)
    unusable = 0 if case.skipped == ALL else len(case.skipped)
    assert any(line.endswith(f" scans, {unusable} of them unusable") for line in lines), lines
    record_property("input", f"{group}: {'refused' if case.skipped else 'told'}")


@pytest.mark.parametrize("name", TAKEN)
def test_unusual_but_right_input_is_taken(folder, capsys, record_property, name):
    TAKEN[name](folder)
    status, lines = check(folder, capsys)
    assert status == 0 and lines[-1] == "3 nodules in 2 scans"
    assert all(re.match("note: .*(not there|no scan in)", line) for line in lines[:-5]), lines
    record_property("input", "unusual but right: taken")


@pytest.mark.parametrize("name", SCANS)
def test_unusual_but_right_scans_are_taken(folder, capsys, record_property, name):
    right(name)(folder)
    status, lines = check(folder, capsys)
    assert status == 0, lines
    told = [line for line in lines if "2.25.1" in line]
    assert len(told) == (name in LUNGLESS) and all("no sign of lungs" in line for line in told), (
        lines
    )
    record_property("input", "unusual but right scans: taken")


@pytest.mark.parametrize("name", FINE_LABELS)
def test_labels_that_fit_are_taken(folder, capsys, record_property, name):
    labelled(FINE_LABELS[name])(folder)
    status, lines = check(folder, capsys)
    assert status == 0 and not [line for line in lines if "2.25.1" in line], lines
    record_property("input", "labels: taken")


def test_there_are_more_than_three_hundred_cases_and_no_two_have_one_name():
    names = [(group, case.name) for group, cases in CASES.items() for case in cases]
    assert len(names) == len(set(names)) and len(SCANS) >= 25
    assert len(names) + len(SUBMISSIONS) + len(CONFIGS) + len(WEIGHTS) > 300


@pytest.mark.parametrize("place", ["nowhere", "annotations.csv", "subset0"])
def test_what_is_no_folder_of_subsets_is_said_to_be_none(folder, capsys, record_property, place):
    assert cli.main(["check", str(folder / place)]) == 2
    out, err = capsys.readouterr()
    assert (out == "" and err.startswith(f"luna16: {folder / place}: no such folder")) or (
        "no subset0 .. subset9 with .mhd files in it" in err
    )
    assert err.count("\n") == 1
    record_property("input", "folders: refused")


def lists_of(folder) -> list[str]:
    """Options of `luna16 score` that name the folder's lists."""
    options = ["--annotations", str(folder / "annotations.csv")]
    options += ["--excluded", str(folder / "annotations_excluded.csv")]
    return [*options, "--scans", str(folder / "seriesuids.csv")]


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_a_defective_submission_is_refused(folder, capsys, record_property, name):
    content, message, remedy = SUBMISSIONS[name]
    (folder / "mine.csv").write_bytes(content)
    assert cli.main(["score", str(folder / "mine.csv"), *lists_of(folder)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"luna16: {folder}/mine.csv")
    assert message in err and remedy in err and err.count("\n") == 1
    record_property("input", "submissions: refused")


@pytest.mark.parametrize("name", SCORES)
def test_what_would_score_wrongly_is_refused_or_told(
    folder, capsys, monkeypatch, record_property, name
):
    damage, added, status, message = SCORES[name]
    damage(folder)
    monkeypatch.chdir(folder)
    command = ["score", "mine.csv", *added, *lists_of(folder), "--bootstrap", "0"]
    assert cli.main(command) == status
    out, err = capsys.readouterr()
    assert err.startswith("luna16: ") and message in err and err.count("\n") == 1, err
    assert bool(out) == (status == 0) and err.endswith(".\n")
    record_property("input", f"scores: {'told' if out else 'refused'}")


@pytest.fixture
def config(repository):
    """The default configuration, to be spoilt."""
    return copy.deepcopy(yaml.safe_load((repository / "config/config.yaml").read_text()))


@pytest.mark.parametrize("name", CONFIGS)
def test_a_defective_configuration_is_refused(config, record_property, name):
    overlay, message = CONFIGS[name]
    for section, value in overlay.items():
        merge = isinstance(value, dict) and section in config
        config[section] = config[section] | value if merge else value
    with pytest.raises(UserError) as error:
        configuration.check(config)
    told = [line for line in str(error.value).splitlines() if line.startswith("  - ")]
    assert len(told) == 1 and message in told[0], told
    assert "Every key is explained in config/README.md" in str(error.value)
    record_property("input", "configurations: refused")


def test_a_rate_that_yaml_takes_for_text_is_a_number(config, record_property):
    config["unet"] |= yaml.safe_load("learning_rate: 1e-3")
    configuration.check(config)
    assert config["unet"]["learning_rate"] == 0.001
    record_property("input", "unusual but right: taken")


@pytest.mark.parametrize("name", WEIGHTS)
def test_defective_and_hostile_weights_are_refused(tmp_path, record_property, name):
    make, message = WEIGHTS[name]
    path, trap = tmp_path / "weights.pt", tmp_path / "executed"
    path.write_bytes(make(trap))
    with pytest.raises(UserError, match=re.escape(str(path))) as error:
        state = weights.load_state(path)
        weights.apply_state(unet.UNet(2, 2, 0), state, path)
    assert message in str(error.value) and str(error.value).endswith((".", "again."))
    assert not trap.exists()
    record_property("input", "weights: refused")


def test_the_trap_does_spring_where_a_pickle_is_believed(tmp_path):
    """So the tests above can fail."""
    pickle.loads(WEIGHTS["a pickle that runs code"][0](tmp_path / "executed"))
    assert (tmp_path / "executed").is_dir()


def test_a_download_that_is_not_what_it_should_be_is_not_kept(tmp_path, record_property):
    weights.save_state(tmp_path / "source.pth", unet.UNet(2, 2, 0))
    with pytest.raises(UserError, match=r"SHA-256 is .* expected 0000") as error:
        weights.fetch(tmp_path / "w.pth", (tmp_path / "source.pth").as_uri(), "0" * 64)
    assert str(error.value).endswith("Try again, or download it by hand.")
    assert not (tmp_path / "w.pth").exists()
    record_property("input", "weights: refused")
