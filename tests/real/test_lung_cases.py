"""Lungs of seven real scans, altered as illness, surgery and scanners alter them.

Each case changes the voxels of a real scan; its lungs must be those of the scan as it was, without
what the change took from them, with every reference nodule within their margin, and without the
gas that was added. The alterations are drawn here, so that no voxel of a patient is stored.
"""

import json
import zipfile
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from nodules.images.geometry import Geometry
from nodules.images.metaimage import read_volume
from nodules.prepare import coarse_grid, lung_search, lungs

pytestmark = pytest.mark.real

GAS, WATER, TISSUE = -1000, 10, 40
Bools = NDArray[np.bool_]

# LIDC-IDRI patient: end of the scan's UID, and litres that method `volume` has always found in it.
SCANS = {
    "0001": ("720603192", 3.914),
    "0003": ("480003264", 5.983),
    "0006": ("924920957", 4.701),
    "0012": ("563438457842", 5.665),
    "0028": ("377298352671", 5.422),
    "0306": ("436462818860", 4.705),
    "0476": ("000431855143", 4.457),
}


class Scan(NamedTuple):
    """A scan, its lungs by method `volume`, and the centres of its reference nodules."""

    volume: coarse_grid.Volume
    geometry: Geometry
    lung: Bools
    nodules: NDArray[np.float64]  # (n, 3) x, y, z in mm


HELD: dict[str, Scan] = {}  # the scan read last: the table goes patient by patient


@pytest.fixture
def scan(request, shared_data, tmp_path):
    """The scan of the patient that a test names."""
    if request.param not in HELD:
        HELD.clear()
        end, litres = SCANS[request.param]
        volume, geometry = read_scan(shared_data / "data", end, tmp_path)
        lung = lungs.find("volume", volume, geometry) > 0
        assert lung.sum() * geometry.voxel_mm3 / 1e6 == pytest.approx(litres, abs=0.001)
        rows = pd.read_csv(shared_data / "data" / "luna16" / "annotations.csv")
        points = rows[rows["seriesuid"].str.endswith(end)][["coordX", "coordY", "coordZ"]]
        HELD[request.param] = Scan(volume, geometry, lung, points.to_numpy(float))
    return HELD[request.param]


def read_scan(folder, end, scratch):
    """A scan as it lies in the shared folder: MetaImage, or JPEG 2000 slices in a zip file."""
    stored = [*folder.glob(f"luna16/subset*/*{end}.mhd"), *folder.glob(f"luna16_more/*{end}.zip")]
    (path,) = stored
    if path.suffix == ".mhd":
        return read_volume(path)
    with zipfile.ZipFile(path) as packed:
        header = json.loads(packed.read("about.json"))["header"]
        names = sorted(name for name in packed.namelist() if name.endswith(".jp2"))
        flags = cv2.IMREAD_UNCHANGED
        slices = (cv2.imdecode(np.frombuffer(packed.read(n), np.uint8), flags) for n in names)
        voxels = np.stack([(image.astype(np.int32) - 32768).astype("<i2") for image in slices])
    (scratch / f"{path.stem}.mhd").write_text(header)
    data = scratch / f"{path.stem}.raw"
    data.write_bytes(voxels.tobytes())
    try:
        return read_volume(scratch / f"{path.stem}.mhd")
    finally:
        data.unlink()


# What is altered. Each paints into `volume` and returns what it took from the lungs (or None) and
# what it added as gas (or None).


def paint(volume, where, level, spread=25):
    """Voxels of one kind: a level and noise."""
    noise = np.random.default_rng(1).normal(level, spread, np.count_nonzero(where))
    volume[where] = noise.astype(np.int16)


def middle(lung):
    """The column between the lungs."""
    columns = np.flatnonzero(lung.any(axis=(0, 1)))
    return (columns[0] + columns[-1]) // 2


def side(lung, left):
    """One lung: the patient's left has the higher columns."""
    one = lung.copy()
    one[:, :, : middle(lung)] &= not left
    one[:, :, middle(lung) :] &= left
    return one


def stoma(volume, scan, above_mm=5):
    """A channel of air, 10 mm wide and 5 mm high, from the trachea to the front."""
    z_mm, y_mm, x_mm = scan.geometry.spacing_zyx
    top = np.flatnonzero(scan.lung.any(axis=(1, 2)))[-1]
    z = min(top + round(above_mm / z_mm), len(volume) - 3)
    air = (volume[z] < -700).astype(np.uint8)
    _, _, stats, centres = cv2.connectedComponentsWithStats(air, connectivity=4)
    area = stats[:, cv2.CC_STAT_AREA] * y_mm * x_mm
    near = abs(centres[:, 0] - middle(scan.lung)) * x_mm < 50
    x, y = centres[np.argmax(np.where(near & (area > 40) & (area < 800), area, 0))].astype(int)
    channel = np.zeros(volume.shape, np.bool_)
    half = round(5 / x_mm)
    channel[z : z + max(1, round(5 / z_mm)), : y + 1, x - half : x + half + 1] = True
    channel &= volume > -900
    paint(volume, channel, GAS)
    return None, channel


def drain(volume, scan):
    """A channel of air through the wall of the chest, 8 mm wide, half-way up the left lung."""
    z_mm, y_mm, _ = scan.geometry.spacing_zyx
    held = np.flatnonzero(scan.lung.any(axis=(1, 2)))
    z = (held[0] + held[-1]) // 2
    rows = np.flatnonzero(scan.lung[z].any(axis=1))
    y, half = (rows[0] + rows[-1]) // 2, round(4 / y_mm)
    x = np.flatnonzero(scan.lung[z, y])[-1]
    channel = np.zeros(volume.shape, np.bool_)
    channel[z : z + round(8 / z_mm), y - half : y + half + 1, x - 5 :] = True
    channel &= ~scan.lung & (volume > -900)
    paint(volume, channel, GAS)
    return None, channel


def skin(volume, scan):
    """Bubbles all through the right chest wall, from 3 mm beside the upper lung to the skin."""
    field = np.random.default_rng(1).random(volume[:, ::4, ::4].shape, np.float32)
    field = ndimage.gaussian_filter(field, 4 / (scan.geometry.spacing_zyx * (1, 4, 4)))
    low = np.quantile(field, 0.55)
    bubbles = np.stack([cv2.resize(image, volume.shape[:0:-1]) > low for image in field])
    bubbles &= near(scan, 60) & ~near(scan, 3) & (volume > -300) & ~hull(scan.lung)
    bubbles[:, :, middle(scan.lung) :] = False
    held = np.flatnonzero(scan.lung.any(axis=(1, 2)))
    bubbles[: (held[0] + held[-1]) // 2] = False
    bubbles[held[-1] :] = False
    paint(volume, bubbles, GAS + 20)
    return None, bubbles


def near(scan, mm):
    """What lies so near to the lungs."""
    return coarse_grid.grow(scan.lung.view(np.uint8), scan.geometry, mm) > 0


def hull(lung, margin=0):
    """Convex hull of both lungs in each slice, and `margin` pixels around it."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1,) * 2)
    filled = np.zeros(lung.shape, np.uint8)
    for image, out in zip(lung.view(np.uint8), filled, strict=True):
        points = cv2.findNonZero(image)
        if points is not None:
            cv2.fillConvexPoly(out, cv2.convexHull(points), 1)
            cv2.dilate(out, disc, dst=out)
    return filled > 0


def thin(volume, scan):
    """A chest wall of 4 mm all around, where the lungs are wide."""
    areas = scan.lung.sum(axis=(1, 2))
    wide = (areas > 0.4 * areas.max())[:, None, None]
    outside = ~hull(scan.lung, round(4 / scan.geometry.spacing[0])) & wide & (volume > -900)
    paint(volume, outside, GAS)
    return None, outside


def gut(volume, scan):
    """A bubble of 0.1 to 0.5 litres beneath the left dome, parted from the lung by 4 mm."""
    left = side(scan.lung, True)
    columns = left.any(axis=0)
    deep = cv2.distanceTransform(columns.view(np.uint8), cv2.DIST_L2, 5) * scan.geometry.spacing[0]
    lowest = np.where(columns & (deep > 30), left.argmax(axis=0), -1)
    y, x = np.unravel_index(lowest.argmax(), lowest.shape)
    radii = np.array((45, 60, 60)) / scan.geometry.spacing_zyx
    bubble = ellipsoid(volume.shape, (lowest[y, x] - 0.8 * radii[0], y, x), radii)
    bubble &= ~near(scan, 4) & (volume > -300)
    paint(volume, bubble, GAS)
    return None, bubble


def ellipsoid(shape, centre, radii):
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    return sum(((a - c) / r) ** 2 for a, c, r in zip(axes, centre, radii, strict=True)) <= 1


def effusion(volume, scan, share=0.5):
    """Fluid in the right chest, up to a level, the patient lying on the back."""
    fluid = side(scan.lung, False)
    rows = np.flatnonzero(fluid.any(axis=(0, 2)))
    fluid[:, : round(rows[0] + (rows[-1] - rows[0]) * (1 - share))] = False
    paint(volume, fluid, WATER)
    return fluid, None


def consolidation(volume, scan):
    """The lower third of the right lung without air."""
    lobe = side(scan.lung, False)
    held = np.flatnonzero(lobe.any(axis=(1, 2)))
    lobe[round(held[0] + 0.35 * (held[-1] - held[0])) :] = False
    paint(volume, lobe, TISSUE, 60)
    return lobe, None


def pneumonectomy(volume, scan):
    """No left lung."""
    lost = side(scan.lung, True)
    paint(volume, lost, WATER)
    return lost, None


def mass(volume, scan):
    """A ball of 80 mm in the widest place of the right lung."""
    right = side(scan.lung, False)
    z = int(right.sum(axis=(1, 2)).argmax())
    deep = cv2.distanceTransform(right[z].view(np.uint8), cv2.DIST_L2, 5)
    y, x = np.unravel_index(deep.argmax(), deep.shape)
    lump = ellipsoid(volume.shape, (z, y, x), 40 / scan.geometry.spacing_zyx) & right
    paint(volume, lump, TISSUE)
    return lump, None


def emphysema(volume, scan):
    """The lower third of the left lung has almost the density of gas: it is no gut."""
    base = side(scan.lung, True) & (volume < -750)
    held = np.flatnonzero(base.any(axis=(1, 2)))
    base[round(held[0] + 0.35 * (held[-1] - held[0])) :] = False
    paint(volume, base, GAS + 15, 20)
    return None, None


def low_stoma(volume, scan):
    """A stoma between the tops of the lungs."""
    return stoma(volume, scan, above_mm=-20)


def joined(*alterations):
    """Several alterations of one scan."""

    def draw(volume, scan):
        made = [alter(volume, scan) for alter in alterations]
        return tuple(union([one[n] for one in made]) for n in range(2))

    return draw


def union(masks):
    found = [mask for mask in masks if mask is not None]
    return np.logical_or.reduce(found) if found else None


FIRST, SECOND = "volume", lung_search.SECOND
CASES = {  # how it is drawn, the method that must answer, and the least Dice
    "stoma": (stoma, SECOND, 0.99),
    "low stoma": (low_stoma, SECOND, 0.99),
    "drain": (drain, SECOND, 0.99),
    # Nothing is lost; the bubbles within about 6 mm of the lung are taken for it.
    "gas under the skin": (skin, SECOND, 0.965),
    "thin wall": (thin, SECOND, 0.99),
    "gut": (gut, FIRST, 0.99),
    "stoma and gut": (joined(gut, stoma), SECOND, 0.98),
    "stoma and drain": (joined(drain, low_stoma), SECOND, 0.99),
    # At a fluid's level the lung's edge moves by the closing and by half a coarse voxel.
    "effusion": (effusion, FIRST, 0.975),
    "stoma and pneumonectomy": (joined(pneumonectomy, stoma), SECOND, 0.975),
    "pneumonectomy": (pneumonectomy, FIRST, 0.98),
    "consolidation": (consolidation, FIRST, 0.99),
    "mass": (mass, FIRST, 0.99),
    "emphysema": (emphysema, FIRST, 0.99),
}
ENDS = ["lower half", "upper half", "middle", "six slices"]
TABLE = {
    "0001": ["stoma", "gas under the skin", "gut", "effusion", "stoma and pneumonectomy", *ENDS],
    "0003": ["low stoma", "thin wall", "pneumonectomy", "gas under the skin", "belly"],
    "0006": ["stoma", "drain", "thin wall", "consolidation", "stoma and gut", "emphysema"],
    "0012": ["stoma", "stoma and drain", "mass", "gut"],
    "0028": ["stoma", "drain", "effusion", "stoma and gut", "belly"],
    "0306": ["low stoma", "thin wall", "pneumonectomy", "gas under the skin", *ENDS],
    "0476": ["stoma", "drain", "stoma and gut", "mass", "stoma and pneumonectomy"],
}
TABLE = {patient: ["as it is", *cases] for patient, cases in TABLE.items()}


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def nodules_within(mask, geometry, nodules, lost):
    """Whether each nodule's centre on the grid, unless it was lost, lies within 10 mm of lung."""
    inside = geometry.encloses(nodules)
    index = tuple(np.rint(geometry.to_index(nodules[inside])).astype(int).T)
    within = coarse_grid.grow(mask, geometry, 10)[index] > 0
    return within if lost is None else within | lost[index]


def altered(case):
    """The check of one of the cases."""

    def check(scan):
        alter, method, least = CASES[case]
        volume = scan.volume.copy()
        lost, gas = alter(volume, scan)
        found = lung_search.search("volume", volume, scan.geometry)
        assert found.method == method, found.first.statement
        assert found.plausibility.plausible
        mask = found.mask > 0
        truth = scan.lung if lost is None else scan.lung & ~lost
        assert dice(mask, truth) >= least and mask[truth].mean() > 0.95
        assert nodules_within(found.mask, scan.geometry, scan.nodules, lost).all()
        if gas is not None:
            # What stays is the mouth of a drain, the corners of a bubble, the innermost bubbles.
            kept = np.count_nonzero(mask & gas) * scan.geometry.voxel_mm3 / 1e6
            assert kept < 0.001 or mask[gas].mean() < 0.1

    return check


def as_it_is(scan):
    """The first method answers as ever; the second agrees."""
    found = lung_search.search("volume", scan.volume, scan.geometry)
    assert found.method == FIRST and (found.mask == scan.lung).all()
    measures = found.plausibility
    assert measures.litres == pytest.approx(scan.lung.sum() * scan.geometry.voxel_mm3 / 1e6, 0.01)
    assert 0.4 < measures.left < 0.6 and 0.2 < measures.body_share < 0.5
    assert -900 < measures.hu < -800 and measures.missed_litres < 0.02
    assert dice(lung_search.density(scan.volume, scan.geometry) > 0, scan.lung) > 0.995
    assert nodules_within(found.mask, scan.geometry, scan.nodules, None).all()


def part_of(scan, first, last):
    """The scan's slices from `first` to before `last`, and their grid."""
    volume = np.ascontiguousarray(scan.volume[first:last])
    corner = scan.geometry.to_world((first, 0, 0))
    spacing, direction = scan.geometry.spacing, scan.geometry.direction
    return volume, Geometry.build(corner, spacing, direction, volume.shape)


def ends_within(low, high):
    """The check of a scan that ends within the lungs, by shares of their height from below."""

    def check(scan):
        held = np.flatnonzero(scan.lung.any(axis=(1, 2)))
        first, last = (round(held[0] + (held[-1] - held[0]) * share) for share in (low, high))
        volume, geometry = part_of(scan, max(0, first), last)
        found = lung_search.search("volume", volume, geometry)
        assert found.method == FIRST
        assert dice(found.mask > 0, scan.lung[max(0, first) : last]) > 0.98
        assert nodules_within(found.mask, geometry, scan.nodules, None).all()

    return check


def belly(scan):
    """Below the lungs there is gas in the gut alone: nothing is called lung."""
    bottom = np.flatnonzero(scan.lung.any(axis=(1, 2)))[0] - 1
    found = lung_search.search("volume", *part_of(scan, 0, bottom))
    assert found.method == lung_search.NONE and not found.mask.any()
    assert found.plausibility.reason


CHECKS = {
    "as it is": as_it_is,
    "belly": belly,
    "lower half": ends_within(-0.2, 0.5),
    "upper half": ends_within(0.5, 1.2),
    "middle": ends_within(0.3, 0.7),
    "six slices": ends_within(0.5, 0.55),
    **{case: altered(case) for case in CASES},
}


@pytest.mark.parametrize(
    ("scan", "check"),
    [(patient, check) for patient, checks in TABLE.items() for check in checks],
    indirect=["scan"],
)
def test_lungs_of_real_scans(scan, check):
    CHECKS[check](scan)


def test_lungs_by_other_hands(shared_data):
    """A public chest CT with a mask of both lungs, and one lung cropped so that it is open."""
    folder = shared_data / "data"
    volume, geometry = read_volume(folder / "lungs" / "ct-64.mhd")
    truth = read_volume(folder / "lungs" / "wholeLung-64.mhd")[0] > 0
    found = lung_search.search("volume", volume, geometry)
    assert found.method == FIRST and dice(found.mask > 0, truth) > 0.96
    assert dice(lung_search.density(volume, geometry) > 0, truth) > 0.96
    volume, geometry = read_volume(folder / "follow_up" / "3DCT_lung.mhd")
    truth = read_volume(folder / "follow_up" / "3DCT_lung_baseline_mask.mhd")[0] > 0
    found = lung_search.search("volume", volume, geometry)
    assert found.method == SECOND and dice(found.mask > 0, truth) > 0.97
