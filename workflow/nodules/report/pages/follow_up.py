"""The page of a patient's follow-up: each nodule, both times side by side."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nodules.findings.follow_up import fleischner, growth, lung_rads, matching, table
from nodules.findings.follow_up.compare import Link, Pair, Seen, Time
from nodules.report.pages.page import Page

WINDOW = (-1350, 150)  # HU: lung, level -600, width 1500
VIEW_MM, VIEW_PX, GAP_PX = 60.0, 240, 6
OUTLINE = (66, 159, 230)
CROSS = (230, 159, 0)  # where a nodule would be: a cross, so not told apart by colour alone
MOST = 30  # nodules with pictures, per pair

Image = NDArray[np.uint8]


def page(
    pairs: Sequence[Pair],
    notes: Sequence[str] = (),
    figure: bytes | None = None,
    patients: Sequence[str] = (),
) -> Page:
    """The page of consecutive pairs of scans. figure: an SVG of the volumes over time.

    patients: the patient of each pair, if the pairs are of several patients.
    """
    made = Page("Nodules over time")
    made.text(table.DISCLAIMER, "finding")
    for note in notes:
        made.text(f"Note: {note}.", "note")
    if figure:
        made.image(figure, "Volume of each nodule over time, and its change", "svg+xml")
    for number, pair in enumerate(pairs):
        add_pair(made, pair, f"{patients[number]}: {_title(pair)}" if patients else "")
    made.heading("How to read this")
    made.text(
        f"Left: the earlier scan; right: the later one; {VIEW_MM:g} mm wide, axial, in the lung "
        f"window ({WINDOW[0]} to {WINDOW[1]} HU). A nodule is outlined as it was measured; where "
        "it is not seen, a cross marks where it would be. Both volumes are measured in the same "
        "way; intervals are 95 %. A nodule is said to have grown or shrunk only if the interval "
        "excludes no change and the change exceeds the published repeatability, "
        f"{growth.REPEATABLE}."
    )
    made.text(
        f"Categories are computed from size, texture and growth alone, by {lung_rads.CITATION}, "
        f"and {fleischner.CITATION}: {lung_rads.NOT_FOR_DIAGNOSIS}.",
        "note",
    )
    return made


def add_pair(made: Page, pair: Pair, title: str = "") -> None:
    """Add one pair to a page: how well it is registered, and each nodule."""
    made.heading(title or _title(pair))
    made.text(_registered(pair))
    if pair.registration.problem:
        return
    made.text(counted(pair.links))
    for number, link in enumerate(pair.links[:MOST], 1):
        change = pair.growth(link)
        made.text(f"{number}: {table.told(change, link.state)}", "finding")
        made.image(side_by_side(pair, link), f"Nodule {number} at both times")
        made.table([_row(pair, link)])
    if len(pair.links) > MOST:
        made.text(f"{len(pair.links) - MOST} more are in pairs.csv.", "note")


def counted(links: Sequence[Link]) -> str:
    """The number of nodules in each state, in words."""
    counts = {state: sum(link.state == state for link in links) for state in matching.STATES}
    looked = sum(link.looked_for for link in links)
    told = [f"{n} {table.WORDS[state]}" for state, n in counts.items() if n]
    more = f" {looked} on one list only, but seen at both times." if looked else ""
    return f"Nodules: {', '.join(told)}.{more}" if told else "No nodule at either time."


def side_by_side(pair: Pair, link: Link) -> bytes:
    """PNG of the axial slices through a nodule at both times, the earlier on the left."""
    shown = [_view(pair.prior, link.first), _view(pair.current, link.second)]
    gap = np.full((VIEW_PX, GAP_PX, 3), 255, np.uint8)
    row = np.concatenate([shown[0], gap, shown[1]], axis=1)
    _, png = cv2.imencode(".png", row[:, :, ::-1])
    return png.tobytes()


def _view(time: Time, seen: Seen) -> Image:
    """RGB (VIEW_PX, VIEW_PX, 3) of the slice at a nodule, outlined or, if not seen, marked."""
    index = time.geometry.to_index(seen.world)
    if not np.isfinite(index).all() or not time.geometry.encloses(seen.world):
        return np.full((VIEW_PX, VIEW_PX, 3), 128, np.uint8)
    z = int(np.clip(round(float(index[0])), 0, len(time.hu) - 1))
    _, mm_y, mm_x = (float(mm) for mm in time.geometry.spacing_zyx)
    step, middle = VIEW_MM / VIEW_PX, (VIEW_PX - 1) / 2
    matrix = np.array(
        [
            [step / mm_x, 0, index[2] - middle * step / mm_x],
            [0, step / mm_y, index[1] - middle * step / mm_y],
        ]
    )
    low, high = WINDOW
    grey = np.clip((time.hu[z].astype(np.float32) - low) * (255 / (high - low)), 0, 255)
    size, flags = (VIEW_PX, VIEW_PX), cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    image = cv2.warpAffine(grey.astype(np.uint8), matrix, size, flags=flags)
    colour: Any = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    if seen.measured is None:
        at = round(middle)
        return np.asarray(
            cv2.drawMarker(colour, (at, at), CROSS, cv2.MARKER_CROSS, 24, 1), np.uint8
        )
    plane = np.zeros(time.hu.shape[1:], np.uint8)
    box = seen.measured.box
    if box[0].start <= z < box[0].stop:
        plane[box[1], box[2]] = seen.measured.mask[z - box[0].start]
    flags = cv2.WARP_INVERSE_MAP | cv2.INTER_NEAREST
    inside = cv2.warpAffine(plane, matrix, size, flags=flags)
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(colour, contours, -1, OUTLINE, 1), np.uint8)


def _title(pair: Pair) -> str:
    days = "" if pair.days is None else f", {pair.days:.0f} days apart"
    when = [time.day.isoformat() if time.day else "undated" for time in (pair.prior, pair.current)]
    return f"{when[0]} and {when[1]}{days}"


def _registered(pair: Pair) -> str:
    """How well the scans are registered, in words."""
    made, quality = pair.registration, pair.registration.quality
    scans = f"Scans {pair.prior.uid} and {pair.current.uid}."
    if made.problem:
        return f"{scans} They could not be registered: {made.problem}. Nothing is compared."
    return (
        f"{scans} Registered on their lungs: overlap {quality.overlap:.2f} (Dice), correlation "
        f"around vessels {quality.likeness:.2f}, vessels {quality.residual_mm:.1f} mm apart "
        f"(median; 95th percentile {quality.worst_mm:.1f} mm)."
    )


def _row(pair: Pair, link: Link) -> dict[str, str]:
    """The numbers of a link as the page shows them."""
    change = pair.growth(link)
    numbers = [str(s.spot.number) if s.spot else "–" for s in (link.first, link.second)]
    sizes = [s.measured for s in (link.first, link.second)]
    return {
        "finding": " / ".join(numbers),
        "diameter, mm": " / ".join(f"{m.diameter_mm:.1f}" if m else "–" for m in sizes),
        "long x short axis, mm": " / ".join(
            f"{m.long_mm:.1f} x {m.short_mm:.1f}" if m else "–" for m in sizes
        ),
        "volume, mm³": " / ".join(f"{m.volume_mm3:.0f}" if m else "–" for m in sizes),
        "mass, mg": " / ".join(f"{m.mass_mg:.0f}" if m else "–" for m in sizes),
        "texture": " / ".join(m.texture if m else "–" for m in sizes),
        "doubling time": _doubling(change),
        "Lung-RADS v2022": table.lung_rads_of(link, pair.days) or "–",
        "Fleischner 2017": _fleischner(pair, link) or "–",
    }


def _doubling(change: growth.Growth) -> str:
    if change.verdict in (growth.UNKNOWN, growth.WITHIN):
        return change.verdict
    return f"withheld: {change.withheld}" if change.withheld else table.doubling(change)


def _fleischner(pair: Pair, link: Link) -> str:
    now = sum(other.second.measured is not None for other in pair.links)
    return table.fleischner_of(link, now)
