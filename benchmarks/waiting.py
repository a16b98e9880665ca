#!/usr/bin/env python3
"""What threads that wait for each other cost: a training step of two small networks, in ms.

    GOMP_SPINCOUNT=1000 PYTHONPATH=workflow python benchmarks/waiting.py

Two threads. Run one, and two at once, with settings of OpenMP's (libgomp's) waiting. Prints
wall and processor time a step, each over five seconds.
"""

import time
from collections.abc import Callable

import torch
from torch import nn
from torchvision.models import resnet50

from nodules.learning.networks.unet import UNet

SECONDS = 5


def step_of(network: nn.Module, shape: tuple[int, ...]) -> Callable[[], None]:
    """A training step on random images of a shape (batch, channels, y, x)."""
    network = network.to(memory_format=torch.channels_last)
    images = torch.rand(shape).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)

    def step() -> None:
        loss = network(images).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def main() -> None:
    torch.set_num_threads(2)
    for name, network, shape in (
        ("U-Net, 4 of 96 x 96", UNet(16, 4, 0), (4, 1, 96, 96)),
        ("ResNet50, 16 of 64 x 64", resnet50(num_classes=1), (16, 3, 64, 64)),
    ):
        step = step_of(network, shape)
        for _ in range(3):
            step()
        wall, own, count = time.monotonic(), time.process_time(), 0
        while time.monotonic() - wall < SECONDS:
            step()
            count += 1
        wall, own = time.monotonic() - wall, time.process_time() - own
        print(f"{name}: {wall / count * 1000:.0f} ms, processor {own / count * 1000:.0f} ms")


if __name__ == "__main__":
    main()
