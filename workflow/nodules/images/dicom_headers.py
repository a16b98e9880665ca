"""DICOM headers, read in one pass over files of any name, without their pixels.

A file is DICOM by its content, never by its name. Every image, and every frame of a multi-frame
file, becomes a Frame; other objects (reports, for example) become a Frame without a position.
"""

import os
import struct
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.config import disable_value_validation

INVERTED = "MONOCHROME1"  # ITK inverts its values, which destroys HU
UPSIDE_DOWN = f"its grey values are stored upside down ({INVERTED})"
DICOMDIR = "1.2.840.10008.1.3.10"
DEFLATED = "1.2.840.10008.1.2.1.99"
IMPLICIT = "1.2.840.10008.1.2"
# CT, enhanced CT, legacy converted enhanced CT.
CT_CLASSES = {f"1.2.840.10008.5.1.4.1.1.2{kind}" for kind in ("", ".1", ".2")}
ENDINGS = (".dcm", ".dicom", ".ima")  # of names that say DICOM; most slices have none
UNDEFINED = 0xFFFFFFFF  # length field of compressed pixels
MOST_FRAMES = 65_536
LONG_VR = (b"OB", b"OW", b"OF", b"OD", b"UN")

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Frame:
    """One slice as its header describes it; missing values are "", None, NaN or a default.

    name:        of the file, for messages.
    index:       number of the frame in its file, from 0, of `count`.
    shape:       rows, columns.
    spacing:     (2,) mm between rows, between columns.
    orientation: (2, 3) LPS unit vectors along a row, along a column.
    position:    (3,) LPS mm of the centre of the first pixel.
    slope, intercept: HU = stored * slope + intercept.
    defect:      what is wrong with the file, or "".
    """

    path: Path
    name: str
    index: int
    count: int
    study: str
    patient: str
    series: str
    frame_of_reference: str
    modality: str
    image_type: tuple[str, ...]
    description: str
    kernel: str
    acquisition: str
    instance: int
    samples: int
    shape: tuple[int, int]
    spacing: Floats | None
    orientation: Floats | None
    position: Floats | None
    thickness: float
    slope: float
    intercept: float
    defect: str


@dataclass(frozen=True, eq=False)
class Headers:
    """Frames found, names of damaged files with the reason, and number of DICOMDIR files."""

    frames: list[Frame]
    damaged: list[tuple[str, str]]
    listings: int


def read_headers(files: Iterable[tuple[Path, str]]) -> Headers:
    """Read the headers of files (path, and name for messages), in order.

    A DICOMDIR is skipped: it only lists other files, which are read themselves. A file that is not
    DICOM is damaged only if its name says DICOM and others are: it may have been a slice.
    """
    frames: list[Frame] = []
    damaged: list[tuple[str, str]] = []
    misnamed: list[tuple[str, str]] = []
    listings = 0
    for path, name in files:
        try:
            with path.open("rb") as stream:
                if not _looks_like_dicom(stream):
                    if path.suffix.lower() in ENDINGS:
                        misnamed.append((name, _not_dicom(stream)))
                    continue
                own = _frames(stream, path, name)
                frames += own
                listings += not own
        except OSError as error:
            damaged.append((name, f"cannot be read ({error.strerror})"))
        except Exception as error:  # pydicom passes on whatever its value parsers raise
            damaged.append((name, f"its header is damaged ({str(error).splitlines()[0][:80]})"))
    return Headers(frames, damaged + misnamed if frames else damaged, listings)


def _not_dicom(stream: BinaryIO) -> str:
    """What a file is that is named DICOM and is not."""
    return "it is not DICOM, despite its name" if stream.read(1) else "it is empty"


def _looks_like_dicom(stream: BinaryIO) -> bool:
    """Whether a file starts with a DICOM preamble, file meta, or a plausible group 8."""
    head = stream.read(132)
    stream.seek(0)
    if head[128:] == b"DICM":
        return True
    group, element = struct.unpack("<HH", head[:4].ljust(4, b"\xff"))
    plain = head[4:6].isalpha() and head[4:6].isupper()  # explicit VR
    short = len(head) > 8 and struct.unpack("<I", head[4:8])[0] < 256  # implicit VR
    if group == 2:  # file meta, of which all is explicit VR
        return element <= 0x0010 and plain
    return group == 8 and element <= 0x0018 and (plain or short)


def _frames(stream: BinaryIO, path: Path, name: str) -> list[Frame]:
    """The frames of one file; none of a DICOMDIR."""
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")  # odd values are checked here or not used
        dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
        meta = dataset.file_meta
        if str(meta.get("MediaStorageSOPClassUID", "")) == DICOMDIR:
            return []
        if "SeriesInstanceUID" not in dataset and "Rows" not in dataset:
            raise EOFError("it ends early")
        syntax = str(meta.get("TransferSyntaxUID", IMPLICIT))
        defect = _cut_short(stream, dataset, syntax)
        if _text(dataset, "PhotometricInterpretation") == INVERTED:
            defect = UPSIDE_DOWN
        common = _common(dataset) | {"path": path, "name": name, "defect": defect}
        shared, own = _groups(dataset)
        count = max(int(_number(dataset, "NumberOfFrames", 1)), 1)
        if count > MOST_FRAMES:
            raise ValueError(f"{count} frames in one file")
        if count == 1 and not own:
            return [Frame(index=0, count=1, **common, **_place([dataset]))]
        sources = [[*own[i : i + 1], shared, dataset] for i in range(count)]
        return [
            Frame(index=i, count=count, **common, **_place(source))
            for i, source in enumerate(sources)
        ]


def _common(dataset: Any) -> dict[str, Any]:
    """Attributes that all frames of a file share."""
    modality = _text(dataset, "Modality")
    if not modality and _text(dataset, "SOPClassUID") in CT_CLASSES:
        modality = "CT"
    return {
        "study": _text(dataset, "StudyInstanceUID"),
        "patient": _text(dataset, "PatientID"),
        "series": _text(dataset, "SeriesInstanceUID"),
        "frame_of_reference": _text(dataset, "FrameOfReferenceUID"),
        "modality": modality,
        "image_type": tuple(word.upper() for word in _words(dataset, "ImageType")),
        "description": _text(dataset, "SeriesDescription"),
        "kernel": "/".join(_words(dataset, "ConvolutionKernel")),
        "acquisition": _text(dataset, "AcquisitionNumber"),
        "instance": int(_number(dataset, "InstanceNumber", 0)),
        "samples": int(_number(dataset, "SamplesPerPixel", 1)),
        "shape": (int(_number(dataset, "Rows", 0)), int(_number(dataset, "Columns", 0))),
    }


def _groups(dataset: Any) -> tuple[Any, list[Any]]:
    """Functional groups of an enhanced image: the shared ones, and those of each frame."""
    shared = dataset.get("SharedFunctionalGroupsSequence") or [pydicom.Dataset()]
    return shared[0], list(dataset.get("PerFrameFunctionalGroupsSequence") or ())


def _place(sources: list[Any]) -> dict[str, Any]:
    """Position, spacing and scaling of a frame, each from the first source that gives it."""

    def find(sequence: str, key: str, count: int) -> Floats | None:
        for source in sources:
            for place in (*(source.get(sequence) or ())[:1], source):
                if (found := _reals(place, key, count)) is not None:
                    return found
        return None

    orientation = find("PlaneOrientationSequence", "ImageOrientationPatient", 6)
    thickness = find("PixelMeasuresSequence", "SliceThickness", 1)
    slope = find("PixelValueTransformationSequence", "RescaleSlope", 1)
    intercept = find("PixelValueTransformationSequence", "RescaleIntercept", 1)
    return {
        "spacing": find("PixelMeasuresSequence", "PixelSpacing", 2),
        "orientation": None if orientation is None else orientation.reshape(2, 3),
        "position": find("PlanePositionSequence", "ImagePositionPatient", 3),
        "thickness": float("nan") if thickness is None else float(thickness[0]),
        "slope": 1.0 if slope is None else float(slope[0]),
        "intercept": 0.0 if intercept is None else float(intercept[0]),
    }


def _text(dataset: Any, key: str) -> str:
    value = dataset.get(key)
    return "" if value is None else str(value).strip()


def _words(dataset: Any, key: str) -> list[str]:
    """Values of an element that may hold one or several strings."""
    value = dataset.get(key) or ()
    return [str(word).strip() for word in ([value] if isinstance(value, str) else value)]


def _number(dataset: Any, key: str, default: float) -> float:
    found = _reals(dataset, key, 1)
    return default if found is None else float(found[0])


def _reals(dataset: Any, key: str, count: int) -> Floats | None:
    """An element's `count` finite numbers; None if it holds anything else."""
    try:
        values = np.atleast_1d(np.asarray(dataset.get(key), float))
    except (TypeError, ValueError):
        return None
    return values if values.shape == (count,) and np.isfinite(values).all() else None


def _cut_short(stream: BinaryIO, dataset: Any, syntax: str) -> str:
    """Why the pixels after a header cannot be complete, or "".

    The stream must be at the pixel element, where stop_before_pixels ends reading.
    """
    if "Rows" not in dataset or syntax == DEFLATED:
        return ""
    head = stream.read(12)
    if len(head) < 12:
        return "the file ends before its pixels"
    if head[:4] not in (b"\xe0\x7f\x10\x00", b"\xe0\x7f\x08\x00", b"\xe0\x7f\x09\x00"):
        return ""  # another byte order: checked when the pixels are read
    explicit = head[4:6] in LONG_VR
    length = struct.unpack("<I", head[8:12] if explicit else head[4:8])[0]
    here = stream.tell() - (0 if explicit else 4)
    missing = here + length - stream.seek(0, os.SEEK_END)
    if length == UNDEFINED or missing <= 0:
        return ""
    return f"the file is cut short: {missing} of {length} bytes of its pixels are missing"


def label(frame: Frame) -> str:
    """A frame's name for messages: its file, and its number in a multi-frame file."""
    return frame.name if frame.count == 1 else f"{frame.name}, frame {frame.index + 1}"


def labels(frames: Iterable[Frame], most: int = 3) -> str:
    """Names of frames for messages: the first `most`, and how many more."""
    said = [label(frame) for frame in frames]
    more = f" and {len(said) - most} more" if len(said) > most else ""
    return ", ".join(said[:most]) + more
