"""The catalogue of defective input, through `luna16 check`: one readable error each."""

import re

import pytest

from luna16_folder import write_folder
from nodules import cli
from reliability.catalogue import ALL, CASES, FINE, Case

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
    return status, (out + err).splitlines()


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


@pytest.mark.parametrize("name", FINE)
def test_unusual_but_right_input_is_taken(folder, capsys, record_property, name):
    FINE[name](folder)
    status, lines = check(folder, capsys)
    assert status == 0 and lines[-1] == "3 nodules in 2 scans"
    assert all(re.match("note: .*(not there|no scan in)", line) for line in lines[:-5]), lines
    record_property("input", "unusual but right: taken")
