"""Findings as a DICOM Structured Report: TID 1500 in a Comprehensive 3D SR.

Each finding has a sphere of its diameter around its centre, its diameter, volume and certainty,
and the tracking UID of its segment. Preliminary and unverified: no person has looked at it.
"""

from collections.abc import Sequence

import highdicom as hd
import numpy as np
from highdicom.sr import coding, templates
from pydicom import Dataset
from pydicom.sr.codedict import codes

from nodules.findings.dicom_seg import (
    DESCRIPTION,
    LUNG,
    MAKER,
    NODULE,
    algorithm,
    timeless,
    tracking,
    uid_of,
)
from nodules.findings.dicom_sources import Sources
from nodules.findings.found import Finding, Findings

SERIES_NUMBER = 9101
CT_PROCEDURE = coding.CodedConcept("25045-6", "LN", "CT unspecified body region")
ABSENT = coding.CodedConcept("2667000", "SCT", "Absent")
CERTAINTY = coding.CodedConcept("111012", "DCM", "Certainty of Finding")
SIDES = {"left": codes.SCT.Left, "right": codes.SCT.Right}
AXES = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)


def report(findings: Findings, sources: Sources, segmentation: Dataset | None) -> Dataset:
    """The reported findings as one DICOM SR, or a statement that there are none.

    segmentation: their SEG, cited as evidence. Same findings and images give the same bytes.
    """
    measured = [_finding(f, findings, sources) for f in findings.reported]
    content = hd.sr.MeasurementReport(
        observation_context=_observer(findings),
        procedure_reported=CT_PROCEDURE,
        imaging_measurements=measured or [_nothing(findings)],
        title=codes.DCM.ImagingMeasurementReport,
    )
    made = hd.sr.Comprehensive3DSR(
        evidence=[*sources.images, *([] if segmentation is None else [segmentation])],
        content=content[0],
        series_instance_uid=uid_of(findings, "report series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=uid_of(findings, "report"),
        instance_number=1,
        manufacturer=MAKER,
        is_complete=True,
        is_final=False,
        is_verified=False,
        series_description=DESCRIPTION,
    )
    return timeless(made, sources.images[0])


def _observer(findings: Findings) -> templates.ObservationContext:
    """Observer of the report: a device, which is this software with this model."""
    about = findings.model
    return hd.sr.ObservationContext(
        observer_device_context=hd.sr.ObserverContext(
            observer_type=codes.DCM.Device,
            observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
                uid=uid_of(findings, "device"),
                name=str(about["name"])[:64],
                manufacturer_name=MAKER,
                model_name=f"{MAKER} {about['version']}",
                serial_number=str(about["sha256"]),
            ),
        )
    )


def _algorithm(findings: Findings) -> templates.AlgorithmIdentification:
    told = algorithm(findings)
    parameters = [f"{key}: {value}" for key, value in told["parameters"].items()]
    return templates.AlgorithmIdentification(told["name"], told["version"], parameters)


def _finding(
    finding: Finding, findings: Findings, sources: Sources
) -> templates.VolumetricROIMeasurementsAndQualitativeEvaluations:
    uid, name = tracking(findings, finding)
    first = sources.images[0]
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=uid, identifier=name),
        referenced_volume_surface=hd.sr.VolumeSurface(
            graphic_type=hd.sr.GraphicTypeValues3D.ELLIPSOID,
            graphic_data=np.array(finding.world) + AXES * finding.diameter_mm / 2,
            frame_of_reference_uid=str(first.FrameOfReferenceUID),
            source_series=hd.sr.SourceSeriesForSegmentation(str(first.SeriesInstanceUID)),
        ),
        finding_type=NODULE,
        algorithm_id=_algorithm(findings),
        finding_sites=[hd.sr.FindingSite(LUNG, laterality=SIDES[finding.side])],
        measurements=_measurements(finding),
    )


def _measurements(finding: Finding) -> Sequence[hd.sr.Measurement]:
    percent = codes.UCUM.Percent
    numbers = (
        (codes.SCT.Diameter, finding.diameter_mm, codes.UCUM.Millimeter),
        (codes.SCT.Volume, finding.volume_mm3, codes.UCUM.CubicMillimeter),
        (CERTAINTY, 100 * finding.confidence, percent),
    )
    return [hd.sr.Measurement(name, value, unit) for name, value, unit in numbers]


def _nothing(findings: Findings) -> templates.MeasurementsAndQualitativeEvaluations:
    """Entry which states that no finding is at or above the threshold."""
    absent = hd.sr.QualitativeEvaluation(NODULE, ABSENT)
    name = "No finding at or above the threshold"
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid_of(findings, "no finding"), name),
        algorithm_id=_algorithm(findings),
        finding_type=NODULE,
        qualitative_evaluations=[absent],
    )
