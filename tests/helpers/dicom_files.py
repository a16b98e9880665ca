"""Made-up CT series as DICOM files, in every order, encoding and state that readers meet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

CT, ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"
ORIGIN, PIXEL, STEP = (-30.0, -40.5, -100.25), (0.7, 0.8), 2.5  # pixel: along x, along y
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SHAPE = (14, 22, 26)
JPEG_LOSSLESS, JPEG_2000 = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90"
JPEG_LS, RLE = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5"


def linear_hu(world: np.ndarray) -> np.ndarray:
    """HU that depend linearly on world points (..., 3), so interpolation gives them exactly."""
    return 300 + world @ np.array([3.0, -4.0, 5.0])


def noise(shape: Sequence[int] = SHAPE) -> np.ndarray:
    """HU in which every voxel tells itself from its neighbours; there is air."""
    return np.random.default_rng(0).integers(-1000, 400, shape).astype(np.int16)


def positions(n: int = SHAPE[0], step: float | Sequence[float] = STEP) -> np.ndarray:
    """Positions (n, 3) of n straight axial slices, with one step or n - 1 steps."""
    steps = np.broadcast_to(step, n - 1)
    depths = np.concatenate([[0.0], np.cumsum(steps)])
    return np.array(ORIGIN) + depths[:, None] * [0, 0, 1]


def picture(hu: np.ndarray) -> sitk.Image:
    """HU (n, y, x) on the grid of a straight axial `series`, as an image to be written."""
    image = sitk.GetImageFromArray(hu)
    image.SetOrigin(ORIGIN)
    image.SetSpacing((*PIXEL, STEP))
    return image


def series(hu: np.ndarray, places: np.ndarray | None = None, **tags: Any) -> list[FileDataset]:
    """A CT series: a dataset a slice of `hu` (n, y, x), at positions (n, 3); tags are for all."""
    places = positions(len(hu)) if places is None else places
    return [slice_of(*pair, i + 1, **tags) for i, pair in enumerate(zip(hu, places, strict=True))]


def slice_of(
    hu: np.ndarray, position: Sequence[float], instance: int, slope: float = 1.0, **tags: Any
) -> FileDataset:
    """One CT image of HU (y, x)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CT, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = f"1.2.3.9.{instance}"
    image = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    image.SOPClassUID, image.SOPInstanceUID = CT, meta.MediaStorageSOPInstanceUID
    image.StudyInstanceUID, image.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    image.FrameOfReferenceUID, image.Modality = "1.2.3.5", "CT"
    image.ImageType, image.ConvolutionKernel = ["ORIGINAL", "PRIMARY", "AXIAL"], "STANDARD"
    image.InstanceNumber = instance
    image.ImageOrientationPatient, image.SliceThickness = list(AXIAL), 2.5
    image.ImagePositionPatient = [f"{value:.10g}" for value in position]
    image.PixelSpacing = [PIXEL[1], PIXEL[0]]
    image.Rows, image.Columns = hu.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit, image.PixelRepresentation = 15, 1
    image.RescaleSlope, image.RescaleIntercept = slope, -1024
    stored = np.rint((hu.astype(float) + 1024) / slope).astype("<i2")
    image.PixelData = stored.tobytes()
    for name, value in tags.items():
        setattr(image, name, value)
    return image


def write(folder: Path, images: Sequence[Dataset], names: Sequence[str] = ()) -> Path:
    """Write datasets under names, 000.dcm, 001.dcm, ... where none are given; folders are made."""
    for i, image in enumerate(images):
        path = folder / (names[i] if names else f"{i:03}.dcm")
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save_as(path)
    return folder


def encoded(image: FileDataset, syntax: str, folder: Path) -> FileDataset:
    """An image in another transfer syntax, by an encoder that is at hand."""
    if syntax in (RLE, JPEG_LS):
        image.compress(syntax, generate_instance_uid=False)
    elif syntax in (JPEG_LOSSLESS, JPEG_2000):
        writer = sitk.ImageFileWriter()
        writer.SetFileName(str(folder / "encoded.dcm"))
        writer.UseCompressionOn()
        writer.SetCompressor("JPEG" if syntax == JPEG_LOSSLESS else "JPEG2000")
        writer.Execute(sitk.GetImageFromArray(image.pixel_array[None]))
        made = pydicom.dcmread(folder / "encoded.dcm")
        (folder / "encoded.dcm").unlink()
        assert made.file_meta.TransferSyntaxUID == syntax
        image.PixelData = made.PixelData
        image["PixelData"].VR, image["PixelData"].is_undefined_length = "OB", True
        image.file_meta.TransferSyntaxUID = syntax
    else:
        image.file_meta.TransferSyntaxUID = syntax
    return image


def without_preamble(image: FileDataset, path: Path) -> None:
    """Write an image as scanners of old did: no preamble, no file meta, implicit VR."""
    del image.file_meta
    image.preamble = None
    pydicom.dcmwrite(path, image, implicit_vr=True, little_endian=True, enforce_file_format=False)


def enhanced(images: Sequence[FileDataset], slopes_differ: bool = False) -> FileDataset:
    """The slices of a series as the frames of one enhanced CT."""
    frames = []
    for image in images:
        place, scale = Dataset(), Dataset()
        place.ImagePositionPatient = image.ImagePositionPatient
        scale.RescaleSlope, scale.RescaleIntercept = image.RescaleSlope, image.RescaleIntercept
        frame = Dataset()
        frame.PlanePositionSequence = [place]
        frame.PixelValueTransformationSequence = [scale]
        frames.append(frame)
    whole = slice_of(images[0].pixel_array, ORIGIN, 1)
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(whole, name)
    del whole.RescaleSlope, whole.RescaleIntercept
    turn, measures, shared = Dataset(), Dataset(), Dataset()
    turn.ImageOrientationPatient = list(AXIAL)
    measures.PixelSpacing, measures.SliceThickness = [PIXEL[1], PIXEL[0]], 2.5
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [turn], [measures]
    whole.SharedFunctionalGroupsSequence = [shared]
    whole.PerFrameFunctionalGroupsSequence = frames
    whole.SOPClassUID = whole.file_meta.MediaStorageSOPClassUID = ENHANCED_CT
    whole.NumberOfFrames = len(images)
    whole.PixelData = b"".join(image.PixelData for image in images)
    return whole


IMPLICIT = ImplicitVRLittleEndian
