"""What the page shows from a folder that `luna16 predict` wrote."""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodules.base import tables
from nodules.base.files import FileDefect, UserError, read_json
from nodules.base.messages import escaped
from nodules.base.messages import shown as short
from nodules.datasets import row_tables
from nodules.images import nifti, reading
from nodules.images.foreign import is_uid
from nodules.images.geometry import Geometry
from nodules.images.reading import Reading
from nodules.images.volume import same_grid
from nodules.inference import export_froc
from nodules.report.delivery import DETAILS, DONE, LABELS, SCAN_COLUMNS, SCANS, is_mask
from nodules.report.viewer.shown import NUMBERS, Found, Link, Mask, Shown, case_of

FORMAT = 1
AGAIN = "Run luna16 predict on the scan again."
MOST_POINTS = 400  # of a FROC curve
LEAST_RADIUS_MM = 2.0
Curve = tuple[str, NDArray[np.float64]]
OPINION = (
    "Malignancy: the probability that readers would call this nodule malignant. The network "
    "learned their opinion, not a diagnosis or histology."
)


def folders(place: Path) -> list[Path]:
    """Folders of the scans that `luna16 predict` wrote below `place`, or `place` if it is one."""
    if (place / DETAILS).is_file():
        return [place]
    rows = row_tables.read(place / SCANS, SCAN_COLUMNS)
    done = [place / row["folder"] for row in rows if row["status"] == DONE]
    return [folder for folder in done if (folder / DETAILS).is_file()]


def shown(
    folder: Path,
    scan: Path | None = None,
    froc: Path | None = None,
    prior: Path | None = None,
    prior_scan: Path | None = None,
) -> Shown:
    """A scan and its findings.

    folder: holds findings.json and findings.nii.gz. scan: path of the voxels, by default where
    `luna16 predict` read them. froc: a run's results/evaluation/froc.parquet, used in place of the
    model's own curve. prior, prior_scan: folder and scan of an earlier time. Raises UserError if
    something is missing or does not belong together.
    """
    details = read_details(folder)
    read = read_scan(folder, details, scan)
    labels = _labels(folder / LABELS, read.geometry)
    manifest = details["model"].get("manifest", {})
    earlier = None
    if prior is not None:
        told = read_details(prior)
        other = read_scan(prior, told, prior_scan)
        earlier = (other.voxels, other.geometry, str(told["seriesuid"]))
    return Shown(
        uid=str(details["seriesuid"]),
        voxels=read.voxels,
        geometry=read.geometry,
        findings=[_found(row, labels) for row in details["findings"]],
        threshold=float(details["threshold"]),
        headline=str(details["headline"]),
        model=about(details["model"]),
        notes=[str(text) for text in (details["lungs"], *details["notes"]) if text],
        froc=curve(froc, _system(manifest)) if froc else _curve(manifest.get("froc")),
        malignancy=f"{OPINION}{_auc(manifest)}",
        prior=earlier,
    )


def read_details(folder: Path) -> dict[str, Any]:
    """Content of a folder's findings.json. Raises FileDefect if it is missing or not ours."""
    path = folder / DETAILS
    try:
        details = read_json(path)
    except FileNotFoundError as error:
        raise FileDefect(str(folder), f"it has no {DETAILS}", "Name another folder.") from error
    except (ValueError, RecursionError) as error:
        raise FileDefect(str(path), "it is not JSON", AGAIN) from error
    wanted = {"seriesuid", "source", "grid", "findings", "threshold", "headline", "model"}
    if not isinstance(details, dict) or details.get("format") != FORMAT or wanted - set(details):
        raise FileDefect(str(path), "it does not hold findings of luna16 predict", AGAIN)
    details = {"lungs": "", "notes": [], **details}
    try:
        whole = _is_whole(details)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError):
        whole = False
    if not whole:
        raise FileDefect(str(path), "something in it is missing or of the wrong kind", AGAIN)
    return details


def _is_whole(details: Mapping[str, Any]) -> bool:
    """Whether all that the page shows of findings is of the right type."""
    Geometry.from_row(details["grid"]).reoriented()
    about(details["model"])
    _auc(details["model"].get("manifest", {}))
    found = [_found(row, {}) for row in details["findings"]]
    numbers = [f.numbers.get(key) for f in found for key in (*NUMBERS, "mean_hu", "malignancy")]
    numbers += [value for f in found for value in f.world]
    return (
        all(isinstance(details[key], str) for key in ("seriesuid", "source", "headline", "lungs"))
        and isinstance(details["findings"], list)
        and isinstance(details["notes"], list)
        and math.isfinite(details["threshold"])
        and all(number is None or isinstance(number, int | float) for number in numbers)
    )


def case(details: Mapping[str, Any]) -> str:
    """`Shown.case` of a scan, from its findings.json alone."""
    grid, _, _ = Geometry.from_row(details["grid"]).reoriented()
    found = [_found(row, {}) for row in details["findings"]]
    return case_of(str(details["seriesuid"]), grid, found)


def read_scan(folder: Path, details: Mapping[str, Any], scan: Path | None) -> Reading:
    """Read the scan that findings belong to; UserError unless its UID and grid match theirs."""
    uid = str(details["seriesuid"])
    grid, _, _ = Geometry.from_row(details["grid"]).reoriented()
    for place in [scan] if scan else _places(folder, details):
        for wanted in ((), (uid,)) if place.exists() else ():
            with contextlib.suppress(UserError), reading.opened(place, wanted) as found:
                for one in filter(lambda one: _may_be(one, uid), found):
                    read = one.read()
                    if read.uid == uid and same_grid(read.geometry, grid, 0.1):
                        return read
        if scan:
            raise UserError(
                f"{escaped(str(scan))}: it does not hold scan {short(uid)} on the grid of "
                f"{escaped(str(folder / DETAILS))}. Name the scan that luna16 predict read."
            )
    raise UserError(
        f"{escaped(str(folder))}: its scan is not at {short(str(details['source']), 200)}. "
        "Say with --scan where it is."
    )


def _may_be(one: reading.Found, uid: str) -> bool:
    """Whether a scan that is not read yet may be the one with this UID."""
    if one.problem or is_mask(one):
        return False
    if one.chosen is not None:
        return one.chosen.first.series == uid
    stem = Path(one.name).name.removesuffix(one.form)
    return stem == uid or not is_uid(stem)  # a file not named by a UID gets one when it is read


def _places(folder: Path, details: Mapping[str, Any]) -> Iterator[Path]:
    """Paths where a scan may be, from its findings and from the table of all scans."""
    yield Path(str(details["source"]))
    rows = row_tables.read(folder.parent / SCANS, SCAN_COLUMNS)
    yield from (Path(row["source"]) for row in rows if row["folder"] == folder.name)


def _labels(path: Path, geometry: Geometry) -> dict[int, Mask]:
    """Each finding's mask by number, cropped to its box. Raises FileDefect if the grid differs."""
    labels, grid = nifti.read_volume(path)
    if not same_grid(grid, geometry, 0.1):
        raise FileDefect(str(path), "its grid is not that of the scan", AGAIN)
    return boxed(labels)


def boxed(labels: NDArray[Any]) -> dict[int, Mask]:
    """The mask of each non-zero label in a volume (z, y, x), cropped to its bounding box."""
    places = np.argwhere(labels)
    values = labels[tuple(places.T)]
    masks: dict[int, Mask] = {}
    for value in np.unique(values):
        own = places[values == value]
        low, high = own.min(axis=0), own.max(axis=0) + 1
        mask = np.zeros(high - low, np.bool_)
        mask[tuple((own - low).T)] = True
        masks[int(value)] = ((int(low[0]), int(low[1]), int(low[2])), mask)
    return masks


def _found(row: Mapping[str, Any], labels: Mapping[int, Mask]) -> Found:
    number = int(row["finding"])
    return Found(
        number=number,
        world=(float(row["coordX"]), float(row["coordY"]), float(row["coordZ"])),
        numbers=row,
        reported=row["reported"] == "yes",
        side=str(row.get("side", "")),
        mask=labels.get(number),
    )


def about(model: Mapping[str, Any]) -> dict[str, str]:
    """What the page says about a model: name, hash, training data and limits."""
    manifest = model.get("manifest", {})
    data = manifest.get("data", {})
    trained = f"Model {model.get('name', '')}, luna16-nodules {model.get('version', '')}"
    if data:
        known = {key: value for key, value in data.items() if not str(key).startswith("SHA")}
        trained += ", made from " + ", ".join(f"{key} {value}" for key, value in known.items())
    limits = (
        "It finds what resembles the nodules that it was trained on, of 3 mm and more; it may miss "
        "others, and many of its marks are not nodules."
    )
    return {
        "name": str(model.get("name", "")),
        "sha256": str(model.get("sha256", "")),
        "trained": f"{trained}.{_cpm(manifest)}",
        "limits": f"{limits} {model.get('intended_use', '')}".strip(),
    }


def _score(manifest: Mapping[str, Any], measure: str) -> Mapping[str, Any] | None:
    """A model's score, or None; preferably from cross-validation, which has more scans."""
    rows = [row for row in manifest.get("scores", []) if row.get("measure") == measure]
    rows = [row for row in rows if row.get("value") is not None]
    return next((r for r in rows if r["set"] == "out_of_fold"), rows[0] if rows else None)


def _told(row: Mapping[str, Any]) -> str:
    """A score as text, with its interval and n."""
    known = row.get("low") is not None and row.get("high") is not None
    interval = f" ({row['low']:.2f} to {row['high']:.2f})" if known else ""
    return f"{row['value']:.2f}{interval}, {row['n']} {row['unit']}"


def _cpm(manifest: Mapping[str, Any]) -> str:
    row = _score(manifest, "cpm")
    return "" if row is None else f" Official score (CPM) on held-out scans: {_told(row)}."


def _auc(manifest: Mapping[str, Any]) -> str:
    row = _score(manifest, "malignancy_auc")
    return "" if row is None else f" AUC against their ratings: {_told(row)}."


def _system(manifest: Mapping[str, Any]) -> str:
    row = _score(manifest, "cpm")
    return "" if row is None else str(row["system"])


def curve(path: Path, system: str) -> Curve | None:
    """A system's FROC: a name, and points of threshold, false alarms per scan, sensitivity.

    On the left-out scans, else on the test scans; thresholds descend. None if the system marked
    nothing. Raises UserError if the table lacks the system.
    """
    table = tables.read(path, "froc")
    if not (table["system"] == system).any():
        raise UserError(f"{path}: it has no FROC of {short(system) or 'this model'}. Name another.")
    return _curve(export_froc.froc_of(table, system, MOST_POINTS))


def _curve(told: Any) -> Curve | None:
    """Name and points of a curve as a model's manifest holds it; None if it holds none."""
    points = export_froc.points_of(told)
    return None if points is None else (SETS.get(told.get("set"), "the run's FROC"), points)


SETS = {
    "out_of_fold": "the run's FROC on the scans that each fold leaves out",
    "test": "the run's FROC on its test scans",
}


def followed(shown: Shown, path: Path) -> Shown:
    """The scan with its findings' places in the prior scan, as `luna16 follow-up` found them.

    path: its follow_up.json. Nothing is linked if the two scans could not be registered. Raises
    UserError if the file does not compare this scan with its prior.
    """
    try:
        pairs = read_json(path)["pairs"]
        wanted = (shown.prior[2] if shown.prior else "", shown.uid)
        pair = next(p for p in pairs if (_uid(p, "prior"), _uid(p, "current")) == wanted)
        if pair["registration"]["problem"]:
            return shown
        told = pair["registration"]["current_to_prior"]
        affine = (np.array(told["matrix"], float), np.array(told["offset"], float))
        if affine[0].shape != (3, 3) or affine[1].shape != (3,):
            raise ValueError("its map is none")
        links = _links(pair["links"], shown.findings)
        return replace(shown, affine=affine, links=links, prior_when=_when(pair))
    except StopIteration as error:
        told = f"it does not compare {short(shown.uid)} with the scan of --prior"
        raise FileDefect(str(path), told, "Name the follow_up.json of these two.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        told = f"it is no follow_up.json ({type(error).__name__}: {str(error)[:80]})"
        raise FileDefect(str(path), told, "Name the one that luna16 follow-up wrote.") from error


def _uid(pair: Mapping[str, Any], time: str) -> str:
    return str(pair[time]["seriesuid"])


def _when(pair: Mapping[str, Any]) -> str:
    """The prior scan's date and how many days before the current one; "" if unknown."""
    day, days = pair["prior"].get("day"), pair.get("days")
    return f"{day}, {days:.0f} days before" if day and days is not None else ""


def _links(rows: Sequence[Mapping[str, Any]], findings: Sequence[Found]) -> list[Link]:
    """Links of the current scan's findings to their places in the prior scan.

    Assigned by place, since the numbers may be from another list: a link goes to the nearest
    finding if it lies within that finding's radius, and a finding keeps its nearest link.
    """
    nearest: dict[int, tuple[float, Link]] = {}
    for row in rows:
        here, there = _place(row, "current"), _place(row, "prior")
        if not row["current_finding"] or here is None or there is None:
            continue
        apart = [(math.dist(here, finding.world), finding) for finding in findings]
        mm, finding = min(apart, key=lambda one: one[0], default=(math.inf, None))
        if finding is None or mm > _radius(finding):
            continue
        before = row.get("prior_diameter_mm")
        before = None if before is None else float(before)
        link = Link(finding.number, there, str(row["told"]), before)
        if mm < nearest.get(finding.number, (math.inf,))[0]:
            nearest[finding.number] = mm, link
    return [link for _, link in nearest.values()]


def _place(row: Mapping[str, Any], time: str) -> tuple[float, float, float] | None:
    """Place of a linked nodule at one time, x, y, z in mm; None if unknown."""
    x, y, z = (row[f"{time}_{axis}"] for axis in "xyz")
    return None if x is None or y is None or z is None else (float(x), float(y), float(z))


def _radius(finding: Found) -> float:
    """Distance in mm within which a place belongs to a finding: its radius, with a minimum."""
    return max(float(finding.numbers.get("diameter_mm") or 0) / 2, LEAST_RADIUS_MM)
