"""What the false-positive-reduction track takes: places judged a second, on one thread of the CPU.

A scan of random grey is as good as a real one here: what is measured does not hang on what is seen.

    PYTHONPATH=workflow:tests python benchmarks/locations.py --px 224 --mm 40
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from helpers.builders import make_stack
from nodules.inference.locations import on_slices, places_through
from nodules.learning.networks import resnet
from nodules.prepare.crops import CropSize, crop

ROWS, SHAPE, PLACES = 754_975, (250, 512, 512), 850  # candidates_V2.csv, and a scan of LUNA16


def seconds(work: Callable[[], object]) -> float:
    """Processor time of some work."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Print the rates, and what all of LUNA16's list would take at them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--px", type=int, default=224, help="pixels along a crop's side")
    parser.add_argument("--mm", type=float, default=40, help="millimetres along it")
    parser.add_argument("--asked", type=int, default=64, help="places that the network is asked")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    size, device = CropSize(arguments.mm, arguments.px), torch.device("cpu")
    with tempfile.TemporaryDirectory() as folder:
        stack = make_stack(Path(folder), shape=SHAPE)
        corner, end = np.array([0, 100, 100]), np.array(SHAPE) - [1, 100, 100]
        index = np.random.default_rng(0).uniform(corner, end, (PLACES, 3))
        points = stack.geometry.to_world(index)
        places, _ = places_through(stack.geometry, points)
        cut = len(places) / seconds(
            lambda: [crop(stack, place, size.mm, size.px) for place in places]
        )
        network = resnet.build({}, seed=0).eval()
        ask = on_slices([network], size, device)
        ask(stack, points[:8])
        asked = points[: arguments.asked]
        judged = len(asked) / seconds(lambda: ask(stack, asked))
    per_row = len(places) / PLACES
    print(f"crops cut: {cut:,.0f} a second; all {ROWS:,} rows: {ROWS * per_row / cut / 60:.0f} min")
    print(f"places judged, cutting included: {judged:.1f} a second; all rows:", end=" ")
    print(f"{ROWS / judged / 3600:.1f} h")


if __name__ == "__main__":
    main()
