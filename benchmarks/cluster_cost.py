"""What a run over all of LUNA16 takes, computed from measured parts and from what was counted.

    python benchmarks/cluster_cost.py annotations.csv --folds 10 --gpus 4 --cores 16 --tflops 50

Counted: slices (LUNA16's own number), slices with a nodule (annotations and the scans' slice
spacing), operations of the networks (torch's counter), bytes. Measured: see docs/cluster.md.
Assumed: --tflops, what the GPU does in a second in practice. What an H100 did: docs/benchmarks.md.
"""

import argparse
import csv
import math
import sys
from collections import defaultdict
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow"))

import torch  # noqa: E402
import yaml  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402
from torchvision.models import resnet50  # noqa: E402

from nodules.datasets import lidc  # noqa: E402
from nodules.learning.networks import maskrcnn, reducer3d, unet3d  # noqa: E402
from nodules.learning.networks.unet import UNet  # noqa: E402

SCANS, SLICES, SIDE = 888, 227_242, 512
START_S = 9.0  # processor time of a job on a node before its script works: two Snakemakes, imports
SLICE_S = 0.004  # of prepare_slices, docs/benchmarks.md
COPIES = 4  # beside the epochs' checkpoints: model.pt, and a state of weights and two Adam moments
MASKRCNN_RATE = 0.5  # of the U-Net's operations a second: small parts, some in full precision
RATE_3D = 0.2  # likewise: few channels at many places
VOLUME = 15e6  # voxels of 1 mm in the lungs' box, mean of seven scans
OVERLAP = 1.7  # of its windows: so much more is looked at
CANDIDATES, MIRRORED = 60, 4  # cubes of a scan, and views of each


def operations(network: torch.nn.Module, shape: tuple[int, ...]) -> tuple[float, float]:
    """Floating point operations of a sample: forward, and forward and backward."""
    sample = torch.empty(shape, device="meta")
    counts = []
    for backward in (False, True):
        with FlopCounterMode(display=False) as counter:
            answer = network(sample)
            if backward:
                parts = answer if isinstance(answer, tuple) else (answer,)
                sum(part.sum() for part in parts).backward()
        counts.append(counter.get_total_flops() / shape[0])
    return counts[0], counts[1]


def operations_of_maskrcnn(network: torch.nn.Module, channels: int) -> tuple[float, float]:
    """The same of a slice; it chooses boxes as it goes, so a random slice is really computed.

    Training is taken as three times as much, which is what it is for the other networks.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()([torch.rand(channels, SIDE, SIDE)])
    return counter.get_total_flops(), 3 * counter.get_total_flops()


def slices_with_a_nodule(annotations: str) -> int:
    """Number of slices that an annotated sphere cuts."""
    cut = defaultdict(set)
    with Path(annotations).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    positions = lidc.nodule_positions({row["seriesuid"] for row in rows})
    spacing = dict(zip(positions["seriesuid"], positions["slice_mm"], strict=True))
    for row in rows:
        step, z = spacing[row["seriesuid"]], float(row["coordZ"])
        radius = float(row["diameter_mm"]) / 2
        first, last = math.ceil((z - radius) / step), math.floor((z + radius) / step)
        cut[row["seriesuid"]].update(range(first, last + 1))
    return sum(map(len, cut.values()))


def best(folds: int, hour: float) -> dict[str, str]:
    """Lines of the 3-D detector of config/best.yaml. hour: operations of one."""
    default, ours = (
        yaml.safe_load((REPOSITORY / f"config/{name}.yaml").read_text())
        for name in ("config", "best")
    )
    first, second = (default[name] | ours[name] for name in ("unet3d", "reduction"))
    with torch.device("meta"):
        one, two = unet3d.UNet3D(first["widths"]), reducer3d.Reducer3D(second["widths"])
    side, cube = first["patch"], second["cube"]
    shown, learned = operations(one, (4, 1, side, side, side))
    answered, taught = operations(two, (4, 1, cube, cube, cube))
    scan = VOLUME * OVERLAP * shown / side**3
    hour *= RATE_3D
    train = first["epochs"] * first["patches"] * learned / hour
    fit = second["epochs"] * second["cubes"] * taught / hour
    ask = SCANS / folds * (scan + CANDIDATES * MIRRORED * answered) / hour
    mine = SCANS * (folds - 1) / folds * scan / hour
    told = {"train_unet3d": train, "mine_alarms": mine, "train_reduction": fit, "asking both": ask}
    return {
        "3-D U-Net, a patch": f"{shown / 1e9:.1f} GFLOP forward, {learned / 1e9:.1f} trained",
        "3-D CNN, a cube": f"{answered / 1e9:.2f} GFLOP forward, {taught / 1e9:.2f} trained",
        "3-D U-Net, a scan": f"{scan / 1e12:.2f} TFLOP",
    } | {
        name: f"{each:.2f} GPU hours a fold, {each * folds:.1f} in all"
        for name, each in (told | {"best.yaml in 3-D": sum(told.values())}).items()
    }


def main() -> None:
    """Print one line per quantity."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("annotations")
    for name, default in (("folds", 10), ("gpus", 4), ("cores", 16), ("tflops", 50)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    default, config = (
        yaml.safe_load((REPOSITORY / f"config/{name}.yaml").read_text())
        for name in ("config", "luna16")
    )
    instances = default["maskrcnn"] | config["maskrcnn"]
    m = maskrcnn.build(instances, seed=0)
    unet, presence, folds = config["unet"], config["presence"], given.folds
    with torch.device("meta"):
        u, r = UNet(unet["filters"], unet["depth"], unet["context"]), resnet50(num_classes=1)
    channels = 1 + 2 * unet["context"]
    shown, learned = operations(u, (4, channels, SIDE, SIDE))
    px = config["crops"]["px"]
    answered, taught = operations(r, (4, 3, px, px))
    seen, fitted = operations_of_maskrcnn(m, 1 + 2 * instances["context"])
    positive = slices_with_a_nodule(given.annotations)
    epoch = positive * (1 + unet["empty_slices"]) * unet["repeat"] * (folds - 1) / folds
    crops = 1186 * (1 + presence["negatives"]) * (folds - 1) / folds
    hour = given.tflops * 1e12 * 3600
    train = epoch * unet["epochs"] * learned / hour
    detect = SLICES / folds * shown / hour
    resnets = (crops * presence["epochs"] * taught + SLICES / folds * answered) / hour
    boxes = epoch * instances["epochs"] * fitted + SLICES / folds * seen
    boxes /= hour * MASKRCNN_RATE
    a_fold = train + detect + resnets + boxes
    rounds = math.ceil(folds / given.gpus)
    cpu = SCANS * 2 * START_S + SLICES * SLICE_S
    lines = {
        "slices with a nodule": f"{positive:,d}",
        "U-Net, a slice": f"{shown / 1e9:.0f} GFLOP forward, {learned / 1e9:.0f} trained",
        "ResNet50, a crop": f"{answered / 1e9:.1f} GFLOP forward, {taught / 1e9:.1f} trained",
        "Mask R-CNN, a slice": f"{seen / 1e9:.0f} GFLOP forward, {fitted / 1e9:.0f} trained",
        "slices trained on": f"{epoch:,.0f} an epoch and fold",
        "train_unet": f"{train:.2f} GPU hours a fold, {train * folds:.1f} in all",
        "detect_unet": f"{detect:.2f} GPU hours a fold, {detect * folds:.1f} in all",
        "presence, both rules": f"{resnets:.2f} GPU hours a fold, {resnets * folds:.1f} in all",
        "Mask R-CNN, both rules": f"{boxes:.2f} GPU hours a fold, {boxes * folds:.1f} in all",
        f"on {given.gpus} GPUs": f"{rounds * a_fold:.1f} h in {rounds} rounds",
        "slices and masks": f"{cpu / 3600:.1f} CPU hours",
        f"on {given.cores} cores": f"{cpu / 60 / given.cores:.0f} min",
        "results/slices": f"{SLICES * SIDE**2 / 1e9:.0f} GB",
    }
    networks = [("unet", u, unet), ("presence", r, presence), ("maskrcnn", m, instances)]
    for name, network, settings in networks:
        weights = sum(p.numel() for p in network.parameters()) * 4 / 1e9
        lines[f"results/models/{name}"] = (
            f"{weights * (settings['epochs'] + COPIES) * folds:.1f} GB"
        )
    lines |= best(folds, hour)
    for name, value in lines.items():
        print(f"{name:24s}{value}")


if __name__ == "__main__":
    main()
