"""Scans with findings for the reader's page, and readings as the page saves them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpers.builders import ball
from nodules.findings.found import Finding, Findings
from nodules.findings.size import sphere_diameter
from nodules.images.geometry import Geometry
from nodules.report import delivery
from nodules.report.viewer.shown import Found, Shown

SPACING = (0.7, 0.9, 2.5)  # x, y, z: no two alike
SHAPE = (30, 120, 150)
UID = "2.25.8"
# Centre (z, y, x) and radius in mm of what is bright in the drawn lung.
BALLS = (((8, 40, 60), 6.0), ((15, 80, 40), 4.0), ((22, 60, 100), 9.0))


def drawn(
    shape: tuple[int, int, int] = SHAPE, balls: Sequence[Any] = BALLS, seed: int = 3
) -> tuple[NDArray[np.int16], Geometry, list[NDArray[np.bool_]]]:
    """Noise of lung with bright balls, its grid, and the balls' masks, all (z, y, x)."""
    rng = np.random.default_rng(seed)
    voxels = rng.normal(-850, 60, shape)
    masks = [ball(shape, centre, radius, SPACING) for centre, radius in balls]
    for mask in masks:
        voxels[mask] = rng.normal(30, 60, int(mask.sum()))
    voxels[:, : shape[1] // 10] = 40
    geometry = Geometry.build((-55.5, -60.25, -210), SPACING, np.eye(3), shape)
    return voxels.round().astype(np.int16), geometry, masks


def cropped(mask: NDArray[np.bool_]) -> tuple[tuple[int, int, int], NDArray[np.bool_]]:
    """A mask in its box, and the box's first voxel."""
    places = np.argwhere(mask)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    z, y, x = (slice(a, b) for a, b in zip(low, high, strict=True))
    return (int(low[0]), int(low[1]), int(low[2])), mask[z, y, x]


def shown(
    voxels: NDArray[np.int16],
    geometry: Geometry,
    masks: Sequence[NDArray[np.bool_]],
    uid: str = UID,
) -> Shown:
    """A scan whose findings are these masks, the first the surest."""
    findings = []
    for number, mask in enumerate(masks, 1):
        x, y, z = geometry.to_world(np.argwhere(mask).mean(axis=0)).tolist()
        probability = 1 - number / (len(masks) + 2)
        numbers = {"probability": probability, "confidence": probability, "diameter_mm": 9.5}
        numbers |= {"volume_mm3": 449.0, "malignancy": 0.25}
        findings.append(Found(number, (x, y, z), numbers, True, side="right", mask=cropped(mask)))
    model = {"name": "small", "sha256": "0" * 64, "trained": "Made for tests.", "limits": "Many."}
    curve = np.array([[0.9, 0.1, 0.4], [0.5, 1.5, 0.8], [0.05, 6.0, 0.9]])
    return Shown(
        uid=uid,
        voxels=voxels,
        geometry=geometry,
        findings=findings,
        threshold=0.3,
        headline=f"{len(findings)} findings",
        model=model,
        notes=("Lungs as drawn.",),
        froc=("a drawn curve", curve),
        malignancy="Malignancy: the readers' opinion, no diagnosis.",
    )


def example(**changes: Any) -> Shown:
    """The drawn scan with its three findings."""
    return replace(shown(*drawn()), **changes)


def predicted(
    folder: Path, source: Path, uid: str = UID, scan: Any = None, threshold: float = 0.4
) -> Findings:
    """A folder as `luna16 predict` writes it; source: where the scan will be.

    scan: voxels, grid and the findings' masks, as of `drawn`, which it is by default.
    """
    voxels, geometry, masks = scan or drawn()
    found = []
    for number, mask in enumerate(masks, 1):
        (z0, y0, x0), own = cropped(mask)
        nz, ny, nx = own.shape
        x, y, z = geometry.to_world(np.argwhere(mask).mean(axis=0)).tolist()
        box = (slice(z0, z0 + nz), slice(y0, y0 + ny), slice(x0, x0 + nx))
        sure = 0.9 - 0.2 * number
        mm = sphere_diameter(float(mask.sum()) * geometry.voxel_mm3) if scan else 9.0
        found.append(
            Finding(
                **{"number": number, "x": x, "y": y, "z": z, "probability": sure},
                **{"confidence": sure, "detection": sure, "reported": sure >= threshold},
                **{"diameter_mm": mm, "volume_mm3": 380.0, "long_mm": 9.5, "short_mm": 8.0},
                **{"mean_hu": 30.0, "malignancy": None, "side": "left", "box": box, "mask": own},
            )
        )
    model = {"name": "small", "version": "0.1.0", "intended_use": "Research.", "licence": "MIT"}
    score = {"measure": "cpm", "system": "unet_resnet", "set": "out_of_fold", "value": 0.5}
    score |= {"low": 0.4, "high": 0.6, "n": 9, "unit": "scans"}
    manifest = {"scores": [score], "data": {"source": "drawn", "scans": 9}}
    findings = Findings(
        uid=uid,
        source=str(source),
        form=".mhd",
        geometry=geometry,
        stored=geometry,
        lungs="Lungs as drawn.",
        notes=(),
        threshold=threshold,
        model={**model, "sha256": "0" * 64, "manifest": manifest},
        found=tuple(found),
    )
    delivery.write(folder, findings, voxels)
    return findings


def decided(
    reader: str = "A", uid: str = UID, verdicts: str = "ar", added: Sequence[Any] = (), **more: Any
) -> dict[str, Any]:
    """A reading: verdicts of findings 1, 2, .. by their first letters, nodules x, y, z, phase."""
    words = {"a": "accept", "r": "reject", "u": "undecided"}
    decisions = [
        {"finding": number, "seriesuid": uid, "coordX": 1.0 * number, "coordY": 2.0, "coordZ": 3.0}
        | {
            "diameter_mm": 5.0,
            "probability": 0.5,
            "verdict": words[letter],
            "seconds": 4.0,
            "at": "",
        }
        for number, letter in enumerate(verdicts, 1)
        if letter in words
    ]
    own = [
        {"number": number, "coordX": x, "coordY": y, "coordZ": z, "diameter_mm": None}
        | {"phase": phase, "seconds": 6.0, "at": ""}
        for number, (x, y, z, phase) in enumerate(added, 1)
    ]
    times = {"total": 30.0, "first_read": 20.0, "with_marks": 10.0, "looked": {"1": 4.0}}
    told = {"format": 1, "kind": "luna16 reading", "seriesuid": uid, "case": f"case {uid}"}
    told |= {"reader": reader, "mode": "second reader", "model": {"name": "m", "sha256": "s"}}
    told |= {"threshold": 0.5, "begun": "b", "saved": "s", "first_read_finished": "f"}
    told |= {"finished": "f", "seconds": times, "decisions": decisions, "added": own}
    return told | {"research": "Research only."} | more
