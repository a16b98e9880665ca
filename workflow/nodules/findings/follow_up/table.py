"""Compared pairs as rows of table `follow_up`, and as JSON for people, programs and the viewer."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from nodules.base import tables
from nodules.base.messages import escaped
from nodules.findings.follow_up import compare, fleischner, growth, lung_rads, matching
from nodules.findings.follow_up.compare import Link, Pair, Seen, Time
from nodules.findings.follow_up.growth import Growth
from nodules.findings.follow_up.lung_rads import NOT_FOR_DIAGNOSIS

FORMAT = 1
DISCLAIMER = (
    "Research only. Not a medical device: not for diagnosis, treatment or any decision about a "
    "patient. Made by software; no person has looked at it."
)
NOTHING = float("nan")
OF_PAIR = ("patient", "prior", "current", "days")
WORDS = {
    matching.MATCHED: "at both times",
    matching.NEW: "new",
    matching.GONE: "gone",
    matching.MERGED: "merged with another",
    matching.SPLIT: "split from another",
    matching.NOT_COVERED: "not covered by the other scan",
    matching.BELOW_LIMIT: "below the other scan's detection limit",
    matching.NOT_COMPARED: "not compared",
}
# States in which only the current scan shows the nodule: categorised as when first detected.
AT_FIRST = {matching.NEW: lung_rads.NEW, matching.SPLIT: lung_rads.BASELINE}
AT_FIRST |= dict.fromkeys((matching.NOT_COVERED, matching.BELOW_LIMIT), lung_rads.BASELINE)


def rows(pair: Pair, patient: str = "") -> list[dict[str, Any]]:
    """Rows of table `follow_up`, one for each nodule of either time."""
    seen_now = sum(link.second.measured is not None for link in pair.links)
    return [
        {
            "patient": patient,
            "prior": pair.prior.uid,
            "current": pair.current.uid,
            "days": NOTHING if pair.days is None else pair.days,
            "nodule": number,
            **_row(pair, link, seen_now),
        }
        for number, link in enumerate(pair.links, 1)
    ]


def _row(pair: Pair, link: Link, seen_now: int) -> dict[str, Any]:
    """Columns of one link. seen_now: number of nodules measured in the current scan."""
    change = pair.growth(link)
    return {
        "state": link.state,
        "looked_for": link.looked_for,
        "partner": link.partner.number if link.partner else 0,
        "distance_mm": link.distance_mm,
        **_side("prior", pair.prior, link.first),
        **_side("current", pair.current, link.second),
        "change_percent": change.percent,
        "change_low": 100 * (change.low - 1),
        "change_high": 100 * (change.high - 1),
        "growth": change.verdict,
        "vdt_days": _or_nothing(change.vdt_days),
        "vdt_low": _or_nothing(change.vdt_low),
        "vdt_high": _or_nothing(change.vdt_high),
        "withheld": change.withheld,
        "lung_rads": lung_rads_of(link, pair.days),
        "fleischner": fleischner_of(link, seen_now),
    }


def _side(name: str, time: Time, seen: Seen) -> dict[str, Any]:
    """Columns of a nodule at one time, prefixed with `name`."""
    x, y, z = seen.world
    told: dict[str, Any] = {"finding": seen.spot.number if seen.spot else 0}
    told |= {"x": x, "y": y, "z": z}
    m = seen.measured
    half = math.exp(growth.Z95 * growth.log_sd(time.size(m))) if m else NOTHING
    told |= {
        "texture": m.texture if m else "",
        "diameter_mm": m.diameter_mm if m else NOTHING,
        "mean_mm": m.mean_mm if m else NOTHING,
        "volume_mm3": m.volume_mm3 if m else NOTHING,
        "volume_low": m.volume_mm3 / half if m else NOTHING,
        "volume_high": m.volume_mm3 * half if m else NOTHING,
        "mass_mg": m.mass_mg if m else NOTHING,
    }
    return {f"{name}_{key}": value for key, value in told.items()}


def lung_rads_of(link: Link, days: float | None) -> str:
    """Lung-RADS category of a nodule in the current scan, always with its warning, or ""."""
    now, before = link.second.measured, link.first.measured
    if now is None or not now.apart or (before is not None and not before.apart):
        return ""
    if link.state == matching.MATCHED and before is not None:
        gone_by = None if days is None else abs(days)
        status = lung_rads.status_of(before.mean_mm, now.mean_mm, gone_by)
    elif link.state in AT_FIRST:
        status = AT_FIRST[link.state]
    else:
        return ""
    sizes = (now.mean_mm, now.solid_mm)
    if status == lung_rads.STABLE and before is not None:
        found = lung_rads.stepped(now.texture, (before.mean_mm, before.solid_mm), sizes, days)
    else:
        found = lung_rads.category(now.texture, status, *sizes)
    return f"{found}, {status} ({NOT_FOR_DIAGNOSIS})"


def fleischner_of(link: Link, seen_now: int) -> str:
    """Fleischner 2017 advice for a nodule in the current scan, always with its warning, or ""."""
    now = link.second.measured
    if now is None or not now.apart:
        return ""
    return f"{fleischner.advice(now.texture, seen_now, now.unrounded_mm)} ({NOT_FOR_DIAGNOSIS})"


def told(change: Growth, state: str) -> str:
    """A link in words: its state or, if matched, its growth with interval and doubling time."""
    if state != matching.MATCHED:
        return WORDS[state]
    if change.verdict == growth.UNKNOWN:
        return f"{WORDS[state]}; growth not known: {change.withheld}"
    bounds = f"{100 * (change.low - 1):+.0f} to {100 * (change.high - 1):+.0f} %"
    text = f"{change.verdict}: volume {change.percent:+.0f} % ({bounds})"
    if change.verdict == growth.WITHIN:
        return text
    if change.withheld:
        return f"{text}; no doubling time: {change.withheld}"
    return f"{text}; volume {doubling(change)}"


def doubling(change: Growth) -> str:
    """Doubling or halving time in words, with its interval."""
    days, low, high = change.vdt_days, change.vdt_low, change.vdt_high
    if days is None or low is None or high is None:
        return "doubling time not told"
    word = "doubles" if days > 0 else "halves"
    ends = sorted(abs(value) for value in (low, high))
    return f"{word} in {abs(days):.0f} days ({ends[0]:.0f} to {ends[1]:.0f})"


def to_dict(pair: Pair, patient: str = "") -> dict[str, Any]:
    """A pair's entry in follow_up.json (docs/follow-up.md): registration, affine maps, links."""
    made = pair.registration
    return {
        "patient": patient,
        "prior": _time(pair.prior),
        "current": _time(pair.current),
        "days": pair.days,
        "registration": {
            "problem": made.problem,
            **{name: getattr(made.quality, name) for name in made.quality.__dataclass_fields__},
            "prior_to_current": _affine(pair.to_current, pair.prior),
            "current_to_prior": _affine(pair.to_prior, pair.current),
        },
        "links": [
            {
                **{name: value for name, value in row.items() if name not in OF_PAIR},
                "told": told(pair.growth(link), link.state),
            }
            for row, link in zip(rows(pair), pair.links, strict=True)
        ],
    }


def _time(time: Time) -> dict[str, Any]:
    return {
        "seriesuid": time.uid,
        "day": time.day.isoformat() if time.day else None,
        "kernel": time.kernel,
        "findings": len(time.spots),
        "limit_mm": time.limit_mm,
        "grid": time.geometry.to_row(),
    }


def _affine(mapped: Any, time: Time) -> dict[str, list]:
    """Least-squares affine fit to a warp within a scan's lungs, in world x, y, z, mm."""
    inside = np.argwhere(time.lungs[::8, ::16, ::16]) * (8, 16, 16)
    if len(inside) < 8:
        inside = np.array(list(np.ndindex(2, 2, 2))) * (np.array(time.geometry.shape) - 1)
    points = time.geometry.to_world(inside)
    whole = np.column_stack([points, np.ones(len(points))])
    solved, *_ = np.linalg.lstsq(whole, mapped(points), rcond=None)
    return {"matrix": solved[:3].T.tolist(), "offset": solved[3].tolist()}


def _or_nothing(value: float | None) -> float:
    return NOTHING if value is None else value


def table_of(pairs: Sequence[Pair], patients: Sequence[str]) -> pd.DataFrame:
    """Table `follow_up` of pairs, with the patient's name for each pair."""
    named = zip(pairs, patients, strict=True)
    return tables.frame("follow_up", [row for pair, who in named for row in rows(pair, who)])


def csv_of(data: pd.DataFrame) -> str:
    """Text of pairs.csv: table `follow_up`, numbers with six significant digits."""
    return str(data.to_csv(index=False, float_format="%.6g"))


def details(pairs: Sequence[Pair], notes: Sequence[str], patients: Sequence[str]) -> dict:
    """Content of follow_up.json: every pair, and the nodules' trajectories over all times."""
    return {
        "format": FORMAT,
        "research": DISCLAIMER,
        "notes": [escaped(note) for note in notes],
        "trajectories": trajectories(pairs),
        "pairs": [to_dict(*named) for named in zip(pairs, patients, strict=True)],
    }


def trajectories(pairs: Sequence[Pair]) -> list[list[dict]]:
    """Each nodule seen at two or more times: its scans in order, and its place in the table."""
    found = []
    for chain in compare.trajectories(pairs):
        places = sorted(chain.items())
        found.append(
            [
                {
                    "seriesuid": (pairs[k].prior if time == k else pairs[k].current).uid,
                    "pair": k + 1,
                    "nodule": at + 1,
                    "at": "prior" if time == k else "current",
                }
                for time, (k, at) in places
            ]
        )
    return found
