"""LUNA16's false-positive-reduction track: the official score of given locations, and its ceiling.

The locations are given, so a score measures how well they are classified, not how well nodules are
found. No classifier can find what the list lacks, so that is reported with every score.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base.files import UserError
from nodules.evaluation import sets
from nodules.evaluation.detection import Truth, score_systems
from nodules.evaluation.sets import of
from nodules.evaluation.statements import locations as statement
from nodules.findings.hits import hits
from nodules.stats import bootstrap

KEY = ["seriesuid", "location"]


@dataclass(frozen=True)
class LocationScores:
    """Table `froc` of all classifiers and sets, and the content of reduction_track.json."""

    froc: pd.DataFrame
    summary: dict[str, Any]


def score(
    judged: Mapping[str, pd.DataFrame],
    locations: pd.DataFrame,
    truth: Truth,
    replicates: int,
    seed: int,
) -> LocationScores:
    """Score each classifier's table `location_scores` on the listed locations.

    locations: table of this name; those of scans in no set are left out. Every scan of a set
    counts, with or without nodules or locations. Raises UserError if these scans have no location,
    or if a classifier has not scored exactly those that they have.
    """
    scans = sets.scans_by_set(truth.folds)
    listed = numbered(of(locations, [uid for uids in scans.values() for uid in uids]))
    if listed.empty:
        raise UserError(
            "results/scans/locations.parquet: no location lies in the scans of this run, so there"
            " is nothing to judge. Put LUNA16's candidates_V2.csv beside annotations.csv, or set"
            " scoring.reduction_track to false."
        )
    for key, own in judged.items():
        require_all(key, own, listed)
    marks = {key: own.assign(candidate=own["location"]) for key, own in judged.items()}
    found = score_systems(marks, truth, replicates, seed)
    by_set = {
        name: ceiling(of(listed, uids), of(truth.nodules, uids), uids, replicates, seed)
        for name, uids in scans.items()
    }
    systems = found.summary["systems"]
    for key, own in judged.items():
        for name, uids in scans.items():
            systems[key][name] |= _left_out(of(own, uids), systems[key][name], by_set[name])
    summary = {"list": by_set, "systems": systems}
    return LocationScores(found.froc, summary | {"statement": statement.write(summary)})


def numbered(locations: pd.DataFrame) -> pd.DataFrame:
    """Table `locations` with column `location`, each row's number within its scan, from 1."""
    return locations.assign(location=locations.groupby("seriesuid").cumcount() + 1)


def require_all(key: str, judged: pd.DataFrame, listed: pd.DataFrame) -> None:
    """Raise UserError unless a classifier has scored each listed location once, and no other."""
    given, wanted = (
        table.sort_values(KEY)[[*KEY, "x", "y", "z"]].reset_index(drop=True)
        for table in (judged, listed)
    )
    if not given.equals(wanted):
        raise UserError(
            f"results/locations/{key}: {len(judged)} locations were judged, and"
            f" results/scans/locations.parquet lists {len(listed)}, or others. The list has changed"
            " since; run snakemake again from classify_locations."
        )


def ceiling(
    locations: pd.DataFrame,
    nodules: pd.DataFrame,
    uids: list[str],
    replicates: int,
    seed: int,
) -> dict[str, Any]:
    """Ceiling of a list of locations (columns x, y, z in mm, and label): the nodules it reaches.

    A nodule is reached if a location lies strictly within half its diameter of its centre, by the
    official rule. `reached` is the share of nodules reached, with its interval over scans.
    """
    on_nodule, reached = reach(locations, nodules)
    missed = nodules.loc[~reached, ["seriesuid", "nodule", "diameter_mm"]]
    drawn = bootstrap.weights(len(uids), replicates, seed)
    home = pd.Index(uids).get_indexer(pd.Index(nodules["seriesuid"]))
    found, every = (
        drawn @ bootstrap.per_scan(home, values, len(uids))
        for values in (reached, np.ones(len(nodules)))
    )
    counts = {"scans": len(uids), "nodules": len(home)}
    none = "the set has no reference nodule"
    share = bootstrap.estimate(bootstrap.ratio(found, every), none, counts)
    return {
        "n_scans": len(uids),
        "n_scans_without_locations": len(set(uids) - set(locations["seriesuid"])),
        "n_locations": len(locations),
        "n_nodules": len(nodules),
        "n_reached": int(reached.sum()),
        "reached": share.to_dict(),
        "not_reached": missed.to_dict("records"),
        "on_a_nodule": int(on_nodule.sum()),
        **_labels(locations["label"].to_numpy() == 1, on_nodule),
    }


def reach(
    locations: pd.DataFrame, nodules: pd.DataFrame
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which locations hit a nodule, and which nodules are hit by one, by the official rule.

    Both tables have columns seriesuid, x, y, z (mm); nodules also diameter_mm.
    """
    on_nodule, reached = np.zeros(len(locations), bool), np.zeros(len(nodules), bool)
    xyz, centres = (table[["x", "y", "z"]].to_numpy(float) for table in (locations, nodules))
    diameters = nodules["diameter_mm"].to_numpy(float)
    rows = locations.reset_index(drop=True).groupby("seriesuid").indices
    for uid, own in nodules.reset_index(drop=True).groupby("seriesuid").indices.items():
        places = rows.get(uid, np.zeros(0, np.int64))
        hit = hits(xyz[places], centres[own], diameters[own])
        on_nodule[places], reached[own] = hit.any(axis=1), hit.any(axis=0)
    return on_nodule, reached


def _labels(nodule: NDArray[np.bool_], on_nodule: NDArray[np.bool_]) -> dict[str, int]:
    """Counts of the list's own labels, and of those that contradict the reference."""
    return {
        "labelled_nodule": int(nodule.sum()),
        "labelled_nodule_on_none": int((nodule & ~on_nodule).sum()),
        "labelled_none_on_one": int((~nodule & on_nodule).sum()),
    }


def _left_out(
    judged: pd.DataFrame, scored: Mapping[str, Any], listed: Mapping[str, Any]
) -> dict[str, Any]:
    """Locations that a classifier could not judge, and losses to the cap of 100 marks per scan."""
    reasons = judged.loc[judged["reason"] != "", "reason"].value_counts()
    counts = scored["counts"]
    return {
        "not_judged": {str(reason): int(n) for reason, n in sorted(reasons.items())},
        "capped": counts["marks"] - counts["marks_after_cap"],
        "n_nodules_capped": listed["n_reached"] - counts["tp"],
    }
