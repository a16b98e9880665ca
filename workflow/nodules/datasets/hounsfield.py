"""Test whether a scan's voxels are Hounsfield units, from how often each value occurs.

The values of a chest CT form two heaps: air and lung from -1024 to about -700, and fat and soft
tissue from about -120 to 80; bone and contrast lie above, padding far below. That holds for a
child, a single lung, noise, metal, and a crop to the lungs alike. Values in other units form the
same two heaps elsewhere: their place reveals what was done to the values.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]  # of each value from -32768 to 32767
LOWEST = np.iinfo(np.int16).min
VALUES = 1 << 16

FEWEST = 10_000  # voxels: the heaps of fewer say nothing
AIR, TISSUE = (-1150, -550), (-250, 300)  # wide: noise, emphysema, fat, contrast
AIR_CORE, TISSUE_CORE = (-1060, -680), (-150, 120)  # where the heaps' middles lie
VALLEY = (-500, -300)  # between them, where a single wide heap would be highest
BELOW, ABOVE = -1200, 3100  # only padding and metal lie beyond these
LEAST = 0.02  # share of the voxels in each heap for values to pass as HU
MOST_BELOW = 0.1  # share below -1200 that noise not clipped at -1024 may have
CLEAR = 0.1  # share in each heap from which on all that lies below is padding, even if blurred
# Another reading of the values must have: this share in each heap, in both together, at most this
# share beyond, and a valley below this fraction of the lower heap's mean height.
EXPLAINED, TOGETHER, BEYOND, SHALLOW = 0.05, 0.5, 0.03, 0.7

FACTORS = (1.0, -1.0, 10.0, 0.1, 2.0, 0.5)
HEAPS_APART = 930.0  # HU from the mean of air and lung to the mean of all else
DICOM = 1024  # CT scanners' usual intercept is -1024, some have -1000
NEAR = 160  # HU: tolerance of the heaps' places
SHIFT_TOLD = 250
GAIN_TOLD = 0.15
FAR_BETTER = 0.3
CUT = 0.3  # share of the voxels at the lowest value, if a window has clipped what lay below

RESCALE = (
    "Store Hounsfield units as 16-bit integers: apply DICOM's RescaleSlope and RescaleIntercept "
    "once; in DICOM itself, restore the two."
)
AGAIN = "Store Hounsfield units: convert the scan again from its source, without any scaling."


class Verdict(NamedTuple):
    """What is wrong with a scan's values, the remedy, and whether the scan is unusable."""

    reason: str
    remedy: str
    fatal: bool


@dataclass(frozen=True)
class _Reading:
    """Values read as factor * HU + shift, and how well the heaps then lie in their places."""

    factor: float
    shift: float
    core: float  # share of the voxels in the middles of the heaps
    merit: float  # core, less a penalty for voxels below any air: bone lies above it, nothing below


def judge(counts: Counts) -> Verdict | None:
    """The defect that a scan's histogram shows, or None.

    A scan is refused only if its values fit no chest in HU, or barely, and another reading of them
    explains why; if none does, that is a note.
    """
    body = without_padding(counts)
    if body.sum() < FEWEST:
        return None
    if _is_hu(body) and not (_is_doubtful(body) and _is_better(_best(counts), body)):
        return _off_centre(body)
    for told, remedy, other in _bits(counts):
        if _is_hu(without_padding(other)):
            return Verdict(f"{NOT_HU}: {told}", remedy, fatal=True)
    reading = None if _is_lung_alone(body) else _best(counts)
    if reading is not None:
        return Verdict(f"{NOT_HU}: {_told(reading)}", _remedy(reading), fatal=True)
    if _is_hu(counts):  # a drawing: all its air has one value, which looks like padding
        return None
    air, tissue = (_share(body, *heap) for heap in (AIR, TISSUE))
    return Verdict(
        f"unlike a chest CT: {air:.1%} of its voxels are near air or lung ({AIR[0]} to {AIR[1]} "
        f"HU), {tissue:.1%} near soft tissue ({TISSUE[0]} to {TISSUE[1]} HU)",
        "Look at the scan. Where these are no Hounsfield units, convert it again.",
        fatal=False,
    )


NOT_HU = "these are not Hounsfield units"


def of_range(low: float, high: float) -> Verdict | None:
    """Verdict on a range of values too small for a CT (grey levels, shares, scores), or None."""
    if not np.isfinite([low, high]).all() or low == high:
        return None
    ways = (
        (low >= 0 and high <= 1, "lie between 0 and 1, as a picture's scaled for a network do"),
        (low >= -1 and high <= 1, "lie between -1 and 1, as a picture's scaled for a network do"),
        (-2 <= low < -0.5 and high <= 5, "look divided by 1000"),
        (high - low <= 50, "look normalised, to a mean of 0 and a deviation of 1 or the like"),
        (low >= 0 and high <= 255, "lie between 0 and 255, as grey levels do"),
    )
    told = next((told for holds, told in ways if holds), None)
    return None if told is None else Verdict(f"{NOT_HU}: they {told}", AGAIN, fatal=True)


def of_unsigned(counts: Counts) -> str:
    """What unsigned 16-bit values look like, as part of a sentence; "" if unclear.

    counts: of the values' bits read as signed ones.
    """
    if without_padding(counts).sum() < FEWEST:
        return ""
    if _is_hu(without_padding(counts)):
        return "they look like HU whose negative values have wrapped round"
    unsigned = np.zeros(VALUES, np.int64)
    unsigned[-LOWEST:] = counts[-LOWEST:]
    unsigned[-1] += counts[:-LOWEST].sum()
    reading = _best(unsigned)
    return "" if reading is None else _told(reading)


def without_padding(counts: Counts) -> Counts:
    """The counts without isolated lowest values, with which scanners pad a scan.

    A value is padding if it is frequent and hardly any voxels follow in the next third of the way
    up to the bright ones, or if it is very frequent and below any tissue.
    """
    body = counts.copy()
    frequent = counts > 0.05 * max(int(counts.sum()), 1)
    body[: BELOW - LOWEST][frequent[: BELOW - LOWEST]] = 0
    for _ in range(3):
        total = int(body.sum())
        if not total:
            return body
        up_to = np.cumsum(body)
        first = int(np.argmax(up_to > 0))
        bright = int(np.searchsorted(up_to, 0.99 * total))
        near = min(first + max((bright - first) * 3 // 10, 1), VALUES - 1)
        follows = up_to[near] - body[first]
        if body[first] < 0.005 * total or follows > 0.005 * (total - body[first]):
            return body
        body[first] = 0
    return body


def _share(body: Counts, low: float, high: float) -> float:
    first, last = (int(np.clip(v - LOWEST, 0, VALUES)) for v in (low, high))
    return float(body[first:last].sum() / max(int(body.sum()), 1))


def _is_hu(body: Counts) -> bool:
    """Whether both heaps lie where a chest has them in HU."""
    smaller = min(_share(body, *AIR), _share(body, *TISSUE))
    return smaller >= (CLEAR if _share(body, LOWEST, BELOW) > MOST_BELOW else LEAST)


def _is_doubtful(body: Counts) -> bool:
    """Whether one heap is so small that, say, dense bone may only look like one."""
    return min(_share(body, *AIR), _share(body, *TISSUE)) < CLEAR


def _is_better(reading: "_Reading | None", body: Counts) -> bool:
    """Whether another reading puts far more of the values into the middles of a chest's heaps."""
    return reading is not None and reading.core > _core(body) + FAR_BETTER


def _core(body: Counts) -> float:
    """Share of the voxels in the middles of the heaps, for the values as they are."""
    return _share(body, *AIR_CORE) + _share(body, *TISSUE_CORE)


def _is_lung_alone(body: Counts) -> bool:
    """Whether there is air and lung in HU and hardly anything else: the rest was painted over."""
    return _share(body, *AIR) >= 1 - MOST_BELOW


def _off_centre(body: Counts) -> Verdict | None:
    """A note if the heaps of values that pass as HU lie rather far from their places."""
    reading = _fitted(body, 1.0)
    if reading is None or abs(reading.shift) < SHIFT_TOLD or reading.core < _core(body) + GAIN_TOLD:
        return None
    reason = f"air and soft tissue look shifted by about {_rounded(reading.shift)} HU"
    return Verdict(reason, "Compare a few voxels with the scan's source.", fatal=False)


def _bits(counts: Counts) -> Iterator[tuple[str, str, Counts]]:
    """Yield other readings of the voxels' bits: description, remedy and counts of each."""
    yield (
        "they look shifted by 32768, as unsigned values read as signed ones are",
        "Subtract 32768 from the values as they were written, and save signed 16-bit integers.",
        np.roll(counts, VALUES // 2),
    )
    bits = np.arange(VALUES, dtype=np.uint16)
    by_bits = np.roll(counts, VALUES // 2)  # index 0 is the value 0, 65535 is -1
    yield (
        "the two bytes of each voxel look swapped",
        "Compare the byte order in the header (BinaryDataByteOrderMSB in MetaImage) with how the "
        "file was written.",
        np.roll(by_bits[bits.byteswap()], VALUES // 2),
    )


def _best(counts: Counts) -> _Reading | None:
    """The reading of the values that fits a chest's heaps best; None if none does.

    Known factors are tried before fitted ones, and the first of nearly equal readings is taken.
    """
    bodies = {sign: without_padding(c) for sign, c in ((1, counts), (-1, _negated(counts)))}
    cut = counts[np.argmax(counts > 0)] > CUT * counts.sum()
    for factors in (FACTORS, tuple(sign * _stretch(body) for sign, body in bodies.items())):
        # Values clipped by a window have a heap at its edge, which small factors take for air.
        tried = [factor for factor in factors if abs(factor) >= 1 or not cut]
        tier = [_fitted(bodies[1 if factor > 0 else -1], factor) for factor in tried]
        found = [reading for reading in tier if reading is not None]
        best = max((reading.merit for reading in found), default=0.0)
        for reading in found:
            if reading.merit > best - 0.05:
                return reading
    return None


def _negated(counts: Counts) -> Counts:
    flipped = np.zeros_like(counts)
    flipped[1:] = counts[:0:-1]
    flipped[-1] += counts[0]
    return flipped


def _stretch(body: Counts) -> float:
    """Distance of the two heaps, as a multiple of that in HU."""
    if not body.any():
        return 1.0
    values = np.arange(VALUES, dtype=np.float64) + LOWEST
    weight, moment = np.cumsum(body), np.cumsum(body * values)
    # 2-means: the cut lies halfway between the means of the values on either side of it.
    cut = moment[-1] / weight[-1]
    for _ in range(50):
        at = int(np.clip(cut - LOWEST, 0, VALUES - 1))
        under, over = weight[at], weight[-1] - weight[at]
        if not under or not over:
            return 1.0
        low, high = moment[at] / under, (moment[-1] - moment[at]) / over
        if abs((low + high) / 2 - cut) < 0.5:
            break
        cut = (low + high) / 2
    return max(float((high - low) / HEAPS_APART), 0.01)


def _fitted(body: Counts, factor: float) -> _Reading | None:
    """The shift under which values of `factor` times HU show a chest's heaps; None if none does.

    body: counts of the values; for a factor below 0, of the negated values.
    """
    total = int(body.sum())
    if not total:
        return None
    up_to = np.concatenate([[0], np.cumsum(body)])
    size = abs(factor)
    shifts = np.arange(LOWEST, -LOWEST, max(int(8 * size), 1))

    def share(zone: tuple[float, float]) -> NDArray[np.float64]:
        low, high = (
            np.clip(np.rint(z * size) + shifts - LOWEST, 0, VALUES).astype(int) for z in zone
        )
        return np.asarray((up_to[high] - up_to[low]) / total)

    air, tissue = share(AIR), share(TISSUE)
    fits = (np.minimum(air, tissue) >= EXPLAINED) & (air + tissue >= TOGETHER)
    fits &= 1 - share((BELOW, ABOVE)) <= BEYOND
    width = [zone[1] - zone[0] for zone in (AIR, VALLEY, TISSUE)]
    fits &= share(VALLEY) / width[1] < SHALLOW * np.minimum(air / width[0], tissue / width[2])
    if not fits.any():
        return None
    core = share(AIR_CORE) + share(TISSUE_CORE)
    merit = np.where(fits, core - 3 * share((2 * LOWEST, BELOW)), -np.inf)
    near = np.flatnonzero(merit >= merit.max() - 0.01)
    place = near[len(near) // 2]
    shift = float(shifts[place]) * (1 if factor > 0 else -1)
    return _Reading(factor, shift, float(core[place]), float(merit[place]))


def _told(reading: _Reading) -> str:
    """What was done to the values according to a reading."""
    factor, shift = reading.factor, reading.shift
    if factor == 1 and abs(shift - DICOM) < NEAR:
        return "they look shifted by about +1024, as unrescaled DICOM values are"
    if factor == 1 and abs(shift + DICOM) < NEAR:
        return "they look shifted by about -1024, as values rescaled twice are"
    if factor == 1:
        return f"they look shifted by about {_rounded(shift)}"
    moved = abs(shift) >= max(NEAR * abs(factor), 1)
    further = f" and shifted by about {_rounded(shift)}" if moved else ""
    if factor == -1:
        return f"their sign looks flipped{further}"
    sign = "with the sign flipped, " if factor < 0 else ""
    return f"{sign}they look scaled by about {abs(factor):.2g}{further}"


def _remedy(reading: _Reading) -> str:
    return RESCALE if abs(reading.factor) == 1 and reading.factor > 0 else AGAIN


def _rounded(shift: float) -> str:
    step = 50 if abs(shift) >= 100 else 1
    return f"{round(shift / step) * step:+d}"
