"""MetaImage in one file (.mha) and NRRD: read by SimpleITK, checked where it checks nothing."""

import os
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from nodules.base.files import FileDefect, require_regular
from nodules.images.geometry import Geometry
from nodules.images.hounsfield import as_hu, in_patient_order, require_grid

AGAIN = "Write or copy the file again."
HEADER_BYTES = 65_536
NRRD = (".nrrd", ".nhdr")
SUFFIXES = (".mha", *NRRD)
# Spaces that SimpleITK brings into LPS; of another it takes the numbers as they are.
SPACES = {
    "left-posterior-superior": "LPS",
    "lps": "LPS",
    "right-anterior-superior": "RAS",
    "ras": "RAS",
    "left-anterior-superior": "LAS",
    "las": "LAS",
}


def read_volume(path: str | os.PathLike[str]) -> tuple[NDArray[np.int16], Geometry]:
    """Read a scan: int16 (z, y, x) of HU on its grid nearest to LPS, and that grid.

    Raises FileDefect where the file cannot be read, is no volume, or says not where it lies.
    """
    place = str(path)
    if Path(path).suffix.lower() in NRRD:
        _require_space(Path(path))
    try:
        require_regular(path)
        image = sitk.ReadImage(place)
    except OSError as error:
        raise FileDefect(place, f"cannot be read ({error.strerror})", AGAIN) from error
    except RuntimeError as error:
        reason = f"cannot be read ({reason_of(error)})"
        raise FileDefect(place, reason, AGAIN) from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise FileDefect(place, "it is not one 3-D volume", "Store the scan as one 3-D volume.")
    stored = sitk.GetArrayFromImage(image)
    geometry = Geometry.build(
        image.GetOrigin(), image.GetSpacing(), image.GetDirection(), stored.shape
    )
    require_grid(geometry, place)
    return in_patient_order(as_hu(stored, place), geometry)


def reason_of(error: RuntimeError) -> str:
    """The last line of what ITK says, without its own places in memory and code."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = lines[-1] if lines else "no reason given"
    return last.split("): ")[-1].removeprefix("sitk::ERROR: ").split(' for "')[0].rstrip(".")


def _require_space(path: Path) -> None:
    """FileDefect unless an NRRD's header tells its space, and one that is brought into LPS."""
    try:
        require_regular(path)
        with path.open("rb") as stream:
            head = stream.read(HEADER_BYTES)
    except OSError as error:
        raise FileDefect(str(path), f"cannot be read ({error.strerror})", AGAIN) from error
    if not head.startswith(b"NRRD"):
        raise FileDefect(str(path), "it is no NRRD file", AGAIN)
    fields = {}
    for line in head.partition(b"\n\n")[0].splitlines():
        key, colon, value = line.decode("latin-1").partition(":")
        if colon:
            fields[key.strip().lower()] = value.strip()
    space = fields.get("space", "")
    if space.lower() not in SPACES:
        told = f"its space is {space}" if space else "it has no field `space`"
        raise FileDefect(
            str(path),
            f"{told}, so it says not where its voxels lie in the patient",
            f"Write it with one of the spaces {', '.join(sorted(set(SPACES.values())))}.",
        )
    if "space directions" not in fields:
        remedy = "Write it with `space directions` and `space origin`."
        raise FileDefect(str(path), "it has no field `space directions`", remedy)
