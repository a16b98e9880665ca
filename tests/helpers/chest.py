"""A drawn chest in HU, and a scan of it in the folder of `luna16_folder`: for checks of voxels."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from helpers.luna16_folder import HEAD

Voxels = NDArray[np.int16]
SHAPE, SPACING = (24, 72, 72), 4.0
PADDING = -2048
# World x, y, z and diameter of three nodules in the drawn lungs, none near a plane of symmetry.
NODULES = ((-58.0, -14.0, -30.0, 20.0), (52.0, 22.0, 10.0, 24.0), (-50.0, 30.0, 34.0, 28.0))


def chest(
    seed: int = 1,
    noise: float = 20,
    lungs: Sequence[int] = (-1, 1),
    lung: int = -850,
    tissue: int = 45,
    fat: int = -100,
    bone: int = 600,
    size: float = 0.92,
) -> Voxels:
    """A body in air with lungs (-1 left, 1 right in the picture), heart, spine, ribs: (z, y, x).

    size: of the body, as a share of the field of view.
    """
    rng = np.random.default_rng(seed)
    z, y, x = (np.linspace(-1, 1, n) for n in SHAPE)
    z, y, x = z[:, None, None], y[:, None] / size, x / size
    body = (x / 0.98) ** 2 + (y / 0.75) ** 2 + 0 * z
    values = np.full(SHAPE, -1000.0)
    values[body < 1] = fat
    values[body < 0.78] = tissue
    rib = (np.abs(body - 0.72) < 0.04) & (np.sin(8 * z + 6 * x) > 0.4)
    values[rib] = bone
    for side in lungs:
        inside = ((x - 0.45 * side) / 0.33) ** 2 + (y / 0.5) ** 2 + (z / 1.3) ** 2 < 1
        values[inside] = lung
        vessels = inside & (np.sin(23 * x + 9 * z) * np.sin(19 * y - 7 * z) > 0.9)
        values[vessels] = tissue - 40
    values[np.broadcast_to((x / 0.1) ** 2 + ((y - 0.6) / 0.12) ** 2 < 1, SHAPE)] = bone
    values[np.broadcast_to((x / 0.05) ** 2 + ((y + 0.2) / 0.06) ** 2 < 1, SHAPE)] = -1000
    values += rng.normal(0, noise, SHAPE)
    return np.clip(values, -1024, 3071).round().astype(np.int16)


def padded(voxels: Voxels, value: int = PADDING) -> Voxels:
    """The same in a round field of view, as scanners pad it."""
    y, x = np.mgrid[-1 : 1 : voxels.shape[1] * 1j, -1 : 1 : voxels.shape[2] * 1j]
    return np.where(x**2 + y**2 > 1, value, voxels).astype(np.int16)


def write(folder: Path, voxels: NDArray, uid: str = "2.25.1", compressed: bool = False) -> None:
    """Store voxels of any type as a scan of subset0, around the world's origin."""
    picture = sitk.GetImageFromArray(np.ascontiguousarray(voxels))
    picture.SetSpacing((SPACING, SPACING, SPACING))
    picture.SetOrigin([-(n - 1) / 2 * SPACING for n in voxels.shape[::-1]])
    for old in (folder / "subset0").glob(f"{uid}.*"):
        old.unlink()
    sitk.WriteImage(picture, str(folder / "subset0" / f"{uid}.mhd"), useCompression=compressed)


def scan_of(make: Callable[[], NDArray], **options: bool) -> Callable[[Path], None]:
    """Damage of a case: the first scan is this one."""
    return lambda folder: write(folder, make(), **options)


def annotate(folder: Path, nodules: Sequence[Sequence[float]] = NODULES) -> None:
    """The first scan's nodules; the other scans have the folder's."""
    rows = "".join(f"2.25.1,{x},{y},{z},{d}\n" for x, y, z, d in nodules)
    rows += "2.25.2,1,2,3,4\n2.25.2,0,0,0,6\n2.25.9,500,0,0,4\n"
    (folder / "annotations.csv").write_text(HEAD + rows)


def labels(nodules: Sequence[Sequence[float]] = NODULES, growth: float = 1.0) -> NDArray[np.uint8]:
    """A ball a nodule, numbered from 1; growth: of the diameters."""
    volume = np.zeros(SHAPE, np.uint8)
    index = np.indices(SHAPE).reshape(3, -1).T
    world = (index - (np.array(SHAPE) - 1) / 2)[:, ::-1] * SPACING
    for number, (*centre, diameter) in enumerate(nodules, 1):
        inside = np.linalg.norm(world - centre, axis=1) <= growth * diameter / 2
        volume[inside.reshape(SHAPE)] = number
    return volume


def labelled(
    change: Callable[[NDArray[np.uint8]], NDArray], nodules: Sequence[Sequence[float]] = NODULES
) -> Callable[[Path], None]:
    """Damage of a case: the first scan is a chest with nodules and changed labels of them."""

    def damage(folder: Path) -> None:
        write(folder, chest())
        annotate(folder)
        write(folder, change(labels(nodules)), "2.25.1_nodules")

    return damage
