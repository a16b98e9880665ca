"""The phantom's second time points: what is said of them is what is in them."""

import numpy as np
import pytest

from helpers import followed
from nodules.datasets.phantom import plan, second, second_scan
from nodules.datasets.phantom.second_scan import Blob, draw_bumps, paint
from nodules.findings.size import sphere_volume
from nodules.images.geometry import Geometry
from nodules.stats import seeds

GRID = Geometry.build((-30, -30, -30), (0.8, 0.8, 1.25), np.eye(3), (48, 75, 75))
CONFIG = {"seed": 5, "phantom": {"scans": 4}}


@pytest.mark.parametrize("bumps", [0, 4])
@pytest.mark.parametrize("diameter", [5.0, 11.0, 20.0])
def test_a_painted_nodule_has_its_volume(diameter, bumps):
    """What it changes, as shares of its density, adds up to its volume, blur and bumps or not."""
    shape = draw_bumps(np.random.default_rng(1), bumps) if bumps else ()
    blob = Blob((0.3, -0.4, 0.7), sphere_volume(diameter), 100.0, shape)
    hu = np.full(GRID.shape, -900, np.float32)
    paint(hu, GRID, blob)
    volume = ((hu + 900) / 1000).sum() * GRID.voxel_mm3
    assert volume == pytest.approx(blob.volume_mm3, rel=0.03)
    assert hu.max() <= 100 + 1e-3


def test_a_nodule_outside_the_scan_changes_nothing():
    hu = np.full(GRID.shape, -900, np.float32)
    paint(hu, GRID, Blob((500, 0, 0), 100.0, 30.0))
    assert (hu == -900).all()


def test_names_are_known_before_anything_is_made_and_are_of_no_other_scan():
    scans = plan.planned("phantom", CONFIG)
    times = second.planned("again", scans, CONFIG)
    assert [time.prior for time in times] == [scan.uid for scan in scans[:2]]
    assert not {time.uid for time in times} & {scan.uid for scan in scans}
    assert times == second.planned("again", scans, CONFIG)
    assert [row[0] for row in second.pairs(times)] == ["phantom 1", "phantom 2"]


def test_a_second_scan_holds_what_is_told_of_it():
    hu, grid = followed.chest(3)
    first = hu.copy()
    spots = [(np.array(place), 12.0) for place in followed.open_places(3)[:4]]
    for place, diameter in spots:
        paint(first, grid, Blob(tuple(place), sphere_volume(diameter), 30.0))
    again, fates = second_scan.at_second_time(
        seeds.generator(1, "second"), np.rint(first).astype(np.int16), grid, spots
    )
    assert [fate.name for fate in fates] == ["grown", "gone", "unchanged", "unlisted", "new"]
    for fate in fates:
        z, y, x = np.rint(grid.to_index(fate.current)).astype(int)
        here = float(again[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2].mean())
        assert here < -700 if fate.name == "gone" else here > -150, fate.name
    assert fates[0].diameter_mm == pytest.approx(12 * fates[0].factor ** (1 / 3))


def test_a_patient_without_nodules_gets_a_new_one_at_most():
    hu, grid = followed.chest(3)
    _, fates = second_scan.at_second_time(
        seeds.generator(1, "second"), np.rint(hu).astype(np.int16), grid, []
    )
    assert [fate.name for fate in fates] in ([], ["new"])
