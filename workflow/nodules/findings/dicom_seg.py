"""Findings as a DICOM Segmentation: one binary segment per finding, on the images' own pixels.

BINARY, and with empty frames, because that is what today's viewers read; some count the frames.
"""

from collections.abc import Mapping
from typing import Any

import highdicom as hd
import numpy as np
from highdicom.color import CIELabColor
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.sr.codedict import codes

from nodules.findings import dicom_sources
from nodules.findings.dicom_sources import Sources
from nodules.findings.found import Finding, Findings
from nodules.images.dicom_writing import made_uid

SERIES_NUMBER = 9100
DESCRIPTION = "AI nodules, research only"
MAKER = "luna16-nodules"
NODULE, LUNG = codes.SCT.Nodule, codes.SCT.Lung
# CIELab colours that set neighbouring segments apart; some readers complain without a colour.
COLOURS = ((74, 25, 79), (62, -39, -22), (72, 0, 65), (57, -30, 30), (48, 0, -50), (64, 33, -13))


def segmentation(findings: Findings, sources: Sources) -> Dataset | None:
    """The reported findings as one DICOM SEG; None if none of them has a pixel on an image.

    A finding has no pixel if more confident ones have taken its whole mask, or if it lies between
    two widely spaced slices. The same findings and images give the same bytes.
    """
    reported, labels = _segmented(findings, sources)
    if not reported:
        return None
    made = hd.seg.Segmentation(
        source_images=sources.images,
        pixel_array=labels,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment(n, f, findings) for n, f in enumerate(reported, 1)],
        series_instance_uid=uid_of(findings, "segmentation series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=uid_of(findings, "segmentation"),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=str(findings.model["name"])[:64],
        software_versions=str(findings.model["version"]),
        device_serial_number=str(findings.model["sha256"])[:16],
        content_label="NODULES",
        content_description=DESCRIPTION,
        omit_empty_frames=False,
        series_description=DESCRIPTION,
    )
    own = uid_of(findings, "dimensions")
    for organisation in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        organisation.DimensionOrganizationUID = own  # highdicom draws a random one
    return timeless(made, sources.images[0])


def _segmented(findings: Findings, sources: Sources) -> tuple[list[Finding], NDArray[np.uint16]]:
    """The reported findings with a pixel on some image, and their labels by `masks_on`.

    Viewers fail on a segment without pixels.
    """
    reported = [finding for finding in findings.reported if finding.mask.any()]
    labels = dicom_sources.masks_on(sources.frames, reported, findings.geometry)
    shown = set(np.unique(labels).tolist())
    if len(shown - {0}) == len(reported):
        return reported, labels
    reported = [finding for number, finding in enumerate(reported, 1) if number in shown]
    return reported, dicom_sources.masks_on(sources.frames, reported, findings.geometry)


def uid_of(findings: Findings, *what: object) -> str:
    """Reproducible UID for an object that belongs to this scan and model."""
    return made_uid(findings.uid, findings.model["sha256"], *what)


def tracking(findings: Findings, finding: Finding) -> tuple[str, str]:
    """Tracking UID and name of a finding, shared by segmentation and report."""
    return uid_of(findings, "finding", finding.number), f"Nodule {finding.number}"


def algorithm(findings: Findings) -> Mapping[str, Any]:
    """Name, version and parameters of the model that found them."""
    about = findings.model
    return {
        "name": str(about["name"])[:64],
        "version": str(about["version"])[:64],
        "parameters": {"weights SHA-256": str(about["sha256"])},
    }


def _segment(number: int, finding: Finding, findings: Findings) -> hd.seg.SegmentDescription:
    told = algorithm(findings)
    uid, name = tracking(findings, finding)
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=NODULE,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=told["name"],
            family=codes.DCM.ArtificialIntelligence,
            version=told["version"],
            source=MAKER,
            parameters=told["parameters"],
        ),
        tracking_uid=uid,
        tracking_id=name,
        anatomic_regions=[LUNG],
        display_color=CIELabColor(*COLOURS[(number - 1) % len(COLOURS)]),
    )


def timeless(made: Dataset, source: Dataset) -> Dataset:
    """The dataset with the study's date and time in place of those of its creation.

    Changed in place. An unknown date becomes 1900-01-01, an unknown time midnight.
    """
    day, time = (str(source.get(key) or "") for key in ("StudyDate", "StudyTime"))
    for kind in ("Content", "Series", "InstanceCreation"):
        for unit, value in (("Date", day or "19000101"), ("Time", time or "000000")):
            if f"{kind}{unit}" in made:
                setattr(made, f"{kind}{unit}", value)
    for equipment in made.get("ContributingEquipmentSequence") or ():
        if "ContributionDateTime" in equipment:
            equipment.ContributionDateTime = (day or "19000101") + (time or "000000")
    return made
