"""What a job asks of a scheduler, attempt by attempt; the rules' resources call these functions."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What common nodes and partitions give. No retry asks for more, unless the first try did.
MOST_MEMORY_MB = 64_000
MOST_MINUTES = 24 * 60

# For sbatch: a training that its time limit will end is told five minutes before, and saves its
# state. The least that SLURM promises; the message may come a minute earlier.
NOTICE = "--signal=TERM@300"

# What a network's job asks for where a GPU computes: the loader's processes, and one beside them.
LOADERS = 8

# Device files of GPUs: NVIDIA's, AMD's, and Windows' within Linux.
GPU_DEVICES = ("nvidia[0-9]*", "kfd", "dxg")

# Snakemake calls a resource's function by the names of its arguments.
Resource = Callable[[Any, int], int]


def memory(mb: int) -> Resource:
    """Memory in MB, doubled with every retry up to a cap: too little is what ends most jobs."""
    return lambda wildcards, attempt: grown(mb, attempt, MOST_MEMORY_MB)


def minutes(number: int) -> Resource:
    """Running time in minutes, doubled with every retry up to a cap."""
    return lambda wildcards, attempt: grown(number, attempt, MOST_MINUTES)


def hours(number: int) -> Resource:
    """Running time in hours, likewise."""
    return minutes(60 * number)


def grown(first: int, attempt: int, most: int) -> int:
    """What an attempt (1, 2, ...) asks for: twice what the one before did, up to `most`."""
    return max(first, min(first * 2 ** (attempt - 1), most))


def has_gpu(devices: Path = Path("/dev")) -> bool:
    """Whether this machine has a GPU that CUDA_VISIBLE_DEVICES does not hide.

    Told by its device file: to ask PyTorch takes seconds, and every start of Snakemake would wait.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1")
    return not hidden and any(found for name in GPU_DEVICES for found in devices.glob(name))
