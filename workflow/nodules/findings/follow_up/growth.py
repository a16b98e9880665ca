"""Growth of a nodule: change of volume with its interval, and the volume doubling time.

The interval is for two measurements of one nodule. Uncertain are the voxels on its edge, about
(diameter / voxel)^2 out of (diameter / voxel)^3, so the standard deviation of ln(volume) scales
with (voxel / diameter)^2, plus a part that smaller voxels do not reduce. Both constants are fitted
to known truth by benchmarks/follow_up.py (docs/follow-up.md). Segmentations of patients scanned
twice on one day differ by -25 to +28 % (95 % limits, de Hoop et al., Eur Radiol 19, 2009,
10.1007/s00330-008-1229-x).
"""

import math
from dataclasses import dataclass, replace

Z95 = 1.959964
BASE_SD = 0.020  # of ln(volume): not reduced by smaller voxels, such as from a vessel at the edge
EDGE_SD = 1.35  # of ln(volume), times (voxel edge / diameter)^2
PUBLISHED = 0.25  # of the volume: a smaller change is within the repeatability of segmentation
REPEATABLE = f"{100 / (1 + PUBLISHED) - 100:+.0f} to {100 * PUBLISHED:+.0f} %"  # 1.25 either way
THICKEST_MM = 2.5  # slice step beyond which doubling times have no usable interval

GROWN, SHRUNK, WITHIN, UNKNOWN = "grown", "shrunk", "within repeatability", "not known"


@dataclass(frozen=True)
class Size:
    """A nodule's size at one time, and the scan's resolution and kernel.

    voxel_mm: edge of a cube with a voxel's volume. step_mm: of the slices. kernel: "" if unknown.
    """

    volume_mm3: float
    diameter_mm: float
    voxel_mm: float
    step_mm: float
    kernel: str = ""


@dataclass(frozen=True)
class Growth:
    """Change from one time to another.

    ratio: of the volumes, with its 95 % interval (low, high).
    vdt_days: volume doubling time; negative for halving, infinite for no change, None if withheld.
              vdt_low, vdt_high: its interval, from that of the ratio. If the ratio's interval
              contains 1, this one contains all times from vdt_low up (growing) and all up to the
              negative vdt_high (shrinking).
    verdict:  GROWN, SHRUNK, WITHIN or UNKNOWN. withheld: why there is no doubling time, or "".
    """

    ratio: float
    low: float
    high: float
    verdict: str
    vdt_days: float | None = None
    vdt_low: float | None = None
    vdt_high: float | None = None
    withheld: str = ""

    @property
    def percent(self) -> float:
        """Change of the volume in percent."""
        return 100 * (self.ratio - 1)


NONE = Growth(math.nan, math.nan, math.nan, UNKNOWN, withheld="not measured at both times")
RUNS_ON = replace(NONE, withheld="it runs on into a wall or a vessel, so its volume is not known")


def log_sd(size: Size) -> float:
    """Standard deviation of the logarithm of a measured volume."""
    return math.hypot(BASE_SD, EDGE_SD * (size.voxel_mm / max(size.diameter_mm, 1.0)) ** 2)


def grown(before: Size, after: Size, days: float | None) -> Growth:
    """Growth from one measured size to another, `days` later (None if dates are unknown)."""
    log_ratio = math.log(after.volume_mm3 / before.volume_mm3)
    half = Z95 * math.hypot(log_sd(before), log_sd(after))
    low, high = log_ratio - half, log_ratio + half
    verdict = _verdict(log_ratio, low, high)
    bounds = (math.exp(log_ratio), math.exp(low), math.exp(high))
    withheld = _withheld(before, after, days)
    if withheld or days is None:
        return Growth(*bounds, verdict, withheld=withheld)
    return Growth(
        *bounds,
        verdict,
        doubling_days(log_ratio, days),
        doubling_days(high, days),
        doubling_days(low, days),
    )


def doubling_days(log_ratio: float, days: float) -> float:
    """Volume doubling time in days: days * ln 2 / ln(V2 / V1) (Schwartz, Cancer 14, 1961).

    Negative if the volume falls, infinite if it does not change.
    """
    return days * math.log(2) / log_ratio if log_ratio else math.inf


def _verdict(log_ratio: float, low: float, high: float) -> str:
    """GROWN or SHRUNK if beyond both the interval and the published repeatability, else WITHIN.

    Symmetric in time: growth by 25 % is reversed by shrinkage to 1 / 1.25.
    """
    if abs(log_ratio) <= math.log1p(PUBLISHED) or low <= 0 <= high:
        return WITHIN
    return GROWN if log_ratio > 0 else SHRUNK


def _withheld(before: Size, after: Size, days: float | None) -> str:
    """Reason to withhold the doubling time, or ""."""
    thickest = max(before.step_mm, after.step_mm)
    if thickest > THICKEST_MM + 1e-3:
        return f"slices are {thickest:g} mm apart, more than {THICKEST_MM:g} mm"
    if before.kernel and after.kernel and before.kernel != after.kernel:
        return f"the kernels differ ({before.kernel} and {after.kernel})"
    if days is None:
        return "the dates are not known"
    if days == 0:
        return "both scans are of one day"
    return ""
