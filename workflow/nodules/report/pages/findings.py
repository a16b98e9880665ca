"""The page of one scan's findings: each in three planes, with its numbers."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nodules.findings.found import Finding, Findings
from nodules.report import planes as views
from nodules.report.pages.page import Page
from nodules.report.planes import VIEW_MM, VIEW_PX, WINDOW

GAP_PX = 6
OUTLINE = (66, 159, 230)  # RGB, near Okabe and Ito's sky blue; the same around every finding
PLANES = "axial, coronal, sagittal"
MOST = 20  # findings with pictures
DISCLAIMER = (
    "Research only. Not a medical device: not for diagnosis, treatment or any decision about a "
    "patient. Found by software; no person has looked at it."
)

Image = NDArray[np.uint8]


def page(findings: Findings, voxels: NDArray[np.int16]) -> Page:
    """The page of a scan. voxels: its HU (z, y, x) on the findings' native grid."""
    made = Page("Nodule findings")
    made.text(f"Scan {findings.uid}")
    made.text(DISCLAIMER, "finding")
    made.text(f"{findings.headline().capitalize()}.")
    made.text(findings.lungs)
    for note in findings.notes:
        made.text(f"Note: {note}.", "note")
    reported = findings.reported
    for finding in reported[:MOST]:
        made.heading(f"{finding.number}: {_title(finding)}")
        told = f"Finding {finding.number}, {PLANES}, {VIEW_MM:g} mm wide, outlined"
        made.image(planes(finding, findings, voxels), told)
        made.table([_row(finding)], numbers=list(_row(finding)))
    if len(reported) > MOST:
        made.text(f"{len(reported) - MOST} more are in findings.csv.", "note")
    rest = [f for f in findings if not f.reported]
    if rest:
        below = f"candidates with a probability below the threshold, {findings.threshold:.3g}"
        with made.details(f"{len(rest)} {below}"):
            rows = [{"finding": str(f.number), "side": f.side} | _row(f) for f in rest]
            made.table(rows, numbers=list(_row(rest[0])))
    made.heading("How to read this")
    made.text(
        f"Each row of pictures: {PLANES}, {VIEW_MM:g} mm wide, in the lung window "
        f"({WINDOW[0]} to {WINDOW[1]} HU), with the finding outlined. In axial and coronal planes "
        "the patient's right is on the left; in sagittal planes the front is."
    )
    made.text(_made_by(findings), "note")
    return made


def planes(finding: Finding, findings: Findings, voxels: NDArray[np.int16]) -> bytes:
    """PNG of a finding in three planes through its centre, the mask outlined."""
    at = findings.geometry.to_index(finding.world)
    at = np.clip(at, 0, np.array(voxels.shape) - 1)
    z, y, x = (round(float(index)) for index in at)
    mm_z, mm_y, mm_x = (float(mm) for mm in findings.geometry.spacing_zyx)
    mask = np.zeros(voxels.shape, np.bool_)
    mask[finding.box] = finding.mask
    shown = [
        _plane(voxels[z], mask[z], (at[1], at[2]), (mm_y, mm_x)),
        _plane(voxels[:, y], mask[:, y], (at[0], at[2]), (-mm_z, mm_x)),
        _plane(voxels[:, :, x], mask[:, :, x], (at[0], at[1]), (-mm_z, mm_y)),
    ]
    gap = np.full((VIEW_PX, GAP_PX, 3), 255, np.uint8)
    row = np.concatenate([shown[0], gap, shown[1], gap, shown[2]], axis=1)
    _, png = cv2.imencode(".png", row[:, :, ::-1])
    return png.tobytes()


def _plane(
    hu: NDArray[np.int16],
    mask: NDArray[np.bool_],
    centre: tuple[float, float],
    mm: tuple[float, float],
) -> Image:
    """RGB (VIEW_PX, VIEW_PX, 3) of a plane around a point; a negative mm flips the rows."""
    colour: Any = cv2.cvtColor(views.grey(hu, centre, mm), cv2.COLOR_GRAY2RGB)
    inside = views.inside(mask.astype(np.uint8), centre, mm)
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(colour, contours, -1, OUTLINE, 1), np.uint8)


def _title(finding: Finding) -> str:
    return f"{finding.side}, {finding.diameter_mm:.1f} mm, confidence {finding.confidence:.2f}"


def _row(finding: Finding) -> dict[str, str]:
    """The numbers of a finding as the page shows them."""
    malignancy = "–" if finding.malignancy is None else f"{finding.malignancy:.2f}"
    return {
        "x, y, z (mm, LPS)": ", ".join(f"{value:.1f}" for value in finding.world),
        "probability": f"{finding.probability:.3f}",
        "confidence": f"{finding.confidence:.3f}",
        "diameter, mm": f"{finding.diameter_mm:.1f}",
        "volume, mm³": f"{finding.volume_mm3:.0f}",
        "long x short axis, mm": f"{finding.long_mm:.1f} x {finding.short_mm:.1f}",
        "mean HU": f"{finding.mean_hu:.0f}" if finding.mask.any() else "–",
        "slices": str(finding.slices),
        "malignancy": malignancy,
    }


def _made_by(findings: Findings) -> str:
    about = findings.model
    return (
        f"Model {about['name']}, luna16-nodules {about['version']}, SHA-256 of its weights "
        f"{about['sha256']}. {about['intended_use']}"
    )
