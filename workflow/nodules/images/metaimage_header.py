"""MetaImage headers (.mhd), read strictly, since a misread header misplaces every voxel."""

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from nodules.base.files import UserError, require_regular
from nodules.base.messages import escaped, shown
from nodules.images import remedies
from nodules.images.foreign import decimal, is_voxel_name
from nodules.images.geometry import Geometry

# Sizes as in MetaIO; without MET_LONG, whose size depends on the platform that wrote it.
ELEMENT_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
MAX_HEADER_BYTES = 65_536
MAX_VOXELS = 2**30  # five times LUNA16's largest scan
SPACING_MM = (0.1, 10.0)  # chest CT: pixels of 0.4 to 1 mm, slices up to 5 mm apart
MAX_ORIGIN_MM = 10_000.0
ORTHONORMAL = 1e-3  # largest error of direction^T direction; headers are rounded to some digits

Fields = dict[str, str]
RESTORE = remedies.HEADER  # `examine` replaces it for scans that are not LUNA16's
RIGHT_ONE = "Keep the right one of the two."


@dataclass(frozen=True)
class Problem:
    """A defect of a file, and what to do about it."""

    reason: str
    remedy: str


class _Defect(Exception):
    """One defective key."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.problem = Problem(reason, remedy)


@dataclass(frozen=True, eq=False)
class Header:
    """A MetaImage header: the grid as stored, and where and how the voxels are stored.

    shape:     (nz, ny, nx) of the stored array.
    element:   type of the stored voxels, with their byte order.
    direction: (3, 3), columns are the world directions of the stored x, y, z axes.
    compressed_bytes: size of a compressed voxel file if the header gives it, else None.
    """

    path: Path
    shape: tuple[int, int, int]
    spacing: NDArray[np.float64]
    origin: NDArray[np.float64]
    direction: NDArray[np.float64]
    element: np.dtype[Any]
    data: Path
    compressed: bool
    compressed_bytes: int | None

    @property
    def voxel_bytes(self) -> int:
        """Number of bytes of all voxels, uncompressed."""
        nz, ny, nx = self.shape
        return nz * ny * nx * self.element.itemsize

    @property
    def geometry(self) -> Geometry:
        """The grid as stored on disk."""
        return Geometry.build(self.origin, self.spacing, self.direction, self.shape)


def read_header(path: str | os.PathLike[str]) -> Header:
    """Read a MetaImage header. Raises UserError naming the file and every defective key."""
    header, problems = examine(path)
    if header is None:
        told = " ".join(f"{problem.reason}. {problem.remedy}" for problem in problems)
        raise UserError(f"{escaped(str(path))}: {told}")
    return header


def examine(path: str | os.PathLike[str]) -> tuple[Header | None, list[Problem]]:
    """Read a header and list all its defects; the header is None if there are any."""
    values: dict[str, Any] = {"path": Path(path)}
    problems: list[Problem] = []
    try:
        fields = _fields(Path(path))
    except _Defect as defect:
        return None, [_fitting(defect.problem, Path(path))]
    for name, parse in PARSERS.items():
        try:
            values[name] = parse(fields)
        except _Defect as defect:
            problems.append(_fitting(defect.problem, Path(path)))
    if problems:
        return None, problems
    values["data"] = Path(path).parent / values["data"]
    return Header(**values), []


def _fitting(problem: Problem, path: Path) -> Problem:
    """The problem, with the remedy that suits this scan."""
    own = remedies.restore_header(path)
    return Problem(problem.reason, own if problem.remedy == RESTORE else problem.remedy)


def _fields(path: Path) -> Fields:
    """Keys and values of a header; nothing may follow ElementDataFile, which ends it."""
    fields: Fields = {}
    for number, line in enumerate(_text(path).splitlines(), 1):
        key, equals, value = (part.strip() for part in line.partition("="))
        if not line.strip():
            continue
        if not equals or not key:
            _fail(f"line {number} is not 'key = value' ('{shown(line)}')", RESTORE)
        if key in fields:
            _fail(f"line {number} gives {shown(key)} a second time", RIGHT_ONE)
        if "ElementDataFile" in fields:
            _fail(
                f"line {number} ({shown(key)}) follows ElementDataFile, which must come last",
                "Move ElementDataFile to the end; other readers ignore what follows it.",
            )
        fields[key] = value
    if not fields:
        _fail("the header is empty", RESTORE)
    return fields


def _text(path: Path) -> str:
    try:
        require_regular(path)
        with path.open("rb") as stream:
            content = stream.read(MAX_HEADER_BYTES + 1)
    except OSError as error:
        _fail(f"the header cannot be read ({error.strerror})", "Check the path and permissions.")
    if len(content) > MAX_HEADER_BYTES:
        _fail(
            "this is no text header: it is longer than 64 KiB",
            "Store voxels in a file of their own, beside the header.",
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        _fail("the header is not text", RESTORE)


def _fail(reason: str, remedy: str) -> NoReturn:
    raise _Defect(reason, remedy)


def _value(fields: Fields, *names: str) -> tuple[str, str]:
    """Key and value of the first of a key's names that is given; conflicting names are refused."""
    given = [name for name in names if name in fields]
    if not given:
        _fail(f"the key {names[0]} is missing", RESTORE)
    for other in given[1:]:
        if fields[other] != fields[given[0]]:
            _fail(f"{given[0]} and {other} disagree", RIGHT_ONE)
    return given[0], fields[given[0]]


def _reals(fields: Fields, count: int, *names: str) -> tuple[str, NDArray[np.float64]]:
    """Name of a key, and its `count` finite numbers."""
    key, text = _value(fields, *names)
    try:
        numbers = np.array([decimal(word) for word in text.split()])
    except ValueError:
        _fail(f"{key} = {shown(text)} is not a list of numbers", RESTORE)
    if len(numbers) != count:
        _fail(f"{key} has {len(numbers)} numbers instead of {count}", RESTORE)
    if not np.isfinite(numbers).all():
        _fail(f"{key} = {shown(text)} is not finite", RESTORE)
    return key, numbers


def _flag(fields: Fields, default: bool | None, *names: str) -> bool:
    """Value of a boolean key; without a default, a missing key is a defect."""
    if default is not None and not any(name in fields for name in names):
        return default
    key, text = _value(fields, *names)
    # MetaIO also reads T, t and 1 as true.
    if text.lower() in ("true", "t", "1"):
        return True
    if text.lower() in ("false", "f", "0"):
        return False
    _fail(f"{key} = {shown(text)} is neither True nor False", RESTORE)


def _shape(fields: Fields) -> tuple[int, int, int]:
    dimensions = fields.get("NDims", "")
    if dimensions != "3":
        _fail(
            f"NDims = {shown(dimensions) or 'missing'} is not 3",
            "Store the scan as one 3-D volume.",
        )
    key, numbers = _reals(fields, 3, "DimSize")
    if (numbers != np.floor(numbers)).any() or (numbers < 1).any():
        _fail(f"{key} = {shown(fields[key])} is not three positive whole numbers", RESTORE)
    if math.prod(numbers.tolist()) > MAX_VOXELS:
        _fail(f"{key} = {shown(fields[key])} is absurdly large for a chest CT", RESTORE)
    nx, ny, nz = (int(number) for number in numbers)
    return nz, ny, nx


def _spacing(fields: Fields) -> NDArray[np.float64]:
    # MetaIO knows um, mm, cm and ?, but does not convert the numbers.
    units = fields.get("DistanceUnits", "")
    if units not in ("", "?", "mm"):
        _fail(
            f"DistanceUnits = {shown(units)}, and everything here is in mm",
            "Write ElementSpacing and Offset in mm, and DistanceUnits = mm.",
        )
    key, spacing = _reals(fields, 3, "ElementSpacing")
    low, high = SPACING_MM
    if (spacing < low).any() or (spacing > high).any():
        _fail(
            f"{key} = {shown(fields[key])} mm is absurd for a chest CT ({low:g} to {high:g} mm)",
            "Write the true voxel spacing in mm, all positive; a flipped axis belongs into "
            "TransformMatrix.",
        )
    return spacing


def _origin(fields: Fields) -> NDArray[np.float64]:
    key, origin = _reals(fields, 3, "Offset", "Position", "Origin")
    if (np.abs(origin) > MAX_ORIGIN_MM).any():
        _fail(f"{key} = {shown(fields[key])} mm is absurd: over 10 m away", RESTORE)
    return origin


def _direction(fields: Fields) -> NDArray[np.float64]:
    key, numbers = _reals(fields, 9, "TransformMatrix", "Orientation", "Rotation")
    # MetaImage lists the direction of the x axis first, then y, then z: columns, not rows.
    direction = numbers.reshape(3, 3).T
    if np.abs(direction.T @ direction - np.eye(3)).max() > ORTHONORMAL:
        _fail(
            f"{key} = {shown(fields[key])} is not three unit vectors at right angles",
            "Write the directions of the x, y and z axes; spacing belongs into ElementSpacing.",
        )
    return direction


def _element(fields: Fields) -> np.dtype[Any]:
    key, kind = _value(fields, "ElementType")
    if kind not in ELEMENT_TYPES:
        _fail(f"{key} = {shown(kind)} is unknown", f"Store {', '.join(ELEMENT_TYPES)}.")
    if fields.get("ElementNumberOfChannels", "1") != "1":
        _fail("ElementNumberOfChannels is not 1", "Store one value per voxel.")
    for name, default in (("Slope", 1.0), ("Offset", 0.0)):
        _require_stored_values(fields, f"ElementToIntensityFunction{name}", default)
    big_endian = _flag(fields, False, "BinaryDataByteOrderMSB", "ElementByteOrderMSB")
    return np.dtype(ELEMENT_TYPES[kind]).newbyteorder(">" if big_endian else "<")


def _require_stored_values(fields: Fields, key: str, default: float) -> None:
    """Refuse a rescaling in the header, since readers do not apply it."""
    if key in fields and _reals(fields, 1, key)[1][0] != default:
        _fail(
            f"{key} = {shown(fields[key])}: the stored values are not HU yet",
            f"Store the rescaled values, and {key} = {default:g}.",
        )


def _data(fields: Fields) -> str:
    key, name = _value(fields, "ElementDataFile")
    beside = "Store the voxels in one file beside the header and write its bare name."
    if not name or name.upper() == "LOCAL" or name.upper().startswith("LIST") or "%" in name:
        _fail(f"{key} = {shown(name) or 'nothing'} does not name one voxel file", beside)
    if Path(name).name != name or name in (".", "..") or "\\" in name or "\0" in name:
        _fail(f"{key} = {shown(name)} points out of the header's folder", beside)
    if not is_voxel_name(name):
        _fail(f"{key} = {shown(name)} cannot be the name of a voxel file", beside)
    return name


def _compressed(fields: Fields) -> bool:
    if not _flag(fields, True, "BinaryData"):
        _fail("BinaryData = False: voxels as text", "Store the voxels as binary data.")
    if fields.get("HeaderSize", "0") != "0":
        _fail("HeaderSize is not 0", "Store the voxels in a file of their own, from its start.")
    return _flag(fields, False, "CompressedData")


def _compressed_bytes(fields: Fields) -> int | None:
    text = fields.get("CompressedDataSize")
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,18}", text):
        _fail(f"CompressedDataSize = {shown(text)} is not a number of bytes", RESTORE)
    return int(text)


# In the order in which defects are reported.
PARSERS: dict[str, Callable[[Fields], Any]] = {
    "shape": _shape,
    "spacing": _spacing,
    "origin": _origin,
    "direction": _direction,
    "element": _element,
    "data": _data,
    "compressed": _compressed,
    "compressed_bytes": _compressed_bytes,
}
