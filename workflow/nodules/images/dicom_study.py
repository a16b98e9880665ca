"""When a DICOM series was scanned, and what tells its patient from others."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pydicom
from pydicom.config import disable_value_validation

DAYS = ("AcquisitionDate", "ContentDate", "SeriesDate", "StudyDate")  # the first that is there
PATIENT = ("PatientID", "PatientBirthDate", "PatientSex")


@dataclass(frozen=True)
class Study:
    """day: None for unknown. patient: never to be shown; "" where the header names none."""

    day: date | None
    patient: str


def about(path: Path) -> Study:
    """The day and the patient that a DICOM file's header tells."""
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
