"""What the page shows of a scan of a run's part: its candidates, reader contours, Grad-CAM."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nodules.base import tables
from nodules.base.files import UserError, read_json
from nodules.datasets import folds
from nodules.evaluation.names import JUDGES
from nodules.images import metaimage, regions
from nodules.images.geometry import Geometry
from nodules.inference.slicewise import to_native
from nodules.report.viewer.predicted import OPINION, boxed, curve
from nodules.report.viewer.shown import Found, Mask, Shown

SHEET = Path("scans/scans.parquet")
UNKNOWN_THRESHOLD = 0.5
LOOKED = "Grad-CAM of the malignancy network on this slice: where its answer comes from."


@dataclass(frozen=True)
class Part:
    """A part of a run: folder of all results, name, and the first detector."""

    root: Path
    name: str
    detector: str

    @property
    def candidates(self) -> Path:
        """The table of candidates: those that the second stage judged, where there is one."""
        judged = self.root / "presence" / self.name / "candidates.parquet"
        found = self.root / "detection" / self.detector / self.name / "candidates.parquet"
        return judged if judged.is_file() else found

    @property
    def uids(self) -> list[str]:
        """Scans of the part."""
        return folds.part(tables.read(self.root / "folds/folds.parquet", "folds"), self.name)


def part_of(place: Path, name: str = "") -> Part | None:
    """The part that a folder is: results and a name, or results/presence/test; None for neither."""
    for root in (place, *place.absolute().parents[:3]):
        if (root / SHEET).is_file():
            own = name or place.name
            detectors = [
                d.name for d in sorted((root / "detection").glob("*")) if (d / own).is_dir()
            ]
            first = next((d for d in ("unet", *detectors) if d in detectors), "")
            part = Part(root, own, first)
            if not first or not part.candidates.is_file():
                known = ", ".join(sorted(p.name for p in (root / "detection").glob("*/*")))
                raise UserError(f"{root}: it has no part '{own}'. Name one with --part: {known}.")
            return part
    return None


def shown(part: Part, uid: str) -> Shown:
    """A scan of a part with its candidates. Raises UserError where the part lacks it."""
    sheet = tables.read(part.root / SHEET, "scans").set_index("seriesuid")
    if uid not in sheet.index or uid not in part.uids:
        raise UserError(f"{part.root}: no scan {uid} in part {part.name}. Name another --uid.")
    voxels, geometry = metaimage.read_volume(_header(part.root, sheet.loc[uid, "header"]))
    found = _findings(part, uid, geometry)
    fitted = part.root / "evaluation/presence.json"
    threshold = _threshold(read_json(fitted), part.name) if fitted.is_file() else UNKNOWN_THRESHOLD
    froc = part.root / "evaluation/froc.parquet"
    reported = [f for f in found if f.numbers["probability"] >= threshold]
    return Shown(
        uid=uid,
        voxels=voxels,
        geometry=geometry,
        findings=found,
        threshold=threshold,
        headline=f"{len(reported)} of {len(found)} candidates at or above {threshold:.3g}",
        model={
            "name": f"networks of part {part.name}",
            "sha256": "",
            "trained": f"Networks of the run that have not seen this scan (part {part.name}).",
            "limits": "They find what resembles the nodules that they were trained on.",
        },
        outlines=_outlines(part.root, uid, geometry),
        froc=curve(froc, _system(part)) if froc.is_file() else None,
        malignancy=OPINION,
    )


def _header(root: Path, header: str) -> Path:
    """The scan's file: as the sheet names it from where the run was started, or beside results."""
    path = Path(header)
    return path if path.is_file() else root.absolute().parent / path


def _threshold(summary: dict[str, Any], part: str) -> float:
    """The probability from which on a candidate counts: fitted on other scans than the part's."""
    own = summary.get("fitted", {}).get("threshold", {})
    value = own.get(part) or own.get("test")
    return UNKNOWN_THRESHOLD if value is None else float(value)


def _system(part: Part) -> str:
    """Key of the system whose candidates these are."""
    return f"{part.detector}_resnet" if part.candidates.parts[-3] == "presence" else part.detector


def _findings(part: Part, uid: str, geometry: Geometry) -> list[Found]:
    """The candidates of a scan, their masks, and how malignant those that hit a nodule are."""
    table = pd.read_parquet(part.candidates)
    table = table[table["seriesuid"] == uid]
    masks = _masks(part, uid, geometry)
    nodules = _nodules(part, uid)
    malignant, seen = _malignancy(part, uid), _explained(part.root, uid)
    made = []
    for row in table.to_dict("records"):
        number = int(row["candidate"])
        nodule = nodules.get(number, 0)
        probability = float(row.get("confidence", row["probability"]))
        numbers: dict[str, float | None] = {"probability": probability, "confidence": probability}
        numbers |= {key: float(row[key]) for key in ("diameter_mm", "volume_mm3")}
        numbers["malignancy"] = malignant.get(nodule)
        world = (float(row["x"]), float(row["y"]), float(row["z"]))
        own = seen.get(nodule)
        made.append(Found(number, world, numbers, True, mask=masks.get(number), seen=own))
    return made


def _masks(part: Part, uid: str, geometry: Geometry) -> dict[int, Mask]:
    """Candidates' masks, brought from the grid of the slices to the scan's own."""
    path = part.root / "detection" / part.detector / part.name / "regions.parquet"
    rows = tables.read(path, "regions")
    rows = rows[rows["seriesuid"] == uid]
    masks = {}
    for number, own in rows.groupby("region"):
        mask, corner = regions.box(own)
        if own["grid"].iloc[0] == "native":
            masks[int(number)] = (corner, mask)
            continue
        z, y, x = (slice(a, a + n) for a, n in zip(corner, mask.shape, strict=True))
        masks[int(number)] = to_native((z, y, x), mask, _slices(part.root, uid), geometry)
    return masks


def _slices(root: Path, uid: str) -> Geometry:
    """The grid of a scan's stored slices."""
    return Geometry.from_row(tables.read(root / f"slices/{uid}.parquet", "slices").iloc[0])


def _outlines(root: Path, uid: str, geometry: Geometry) -> Sequence[tuple[str, Mask]]:
    """Contours of the readers, or of what stands for them: each kind's nodules apart."""
    path = root / f"masks/{uid}.parquet"
    if not path.is_file():
        return []
    rows = tables.read(path, "regions")
    made = []
    for kind in ("readers", "labels"):
        own = regions.select(rows, kind, "native")
        masks = boxed(regions.paint(own, geometry.shape)) if len(own) else {}
        made += [(f"{kind}, nodule {number}", mask) for number, mask in masks.items()]
    return made


def _nodules(part: Part, uid: str) -> dict[int, int]:
    """The reference nodule that each candidate hits."""
    path = part.root / "detection" / part.detector / part.name / "matches.parquet"
    if not path.is_file():
        return {}
    rows = tables.read(path, "matches")
    rows = rows[(rows["seriesuid"] == uid) & (rows["nodule"] > 0)]
    return {int(c): int(n) for c, n in zip(rows["candidate"], rows["nodule"], strict=True)}


def _malignancy(part: Part, uid: str) -> dict[int, float]:
    """What the malignancy networks say of each reference nodule, on average."""
    paths = [part.root / f"malignancy/{key}/{part.name}/scores.parquet" for key in JUDGES.values()]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return {}
    rows = tables.read(path, "malignancy_scores")
    rows = rows[rows["seriesuid"] == uid]
    return {int(n): float(p) for n, p in rows.groupby("nodule")["probability"].mean().items()}


def _explained(root: Path, uid: str) -> dict[int, tuple[Any, Any, str]]:
    """Where the malignancy network looked: picture and heat, by reference nodule."""
    path = root / "malignancy/explained.npz"
    if not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as held:
        kept = {name: held[name] for name in ("uid", "number", "image", "gradcam")}
    made = {}
    for row in np.flatnonzero(kept["uid"] == uid):
        image = kept["image"][row]
        heat = np.clip(kept["gradcam"][row], 0, None)
        scaled = (255 * heat / max(float(heat.max()), 1e-9)).astype(np.uint8)
        made[int(kept["number"][row])] = (image[len(image) // 2], scaled, LOOKED)
    return made
