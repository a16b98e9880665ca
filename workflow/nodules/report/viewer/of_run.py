"""What the page shows of a scan of a run: its candidates, readers' contours and Grad-CAM."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nodules.base import tables
from nodules.base.files import UserError, read_json
from nodules.datasets import folds
from nodules.evaluation.names import JUDGES, MASKS, SYSTEMS
from nodules.evaluation.runs import headline
from nodules.findings.candidate_hits import match
from nodules.images import metaimage, regions
from nodules.images.geometry import Geometry
from nodules.inference.slicewise import to_native
from nodules.report.viewer.predicted import OPINION, boxed, curve
from nodules.report.viewer.shown import Found, Mask, Shown

SHEET, MATCHES = Path("scans/scans.parquet"), "matches.parquet"
UNKNOWN_THRESHOLD = 0.5
LOOKED = "Grad-CAM of the malignancy network on this slice: where its answer comes from."


@dataclass(frozen=True)
class Part:
    """A part of a run: results folder, name (test, fold_<k>), and key of the system shown."""

    root: Path
    name: str
    system: str

    @property
    def candidates(self) -> Path:
        """Path of the table of the system's candidates."""
        return self._at(SYSTEMS[self.system].scores.path)

    @property
    def outlines(self) -> Path | None:
        """Path of the table of the candidates' masks; None if no network of the system has any."""
        drawing = [key for key in SYSTEMS[self.system].networks if key in MASKS]
        return self._at(MASKS[drawing[-1]].regions) if drawing else None

    @property
    def matches(self) -> Path:
        """Path of the table of what candidates hit; a run has it for its first detector only."""
        return self._at(f"results/detection/{SYSTEMS[self.system].networks[0]}/{{part}}/{MATCHES}")

    @property
    def uids(self) -> list[str]:
        """UIDs of the part's scans."""
        return folds.part(tables.read(self.root / "folds/folds.parquet", "folds"), self.name)

    @property
    def exists(self) -> bool:
        """Whether the run has the part and system; the ResNet50 follows the first detector only."""
        is_first = SYSTEMS[self.system].needs != "presence" or self.matches.is_file()
        return is_first and self.candidates.is_file()

    def _at(self, path: str) -> Path:
        return self.root / path.removeprefix("results/").format(part=self.name)


def part_of(place: Path, name: str = "", system: str = "") -> Part | None:
    """The part that a folder names: results with `name`, or results/presence/test, say; or None.

    system: key of the system to show; by default the one whose folder `place` is, else the one on
    the run's first page. Raises UserError if the results have no such part or system.
    """
    for root in (place, *place.absolute().parents[:3]):
        if (root / SHEET).is_file():
            own = name or place.name
            there = [key for key in SYSTEMS if Part(root, own, key).exists]
            if not there:
                names = sorted({path.name for path in (root / "detection").glob("*/*")})
                known = [n for n in names if any(Part(root, n, key).exists for key in SYSTEMS)]
                raise UserError(
                    f"{root}: it has no part '{own}'. Name one with --part: {', '.join(known)}."
                )
            if system and system not in there:
                raise UserError(
                    f"{root}: part {own} has no system '{system}'. Name one with --system:"
                    f" {', '.join(there)}."
                )
            inside = (k for k in there if Part(root, own, k).candidates.parent.samefile(place))
            return Part(root, own, system or next(inside, headline(there)))
    return None


def shown(part: Part, uid: str) -> Shown:
    """A scan of a part with its candidates. Raises UserError if the part lacks it."""
    sheet = tables.read(part.root / SHEET, "scans").set_index("seriesuid")
    if uid not in sheet.index or uid not in part.uids:
        raise UserError(f"{part.root}: no scan {uid} in part {part.name}. Name another --uid.")
    voxels, geometry = metaimage.read_volume(_header(part.root, sheet.loc[uid, "header"]))
    found = _findings(part, uid, geometry)
    fitted = part.root / "evaluation/presence.json"
    of_presence = SYSTEMS[part.system].needs == "presence" and fitted.is_file()
    threshold = _threshold(read_json(fitted), part.name) if of_presence else UNKNOWN_THRESHOLD
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
            "name": f"{SYSTEMS[part.system].name}, networks of part {part.name}",
            "sha256": "",
            "trained": f"Networks of the run that have not seen this scan (part {part.name}).",
            "limits": "They find what resembles the nodules that they were trained on.",
        },
        outlines=_outlines(part.root, uid, geometry),
        froc=curve(froc, part.system) if froc.is_file() else None,
        malignancy=OPINION,
    )


def _header(root: Path, header: str) -> Path:
    """A header's path as in the sheet, or else relative to the folder that holds the results."""
    path = Path(header)
    return path if path.is_file() else root.absolute().parent / path


def _threshold(summary: dict[str, Any], part: str) -> float:
    """The probability at or above which a candidate counts, fitted on scans of other parts."""
    own = summary.get("fitted", {}).get("threshold", {})
    value = own.get("folds", {}).get(part.removeprefix("fold_"), own.get("test"))
    return UNKNOWN_THRESHOLD if value is None else float(value)


def _findings(part: Part, uid: str, geometry: Geometry) -> list[Found]:
    """A scan's candidates with masks; those that hit a nodule have its malignancy and Grad-CAM."""
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
    """Candidates' masks on the scan's native grid, by number; transferred if drawn on slices."""
    if part.outlines is None:
        return {}
    rows = tables.read(part.outlines, "regions")
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
    """Name and mask of each nodule in the readers' reference, or in what replaces it."""
    path = root / f"masks/{uid}.parquet"
    if not path.is_file():
        return []
    rows = tables.read(path, "regions")
    own = regions.select(rows, "readers", "native")
    masks = boxed(regions.paint(own, geometry.shape)) if len(own) else {}
    return [(f"readers, nodule {number}", mask) for number, mask in masks.items()]


def _nodules(part: Part, uid: str) -> dict[int, int]:
    """Number of the reference nodule that each candidate hits, by candidate."""
    if part.matches.is_file():
        rows = tables.read(part.matches, "matches")
    else:
        names = ("nodules", "excluded")
        listed = (tables.read(part.root / f"scans/{name}.parquet", name) for name in names)
        rows = match(pd.read_parquet(part.candidates), *listed)
    rows = rows[(rows["seriesuid"] == uid) & (rows["nodule"] > 0)]
    return {int(c): int(n) for c, n in zip(rows["candidate"], rows["nodule"], strict=True)}


def _malignancy(part: Part, uid: str) -> dict[int, float]:
    """Mean probability of malignancy of each reference nodule; empty if there are no scores."""
    paths = [part.root / f"malignancy/{key}/{part.name}/scores.parquet" for key in JUDGES.values()]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return {}
    rows = tables.read(path, "malignancy_scores")
    rows = rows[rows["seriesuid"] == uid]
    return {int(n): float(p) for n, p in rows.groupby("nodule")["probability"].mean().items()}


def _explained(root: Path, uid: str) -> dict[int, tuple[Any, Any, str]]:
    """Where the malignancy network looked: picture, heat map, sentence, by reference nodule."""
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
