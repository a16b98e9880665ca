"""Date and patient of a DICOM series, to compare scans of one patient."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pydicom
from pydicom.config import disable_value_validation

DAYS = ("AcquisitionDate", "ContentDate", "SeriesDate", "StudyDate")  # the first valid one counts
PATIENT = ("PatientID", "PatientBirthDate", "PatientSex")


@dataclass(frozen=True)
class Study:
    """Date and patient of a study.

    day: None if unknown. patient: ID, birth date and sex, never to be shown; "" without an ID.
    """

    day: date | None
    patient: str


def about(path: Path) -> Study:
    """Date and patient from a DICOM file's header."""
    tags: list[Any] = [*DAYS, *PATIENT]
    with disable_value_validation():
        dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags, force=True)
        told = [_text(dataset, name) for name in PATIENT]
    day = next((found for name in DAYS if (found := _day(_text(dataset, name)))), None)
    return Study(day, "/".join(told) if told[0] else "")


def _text(dataset: Any, name: str) -> str:
    value = dataset.get(name)
    return "" if value is None else str(value).strip()


def _day(text: str) -> date | None:
    """YYYYMMDD as a date; None for anything else."""
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        return None
