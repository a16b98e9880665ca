"""A small folder as LUNA16's is: three scans of noise in two subsets, and the lists."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

FLIPPED = (-1, 0, 0, 0, 0, 1, 0, 1, 0)
HEAD = "seriesuid,coordX,coordY,coordZ,diameter_mm\n"


def write_scan(folder: Path, subset: int, uid: str, compressed=False, direction=None) -> Path:
    """A scan of noise with air, 6 x 9 x 8 voxels of 2 mm around the world's origin."""
    voxels = np.random.default_rng(int(uid[-1])).integers(-1000, 400, (6, 9, 8), dtype=np.int16)
    picture = sitk.GetImageFromArray(voxels)
    picture.SetSpacing((2, 2, 2))
    picture.SetOrigin((-5, -5, -5))
    if direction is not None:
        picture.SetDirection(direction)
    path = folder / f"subset{subset}" / f"{uid}.mhd"
    path.parent.mkdir(exist_ok=True)
    sitk.WriteImage(picture, str(path), useCompression=compressed)
    return path


def write_folder(folder: Path) -> Path:
    """Scans 2.25.1 (raw) and 2.25.2 (zraw) in subset0, 2.25.3 (flipped) in subset4; the lists."""
    write_scan(folder, 0, "2.25.1")
    write_scan(folder, 0, "2.25.2", compressed=True)
    write_scan(folder, 4, "2.25.3", direction=FLIPPED)
    rows = "2.25.2,1,2,3,4\n2.25.1,-1,0,0,5\n2.25.2,0,0,0,6\n2.25.9,500,0,0,4\n"
    (folder / "annotations.csv").write_text(HEAD + rows)
    (folder / "annotations_excluded.csv").write_text(HEAD + "2.25.3,-10,0,0,-1\n")
    text = "seriesuid,coordX,coordY,coordZ,class\n2.25.1,0,0,0,1\n2.25.9,0,0,0,0\n"
    (folder / "candidates_V2.csv").write_text(text)
    (folder / "seriesuids.csv").write_text("2.25.1\n2.25.2\n2.25.3\n")
    rows = "2.25.1,one\n2.25.2,two\n2.25.3,three\n"
    (folder / "patients.csv").write_text("seriesuid,patient\n" + rows)
    return folder
