"""Voxels that are no Hounsfield units, and unusual scans that are: what is said of each."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from helpers.chest import annotate, chest, padded, scan_of, write
from reliability.catalogue import NONE, Case

Make = Callable[[], NDArray]
NOT_HU = "these are not Hounsfield units: "
RESCALE, AGAIN = "RescaleSlope and RescaleIntercept once", "without any scaling"
DATA = "subset0/2.25.1.raw"


def low_padding(add: int) -> NDArray[np.int16]:
    """A padded scan shifted, but for its padding."""
    scan = padded(chest())
    return np.where(scan < -1500, scan, scan + add).astype(np.int16)


def grey(low: float, high: float, top: float, kind: str = "<f4") -> NDArray:
    """A scan in a window, scaled from 0 to a highest value."""
    scaled = (np.clip(chest().astype(float), low, high) - low) / (high - low) * top
    return (scaled.round() if kind != "<f4" else scaled).astype(kind)


def of_floats(change: Callable[[NDArray[np.float64]], NDArray], kind: str = "<i2") -> Make:
    """A scan after some arithmetic."""
    return lambda: np.clip(change(chest().astype(np.float64)).round(), -32768, 32767).astype(kind)


def case(name: str, make: Make, reason: str, remedy: str, skipped=("2.25.1",)) -> Case:
    """A case of one scan's voxels."""
    return Case(name, scan_of(make), DATA, reason, remedy, skipped)


SHIFTED_UP = NOT_HU + "they look shifted by about +1024, as unrescaled DICOM values are"
SHIFTED_DOWN = NOT_HU + "they look shifted by about -1024, as values rescaled twice are"

HOUNSFIELD = [
    case("DICOM values, padding low", lambda: low_padding(1024), SHIFTED_UP, RESCALE),
    case("DICOM values, padding too", lambda: padded(chest()) + 1024, SHIFTED_UP, RESCALE),
    case("DICOM values, no padding", lambda: chest() + 1024, SHIFTED_UP, RESCALE),
    case("DICOM values by 1000", lambda: chest() + 1000, SHIFTED_UP, RESCALE),
    case("DICOM values as int32", lambda: (low_padding(1024)).astype("<i4"), SHIFTED_UP, RESCALE),
    case("DICOM values as floats", lambda: (low_padding(1024)).astype("<f4"), SHIFTED_UP, RESCALE),
    case("DICOM values, noise", lambda: chest(noise=120) + 1024, SHIFTED_UP, RESCALE),
    case("DICOM values, one lung", lambda: chest(lungs=(1,)) + 1024, SHIFTED_UP, RESCALE),
    case(
        "DICOM values, unsigned",
        lambda: (chest() + 1024).astype("<u2"),
        "ElementType uint16 cannot hold HU: they look shifted by about +1024",
        "MET_SHORT",
    ),
    case(
        "HU stored as unsigned",
        lambda: chest().astype("<u2"),
        "ElementType uint16 cannot hold HU: they look like HU whose negative values have wrapped",
        "MET_SHORT",
    ),
    case(
        "unsigned values read as signed",
        lambda: (chest().astype(int) + 32768).astype("<u2").view("<i2"),
        NOT_HU + "they look shifted by 32768, as unsigned values read as signed ones are",
        "Subtract 32768",
    ),
    case("rescaled twice", lambda: chest() - 1024, SHIFTED_DOWN, RESCALE),
    case("rescaled twice, padding too", lambda: padded(chest()) - 1024, SHIFTED_DOWN, RESCALE),
    case(
        "shifted by 500", lambda: chest() + 500, NOT_HU + "they look shifted by about +5", RESCALE
    ),
    case("sign flipped", lambda: -chest(), NOT_HU + "their sign looks flipped", AGAIN),
    case("sign flipped, padded", lambda: -padded(chest()), NOT_HU + "their sign", AGAIN),
    case(
        "inverted",
        lambda: 1024 - chest(),
        NOT_HU + "their sign looks flipped and shifted by about +10",
        AGAIN,
    ),
    case("times 10", of_floats(lambda v: 10 * v), NOT_HU + "they look scaled by about 10", AGAIN),
    case("a tenth", of_floats(lambda v: v / 10), NOT_HU + "they look scaled by about 0.1", AGAIN),
    case("times 2", of_floats(lambda v: 2 * v), NOT_HU + "they look scaled by about 2", AGAIN),
    case("half", of_floats(lambda v: v / 2), NOT_HU + "they look scaled by about 0.5", AGAIN),
    case(
        "0 to 4095",
        lambda: grey(-1000, 1000, 4095, "<i2"),
        NOT_HU + "they look scaled by about 2 and shifted by about +20",
        AGAIN,
    ),
    case(
        "0 to 255",
        lambda: grey(-1000, 400, 255, "<i2"),
        NOT_HU + "they lie between 0 and 255, as grey levels do",
        AGAIN,
    ),
    case(
        "0 to 255 in bytes",
        lambda: grey(-1000, 400, 255, "u1"),
        NOT_HU + "they lie between 0 and 255",
        AGAIN,
    ),
    case("0 to 255, floats", lambda: grey(-1000, 400, 255), NOT_HU + "they lie between 0", AGAIN),
    case("0 to 1", lambda: grey(-1000, 400, 1), NOT_HU + "they lie between 0 and 1,", AGAIN),
    case(
        "-1 to 1",
        lambda: 2 * grey(-1000, 400, 1) - 1,
        NOT_HU + "they lie between -1 and 1,",
        AGAIN,
    ),
    case(
        "a thousandth",
        lambda: (chest() / 1000).astype("<f4"),
        NOT_HU + "they look divided by 1000",
        AGAIN,
    ),
    case(
        "normalised",
        lambda: ((chest() - chest().mean()) / chest().std() * 4).astype("<f4"),
        NOT_HU + "they look normalised",
        AGAIN,
    ),
    case(
        "bytes swapped",
        lambda: chest().byteswap(),
        NOT_HU + "the two bytes of each voxel look swapped",
        "BinaryDataByteOrderMSB",
    ),
    case(
        "a window without lungs",
        lambda: np.clip(chest(), -160, 240),
        "no air: the lowest voxel is -160, so these are not HU",
        RESCALE,
    ),
    # Told, and harmless.
    case(
        "shifted by 300",
        lambda: chest() + 300,
        "air and soft tissue look shifted by about +3",
        "Compare a few voxels",
        NONE,
    ),
    case(
        "all but the lungs' air painted over",
        lambda: np.where(chest() < -600, chest(), -1000),
        "unlike a chest CT: 100.0% of its voxels are near air or lung",
        "Look at the scan.",
        NONE,
    ),
]


def with_metal() -> NDArray[np.int16]:
    """A scan with a piece of metal beyond the usual scale."""
    scan = chest()
    scan[8:12, 30:34, 30:34] = 20_000
    return scan


def with_contrast() -> NDArray[np.int16]:
    """A scan with bright vessels and heart."""
    scan = chest()
    scan[:, 26:40, 30:44] = 350
    return scan


def resampled(order: int) -> NDArray[np.int16]:
    """A padded scan on another grid: padding is blurred into the air."""
    from scipy import ndimage

    scan = ndimage.zoom(padded(chest()).astype(float), (1.5, 0.8, 0.8), order=order)
    return scan.round().astype(np.int16)


def in_lungs(fill: int) -> NDArray[np.int16]:
    """The lungs with their vessels, all else painted over."""
    scan, alone = chest(), np.zeros(chest().shape, bool)
    alone[2:-2, 18:54, 12:30] = alone[2:-2, 18:54, 42:60] = True
    return np.where(alone, scan, fill).astype(np.int16)


def filled_lungs() -> NDArray[np.int16]:
    """Both lungs consolidated but for the air in the bronchi."""
    return chest(lung=20)


# Unusual, and right: nothing is said of the voxels. In these, none of lung's density is left:
LUNGLESS = {"consolidated lungs", "emphysema", "lungs alone, else -1000", "lungs alone, else -2000"}
SCANS: dict[str, Make] = {
    "as it is": chest,
    "padding of -2048": lambda: padded(chest()),
    "padding of -3024": lambda: padded(chest(), -3024),
    "padding of -2000": lambda: padded(chest(), -2000),
    "padding of -1024": lambda: padded(chest(), -1024),
    "padding of 0": lambda: padded(chest(), 0),
    "metal of 20000": with_metal,
    "a child": lambda: chest(size=0.45, fat=-60),
    "contrast": with_contrast,
    "a large patient with much fat": lambda: chest(size=1.1, fat=-110, tissue=-60),
    "lobectomy: one lung": lambda: chest(lungs=(1,)),
    "consolidated lungs": filled_lungs,
    "emphysema": lambda: chest(lung=-970),
    "fibrosis": lambda: chest(lung=-600),
    "low dose": lambda: chest(noise=60),
    "a bone kernel's noise": lambda: chest(noise=150),
    "no noise at all": lambda: chest(noise=0),
    "noise below -1024": lambda: (
        chest() + np.random.default_rng(2).normal(0, 150, chest().shape)
    ).astype(np.int16),
    "cropped to the lungs' box": lambda: chest()[:, 16:56, 8:64],
    "cropped to one lung": lambda: chest()[:, 18:54, 40:62],
    "lungs alone, else -1000": lambda: in_lungs(-1000),
    "lungs alone, else -2000": lambda: in_lungs(-2000),
    "lungs alone, else 0": lambda: in_lungs(0),
    "resampled, linear": lambda: resampled(1),
    "resampled, cubic": lambda: resampled(3),
    "three slices": lambda: chest()[10:13],
    "the apex alone": lambda: chest()[:4],
    "cut to a lung window": lambda: np.clip(chest(), -1000, 400),
    "cut at -1024 and 3071": lambda: np.clip(with_metal(), -1024, 3071),
    "every second pixel": lambda: chest()[:, ::2, ::2],
    "head to feet": lambda: chest()[::-1],
    "as int32": lambda: padded(chest()).astype("<i4"),
    "as floats with fractions": lambda: chest().astype("<f4") + 0.25,
    "as doubles": lambda: padded(chest()).astype("<f8"),
    "dense bone": lambda: chest(bone=1900),
}


def right(name: str) -> Callable[[Path], None]:
    """Put one of these scans into the folder."""

    def change(folder: Path) -> None:
        write(folder, SCANS[name](), compressed=True)
        annotate(folder, [(0, 0, 0, 6)])

    return change
