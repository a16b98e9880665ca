"""What a low score may come from: the usual mistakes are found, and a right submission is left."""

import numpy as np
import pytest

from nodules.datasets.submissions import Lists
from nodules.evaluation import froc, froc_hints

SCANS = [f"1.2.{number}" for number in range(40)]
SIZE = 60  # nodules


def findings(rng, number, diameter):
    """Findings in a chest around the world's origin, as LUNA16's are."""
    low, high = np.array([-130, -180, -300]), np.array([130, 60, -20])
    return dict(zip("xyz", rng.uniform(low, high, (number, 3)).T, strict=True)) | {
        "seriesuid": rng.choice(np.array(SCANS, object), number),
        "diameter_mm": np.full(number, diameter),
    }


@pytest.fixture
def lists():
    """Lists of 60 nodules and 90 excluded findings in 40 scans."""
    rng = np.random.default_rng(0)
    return Lists(SCANS, findings(rng, SIZE, 8.0), findings(rng, 90, -1.0))


@pytest.fixture
def marks(lists):
    """Marks a millimetre beside nine of ten nodules, and 40 false ones a scan."""
    rng = np.random.default_rng(1)
    false = findings(rng, 40 * len(SCANS), 0)
    found = {name: column[: SIZE * 9 // 10] for name, column in lists.nodules.items()}
    made = {name: np.concatenate([found[name], false[name]]) for name in ("seriesuid", *"xyz")}
    made["x"] = made["x"] + 1
    return made | {"probability": rng.uniform(size=len(made["x"]))}


def told(lists, **marks):
    """Notes on submissions."""
    results = {
        name: froc.evaluate(own, lists.nodules, lists.excluded, lists.scans, bootstrap=0)
        for name, own in marks.items()
    }
    return froc_hints.notes(marks, lists, results)


MISTAKES = {
    "x and y have the other sign (RAS in place of LPS)": (-1, -2, 3, 1),
    "x has the other sign": (-1, 2, 3, 1),
    "y has the other sign": (1, -2, 3, 1),
    "z has the other sign": (1, 2, -3, 1),
    "x and y and z have the other sign": (-1, -2, -3, 1),
    "the columns hold z,y,x in this order": (3, 2, 1, 1),
    "the columns hold y,x,z in this order": (2, 1, 3, 1),
    "the columns hold y,z,x in this order": (2, 3, 1, 1),
    "the columns hold z,x,y in this order": (3, 1, 2, 1),
    "the columns hold z,y,x in this order, and x and y have the other sign (RAS": (3, -2, -1, 1),
    "the coordinates are in cm": (1, 2, 3, 10),
    "the coordinates are in m": (1, 2, 3, 1000),
    "the coordinates are in micrometres": (1, 2, 3, 0.001),
    "the coordinates are in m, and x and y have the other sign": (-1, -2, 3, 1000),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_usual_mistake_is_named_with_the_hits_that_it_cost(lists, marks, mistake):
    *columns, scale = MISTAKES[mistake]
    wrong = [np.sign(c) * marks["xyz"[abs(c) - 1]] / scale for c in columns]
    (note,) = told(lists, mine=marks | dict(zip("xyz", wrong, strict=True)))
    assert f"If {mistake}" in note
    assert "in the submission, 54 would be. Nothing was changed" in note


def test_a_right_submission_is_left_alone(lists, marks):
    assert told(lists, mine=marks) == []


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        (1.0, "Their coordinates are whole numbers from 0 on, as voxel indices are; what they"),
        (1.03, "Their coordinates are never below 0, as voxel indices or mm from the volume's"),
    ],
)
def test_voxel_indices_are_said_to_need_the_headers(lists, marks, scale, words):
    voxels = {axis: np.round((marks[axis] + 320) * 1.3) * scale for axis in "xyz"}
    (note,) = told(lists, mine=marks | voxels)
    assert words in note and "cannot be tried without the scans' headers" in note


def test_what_nothing_explains_is_said_not_to_be_explained(lists, marks):
    (note,) = told(lists, mine=marks | {"x": marks["x"] + 40})
    assert note.startswith("mine: 0 of 60 nodules in scans with marks are hit by 1,654 marks. Axes")


def test_numbers_beyond_all_measure_are_no_crash(lists, marks):
    (note,) = told(lists, mine=marks | {"x": np.full_like(marks["x"], 1e300)})
    assert "don't explain it" in note


def test_marks_beyond_the_cap_would_not_hit_either(lists):
    nodule = {name: column[:1] for name, column in lists.nodules.items()}
    many = {
        name: np.repeat(column, 150) for name, column in nodule.items() if name != "diameter_mm"
    }
    many |= {"x": np.r_[-many["x"][:1], many["x"][1:] + np.linspace(50, 60, 149)]}
    own = Lists(lists.scans, nodule, lists.excluded)
    assert told(own, mine=many | {"probability": np.linspace(0, 1, 150)}) == []
    assert "1 would be" in told(own, mine=many | {"probability": np.linspace(1, 0, 150)})[0]


def test_few_scans_with_marks_are_told_and_parts_once(lists, marks):
    half = {uid: number % 4 for number, uid in enumerate(SCANS)}
    parts = {}
    for part in range(4):
        kept = np.array([half[uid] == part for uid in marks["seriesuid"]])
        parts[f"fold{part}"] = {name: column[kept] for name, column in marks.items()}
    (note,) = told(lists, mine=parts["fold0"])
    assert note.startswith("mine: marks lie in only 10 of the 40 listed scans, so at most")
    assert "--together" in note
    (note,) = told(lists, **parts)
    assert note.startswith("no scan has marks in two of these 4 files.")


def test_lists_are_told_to_be_swapped_where_nodules_hold_the_excluded(lists):
    rng = np.random.default_rng(2)
    around = {name: np.repeat(column, 3) for name, column in lists.nodules.items()}
    around["x"] = around["x"] + rng.uniform(-1, 1, len(around["x"]))
    assert froc_hints.swapped(lists.nodules, around) == ""
    assert froc_hints.swapped(around, lists.nodules).startswith("60 of 60 excluded findings lie")
    assert froc_hints.swapped(lists.nodules, lists.excluded) == ""


def test_mistakes_are_all_different_and_the_likely_ones_come_first():
    mistakes = list(froc_hints.usual_mistakes())
    words = [mistake.describe() for mistake in mistakes]
    assert len(set(words)) == len(words) == 47 + 6
    assert words[0] == "x and y have the other sign (RAS in place of LPS)"


def test_no_marks_and_no_nodules_are_no_crash(lists, marks):
    nothing = {name: column[:0] for name, column in marks.items()}
    assert told(lists, mine=nothing) == ["mine: there is no mark in it, only a header"]
    without = {name: column[:0] for name, column in lists.nodules.items()}
    assert told(Lists(lists.scans, without, lists.excluded), mine=marks) == []


def test_marks_that_stand_twice_are_told(lists, marks):
    joined = {name: np.concatenate([column, column[:7]]) for name, column in marks.items()}
    (note,) = told(lists, mine=joined)
    assert note.startswith("mine: 7 of 1,661 marks stand at the very place of another mark.")


@pytest.fixture(scope="module")
def real(shared_data):
    """The official lists and a published submission."""
    from nodules.datasets import submissions

    data = shared_data / "data"
    names = ("annotations", "annotations_excluded", "seriesuids")
    lists = submissions.read_lists(*(data / "luna16" / f"{name}.csv" for name in names))
    path = data / "submissions" / "deeplung_dpn26" / "deeplung_dpn26_submission.csv"
    (marks,) = submissions.read_marks([path], lists)[0].values()
    return lists, marks


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_in_a_real_submission_are_found_with_the_official_number(real, mistake):
    lists, marks = real
    *columns, scale = MISTAKES[mistake]
    wrong = [np.sign(c) * marks["xyz"[abs(c) - 1]] / scale for c in columns]
    (note,) = told(lists, mine=marks | dict(zip("xyz", wrong, strict=True)))
    assert f"If {mistake}" in note and "in the submission, 1,136 would be." in note


def test_a_real_submission_has_no_note(real):
    lists, marks = real
    assert told(lists, deeplung=marks) == []
