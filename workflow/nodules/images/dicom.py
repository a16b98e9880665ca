"""Reading of a DICOM series as one volume of HU: pixels decoded, rescaled, put on a grid."""

import contextlib
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray

from nodules.base.files import FileDefect
from nodules.images import dicom_stack, resampling
from nodules.images.dicom_headers import Frame, label
from nodules.images.dicom_series import Series
from nodules.images.geometry import Geometry
from nodules.images.volume import as_hu, in_patient_order, require_grid

FILE_META = b"\x02\x00"  # its group, little endian, with which a file without preamble starts
AGAIN = "Copy or send the file again."

Floats32 = NDArray[np.float32]


def read_series(series: Series) -> tuple[NDArray[np.int16], Geometry, list[str]]:
    """Read a usable series: int16 HU (z, y, x), the grid reoriented nearest to LPS, and notes.

    Notes say what was done to the slices: identical duplicates left out, resampled for uneven steps
    or a gantry tilt. Raises FileDefect for missing slices, damaged files, differing duplicates.
    """
    volume, native, _, notes = read_with_stored(series)
    return volume, native, notes


def read_with_stored(
    series: Series,
) -> tuple[NDArray[np.int16], Geometry, Geometry, list[str]]:
    """As `read_series`, with the grid of the slices along their normal before the notes."""
    stack = dicom_stack.arrange(series)
    place = f"series {series.name}"
    require_grid(stack.geometry, place)
    slices = read_frames(stack.frames)
    _require_equal(stack.twins, place)
    geometry = stack.geometry
    if not (stack.straight and stack.even):
        slices, geometry = resampling.straightened(slices, stack.depths, stack.sideways, geometry)
    notes = list(stack.notes)
    volume, native = in_patient_order(as_hu(slices, place, notes), geometry)
    return volume, native, geometry, notes


def read_frames(frames: Sequence[Frame]) -> Floats32:
    """HU (n, y, x) of frames in their order, each with its own slope and intercept.

    Integers below 2^24 and the fractions of usual slopes are exact in float32.
    """
    slices = np.empty((len(frames), *frames[0].shape), np.float32)
    places: dict[Path, list[int]] = defaultdict(list)
    for i, frame in enumerate(frames):
        places[frame.path].append(i)
    for indices in places.values():
        own = [frames[i] for i in indices]
        decoded = _decoded(own)
        for i, frame in zip(indices, own, strict=True):
            slices[i] = decoded[frame.index]
    return slices


def _decoded(frames: Sequence[Frame]) -> Floats32:
    """HU (count, y, x) of all frames of a file; `frames` are some of them."""
    first = frames[0]
    if not all(np.isfinite([f.slope, f.intercept]).all() and f.slope != 0 for f in frames):
        raise FileDefect(first.name, "its rescale slope is 0", "Restore the slope of the scanner.")
    scales = {(frame.slope, frame.intercept) for frame in frames}
    if len(scales) > 1:
        return _by_pydicom(frames)  # SimpleITK applies the first frame's scale to all
    reader = sitk.ImageFileReader()
    # Without this, SimpleITK truncates the values if the slope is not an integer.
    reader.SetOutputPixelType(sitk.sitkFloat32)
    try:
        with _for_itk(first.path) as path:
            reader.SetFileName(str(path))
            decoded = sitk.GetArrayFromImage(reader.Execute())
    except OSError as error:
        raise FileDefect(first.name, f"cannot be read ({error.strerror})", AGAIN) from error
    except RuntimeError as error:
        reason = f"its pixels cannot be decoded ({reason_of(error)})"
        raise FileDefect(first.name, reason, AGAIN) from error
    return _of_right_shape(decoded.reshape(-1, *decoded.shape[-2:]), first)


@contextlib.contextmanager
def _for_itk(path: Path) -> Iterator[Path]:
    """Yield a path to a file that SimpleITK can read: its own, or that of a temporary stand-in.

    At a path that is not UTF-8, such as a folder named in Latin-1, SimpleITK ends the whole
    process. Of files with file meta it reads only those that have a preamble too.
    """
    with path.open("rb") as stream:
        is_bare = stream.read(2) == FILE_META
    if _is_utf8(path) and not is_bare:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="luna16-") as folder:
        other = Path(folder, "slice.dcm")
        if is_bare:
            with path.open("rb") as stream, other.open("wb") as out:
                out.write(bytes(128) + b"DICM")
                shutil.copyfileobj(stream, out, 1 << 20)
        else:
            other.symlink_to(path.absolute())
        yield other


def _is_utf8(path: Path) -> bool:
    """Whether a path is UTF-8, as nearly all are."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _by_pydicom(frames: Sequence[Frame]) -> Floats32:
    """As `_decoded`, for frames of different scale; without plug-ins, plain and RLE pixels only."""
    first = frames[0]
    try:
        stored = pydicom.dcmread(first.path, force=True).pixel_array
    except Exception as error:  # decoders raise errors of many types
        reason = f"its pixels cannot be decoded ({str(error).splitlines()[0][:80]})"
        remedy = "Store it without compression, for its frames differ in rescale slope."
        raise FileDefect(first.name, reason, remedy) from error
    decoded = _of_right_shape(stored.astype(np.float32), first)
    for frame in frames:
        decoded[frame.index] = decoded[frame.index] * frame.slope + frame.intercept
    return decoded


def _of_right_shape(decoded: Floats32, frame: Frame) -> Floats32:
    """The decoded frames. Raises FileDefect if their shape differs from the header's."""
    if decoded.shape != (frame.count, *frame.shape):
        said, found = ("x".join(map(str, s)) for s in ((frame.count, *frame.shape), decoded.shape))
        raise FileDefect(frame.name, f"its pixels are {found}, its header says {said}", AGAIN)
    return decoded


def _require_equal(twins: Sequence[tuple[Frame, Frame]], place: str) -> None:
    """Raise FileDefect unless the slices of each pair at one place hold the same pixels."""
    by_files: dict[tuple[Path, Path], list[tuple[Frame, Frame]]] = {}
    for one, other in twins:
        by_files.setdefault((one.path, other.path), []).append((one, other))
    for pairs in by_files.values():  # so that a multi-frame file is decoded only once
        first, second = (read_frames(frames) for frames in zip(*pairs, strict=True))
        for a, b, (one, other) in zip(first, second, pairs, strict=True):
            if not np.array_equal(a, b):
                raise FileDefect(
                    place,
                    f"{label(one)} and {label(other)} lie at the same place and differ",
                    "Keep one of each, or the slices of one reconstruction in a folder of their"
                    " own.",
                )


def reason_of(error: RuntimeError) -> str:
    """The last line of an ITK error, without its memory addresses and source locations."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = lines[-1] if lines else "no reason given"
    return last.split("): ")[-1].removeprefix("sitk::ERROR: ").split(' for "')[0].rstrip(".")
