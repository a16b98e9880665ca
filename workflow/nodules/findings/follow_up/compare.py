"""Two times of one patient: registered, findings linked, looked for where missing, and measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nodules.base.files import UserError
from nodules.findings.follow_up import growth, matching, measuring
from nodules.findings.follow_up.growth import Growth, Size
from nodules.findings.follow_up.matching import Places
from nodules.findings.follow_up.measuring import Measured, Scene
from nodules.findings.follow_up.registration import Lungs, Registration, lungs_of, register
from nodules.findings.size import sphere_volume
from nodules.images.geometry import Geometry

Floats = NDArray[np.float64]
Point = tuple[float, float, float]

LEAST_LIMIT_MM = 3.0  # smaller nodules are listed by no reader of LUNA16
LOOK_MM = 5.0  # how far from the mapped place a finding is looked for
LOOK_SIZES = (1.0, 0.65)  # of its diameter: the smaller one is that of a third of its volume
FAR_MM = 8.0  # farther away it is another
LIKE = 8.0  # factor of volume beyond which it is another
LIKE_HU = 300.0  # of the means
LEAST_COMPACT = 0.3  # of the ball around its extent: 0.6 in nodules of the phantom, 0.2 in vessels
PADDED_HU = -1500  # below, the scanner has measured nothing


@dataclass(frozen=True)
class Spot:
    """A finding of a list: its number there, place (x, y, z mm, LPS), diameter, probability."""

    number: int
    world: Point
    diameter_mm: float
    probability: float | None = None


@dataclass(frozen=True, eq=False)
class Time:
    """One scan of a patient: HU (z, y, x) and lungs on its native grid, and what was found.

    day: of the scan; None for unknown. kernel, patient: "" for unknown. patient: what tells people
    apart, such as PatientID, sex and date of birth.
    """

    uid: str
    hu: NDArray[np.int16]
    geometry: Geometry
    lungs: NDArray[np.uint8]
    spots: Sequence[Spot]
    day: date | None = None
    kernel: str = ""
    patient: str = ""

    @property
    def scene(self) -> Scene:
        """The scan to measure in."""
        return Scene(self.hu, self.geometry, self.lungs)

    @cached_property
    def for_registration(self) -> Lungs:
        """Its lungs on coarser grids, made once."""
        return lungs_of(self.hu, self.geometry, self.lungs)

    @property
    def limit_mm(self) -> float:
        """Diameter below which a nodule may be there unseen: it is thinner than a slice's step."""
        return max(LEAST_LIMIT_MM, float(self.geometry.spacing_zyx[0]))

    def shows(self, world: Floats) -> bool:
        """Whether a world point lies within what was scanned."""
        if not self.geometry.encloses(world):
            return False
        index = np.rint(self.geometry.to_index(world)).astype(int)
        z, y, x = np.clip(index, 0, np.array(self.geometry.shape) - 1)
        return bool(self.hu[z, y, x] > PADDED_HU)

    def size(self, measured: Measured) -> Size:
        """A measured nodule's size with what it was seen with."""
        return Size(
            measured.volume_mm3,
            measured.diameter_mm,
            self.geometry.voxel_mm3 ** (1 / 3),
            float(self.geometry.spacing_zyx[0]),
            self.kernel,
        )


@dataclass(frozen=True, eq=False)
class Seen:
    """A nodule at one time: where it is or, where it is not seen, where it would be.

    spot: the finding of the list, None where it is in none. measured: None where nothing could be.
    """

    world: Point
    spot: Spot | None = None
    measured: Measured | None = None


@dataclass(frozen=True, eq=False)
class Link:
    """A nodule at two times. state: as seen from the first; partner: what it has merged with.

    distance_mm: between its place and where the other's is mapped to; not a number without both.
    looked_for: it is in one list only, and was found at the other time by looking there.
    """

    state: str
    first: Seen
    second: Seen
    distance_mm: float = float("nan")
    looked_for: bool = False
    partner: Spot | None = None

    def swapped(self) -> "Link":
        """The same as seen from the second."""
        state = matching.SWAPPED[self.state]
        return Link(state, self.second, self.first, self.distance_mm, self.looked_for, self.partner)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two times compared. warp: of `registration`, from the one of lesser UID to the other."""

    prior: Time
    current: Time
    registration: Registration
    links: Sequence[Link] = field(default=())

    @property
    def days(self) -> float | None:
        """Days from prior to current; None where a date is not known."""
        if self.prior.day is None or self.current.day is None:
            return None
        return float((self.current.day - self.prior.day).days)

    def growth(self, link: Link) -> Growth:
        """Growth of a nodule from prior to current."""
        if link.state != matching.MATCHED or not (link.first.measured and link.second.measured):
            return growth.NONE
        if not (link.first.measured.apart and link.second.measured.apart):
            return growth.RUNS_ON
        return growth.grown(
            self.prior.size(link.first.measured),
            self.current.size(link.second.measured),
            self.days,
        )

    def to_current(self, points: Floats) -> Floats:
        """Where world points (..., 3) of the prior lie in the current scan."""
        warp = self.registration.warp
        return warp(points) if _ordered(self.prior, self.current) else warp.inverse(points)

    def to_prior(self, points: Floats) -> Floats:
        """Where world points (..., 3) of the current scan lie in the prior."""
        warp = self.registration.warp
        return warp.inverse(points) if _ordered(self.prior, self.current) else warp(points)


def compare(prior: Time, current: Time, gate_mm: float = matching.GATE_MM) -> Pair:
    """Register two scans of one patient and say what became of each finding.

    Which is prior plays no part in it: the scans are taken in the order of their UIDs, and the
    result is told from the prior's side. Where registration fails, every finding is NOT_COMPARED.
    Raises UserError for two patients, and where a scan is the mirror image of the other.
    """
    require_one_patient(prior, current)
    first, second = (prior, current) if _ordered(prior, current) else (current, prior)
    registration = register(first.for_registration, second.for_registration)
    if registration.mirrored:
        raise UserError(
            f"{prior.uid} and {current.uid}: {registration.problem}, by its vessels. Find out "
            "which one has left and right exchanged, and convert it again."
        )
    links = _links(first, second, registration, gate_mm)
    if first is not prior:
        links = [link.swapped() for link in links]
    return Pair(prior, current, registration, sorted(links, key=_order))


def carried(pair: Pair) -> Time:
    """The current scan with what was found in it by looking, for the next pair's prior.

    So a nodule is followed on through a list that lacks it; its number counts on from the list's.
    """
    found = [
        Spot(number, link.second.measured.world, link.second.measured.diameter_mm)
        for link, number in _numbered(pair)
        if link.second.spot is None and link.second.measured
    ]
    return replace(pair.current, spots=(*pair.current.spots, *found))


def trajectories(pairs: Sequence[Pair]) -> list[dict[int, tuple[int, int]]]:
    """Nodules over consecutive pairs: time (from 0) -> pair and link (from 0) that tell of it.

    pairs: each one's prior is the `carried` current of the one before. Links are one to one, so a
    nodule is in one trajectory; those at one time alone are in none.
    """
    found: list[dict[int, tuple[int, int]]] = []
    ending: dict[int, dict[int, tuple[int, int]]] = {}
    for time, pair in enumerate(pairs):
        ended, ending = ending, {}
        for at, (link, number) in enumerate(_numbered(pair)):
            if link.state != matching.MATCHED:
                continue
            first = link.first.spot.number if link.first.spot else 0
            chain = ended.get(first)
            if chain is None:
                chain = {time: (time, at)}
                found.append(chain)
            chain[time + 1] = (time, at)
            ending[number] = chain
    return found


def _numbered(pair: Pair) -> list[tuple[Link, int]]:
    """Links with the finding's number in the current scan, also of what was found by looking."""
    last = max((spot.number for spot in pair.current.spots), default=0)
    numbered = []
    for link in pair.links:
        if link.second.spot is None and link.state == matching.MATCHED:
            last += 1
        numbered.append((link, link.second.spot.number if link.second.spot else last))
    return numbered


def require_one_patient(prior: Time, current: Time) -> None:
    """Raise UserError where both scans name their patient, and not the same."""
    if prior.patient and current.patient and prior.patient != current.patient:
        raise UserError(
            f"{prior.uid} and {current.uid}: the headers name two patients. Name scans of one, or "
            "take --same-patient where you know that they are one's."
        )


def _ordered(prior: Time, current: Time) -> bool:
    return prior.uid <= current.uid


def _order(link: Link) -> tuple[bool, float, float]:
    """The order of links: findings of the prior's list first, then those of the current one's."""
    number = link.first.spot or link.second.spot
    return link.first.spot is None, number.number if number else 0, link.distance_mm


def _links(first: Time, second: Time, made: Registration, gate_mm: float) -> list[Link]:
    """What became of each finding of two times, told from the first."""
    if made.problem:
        nowhere = Seen((float("nan"),) * 3)
        alone = [Link(matching.NOT_COMPARED, _seen(first, s), nowhere) for s in first.spots]
        return alone + [
            Link(matching.NOT_COMPARED, nowhere, _seen(second, s)) for s in second.spots
        ]
    one = _places(first.spots, made.warp)
    two = _places(second.spots, made.warp.inverse)
    linked = matching.link(one, two, gate_mm)
    apart = matching.distances(one, two)
    links = [
        Link(
            matching.MATCHED,
            _seen(first, first.spots[i]),
            _seen(second, second.spots[j]),
            float(apart[i, j]),
        )
        for i, j in linked
    ]
    links += _alone(first, second, one, two, linked)
    back = _alone(second, first, two, one, [(j, i) for i, j in linked])
    return links + [link.swapped() for link in back]


def _alone(
    first: Time, second: Time, one: Places, two: Places, linked: Sequence[tuple[int, int]]
) -> list[Link]:
    """What became of the first's findings that no finding of the second matches."""
    within = matching.swallowed(one, two, linked)
    taken = {i for i, _ in linked}
    found = []
    for i in sorted(set(range(len(one))) - taken):
        own = _seen(first, first.spots[i])
        there = Seen(_point(one.mapped[i]))
        if i in within:
            found.append(Link(matching.MERGED, own, there, partner=second.spots[within[i]]))
        else:
            found.append(_looked_for(first, second, own, there))
    return found


def _looked_for(first: Time, second: Time, own: Seen, there: Seen) -> Link:
    """A finding of the first that the second's list lacks, looked for at its mapped place."""
    assert own.spot is not None
    place = np.array(there.world)
    if not second.shows(place):
        return Link(matching.NOT_COVERED, own, there)
    found = _standing_out(second, own, place)
    if found is not None:
        distance = float(np.linalg.norm(np.array(found.world) - place))
        for other in second.spots:
            away = np.linalg.norm(np.array(found.world) - np.array(other.world))
            if away <= other.diameter_mm / 2 + matching.TOUCHING_MM:
                return Link(matching.MERGED, own, there, partner=other)
        seen = Seen(found.world, None, found)
        return Link(matching.MATCHED, own, seen, distance, looked_for=True)
    if own.spot.diameter_mm < second.limit_mm:
        return Link(matching.BELOW_LIMIT, own, there)
    return Link(matching.GONE, own, there)


def _standing_out(time: Time, own: Seen, place: Floats) -> Measured | None:
    """What stands out at a mapped place and can be the nodule, sought at sizes of LOOK_SIZES."""
    assert own.spot is not None
    for share in LOOK_SIZES:
        found = measuring.measure(time.scene, place, share * own.spot.diameter_mm, LOOK_MM)
        if found is not None and _same(own, found, place):
            return found
    return None


def _same(own: Seen, found: Measured, place: Floats) -> bool:
    """Whether what stands out at a mapped place can be the nodule of the other time.

    A vessel there is long and, within the voxels taken for a nodule, darker.
    """
    assert own.spot is not None
    known = own.measured
    volume = known.volume_mm3 if known else sphere_volume(own.spot.diameter_mm)
    away = float(np.linalg.norm(np.array(found.world) - place))
    alike = known is None or abs(found.mean_hu - known.mean_hu) <= LIKE_HU
    compact = found.compact >= LEAST_COMPACT
    return away <= FAR_MM and 1 / LIKE <= found.volume_mm3 / volume <= LIKE and alike and compact


def _seen(time: Time, spot: Spot) -> Seen:
    """A finding of a time, measured."""
    return Seen(spot.world, spot, measuring.measure(time.scene, spot.world, spot.diameter_mm))


def _places(spots: Sequence[Spot], mapped: Callable[[Floats], Floats]) -> Places:
    own = np.array([spot.world for spot in spots], float).reshape(-1, 3)
    return Places(own, mapped(own), np.array([spot.diameter_mm for spot in spots], float))


def _point(world: Floats) -> Point:
    x, y, z = (float(value) for value in world)
    return x, y, z
