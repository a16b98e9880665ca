"""Findings in a scan, each with its place, size, confidence and mask."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodules.images.geometry import Geometry

Box = tuple[slice, slice, slice]
# The columns of findings.csv. The first five are LUNA16's own, so that `luna16 score` can read it.
COLUMNS = {
    "seriesuid": "series instance UID of the scan",
    "coordX": "world x of the centre, mm, LPS",
    "coordY": "world y, mm",
    "coordZ": "world z, mm",
    "probability": "score that ranks the findings, 0 to 1; as in the workflow's submissions",
    "finding": "number within the scan from 1, most confident first; its label in findings.nii.gz",
    "reported": "yes where the probability is at or above the model's threshold",
    "confidence": "chance that it is a nodule: the probability, calibrated by temperature",
    "detection": "score of the detector alone, 0 to 1",
    "diameter_mm": "diameter of the sphere of equal volume, mm",
    "volume_mm3": "volume, mm^3, on the grid on which it was found",
    "long_mm": "longest extent within an axial slice of its mask, mm",
    "short_mm": "extent at right angles to it in the same slice, mm",
    "mean_hu": "mean of the mask's voxels, HU",
    "slices": "slices of the scan that its mask spans",
    "voxels": "voxels of its mask in findings.nii.gz",
    "malignancy": "probability that readers would call it malignant; empty without such a network",
    "side": "left or right of the body's middle, the patient's own",
}


@dataclass(frozen=True, eq=False)
class Finding:
    """One finding; numbers as described in COLUMNS.

    box:  slices (z, y, x) of the scan's native grid that contain its mask.
    mask: (z, y, x) bool within the box; no voxel belongs to two findings.
    """

    number: int
    x: float
    y: float
    z: float
    probability: float
    confidence: float
    detection: float
    reported: bool
    diameter_mm: float
    volume_mm3: float
    long_mm: float
    short_mm: float
    mean_hu: float
    malignancy: float | None
    side: str
    box: Box
    mask: NDArray[np.bool_]

    @property
    def world(self) -> tuple[float, float, float]:
        """World coordinates of its centre: x, y, z in mm, LPS."""
        return self.x, self.y, self.z

    @property
    def slices(self) -> int:
        """Number of slices on which its mask has voxels; another finding may have them all."""
        return int(np.count_nonzero(self.mask.any(axis=(1, 2))))

    @property
    def voxels(self) -> int:
        """Number of voxels in its mask."""
        return int(np.count_nonzero(self.mask))

    def row(self, uid: str) -> dict[str, Any]:
        """Its values keyed by COLUMNS; None where unknown."""
        own = {name: getattr(self, name, None) for name in COLUMNS}
        own["mean_hu"] = self.mean_hu if self.mask.any() else None
        own |= {"seriesuid": uid, "coordX": self.x, "coordY": self.y, "coordZ": self.z}
        return own | {"finding": self.number, "reported": "yes" if self.reported else "no"}


@dataclass(frozen=True, eq=False)
class Findings:
    """All findings of a scan, most confident first, with their scan and model.

    geometry: the native grid, nearest to LPS; stored: the grid of the voxels or slices as stored.
    lungs:    one sentence on the lungs. notes: how the scan was changed and what is odd about it.
    model:    the model's description from its manifest; threshold: of the probability.
    """

    uid: str
    source: str
    form: str
    geometry: Geometry
    stored: Geometry
    lungs: str
    notes: tuple[str, ...]
    threshold: float
    model: Mapping[str, Any]
    found: tuple[Finding, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.found)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.found)

    @property
    def reported(self) -> list[Finding]:
        """Findings at or above the model's threshold."""
        return [finding for finding in self.found if finding.reported]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row per finding, keyed by COLUMNS."""
        return [finding.row(self.uid) for finding in self.found]

    def labels(
        self, wanted: Callable[[Finding], bool] = lambda finding: True
    ) -> NDArray[np.uint16]:
        """Label volume (z, y, x) on the native grid: numbers of wanted findings, 0 elsewhere."""
        volume = np.zeros(self.geometry.shape, np.uint16)
        for finding in filter(wanted, self.found):
            volume[finding.box][finding.mask] = finding.number
        return volume

    def headline(self) -> str:
        """Summary in one line: how many are reported, the first of them, how many are below."""
        shown, rest = self.reported, len(self.found) - len(self.reported)
        below = f"; {rest} below the threshold" if rest else ""
        if not shown:
            return f"no finding with a probability of {self.threshold:.3g} or more{below}"
        first = shown[0]
        count = "1 finding" if len(shown) == 1 else f"{len(shown)} findings, the most confident"
        place = (
            f"on the {first.side}, {first.diameter_mm:.1f} mm, confidence {first.confidence:.2f}"
        )
        return f"{count} {place}{below}"
