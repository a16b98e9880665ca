"""The source DICOM images of findings, and the findings' masks on each image."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.config import RAISE, disable_value_validation
from pydicom.valuerep import validate_value

from nodules.base.files import FileDefect
from nodules.findings.found import Finding
from nodules.images import dicom_stack
from nodules.images.dicom_headers import Frame
from nodules.images.dicom_series import Series
from nodules.images.geometry import Geometry

# Without these, a segmentation or report cannot identify its patient and its source images.
NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID", "PatientID")
STUDY = ("PatientName", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate", "StudyTime")
MAY_LACK = (*STUDY, "AccessionNumber", "ReferringPhysicianName")


@dataclass(frozen=True, eq=False)
class Sources:
    """Image headers, and the frames in the order that masks follow.

    images: one per slice, or a single multi-frame image.
    """

    images: Sequence[pydicom.Dataset]
    frames: list[Frame]


def read(series: Series) -> Sources:
    """Headers of a series' images, in order along its normal.

    The frames of a single multi-frame image keep their order in the file. Optional attributes
    that are missing or invalid are set to empty. Raises FileDefect if one of NEEDED is missing.
    """
    frames = dicom_stack.arrange(series).frames
    if len({frame.path for frame in frames}) == 1:
        whole = [frame for frame in series.frames if frame.path == frames[0].path]
        frames = sorted(whole, key=lambda frame: frame.index)
    with disable_value_validation():
        paths = dict.fromkeys(frame.path for frame in frames)
        images = [pydicom.dcmread(path, stop_before_pixels=True, force=True) for path in paths]
        for image in images:
            missing = [key for key in NEEDED if not image.get(key)]
            if missing:
                raise FileDefect(
                    f"series {series.name}",
                    f"no DICOM can be written, since its headers lack {', '.join(missing)}",
                    "Take the CSV, JSON and NIfTI files, or the series before it was anonymised.",
                )
            for key in MAY_LACK:
                if key not in image or not _is_regular(image[key]):
                    setattr(image, key, "")
    return Sources(images, frames)


def _is_regular(element: pydicom.DataElement) -> bool:
    """Whether DICOM allows a value; anonymisers write others, such as a sex of `Unknown`."""
    if element.keyword == "PatientSex":
        return element.value in ("M", "F", "O")
    try:
        validate_value(element.VR, element.value, RAISE)
    except ValueError:
        return False
    return True


def masks_on(
    frames: Sequence[Frame], findings: Iterable[Finding], native: Geometry
) -> NDArray[np.uint16]:
    """Label of each pixel, (frame, row, column): 0, or its finding's place, counted from 1.

    A pixel takes the label of the native voxel that contains its centre, however the native grid
    was made from the slices.
    """
    labels = np.zeros((len(frames), *frames[0].shape), np.uint16)
    for number, finding in enumerate(findings, 1):
        low = np.array([s.start for s in finding.box])
        corners = low - 0.5 + np.array(list(np.ndindex(2, 2, 2))) * finding.mask.shape
        world = native.to_world(corners)
        for frame, image in zip(frames, labels, strict=True):
            _paint(image, number, frame, finding, native, world)
    return labels


def grid_of(frame: Frame) -> Geometry:
    """Grid of a frame's pixels: a single slice, 1 mm thick."""
    assert frame.orientation is not None and frame.spacing is not None
    rows, columns = frame.orientation
    axes = np.column_stack([rows, columns, np.cross(rows, columns)])
    spacing = (frame.spacing[1], frame.spacing[0], 1.0)
    assert frame.position is not None
    return Geometry.build(frame.position, spacing, axes, (1, *frame.shape))


def _paint(
    image: NDArray[np.uint16],
    number: int,
    frame: Frame,
    finding: Finding,
    native: Geometry,
    corners: NDArray[np.float64],
) -> None:
    """Paint a finding's mask into a frame; corners: of its box, world mm (8, 3)."""
    grid = grid_of(frame)
    index = grid.to_index(corners)
    if index[:, 0].min() > 0 or index[:, 0].max() < 0:
        return
    first = np.clip(np.floor(index[:, 1:].min(axis=0)), 0, frame.shape).astype(int)
    last = np.clip(np.ceil(index[:, 1:].max(axis=0)) + 1, 0, frame.shape).astype(int)
    rows, columns = (np.arange(a, b) for a, b in zip(first, last, strict=True))
    if not len(rows) or not len(columns):
        return
    places = np.stack(np.meshgrid([0], rows, columns, indexing="ij"), axis=-1)[0]
    voxels = np.rint(native.to_index(grid.to_world(places)) - 1e-6).astype(int)
    own = voxels - [s.start for s in finding.box]
    inside = ((own >= 0) & (own < finding.mask.shape)).all(axis=-1)
    own = np.where(inside[..., None], own, 0)
    hit = inside & finding.mask[own[..., 0], own[..., 1], own[..., 2]]
    image[first[0] : last[0], first[1] : last[1]][hit] = number
