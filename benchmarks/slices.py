"""Time the slices step on a real scan, on one core, beside the recipe in common use.

The recipe masks lungs slice by slice with scikit-learn's KMeans and scikit-image's morphology, in
floating point, as the well-known tutorials on LUNA16 and the Data Science Bowl do. Both sides run
in one run, on the same slices. Times are of the processor, the least of several runs, so that
other jobs on the machine count little; waiting for the disk is left out.
"""

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[pool] = "1"
REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow"))

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from nodules.base import files, tables  # noqa: E402
from nodules.images import metaimage  # noqa: E402
from nodules.prepare import lung_kmeans, lungs, slices  # noqa: E402

SETTINGS = slices.SliceSettings(size=512, window=(-1000, 400), margin_mm=10, isolate=True, fill=170)


def least(runs: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """Least processor time in ms of `runs` calls, and the last call's result."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        result = work()
        times.append((time.process_time() - start) * 1e3)
    return min(times), result


def recipe(image: np.ndarray) -> np.ndarray:
    """Lung mask of one slice of HU (y, x) as the recipe makes it."""
    from skimage import measure, morphology
    from sklearn.cluster import KMeans

    image = (image - image.mean()) / image.std()
    middle = image[100:400, 100:400]
    lowest, highest, mean = image.min(), image.max(), middle.mean()
    image[(image == lowest) | (image == highest)] = mean
    clusters = KMeans(n_clusters=2, n_init="auto", random_state=0).fit(middle.reshape(-1, 1))
    air = np.where(image < clusters.cluster_centers_.mean(), 1.0, 0.0)
    air = morphology.dilation(morphology.erosion(air, np.ones((4, 4))), np.ones((10, 10)))
    labels = measure.label(air)
    lung = np.zeros(image.shape)
    for region in measure.regionprops(labels):
        top, left, bottom, right = region.bbox
        if bottom - top < 475 and right - left < 475 and top > 40 and bottom < 472:
            lung += labels == region.label
    return morphology.dilation(lung, np.ones((10, 10)))


def time_masks(scan: Path, runs: int, every: int) -> dict[str, float]:
    """ms a slice of both methods over all slices, and of the recipe over every n-th."""
    volume, geometry = metaimage.read_volume(scan)
    result = {}
    for method in lungs.METHODS:
        spent = least(runs, lambda name=method: lungs.find(name, volume, geometry))[0]
        result[f"{method}_ms"] = spent / len(volume)
    sample = range(every // 2, len(volume), every)
    times, same = [], []
    for z in sample:
        spent, expected = least(min(runs, 3), lambda z=z: recipe(volume[z].astype(float)))
        times.append(spent)
        same.append(np.mean(lung_kmeans.slice_kmeans(volume[z : z + 1], geometry)[0] == expected))
    result["recipe_ms"] = float(np.mean(times))
    result["recipe_slices"] = len(sample)
    result["pixels_equal_to_recipe"] = float(np.mean(same))
    for method in lungs.METHODS:
        result[f"{method}_times_faster"] = result["recipe_ms"] / result[f"{method}_ms"]
    return result


def time_step(scan: Path, method: str, runs: int) -> dict[str, float]:
    """ms a slice of each part of the step and of the whole, and this process' peak memory."""
    cv2.setNumThreads(1)
    nodules = tables.frame("nodules")
    best: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(runs):
            clock = [time.process_time()]
            volume, geometry = metaimage.read_volume(scan)
            clock.append(time.process_time())
            mask = lungs.find(method, volume, geometry)
            clock.append(time.process_time())
            stack, grid, crop = slices.cut(volume, geometry, mask, SETTINGS)
            clock.append(time.process_time())
            table = slices.describe(scan.stem, geometry, mask, grid, crop, nodules)
            files.write_array(Path(folder, "stack.npy"), stack)
            tables.write(Path(folder, "stack.parquet"), "slices", table)
            clock.append(time.process_time())
            parts = dict(zip(("read", "mask", "cut", "store"), np.diff(clock), strict=True))
            parts["whole"] = clock[-1] - clock[0]
            spent = {f"{part}_ms": 1e3 * s / len(volume) for part, s in parts.items()}
            best = {part: min(ms, best.get(part, ms)) for part, ms in spent.items()}
    best["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return best


def uncompressed(scan: Path, folder: str) -> Path:
    """The scan with a plain .raw file, as LUNA16 is handed out."""
    import SimpleITK as sitk

    copy = Path(folder) / scan.name
    sitk.WriteImage(sitk.ReadImage(str(scan)), str(copy), useCompression=False)
    return copy


def find_scan(given: str | None) -> Path:
    """The scan asked for, else the first below the shared folder."""
    shared = Path(os.environ.get("LUNA16_SHARED") or REPOSITORY.parent / "shared")
    found = [Path(given)] if given else sorted((shared / "data" / "luna16").glob("subset*/*.mhd"))
    if not found or not found[0].is_file():
        sys.exit("No scan: name an .mhd file, or set LUNA16_SHARED to a folder with data/luna16.")
    return found[0]


def measure(scan: Path, runs: int, every: int) -> dict[str, Any]:
    """All measurements; each whole step in a process of its own, so that its memory is its own."""
    spawn = multiprocessing.get_context("spawn")
    steps = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, path in (("as stored", scan), ("as .raw", uncompressed(scan, folder))):
            for method in lungs.METHODS:
                with spawn.Pool(1) as pool:
                    steps[f"{method}, {name}"] = pool.apply(time_step, (path, method, runs))
    header = metaimage.read_header(scan)
    return {
        "scan": scan.name,
        "compressed": header.compressed,
        "slices": header.shape[0],
        "masks": time_masks(scan, runs, every),
        "steps": steps,
    }


def show(result: dict[str, Any]) -> None:
    """Print the measurements as a table."""
    masks, kind = result["masks"], "zlib" if result["compressed"] else "raw"
    print(f"{result['scan']}: {result['slices']} slices, stored as {kind}; one core\n")
    print(f"{'lung mask':28}{'ms a slice':>12}{'times faster':>14}")
    print(f"{'KMeans and scikit-image':28}{masks['recipe_ms']:12.2f}{1:14.0f}")
    for method in lungs.METHODS:
        faster = masks[f"{method}_times_faster"]
        print(f"{method:28}{masks[f'{method}_ms']:12.2f}{faster:14.0f}")
    print(f"slice_kmeans and recipe agree on {masks['pixels_equal_to_recipe']:.4%} of pixels\n")
    print(f"{'whole step, ms a slice':28}read   mask    cut  store  whole  peak MB")
    for name, step in result["steps"].items():
        parts = (f"{step[f'{part}_ms']:7.2f}" for part in ("read", "mask", "cut", "store", "whole"))
        print(f"{name:25}{''.join(parts)}{step['peak_mb']:9.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scan", nargs="?", help=".mhd file; default: a scan of the shared folder")
    parser.add_argument("--runs", type=int, default=5, help="take the least of so many runs")
    parser.add_argument("--every", type=int, default=8, help="recipe on every n-th slice only")
    parser.add_argument("--json", help="also write the measurements to this file")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    result = measure(find_scan(arguments.scan), arguments.runs, arguments.every)
    show(result)
    if arguments.json:
        files.write_json(arguments.json, result)
    else:
        print("\n" + json.dumps(result))


if __name__ == "__main__":
    main()
