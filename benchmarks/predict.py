"""Time `luna16 predict` stage by stage on a real scan, brought to some number of slices.

The scan is resampled along z (linear), written as DICOM, and predicted from there, as a person
would have it. Without --model networks of the default config's shape are made, which cost what
trained ones do: U-Nets that find whatever is bright, so that the later stages have most to do.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "workflow"), str(REPOSITORY / "tests")]

import numpy as np  # noqa: E402

from helpers import models  # noqa: E402
from nodules.images import dicom_writing, metaimage, reading  # noqa: E402
from nodules.images.geometry import Geometry  # noqa: E402
from nodules.inference import predict  # noqa: E402
from nodules.report import delivery  # noqa: E402


def with_slices(header: Path, count: int) -> tuple[np.ndarray, Geometry]:
    """A scan resampled to `count` slices over the same length."""
    volume, grid = metaimage.read_volume(header)
    places = np.linspace(0, len(volume) - 1, count)
    low = np.minimum(places.astype(int), len(volume) - 2)
    share = (places - low).astype(np.float32)
    made = np.empty((count, *volume.shape[1:]), np.int16)
    for out, z, part in zip(made, low, share, strict=True):
        out[:] = np.rint(volume[z] * (1 - part) + volume[z + 1] * part)
    step = grid.spacing[2] * (len(volume) - 1) / (count - 1)
    shape = (count, *grid.shape[1:])
    return made, replace(grid, spacing=np.array([*grid.spacing[:2], step]), shape=shape)


def timed(scan: Path, model: predict.Model, out: Path) -> tuple[dict[str, float], str]:
    """Seconds of each stage of a scan, and the findings in a line."""
    seconds: dict[str, float] = defaultdict(float)
    last = ["open", time.perf_counter()]

    def tell(step: str, share: float) -> None:
        now = time.perf_counter()
        seconds[str(last[0])] += now - float(last[1])
        last[:] = [step, now]

    with reading.opened(scan) as (found,):
        tell("read", 0.0)
        read = found.read()
        findings = predict.predict(read, model, tell=tell)
        tell("write", 0.0)
        delivery.write(out, findings, read.voxels, found.chosen)
        tell("end", 0.0)
    return dict(seconds), f"{len(findings)} candidates, {len(findings.reported)} reported"


def main() -> None:
    """Print a line a stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("header", type=Path, help="a scan of LUNA16 (.mhd)")
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", type=Path, help="a model file; default: the default config's")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        volume, grid = with_slices(asked.header, asked.slices)
        dicom_writing.write_series(home / "dicom", volume, grid, "2.25.1")
        print(f"{grid.shape} voxels, every {grid.spacing[2]:.2f} mm", flush=True)
        del volume
        path = asked.model or models.of_default_shape(home)
        start = time.perf_counter()
        model = predict.open_model(path, "cpu", asked.threads)
        print(f"model  {time.perf_counter() - start:7.2f} s", flush=True)
        seconds, told = timed(home / "dicom", model, home / "out")
        for step, value in seconds.items():
            print(f"{step:7}{value:7.2f} s")
        sizes = {p.name: round(p.stat().st_size / 1e6, 1) for p in (home / "out").iterdir()}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"sum    {sum(seconds.values()):7.2f} s, peak {peak:.0f} MB; {told}; MB: {sizes}")


main()
