"""Memory, time and GPUs that jobs request from a scheduler, attempt by attempt."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What common nodes and partitions offer. A retry requests more only if the first attempt did.
MOST_MEMORY_MB = 64_000
MOST_MINUTES = 24 * 60

# For sbatch: a training about to hit its time limit is signalled at least five minutes before, so
# that it saves its state. SLURM may send the signal up to a minute earlier.
NOTICE = "--signal=TERM@300"

# CPU cores of a network's job on a GPU: dataloader workers and the main process.
LOADERS = 8

# Device files of GPUs: NVIDIA, AMD, and Windows Subsystem for Linux.
GPU_DEVICES = ("nvidia[0-9]*", "kfd", "dxg")

# Snakemake passes arguments by name: they must be called `wildcards` and `attempt`.
Resource = Callable[[Any, int], int]


def memory(mb: int) -> Resource:
    """Memory in MB, doubled with each retry up to a cap: most jobs that fail ran out of it."""
    return lambda wildcards, attempt: grown(mb, attempt, MOST_MEMORY_MB)


def minutes(number: int) -> Resource:
    """Running time in minutes, doubled with each retry up to a cap."""
    return lambda wildcards, attempt: grown(number, attempt, MOST_MINUTES)


def hours(number: int) -> Resource:
    """Running time in minutes for a number of hours, doubled with each retry up to a cap."""
    return minutes(60 * number)


def grown(first: int, attempt: int, most: int) -> int:
    """Amount for attempt 1, 2, ...: doubled with each retry up to `most`, never below `first`."""
    return max(first, min(first * 2 ** (attempt - 1), most))


def has_gpu(devices: Path = Path("/dev")) -> bool:
    """Whether this machine has a GPU that CUDA_VISIBLE_DEVICES does not hide.

    Looks for device files: asking PyTorch would delay every start of Snakemake by seconds.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1")
    return not hidden and any(found for name in GPU_DEVICES for found in devices.glob(name))
