"""What a job computes with: its cores, a GPU if there is one, and how tensors get there."""

import fcntl
import os
import resource
import tempfile
from pathlib import Path
from typing import IO, Any, NamedTuple

import cv2
import torch
from torch import Tensor, nn

# ImageNet's mean and spread, over its three colours: what torchvision's networks expect of greys
# from 0 to 1. The U-Net takes them as they are.
GREY_MEAN, GREY_SPREAD = 0.45, 0.225

# By the number of axes, batch and channels among them.
CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}

_taken: list[IO[str]] = []  # lock files of the GPUs that this process uses


class Machine(NamedTuple):
    """A device for the networks, and the number of CPU threads beside it."""

    device: torch.device
    threads: int

    @property
    def arithmetic(self) -> list[str | int]:
        """What a result hangs on: the kind of device; on the CPU its precision and the threads."""
        if self.device.type == "cuda":
            return ["cuda"]
        return ["cpu", self.threads, *(["bf16"] if _native_bf16() else [])]

    @property
    def workers(self) -> int:
        """Processes that load samples: all but one thread beside a GPU, none beside the CPU.

        On the CPU the network takes every core and a slice takes a millisecond to load.
        """
        return max(self.threads - 1, 1) if self.device.type == "cuda" else 0


def of_job(job: Any) -> Machine:
    """What Snakemake gave a job: threads, and a GPU unless `--resources gpu=0` takes it away."""
    return take(job.threads, gpu=bool(job.resources.get("gpu")))


def take(threads: int, gpu: bool = True) -> Machine:
    """Take a device, and as many threads as are given, but no more than there are cores.

    gpu: whether a GPU may be taken; without it none is touched, not even one that is full. Threads
    that wait for each other's cores only cost: two U-Nets side by side on two cores took
    three times as long a step with eight threads each as with two.
    """
    # A memory map holds its file open, and hundreds of scans have more files than is the default.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    threads = min(threads, len(os.sched_getaffinity(0)))
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    return Machine(pick_device() if gpu else torch.device("cpu"), threads)


def pick_device() -> torch.device:
    """A GPU that no other job of this user has taken on this machine, else the CPU.

    `--resources gpu=2` starts two jobs that both see two GPUs; whoever locks a GPU's file first
    has it until its process, and those forked of it, have ended in whatever way. Where all are
    taken, the first is shared. PyTorch then means this GPU where none is named.
    """
    for number in range(torch.cuda.device_count()):
        lock = Path(tempfile.gettempdir()) / f"luna16-{os.getuid()}-gpu-{_gpu_name(number)}.lock"
        stream = lock.open("a")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            continue
        _taken.append(stream)  # an open file holds the lock
        torch.cuda.set_device(number)
        return torch.device("cuda", number)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _gpu_name(number: int) -> str:
    """A GPU's own name, the same in every process whatever CUDA_VISIBLE_DEVICES shows it."""
    return str(torch.cuda.get_device_properties(number).uuid)


def to_device(inputs: Tensor, device: torch.device) -> Tensor:
    """uint8 images or volumes to float 0 to 1, channels last; it is converted on the device."""
    moved = inputs.to(device, non_blocking=True).float().div_(255)
    return moved.contiguous(memory_format=CHANNELS_LAST[moved.ndim])


def placed(network: nn.Module, device: torch.device) -> nn.Module:
    """A network on the device, its weights laid out channels last."""
    sides = max(weight.ndim for weight in network.parameters())
    return network.to(device, memory_format=CHANNELS_LAST[sides])  # type: ignore[call-overload,no-any-return]


def autocast(device: torch.device) -> torch.autocast:
    """bf16 on a GPU, and on a CPU that has it; full precision elsewhere."""
    enabled = device.type == "cuda" or _native_bf16()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


def _native_bf16() -> bool:
    """Whether this CPU multiplies bf16 itself: steps take a half to two thirds; others' longer."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
