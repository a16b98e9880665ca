#!/usr/bin/env python3
"""What this machine does in a second: training steps with the real loader and without, and scans.

    PYTHONPATH=workflow python benchmarks/throughput.py RESULTS 1 --config config/best.yaml

RESULTS: a results folder with volumes, masks, lists and folds. Prints a line a measurement: the
3-D U-Net's step in full and in low precision, compiled, and fed by the loader; seconds a scan of
the first stage; how far bf16 moves its answers; steps and images a second of the networks for
slices and crops at the sizes of config/luna16.yaml, on random images.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ablation import ROOT, configuration, job

from nodules.inference import windows
from nodules.learning import loop, machine
from nodules.learning.networks import bundle
from nodules.learning.state import Plan
from nodules.learning.tasks import volume_truth
from nodules.learning.tasks.patches3d import HeatTask, UNet3DSettings


def main() -> None:
    given = arguments()
    config = configuration(given.config, [])
    here = machine.take(given.threads)
    name = torch.cuda.get_device_name() if here.device.type == "cuda" else "CPU"
    print(f"{name}, {here.threads} threads, {here.workers} loader processes, {torch.__version__}")
    training, left_out = volume_truth.taught(job(given.results, config), given.fold)
    own = config["unet3d"]
    settings = UNet3DSettings(**{f.name: own[f.name] for f in fields(UNet3DSettings)})
    task = HeatTask(training, left_out, settings, 1, given.fold)
    plan = Plan(
        *("unet3d", given.fold, 1, settings.batch, settings.learning_rate, "constant", 1),
        *(Path("unused"), "", here.workers),
    )
    network = built("unet3d", own, here.device)
    samples = loop.EpochSamples(task, plan, 1)
    kept = list(itertools.islice(loop.batches(samples, plan, 0, here.device), 16))
    what = f"3-D U-Net, {settings.batch} patches of {settings.patch}^3"
    for low, compiled in ((False, False), (True, False), (True, True)):
        asked = torch.compile(network) if compiled else network
        told = f"{'bf16' if low else 'fp32'}{', compiled' if compiled else ''}"
        rate = steps(asked, task.loss, itertools.cycle(kept), here.device, low, given.steps)
        print(f"{what}, {told}: {rate:.1f} steps/s on resident patches", flush=True)
    fed = loop.batches(samples, plan, 0, here.device)
    rate = steps(network, task.loss, fed, here.device, True, given.steps)
    print(f"{what}, bf16, with the loader: {rate:.1f} steps/s", flush=True)
    scans(network, own, left_out, here.device)
    slices(here.device, given.steps)


def built(name: str, settings: dict[str, Any], device: torch.device) -> Any:
    """A network with fresh weights, on the device."""
    own = {"network": name} | settings
    made = bundle.architecture(own["network"])
    return machine.placed(made.build({key: own[key] for key in made.SHAPE}, 1), device)


def steps(
    network: Any,
    loss: Callable[..., torch.Tensor],
    batches: Iterable[Any],
    device: torch.device,
    low: bool,
    wanted: int,
) -> float:
    """Training steps a second, over the wanted number of them and after a quarter as many."""
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-5, fused=True)
    start, count = 0.0, -(wanted // 4)
    for inputs, targets in batches:
        if count == 0:
            synchronised(device)
            start = time.monotonic()
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=low):
            value = loss(network, inputs, targets)
        optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        count += 1
        if count == wanted:
            break
    synchronised(device)
    return count / (time.monotonic() - start)


def synchronised(device: torch.device) -> None:
    """Wait for the device: its work is asynchronous."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def scans(network: Any, own: dict[str, Any], left_out: Any, device: torch.device) -> None:
    """Seconds a whole scan takes the first stage, and how far bf16 moves its answers."""
    looks = windows.WindowSettings(**{f.name: own[f.name] for f in fields(windows.WindowSettings)})
    network.eval()
    taken = []
    for volume, _ in [*left_out[:1], *left_out]:  # the first also warms the device up
        start = time.monotonic()
        windows.detect([network], volume, looks, device)
        taken.append(time.monotonic() - start)
    print(f"3-D U-Net, a scan: {np.median(taken[1:]):.2f} s, at most {max(taken[1:]):.2f} s")
    volume = left_out[0][0]
    start = time.monotonic()
    low = windows.answer([network], volume, looks.window, device)
    print(f"of that heat: {time.monotonic() - start:.2f} s")
    kept = windows.autocast
    windows.autocast = lambda device: torch.autocast(device.type, enabled=False)
    full = windows.answer([network], volume, looks.window, device)
    windows.autocast = kept
    print(f"bf16 against fp32: heat differs by at most {np.abs(low.heat - full.heat).max():.4f}")


def slices(device: torch.device, wanted: int) -> None:
    """Training and inference of the networks for slices and crops, at LUNA16's sizes."""
    config = configuration([ROOT / "config/luna16.yaml"], [])
    unet, crop = config["unet"], config["crops"]["px"]
    rng = torch.Generator().manual_seed(1)
    for name, network, batch, shape in (
        ("U-Net", built("unet", unet, device), unet["batch"], (1, config["slices"]["size"])),
        ("ResNet50", resnet(device), config["presence"]["batch"], (3, crop)),
    ):
        grey = torch.randint(0, 256, (batch, shape[0], shape[1], shape[1]), generator=rng)
        inputs = machine.to_device(grey.to(torch.uint8), device)
        rate = steps(network, squares, itertools.repeat((inputs, None)), device, True, wanted)
        network.eval()
        with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16):
            for turn in range(-(wanted // 4), wanted):
                if turn == 0:
                    synchronised(device)
                    start = time.monotonic()
                network(inputs)
        synchronised(device)
        asked = wanted * batch / (time.monotonic() - start)
        print(
            f"{name}, {batch} of {shape[1]} x {shape[1]}, bf16: {rate:.1f} steps/s trained"
            f" ({rate * batch:.0f} images/s), {asked:.0f} images/s asked",
            flush=True,
        )


def resnet(device: torch.device) -> Any:
    """The published second network, as torchvision has it."""
    import torchvision

    return machine.placed(torchvision.models.resnet50(weights=None, num_classes=1), device)


def squares(network: Any, inputs: torch.Tensor, _: None) -> torch.Tensor:
    """A loss that costs nothing."""
    answer: torch.Tensor = network(inputs).float().square().mean()
    return answer


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    parser.add_argument("fold", type=int)
    parser.add_argument("--config", type=Path, nargs="*", default=[])
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--steps", type=int, default=60, help="of each measurement")
    return parser.parse_args()


if __name__ == "__main__":
    main()
