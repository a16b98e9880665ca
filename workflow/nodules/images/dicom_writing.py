"""Writing of a volume as a plain DICOM CT series, for tests and for the phantom."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from nodules.images.geometry import Geometry

INTERCEPT = -1024
DAY, TIME = "20000101", "120000"


def made_uid(*words: object) -> str:
    """A UID derived from these words alone: `2.25.` and a number."""
    digest = hashlib.sha256("\n".join(map(str, words)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def write_series(
    folder: Path, volume: NDArray[np.int16], geometry: Geometry, uid: str, patient: str = "Phantom^"
) -> list[Path]:
    """Write int16 HU (z, y, x) as one CT image per slice into a folder, and return the files.

    uid: of the series; all other UIDs are derived from it. HU below -1024 are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for z, plane in enumerate(volume):
        image = _image(plane, uid, patient, z + 1)
        axes = geometry.direction.T
        image.ImageOrientationPatient = [f"{value:.10g}" for value in axes[:2].ravel()]
        position = geometry.to_world((z, 0, 0))
        image.ImagePositionPatient = [f"{value:.10g}" for value in position]
        image.PixelSpacing = [f"{geometry.spacing[axis]:.10g}" for axis in (1, 0)]
        image.SliceThickness = f"{geometry.spacing[2]:.10g}"
        path = folder / f"{z + 1:04d}.dcm"
        image.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _image(plane: NDArray[np.int16], uid: str, patient: str, number: int) -> FileDataset:
    """One CT image without position, orientation and spacing."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = UID(made_uid(uid, "image", number))
    image = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    image.StudyInstanceUID, image.SeriesInstanceUID = UID(made_uid(uid, "study")), UID(uid)
    image.FrameOfReferenceUID, image.Modality = UID(made_uid(uid, "frame")), "CT"
    image.PatientID, image.PatientName = patient, patient
    image.PatientBirthDate, image.PatientSex = "", "O"
    image.StudyID, image.AccessionNumber, image.ReferringPhysicianName = "1", "", ""
    for kind in ("Study", "Series", "Acquisition", "Content"):
        setattr(image, f"{kind}Date", DAY)
        setattr(image, f"{kind}Time", TIME)
    image.Manufacturer, image.PositionReferenceIndicator = "luna16-nodules", ""
    image.SeriesNumber, image.AcquisitionNumber, image.InstanceNumber = 1, 1, number
    image.PatientPosition = "HFS"
    image.ImageType, image.KVP = ["ORIGINAL", "PRIMARY", "AXIAL"], "120"
    image.Rows, image.Columns = plane.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit, image.PixelRepresentation = 15, 1
    image.RescaleSlope, image.RescaleIntercept = 1, INTERCEPT
    image.RescaleType, image.BodyPartExamined = "HU", "CHEST"
    image.PixelData = (plane.astype(np.int32) - INTERCEPT).astype("<i2").tobytes()
    return image
