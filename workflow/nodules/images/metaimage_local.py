"""MetaImage files that hold their own voxels (.mha), split and then read like a .mhd."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nodules.base.files import FileDefect, UserError, require_regular
from nodules.images import metaimage
from nodules.images.geometry import Geometry

Told = TypeVar("Told")
SUFFIX = ".mha"
HEADER_BYTES = 65_536
# ElementDataFile is the last line of a header; the voxels follow it.
LOCAL = re.compile(rb"^[ \t]*ElementDataFile[ \t]*=[ \t]*LOCAL[ \t]*\r?\n", re.MULTILINE)


def is_local(path: Path) -> bool:
    """Whether a MetaImage holds its own voxels (ElementDataFile = LOCAL)."""
    try:
        require_regular(path)
        with path.open("rb") as stream:
            return LOCAL.search(stream.read(HEADER_BYTES)) is not None
    except OSError:
        return False


def read_volume(path: str | os.PathLike[str]) -> tuple[NDArray[np.int16], Geometry]:
    """Read a scan as `metaimage.read_volume` does, with the same checks and result.

    Raises UserError naming this file for a defective header or voxels.
    """
    return read(path, metaimage.read_volume)


def read(path: str | os.PathLike[str], reader: Callable[[Path], Told]) -> Told:
    """Result of a reader of .mhd headers, applied to this file split into header and voxels.

    Raises UserError naming this file, not the temporary ones, where the reader raises.
    """
    path = Path(path)
    remedy = "Write or copy the file again."
    with tempfile.TemporaryDirectory(prefix="luna16-") as folder:
        header, data = Path(folder, "scan.mhd"), Path(folder, "scan.raw")
        try:
            require_regular(path)
            with path.open("rb") as stream:
                head = stream.read(HEADER_BYTES)
                end = LOCAL.search(head)
                if end is None:
                    raise FileDefect(str(path), "it holds no voxels of its own", remedy)
                stream.seek(end.end())
                header.write_bytes(head[: end.start()] + b"ElementDataFile = scan.raw\n")
                with data.open("wb") as out:
                    shutil.copyfileobj(stream, out, 1 << 20)
        except OSError as error:
            raise FileDefect(str(path), f"cannot be read ({error.strerror})", remedy) from error
        try:
            return reader(header)
        except UserError as error:
            told = str(error)
            for temporary in (header, data):
                told = told.replace(str(temporary), str(path))
            raise UserError(told) from error
