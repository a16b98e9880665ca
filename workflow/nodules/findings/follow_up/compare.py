"""Comparison of two scans of one patient: register, link findings, look for lost ones, measure."""

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

LEAST_LIMIT_MM = 3.0  # LUNA16's readers list no smaller nodules
LOOK_MM = 5.0  # how far from its mapped place a finding is looked for
LOOK_SIZES = (1.0, 0.65)  # times its diameter; the second is for about a third of its volume
FAR_MM = 8.0  # farther away it is another nodule
LIKE = 8.0  # ratio of volumes beyond which it is another nodule
LIKE_HU = 300.0  # difference of mean HU beyond which it is another nodule
LEAST_COMPACT = 0.3  # share of the ball around it: 0.6 in the phantom's nodules, 0.2 in vessels
PADDED_HU = -1500  # lower values are padding, not measured


@dataclass(frozen=True)
class Spot:
    """A listed finding: its number in the list, place (x, y, z mm, LPS), diameter, probability."""

    number: int
    world: Point
    diameter_mm: float
    probability: float | None = None


@dataclass(frozen=True, eq=False)
class Time:
    """One scan of a patient: HU (z, y, x) and lungs on its native grid, and its listed findings.

    day: of the scan; None if unknown. kernel, patient: "" if unknown. patient: text that
    identifies the person, such as PatientID, sex and date of birth.
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
        """The scan in the form that `measuring` takes."""
        return Scene(self.hu, self.geometry, self.lungs)

    @cached_property
    def for_registration(self) -> Lungs:
        """Its lungs on the coarser grids for registration, made once."""
        return lungs_of(self.hu, self.geometry, self.lungs)

    @property
    def limit_mm(self) -> float:
        """Diameter below which a nodule may be missed: slice step or LEAST_LIMIT_MM, in mm."""
        return max(LEAST_LIMIT_MM, float(self.geometry.spacing_zyx[0]))

    def shows(self, world: Floats) -> bool:
        """Whether a world point (x, y, z, mm) lies in the scan, outside padding."""
        if not self.geometry.encloses(world):
            return False
        index = np.rint(self.geometry.to_index(world)).astype(int)
        z, y, x = np.clip(index, 0, np.array(self.geometry.shape) - 1)
        return bool(self.hu[z, y, x] > PADDED_HU)

    def size(self, measured: Measured) -> Size:
        """A measured nodule's size, with this scan's voxel size, slice step and kernel."""
        return Size(
            measured.volume_mm3,
            measured.diameter_mm,
            self.geometry.voxel_mm3 ** (1 / 3),
            float(self.geometry.spacing_zyx[0]),
            self.kernel,
        )


@dataclass(frozen=True, eq=False)
class Seen:
    """A nodule at one time: its place or, if it is not seen, the place where it would be.

    spot: the listed finding, None if the list lacks it. measured: None if it could not be measured.
    """

    world: Point
    spot: Spot | None = None
    measured: Measured | None = None


@dataclass(frozen=True, eq=False)
class Link:
    """A nodule at two times. state: as seen from the first; partner: the finding it merged with.

    distance_mm: between its place and the other's mapped place; NaN unless it is seen at both.
    looked_for: only one list has it; at the other time it was found by looking at its place.
    """

    state: str
    first: Seen
    second: Seen
    distance_mm: float = float("nan")
    looked_for: bool = False
    partner: Spot | None = None

    def swapped(self) -> "Link":
        """The same link as seen from the second time."""
        state = matching.SWAPPED[self.state]
        return Link(state, self.second, self.first, self.distance_mm, self.looked_for, self.partner)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two times compared. The warp of `registration` leads from the lesser UID to the greater."""

    prior: Time
    current: Time
    registration: Registration
    links: Sequence[Link] = field(default=())

    @property
    def days(self) -> float | None:
        """Days from prior to current; None if a date is unknown."""
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
        """Map world points (..., 3) of the prior scan into the current one."""
        warp = self.registration.warp
        return warp(points) if _ordered(self.prior, self.current) else warp.inverse(points)

    def to_prior(self, points: Floats) -> Floats:
        """Map world points (..., 3) of the current scan into the prior one."""
        warp = self.registration.warp
        return warp.inverse(points) if _ordered(self.prior, self.current) else warp(points)


def compare(prior: Time, current: Time, gate_mm: float = matching.GATE_MM) -> Pair:
    """Register two scans of one patient and determine what became of each finding.

    Swapping prior and current only mirrors the result: the scans are processed in the order of
    their UIDs, and links are given from the prior's side. If registration fails, every finding is
    NOT_COMPARED. Raises UserError for two patients, and if one scan mirrors the other.
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
    """The current scan plus the nodules found in it by looking, as prior of the next pair.

    A nodule is thus followed through a list that lacks it; its number continues the list's.
    """
    found = [
        Spot(number, link.second.measured.world, link.second.measured.diameter_mm)
        for link, number in _numbered(pair)
        if link.second.spot is None and link.second.measured
    ]
    return replace(pair.current, spots=(*pair.current.spots, *found))


def trajectories(pairs: Sequence[Pair]) -> list[dict[int, tuple[int, int]]]:
    """Nodules followed over consecutive pairs: {time: (pair, link)}, all counted from 0.

    pairs: each prior is the `carried` current scan of the pair before. Links are one to one, so a
    nodule is in one trajectory; those seen at one time only are in none.
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
    """Links, each with its number in the current scan; those found by looking continue the list.

    The number means nothing for links that the current scan does not show.
    """
    last = max((spot.number for spot in pair.current.spots), default=0)
    numbered = []
    for link in pair.links:
        if link.second.spot is None and link.state == matching.MATCHED:
            last += 1
        numbered.append((link, link.second.spot.number if link.second.spot else last))
    return numbered


def require_one_patient(prior: Time, current: Time) -> None:
    """Raise UserError if both scans name a patient, and these differ."""
    if prior.patient and current.patient and prior.patient != current.patient:
        raise UserError(
            f"{prior.uid} and {current.uid}: the headers name two patients. Name scans of one, or "
            "take --same-patient where you know that they are one's."
        )


def _ordered(prior: Time, current: Time) -> bool:
    return prior.uid <= current.uid


def _order(link: Link) -> tuple[bool, float, float]:
    """Sort key of links: first the prior list's findings by number, then the current list's."""
    number = link.first.spot or link.second.spot
    return link.first.spot is None, number.number if number else 0, link.distance_mm


def _links(first: Time, second: Time, made: Registration, gate_mm: float) -> list[Link]:
    """Links for every finding of two times, as seen from the first."""
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
    """Links for the first's findings that match no finding of the second."""
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
    """Link for a finding that the second's list lacks, after looking at its mapped place."""
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
    """The nodule found at a mapped place, tried at each of LOOK_SIZES; None if there is none."""
    assert own.spot is not None
    for share in LOOK_SIZES:
        found = measuring.measure(time.scene, place, share * own.spot.diameter_mm, LOOK_MM)
        if found is not None and _same(own, found, place):
            return found
    return None


def _same(own: Seen, found: Measured, place: Floats) -> bool:
    """Whether the structure found at a mapped place can be the nodule of the other time.

    A vessel is elongated and, over the voxels taken for a nodule, darker on average.
    """
    assert own.spot is not None
    known = own.measured
    volume = known.volume_mm3 if known else sphere_volume(own.spot.diameter_mm)
    away = float(np.linalg.norm(np.array(found.world) - place))
    alike = known is None or abs(found.mean_hu - known.mean_hu) <= LIKE_HU
    compact = found.compact >= LEAST_COMPACT
    return away <= FAR_MM and 1 / LIKE <= found.volume_mm3 / volume <= LIKE and alike and compact


def _seen(time: Time, spot: Spot) -> Seen:
    """A listed finding, measured in its scan."""
    return Seen(spot.world, spot, measuring.measure(time.scene, spot.world, spot.diameter_mm))


def _places(spots: Sequence[Spot], mapped: Callable[[Floats], Floats]) -> Places:
    own = np.array([spot.world for spot in spots], float).reshape(-1, 3)
    return Places(own, mapped(own), np.array([spot.diameter_mm for spot in spots], float))


def _point(world: Floats) -> Point:
    x, y, z = (float(value) for value in world)
    return x, y, z
