"""3-D segmentation of each nodule against the readers: by networks, one reader, or a sphere."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nodules.base import tables
from nodules.evaluation import names, pairs, sets
from nodules.findings.overlaps import on_native, shared
from nodules.findings.size import CLASSES, diameter_class
from nodules.images import regions
from nodules.images.geometry import Geometry
from nodules.images.spheres import BoxedMask
from nodules.prepare import masks
from nodules.stats import bootstrap, overlap

MEASURES = ("dice", "iou", "sensitivity", "surface_mm")
NETWORKS = tuple(key for key, mask in names.MASKS.items() if mask.regions)


def compare_scan(
    nodules: pd.DataFrame,
    truth: pd.DataFrame,
    predicted: pd.DataFrame,
    native: Geometry,
    slices: Geometry,
    agreement: float,
    systems: Sequence[str] = NETWORKS[:1],
) -> Iterator[dict[str, Any]]:
    """Rows of table `segmentation`, without column `set`, for one scan's reference nodules.

    nodules: the scan's rows; truth: its regions on the native grid; predicted: its candidates'
    regions on the slices grid or the native one; agreement: share of readers that makes a
    consensus; systems: the kinds of predicted regions to compare, even if the scan has none.
    A nodule without a readers' mask (drawn as its sphere for lack of an outline) gives no row.
    """
    of_kind = {key: rows for key, rows in truth[truth["grid"] == "native"].groupby("kind")}
    candidates = {
        system: {
            int(number): on_native(rows, slices, native)
            for number, rows in predicted[predicted["kind"] == system].groupby("region")
        }
        for system in systems
    }
    for nodule in nodules.to_dict("records"):
        own = {
            str(kind): regions.box(rows[rows["region"] == nodule["nodule"]])
            for kind, rows in of_kind.items()
            if (rows["region"] == nodule["nodule"]).any()
        }
        if has_readers(own):
            base = {name: nodule[name] for name in ("seriesuid", "nodule", "diameter_mm")}
            base["diameter_class"] = diameter_class(nodule["diameter_mm"])
            for row in _compare_nodule(own, candidates, native, agreement):
                yield base | row


def has_readers(own: dict[str, BoxedMask]) -> bool:
    """Whether a nodule's `readers` mask comes from readers, and is not just its sphere."""
    if "readers" not in own:
        return False
    if "sphere" not in own or _readers(own):
        return True
    one, other = masks.together([own["readers"], own["sphere"]])
    return not np.array_equal(one[0], other[0])


def summarise(
    rows: pd.DataFrame, nodules: pd.DataFrame, replicates: int, seed: int, detector: str
) -> dict:
    """Means over one set's nodules by comparison and diameter class, with intervals over scans.

    rows: table `segmentation` of the set; nodules: the set's reference nodules; detector: the one
    whose detected nodules are counted. Each nodule's readers are averaged first, so that it counts
    once in every comparison.
    """
    keys = ["comparison", "seriesuid", "nodule", "diameter_class"]
    each = rows.groupby(keys, as_index=False)[[*MEASURES, "detected"]].mean()
    scan, n_scans = bootstrap.codes(each["seriesuid"].to_numpy())
    each["scan"] = scan
    drawn = bootstrap.weights(n_scans, replicates, seed)
    compared = rows.loc[rows["comparison"] == detector]
    summary: dict[str, Any] = {
        "n_nodules": len(nodules),
        "n_compared": len(compared),
        "n_without_readers": len(nodules) - len(compared),
        "n_scans": n_scans,
        "n_detected": int(compared["detected"].sum()),
    }
    for comparison, group in each.groupby("comparison"):
        by_class = {
            name: _means(group[group["diameter_class"] == name], drawn)
            for name in CLASSES
            if (group["diameter_class"] == name).any()
        }
        summary[str(comparison)] = {"all": _means(group, drawn), "by_diameter": by_class}
        if comparison in NETWORKS:
            found = group[group["detected"] > 0]
            summary[str(comparison)]["detected_only"] = _means(found, drawn)
    summary["dice_differences"] = dict(_differences(each, drawn))
    return summary


def _compare_nodule(
    own: dict[str, BoxedMask],
    candidates: dict[str, dict[int, BoxedMask]],
    native: Geometry,
    agreement: float,
) -> Iterator[dict[str, Any]]:
    reference = own["readers"]
    for system, boxes in candidates.items():
        touching = [number for number, box in boxes.items() if shared(box, reference)]
        found = _union([boxes[number] for number in touching], reference)
        yield {"comparison": system, "reader": 0, "candidates": touching} | _measure(
            found, reference, native
        )
    if "sphere" in own:
        yield {"comparison": "sphere", "reader": 0, "candidates": []} | _measure(
            own["sphere"], reference, native
        )
    readers = _readers(own)
    for number, box in readers.items() if len(readers) > 1 else ():
        each = masks.together([box, *(b for k, b in readers.items() if k != number)])
        others = masks.consensus([mask for mask, _ in each[1:]], agreement)
        if others.any():
            yield {"comparison": "reader", "reader": number, "candidates": []} | _measure(
                box, (others, each[0][1]), native
            )


def _measure(mask: BoxedMask, reference: BoxedMask, native: Geometry) -> dict[str, Any]:
    (one, _), (other, _) = masks.together([mask, reference])
    found = overlap.compare(one, other, native.spacing_zyx)
    return {
        "detected": bool((one & other).any()),
        "dice": found.dice,
        "iou": found.iou,
        "sensitivity": found.sensitivity,
        "surface_mm": found.surface_mm,
        "reference_mm3": int(other.sum()) * native.voxel_mm3,
        "predicted_mm3": int(one.sum()) * native.voxel_mm3,
    }


def _readers(own: dict[str, BoxedMask]) -> dict[int, BoxedMask]:
    """A nodule's masks by reader, keyed by number."""
    prefix = "reader_"
    return {int(k.removeprefix(prefix)): own[k] for k in sorted(own) if k.startswith(prefix)}


def _union(boxes: Sequence[BoxedMask], reference: BoxedMask) -> BoxedMask:
    """Union of masks; without any, an empty mask in the reference's box."""
    if not boxes:
        return np.zeros_like(reference[0]), reference[1]
    each = masks.together(boxes)
    return np.any([mask for mask, _ in each], axis=0), each[0][1]


def _means(group: pd.DataFrame, drawn: NDArray[np.float64]) -> dict[str, Any]:
    """Mean of each measure over nodules, with surface distance only over those that define it."""
    scan = group["scan"].to_numpy(np.int64)
    means: dict[str, Any] = {"n_nodules": len(group), "n_scans": len(np.unique(scan))}
    for name in MEASURES:
        values, none = group[name].to_numpy(float), "no nodule to average over"
        means[name] = bootstrap.estimate_mean(values, scan, drawn, "nodules", none).to_dict()
    means["median_dice"] = float(group["dice"].median()) if len(group) else None
    means["n_surface_mm"] = int(group["surface_mm"].notna().sum())
    return means


def _differences(
    each: pd.DataFrame, drawn: NDArray[np.float64]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Mean difference in Dice for each pair, over the nodules that both comparisons have."""
    wide = each.pivot(index=["seriesuid", "nodule", "scan"], columns="comparison", values="dice")
    for pair in pairs.MASK_PAIRS:
        if pair.first not in wide or pair.second not in wide:
            continue
        gap = (wide[pair.first] - wide[pair.second]).dropna()
        scan = gap.index.get_level_values("scan").to_numpy(np.int64)
        found = bootstrap.estimate_mean(gap, scan, drawn, "nodules", "no nodule that both have")
        yield pair.key, found.to_dict() | {"n_nodules": len(gap)}


def compare_sets(scans: dict[str, list[dict[str, Any]]], folds: pd.DataFrame) -> pd.DataFrame:
    """Table `segmentation` from each scan's rows, with its set: test or out_of_fold."""
    rows = [
        {"set": name} | row
        for name, uids in sets.pooled_sets(folds).items()
        for uid in uids
        for row in scans.get(uid, [])
    ]
    return tables.frame("segmentation", rows)
