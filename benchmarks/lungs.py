"""Lungs by each method against somebody's mask, and masks by method `volume` as LUNA16 stores them.

    python benchmarks/lungs.py compare CT.mhd MASK.mhd [--models RESULTS/models/lungs]
    python benchmarks/lungs.py write LUNA16 MASKS

`compare` takes every label of the mask for lung; with --models also the lung U-Nets of a run, which
must not have seen the patient. `write` gives lung U-Nets something to learn from where LUNA16's own
masks are not at hand.
"""

import argparse
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow"))

import numpy as np  # noqa: E402
import torch  # noqa: E402

from nodules.base import tables  # noqa: E402
from nodules.base.files import write_array  # noqa: E402
from nodules.datasets import luna16  # noqa: E402
from nodules.images.metaimage import read_volume  # noqa: E402
from nodules.images.metaimage_writing import write_volume  # noqa: E402
from nodules.inference.lungs import probability  # noqa: E402
from nodules.learning.networks import bundle  # noqa: E402
from nodules.prepare import (  # noqa: E402
    coarse_grid,
    lung_grid,
    lung_kmeans,
    lung_masks,
    lung_search,
    lungs,
    slices,
)
from nodules.prepare.stacks import Stack  # noqa: E402
from nodules.stats.overlap import dice  # noqa: E402


def answer(volume, geometry, models: Path, folder: Path) -> Path:
    """What the lung U-Nets of a run say of a scan: the file of it."""
    networks = [
        bundle.restore(path, torch.device("cpu")) for path in sorted(models.glob("*/*.json"))
    ]
    px = networks[0].input["px"]
    stack = lung_grid.images(coarse_grid.decimate(volume, geometry)[0], px)
    grid = lung_grid.grid(geometry, px)
    write_array(folder / "stack.npy", stack)
    table = slices.describe("1", grid, np.zeros_like(stack), grid, slices.CropBox(0, 0, px, px))
    tables.write(folder / "stack.parquet", "slices", table)
    opened = Stack("1", folder / "stack.npy", folder / "stack.parquet", None, "")
    write_array(folder / "answer.npy", probability(networks, opened, torch.device("cpu")))
    return folder / "answer.npy"


def compare(arguments: argparse.Namespace) -> None:
    """Print each method's Dice and litres against a mask."""
    volume, geometry = read_volume(arguments.scan)
    truth = read_volume(arguments.mask)[0] > 0
    litre = geometry.voxel_mm3 / 1e6
    print(f"{arguments.scan}: {geometry.shape} voxels, mask of {truth.sum() * litre:.2f} litres")
    print("method        as the config uses it  Dice   litres")
    with tempfile.TemporaryDirectory() as folder:
        methods = dict.fromkeys(lungs.METHODS, ())
        if arguments.models:
            methods["unet"] = (answer(volume, geometry, arguments.models, Path(folder)),)
        for name, source in methods.items():
            found = lung_masks.of_scan(name, volume, geometry, source)
            mask = found.mask > 0
            used = f"by {found.method}"
            print(f"{name:12s}  {used:21s}  {dice(mask, truth):.3f}  {mask.sum() * litre:.2f}")
        mask = lung_kmeans.slice_kmeans(volume, geometry) > 0
        print(f"slice_kmeans  {'alone':21s}  {dice(mask, truth):.3f}  {mask.sum() * litre:.2f}")


def write(arguments: argparse.Namespace) -> None:
    """Write a mask of each scan, 3 in its left half and 4 in its right."""
    for scan in luna16.found(arguments.luna16):
        volume, geometry = read_volume(scan.header)
        mask = lung_search.search("volume", volume, geometry).mask.astype(np.int16)
        middle = mask.shape[2] // 2
        mask[:, :, middle:] *= 3
        mask[:, :, :middle] *= 4
        header = arguments.masks / f"{scan.uid}.mhd"
        arguments.masks.mkdir(parents=True, exist_ok=True)
        write_volume(header, header.with_suffix(".zraw"), mask, geometry)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("compare")
    one.add_argument("scan", type=Path)
    one.add_argument("mask", type=Path)
    one.add_argument("--models", type=Path)
    one.set_defaults(run=compare)
    other = commands.add_parser("write")
    other.add_argument("luna16", type=Path)
    other.add_argument("masks", type=Path)
    other.set_defaults(run=write)
    arguments = parser.parse_args()
    arguments.run(arguments)


main()
