"""Label volumes that don't fit their scan's nodules, and what is said of each."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from helpers.chest import NODULES, SHAPE, annotate, chest, labelled, labels, write
from reliability.catalogue import NONE, Case

LABELS = "subset0/2.25.1_nodules.mhd"
INSTEAD = "its readers' contours count instead, or without any its sphere"
STORE = "Store the labels in the order of the scan's own voxels"
ONE, TWO, THREE = NODULES


def case(
    name: str,
    change: Callable[[NDArray[np.uint8]], NDArray],
    reason: str,
    remedy: str,
    skipped: tuple[str, ...] = NONE,
    nodules=NODULES,
) -> Case:
    """A case of one label volume."""
    return Case(name, labelled(change, nodules), LABELS, reason, remedy, skipped)


def without(number: int) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    """Remove a label."""
    return lambda volume: np.where(volume == number, 0, volume).astype(np.uint8)


def grown(number: int, growth: float) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    """Give one nodule a larger or smaller label."""
    return lambda volume: np.where(
        labels(growth=growth) == number, number, without(number)(volume)
    ).astype(np.uint8)


def bridged(volume: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One label over nodules 1 and 3, joined by a line."""
    low, high = (np.argwhere(volume == n).mean(axis=0) for n in (1, 3))
    joined = np.where(np.isin(volume, [1, 3]), 1, volume)
    for step in np.linspace(0, 1, 200):
        z, y, x = np.rint(low + step * (high - low)).astype(int)
        joined[z, y, x] = 1
    return joined.astype(np.uint8)


def lungs(volume: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A mask of lungs for one of nodules."""
    return (chest() < -600).astype(np.uint8) * (np.indices(SHAPE)[0] > 0)


def other_format(suffix: str, name: str = "2.25.1_nodules") -> Callable[[Path], object]:
    """A file of another format beside the first scan; what is in it does not matter."""
    return lambda folder: (folder / f"subset0/{name}{suffix}").write_bytes(b"masks")


def beyond_the_grid(folder: Path) -> None:
    """Labels of a scan with fewer slices."""
    write(folder, chest())
    annotate(folder)
    write(folder, labels()[:-1], "2.25.1_nodules")


FITTING = [
    case(
        "one label for all nodules",
        lambda volume: (volume > 0).astype(np.uint8),
        "label 1 lies over nodules 1, 2 and 3: its connected parts are taken apart",
        "Better number the nodules from 1 on",
    ),
    case(
        "one label for two, joined",
        bridged,
        "label 1 lies over nodules 1 and 3, and one connected part of it over 1 and 3",
        "Better number the nodules from 1 on",
    ),
    case(
        "slices in reverse order",
        lambda volume: volume[::-1],
        "the slices are in reverse order, it seems: 3 of 3 nodules would have a label that fits",
        STORE,
        ("2.25.1",),
    ),
    case(
        "rows in reverse order",
        lambda volume: volume[:, ::-1],
        "the rows are in reverse order, it seems: 3 of 3 nodules",
        STORE,
        ("2.25.1",),
    ),
    case(
        "columns in reverse order",
        lambda volume: volume[:, :, ::-1],
        "the columns are in reverse order, it seems: 3 of 3 nodules",
        STORE,
        ("2.25.1",),
    ),
    case(
        "RAS for LPS",
        lambda volume: volume[:, ::-1, ::-1],
        "rows and columns are in reverse order, it seems: 3 of 3 nodules",
        STORE,
        ("2.25.1",),
    ),
    case(
        "a nodule without a label",
        without(2),
        f"nodule 2 has no label: {INSTEAD}",
        "Label it, or leave it so.",
    ),
    case(
        "a label on no nodule",
        lambda volume: np.maximum(volume, 9 * labels([(0, -90, 0, 12)])),
        "not used, since no annotated nodule is there: label 9",
        "unless annotations.csv should list a nodule there",
    ),
    case(
        "a label far too large",
        grown(1, 2.6),
        "the label on nodule 1 has the volume of a sphere of 5",
        "Compare it with the scan",
    ),
    case(
        "a label far too small",
        grown(3, 0.35),
        "the label on nodule 3 has the volume of a sphere of 9",
        "Compare it with the scan",
    ),
    case(
        "a label beside its nodule",
        lambda volume: volume,
        "the label on nodule 1 is centred 16.0 mm beside its centre, its radius being 10.0",
        "Compare it with the scan",
        nodules=((ONE[0] + 16, *ONE[1:3], 30), TWO, THREE),
    ),
    case(
        "labels of another scan",
        lambda volume: volume,
        "none of its labels fits an annotated nodule in place and size",
        "Check that the labels are of this scan",
        ("2.25.1",),
        nodules=((5, -60, -3, 14), (8, 70, 2, 18)),
    ),
    case(
        "lungs for nodules",
        lungs,
        "its labels fill more than 10% of the volume",
        "Store 0 where no nodule is",
        ("2.25.1",),
    ),
    case(
        "nodules cut out",
        lambda volume: (volume == 0).astype(np.uint8),
        "its labels fill more than 10% of the volume",
        "Store 0 where no nodule is",
        ("2.25.1",),
    ),
    case(
        "a picture for labels",
        lambda volume: chest().astype("<f4"),
        "labels are not whole numbers",
        "Store the labels on the scan's own grid",
        ("2.25.1",),
    ),
    Case(
        "labels with a slice fewer",
        beyond_the_grid,
        LABELS,
        "the label volume has another grid than its scan",
        "Store the labels on the scan's own grid",
    ),
    *(
        Case(
            f"labels as {suffix}",
            other_format(suffix),
            f"subset0/2.25.1_nodules{suffix}",
            f"labels are read as .mhd only, not as {suffix}",
            "Convert them to 2.25.1_nodules.mhd, or remove them",
        )
        for suffix in (".nii.gz", ".nii", ".mha", ".nrrd", ".mhd.gz")
    ),
    *(
        Case(
            f"a mask named {name}{suffix}",
            other_format(suffix, name),
            f"subset0/{name}{suffix}",
            "left out: scans and labels are read as .mhd only",
            "labels to <seriesuid>_nodules.mhd",
            NONE,
        )
        for name, suffix in (("2.25.1_mask", ".nii.gz"), ("2.25.1_seg", ".nrrd"))
    ),
    Case(
        "a mask named by a word",
        lambda f: (f / "subset0/2.25.1_mask.mhd").write_text("x"),
        "subset0/2.25.1_mask.mhd",
        "the file's name is not a series UID",
        "Name labels <seriesuid>_nodules.mhd",
        ("2.25.1_mask",),
    ),
]

# Nothing is said of these.
FINE = {
    "numbered as listed": lambda volume: volume,
    "numbered otherwise": lambda volume: np.array([0, 7, 5, 9], np.uint8)[volume],
    "two labels a nodule": lambda volume: (
        volume + 10 * ((volume > 0) & (np.indices(SHAPE)[1] % 2 > 0))
    ).astype(np.uint8),
    "rather large": lambda volume: labels(growth=1.4),
    "rather small": lambda volume: labels(growth=0.7),
}
