"""Two times compared: what became of each nodule."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from helpers import followed
from nodules.base.files import UserError
from nodules.findings.follow_up import compare, growth, matching, table
from nodules.findings.follow_up.compare import Spot
from nodules.images.geometry import Geometry


@pytest.fixture(scope="module")
def patient():
    """A patient scanned twice: nodules grown, same, gone and new."""
    return followed.patient()


@pytest.fixture(scope="module")
def pair(patient):
    """The two times compared."""
    return compare.compare(patient.prior, patient.current)


def states(pair):
    """State of each nodule by what it is of the prior's list, then of the current one's alone."""
    return [(link.state, link.looked_for) for link in pair.links]


def named(patient, pair):
    """Links by the names of the nodules."""
    first, second = list(patient.first), list(patient.second)
    found = {}
    for link in pair.links:
        spot, names = (link.first.spot, first) if link.first.spot else (link.second.spot, second)
        found[names[spot.number - 1]] = link
    return found


def test_each_nodule_is_told_as_it_is(patient, pair):
    links = named(patient, pair)
    assert {name: link.state for name, link in links.items()} == {
        **{"grown": "matched", "same": "matched"},
        **{"gone": "gone", "new": "new"},
    }
    names = list(patient.second)
    assert links["grown"].second.spot.number == names.index("grown") + 1
    assert links["same"].second.spot.number == names.index("same") + 1


def test_growth_is_that_of_the_truth(patient, pair):
    links = named(patient, pair)
    grown, same = pair.growth(links["grown"]), pair.growth(links["same"])
    assert grown.verdict == growth.GROWN and grown.low < 2.0 < grown.high
    assert grown.vdt_low < 181 < grown.vdt_high  # doubled in the 181 days between
    assert same.verdict == growth.WITHIN and same.low < 1.0 < same.high
    assert pair.growth(links["new"]) is growth.NONE


def test_swapping_the_times_inverts_every_link_and_sign(patient, pair):
    back = compare.compare(patient.current, patient.prior)
    one, two = table.rows(pair), table.rows(back)

    def key(row, first, second):
        return row[f"{first}_finding"], row[f"{second}_finding"]

    forth_by = {key(row, "prior", "current"): row for row in one}
    back_by = {key(row, "current", "prior"): row for row in two}
    assert forth_by.keys() == back_by.keys()
    for found, row in forth_by.items():
        other = back_by[found]
        assert matching.SWAPPED[row["state"]] == other["state"]
        np.testing.assert_allclose(
            [row["prior_x"], row["current_z"]], [other["current_x"], other["prior_z"]]
        )
        if row["state"] == "matched":
            assert (1 + row["change_percent"] / 100) * (
                1 + other["change_percent"] / 100
            ) == pytest.approx(1)
            assert back.days == -pair.days and row["vdt_days"] == pytest.approx(other["vdt_days"])


def test_identical_scans_have_grown_by_nothing(patient):
    again = replace(patient.prior, uid="2.25.9", day=patient.current.day)
    found = compare.compare(patient.prior, again)
    assert states(found) == [("matched", False)] * len(patient.first)
    for link in found.links:
        assert pair_growth(found, link) == (0.0, growth.WITHIN, float("inf"))


def pair_growth(pair, link):
    change = pair.growth(link)
    return change.percent, change.verdict, change.vdt_days


def test_what_a_list_lacks_is_looked_for(patient):
    lacking = replace(patient.current, spots=patient.current.spots[1:])
    found = compare.compare(patient.prior, lacking)
    link = named(patient, found)["grown"]
    assert (link.state, link.looked_for, link.second.spot) == ("matched", True, None)
    assert pair_growth(found, link)[1] == growth.GROWN
    np.testing.assert_allclose(link.second.world, patient.second["grown"].centre, atol=1.5)


def test_no_list_at_one_time_is_looked_through_as_well(patient):
    found = compare.compare(replace(patient.prior, spots=[]), patient.current)
    by_number = {link.second.spot.number: link for link in found.links}
    told = {name: by_number[k].state for k, name in enumerate(patient.second, 1)}
    assert told == {"grown": "matched", "same": "matched", "new": "new"}


def test_what_the_other_scan_does_not_show_is_not_gone(patient):
    """The later scan ends below the grown nodule: nothing can be said of it."""
    time = patient.current
    z = time.geometry.to_index(patient.second["grown"].centre)[0]
    keep = slice(round(z) + 8, None) if z < len(time.hu) / 2 else slice(0, round(z) - 8)
    origin = time.geometry.to_world((keep.start or 0, 0, 0))
    grid = Geometry.build(origin, time.geometry.spacing, np.eye(3), time.hu[keep].shape)
    cut = replace(time, hu=time.hu[keep], lungs=time.lungs[keep], geometry=grid, spots=[])
    found = compare.compare(patient.prior, cut)
    assert named(patient, found)["grown"].state == matching.NOT_COVERED


def test_what_is_smaller_than_the_other_scan_can_show_is_not_new(patient):
    small = Spot(9, patient.first["gone"].centre, 2.0)
    found = compare.compare(replace(patient.prior, spots=[small]), patient.current)
    assert found.links[0].state in (matching.BELOW_LIMIT, matching.MATCHED)
    assert patient.current.limit_mm == 3.0


def test_two_names_of_patients_are_refused(patient):
    one, two = replace(patient.prior, patient="a/1960/F"), replace(patient.current, patient="b//")
    with pytest.raises(UserError, match=r"two patients.*--same-patient"):
        compare.compare(one, two)
    compare.require_one_patient(one, replace(two, patient=""))


def test_a_mirrored_scan_is_refused(patient):
    time = patient.prior
    turned = replace(
        time,
        uid="2.25.8",
        hu=np.ascontiguousarray(time.hu[:, :, ::-1]),
        lungs=np.ascontiguousarray(time.lungs[:, :, ::-1]),
    )
    with pytest.raises(UserError, match="mirror image"):
        compare.compare(turned, patient.current)


def test_a_failed_registration_is_said_and_not_used(patient):
    hu, grid = followed.chest(8)
    voxels = np.rint(hu).astype(np.int16)
    other = followed.time_of(voxels, grid, patient.first, uid="2.25.5", day=date(2022, 1, 1))
    found = compare.compare(patient.prior, other)
    assert found.registration.problem
    assert {link.state for link in found.links} == {matching.NOT_COMPARED}
    assert len(found.links) == 2 * len(patient.first)


def test_a_nodule_is_followed_over_three_times(patient, pair):
    again = replace(patient.current, uid="2.25.3", day=date(2022, 1, 1))
    lacking = replace(patient.current, spots=patient.current.spots[1:])
    first = compare.compare(patient.prior, lacking)
    second = compare.compare(compare.carried(first), again)
    chains = compare.trajectories([first, second])
    assert sorted(map(sorted, chains)) == [[0, 1, 2], [0, 1, 2], [1, 2]]  # grown, same; new
    # What the middle list lacks is found there, and followed on.
    grown = next(c for c in chains if first.links[c[0][1]].looked_for)
    assert second.links[grown[2][1]].second.spot.number == 1
