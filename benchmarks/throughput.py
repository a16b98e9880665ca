#!/usr/bin/env python3
"""What this machine does in a second: training steps with the real loader and without, and scans.

    PYTHONPATH=workflow python benchmarks/throughput.py RESULTS 1 --config config/best.yaml

RESULTS: a results folder with volumes, slices, masks, lists and folds. Trains each network as its
rule does, at the sizes of config/luna16.yaml and what --config lays over it, three times: on
batches that stay on the GPU, launched kernel by kernel; on the same as CUDA graphs, as the loop has
it; and on the loader's own. Then seconds a scan of the first stage, how far bf16 moves its answers,
and images a second that the networks for slices and crops answer. What a sample costs is
measured first, on one core; `--steps 0` measures nothing else.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from ablation import ROOT, configuration, job

from nodules.base import tables
from nodules.inference import windows
from nodules.learning import graphs, loop, machine
from nodules.learning.batches import Batches, order, sample
from nodules.learning.networks import bundle
from nodules.learning.state import Plan
from nodules.learning.tasks import volume_truth
from nodules.learning.tasks.patches3d import HeatTask, UNet3DSettings
from nodules.learning.tasks.presence import CropTask, PresenceSettings, Sources
from nodules.learning.tasks.reduction import CubeTask, ReductionSettings
from nodules.learning.tasks.slices import SliceTask, UNetSettings

LEARNING_RATE = 0.001  # of all networks here
SAMPLES = 2000  # made to measure what one costs


def main() -> None:
    given = arguments()
    config = configuration([ROOT / "config/luna16.yaml", *given.config], [])
    here = machine.take(given.threads)
    processes = here.workers if given.processes is None else given.processes
    name = torch.cuda.get_device_name() if here.device.type == "cuda" else "CPU"
    print(f"{name}, {here.threads} threads, {processes} loader processes, {torch.__version__}")
    inputs = job(given.results, config)
    volumes = volume_truth.open_fold(inputs, given.fold)
    stacks = loop.stacks_of(inputs, given.fold)
    in_3d = None
    for title, task, settings, batch in tasks(config, volumes, stacks, given.fold):
        if not given.only or title.startswith(given.only):
            network = built(settings.network, vars(settings), here.device)
            paces(title, network, task, batch, here.device, processes, given.steps)
            in_3d = in_3d or (network if isinstance(task, HeatTask) else None)
    if in_3d is not None and given.steps:
        scans(in_3d, config["unet3d"], volumes[1], here.device)
    if not given.only and given.steps:
        answers(config, here.device, given.steps)


def tasks(
    config: dict[str, Any], volumes: Any, stacks: Any, fold: int
) -> Iterable[tuple[str, loop.Task, Any, int]]:
    """Each network's task with its settings, and a batch's size."""
    patches = chosen(UNet3DSettings, config["unet3d"])
    for batch in (patches.batch, 4 * patches.batch):
        yield "3-D U-Net", HeatTask(*volumes, patches, 1, fold), patches, batch
    cubes = ReductionSettings.of(config["reduction"])
    nothing = tables.frame("candidates")
    yield "second stage", CubeTask(*volumes, cubes, 1, fold, nothing), cubes, cubes.batch
    slices = chosen(UNetSettings, config["unet"])
    yield "U-Net", SliceTask(*stacks, slices, 1, fold), slices, slices.batch
    crops = chosen(PresenceSettings, {"planes": 0} | config["presence"] | config["crops"])
    yield "ResNet50", CropTask(*stacks, crops, 1, fold, elsewhere(stacks)), crops, crops.batch


def chosen(settings: Any, section: dict[str, Any]) -> Any:
    """Those of a section's settings that decide the training."""
    return settings(**{f.name: section[f.name] for f in fields(settings)})


def elsewhere(stacks: Any) -> Sources:
    """A place without a nodule on every slice, in place of what a trained U-Net would find."""
    rows = [
        {"seriesuid": stack.uid, "slice": z, "peak_y": y, "peak_x": x}
        for stack in (*stacks[0], *stacks[1])
        for y, x in [np.array(stack.array.shape[1:]) / 2]
        for z in stack.empty_slices
    ]
    nothing = tables.frame("candidates").assign(nodule=pd.Series(dtype=int))
    return Sources(
        nothing.assign(excluded=pd.Series(dtype=bool)),
        tables.frame("regions"),
        pd.DataFrame(rows),
        tables.frame("locations"),
    )


def built(name: str, settings: dict[str, Any], device: torch.device) -> Any:
    """A network with fresh weights, on the device."""
    made = bundle.architecture(name)
    return machine.placed(made.build({key: settings[key] for key in made.SHAPE}, 1), device)


def paces(
    title: str,
    network: Any,
    task: loop.Task,
    batch: int,
    device: torch.device,
    processes: int,
    wanted: int,
) -> None:
    """Print what a sample costs, and a network's training steps a second, in the three ways."""
    plan = Plan(title, 0, 1, batch, LEARNING_RATE, "constant", 1, Path("unused"), "", processes)
    shown = itertools.cycle(order(task, 1))
    samples = (sample(task, plan, place) for place in shown)
    print(f"{title}: a sample takes {1000 / supply(samples, SAMPLES):.2f} ms of a core", flush=True)
    if not wanted:
        return
    places = list(itertools.islice(shown, batch * (wanted + wanted // 4 + 1)))
    with Batches(task, plan, device) as source:
        compare(title, network, task, partial(source.of, places), batch, device, wanted)


def compare(
    title: str,
    network: Any,
    task: loop.Task,
    fed: Callable[[], Iterable[Any]],
    batch: int,
    device: torch.device,
    wanted: int,
) -> None:
    """Print the steps a second; fed: an epoch's batches, by the loader."""
    kept = list(itertools.islice(fed(), 16))
    shape = " x ".join(str(n) for n in kept[0][0].shape)
    plain, graphed = partial(task.loss, network), graphs.of(task, network, batch, device)
    stays = partial(itertools.cycle, kept)
    for way, loss_of, shown in (
        ("kept on the device, kernel by kernel", plain, stays),
        ("kept on the device", graphed, stays),
        ("with the loader", graphed, fed),
        ("kept on the device, again", graphed, stays),
        ("with the loader, again", graphed, fed),
    ):
        rate = steps(network, loss_of, shown(), device, wanted)
        print(
            f"{title}, {shape}, {way}: {rate:.1f} steps/s, {rate * batch:.0f} samples/s", flush=True
        )
    begun = time.process_time()
    rate = supply(fed(), wanted)
    each = 1000 * (time.process_time() - begun) / (wanted + wanted // 4)
    print(f"{title}: the loader alone {rate:.1f} batches/s, {each:.2f} ms of this process a batch")


def steps(
    network: Any, loss_of: graphs.Loss, shown: Iterable[Any], device: torch.device, wanted: int
) -> float:
    """Training steps a second, over the wanted number of them and after a quarter as many."""
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
    start, count = 0.0, -(wanted // 4)
    for inputs, targets in shown:
        if count == 0:
            synchronised(device)
            start = time.monotonic()
        optimizer.zero_grad(set_to_none=True)  # in the loop's own order
        with machine.autocast(device):
            value = loss_of(inputs, targets)
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        count += 1
        if count == wanted:
            break
    synchronised(device)
    return count / (time.monotonic() - start)


def supply(shown: Iterable[Any], wanted: int) -> float:
    """Batches (or samples) a second that are made when nothing else is to do."""
    start, count = 0.0, -(wanted // 4)
    for _ in shown:
        if count == 0:
            start = time.monotonic()
        count += 1
        if count == wanted:
            break
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


def answers(config: dict[str, Any], device: torch.device, wanted: int) -> None:
    """Images a second that the networks for slices and crops answer, at LUNA16's sizes."""
    for name, section, channels, side in (
        ("U-Net", "unet", 1, config["slices"]["size"]),
        ("ResNet50", "presence", 3, config["crops"]["px"]),
    ):
        settings = config[section]
        network = built(settings["network"], settings, device).eval()
        shape = (settings["batch"], channels, side, side)
        inputs = machine.to_device(torch.randint(0, 256, shape, dtype=torch.uint8), device)
        start = 0.0
        with torch.inference_mode(), machine.autocast(device):
            for turn in range(-(wanted // 4), wanted):
                if turn == 0:
                    synchronised(device)
                    start = time.monotonic()
                network(inputs)
        synchronised(device)
        rate = wanted * settings["batch"] / (time.monotonic() - start)
        print(f"{name}, {' x '.join(str(n) for n in shape)}: {rate:.0f} images/s asked", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    parser.add_argument("fold", type=int)
    parser.add_argument("--config", type=Path, nargs="*", default=[])
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--processes", type=int, help="of the loader; default: as a training has")
    parser.add_argument(
        "--steps", type=int, default=60, help="of each measurement; 0: only what a sample costs"
    )
    parser.add_argument("--only", help="trainings whose title begins like this, no more")
    return parser.parse_args()


if __name__ == "__main__":
    main()
