"""The hardware of a job: its CPU threads, its GPU if any, and how tensors are moved there."""

import fcntl
import os
import resource
import tempfile
from pathlib import Path
from typing import IO, Any, NamedTuple

import cv2
import torch
from torch import Tensor, nn

# ImageNet's mean and standard deviation, averaged over the three colours: torchvision's networks
# expect grey levels (0 to 1) normalised with these. The U-Net takes grey levels unchanged.
GREY_MEAN, GREY_SPREAD = 0.45, 0.225

# By the number of axes, including batch and channels.
CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}

_taken: list[IO[str]] = []  # open lock files of the GPUs that this process holds


class Machine(NamedTuple):
    """Device that the networks run on, and the number of CPU threads."""

    device: torch.device
    threads: int

    @property
    def arithmetic(self) -> list[str | int]:
        """Everything about the machine that a result depends on.

        The kind of device; on the CPU also the number of threads and whether it computes in bf16.
        """
        if self.device.type == "cuda":
            return ["cuda"]
        return ["cpu", self.threads, *(["bf16"] if _native_bf16() else [])]

    @property
    def workers(self) -> int:
        """Number of dataloader workers: all threads but one with a GPU, none on the CPU.

        On the CPU the network uses every core, and a slice takes only a millisecond to load.
        """
        return max(self.threads - 1, 1) if self.device.type == "cuda" else 0


def of_job(job: Any) -> Machine:
    """The machine that Snakemake granted: its threads, and a GPU unless `--resources gpu=0`."""
    return take(job.threads, gpu=bool(job.resources.get("gpu")))


def take(threads: int, gpu: bool = True) -> Machine:
    """Claim a device and up to `threads` CPU threads, but no more than there are cores.

    gpu: whether a GPU may be used; if not, none is touched, so that a full one cannot fail the job.
    Threads that compete for cores only cost time: two U-Nets side by side on two cores took three
    times as long per step with eight threads each as with two.
    """
    # Each memory map keeps a file open, and hundreds of scans exceed the default limit.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    threads = min(threads, len(os.sched_getaffinity(0)))
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    return Machine(pick_device() if gpu else torch.device("cpu"), threads)


def pick_device() -> torch.device:
    """A GPU that no other job of this user holds on this machine, else the CPU.

    `--resources gpu=2` starts two jobs that both see two GPUs. Whichever locks a GPU's file first
    has the GPU until its process, and those forked from it, have ended, however they end. If all
    GPUs are taken, the first is shared. The GPU becomes PyTorch's current device.
    """
    for number in range(torch.cuda.device_count()):
        lock = Path(tempfile.gettempdir()) / f"luna16-{os.getuid()}-gpu-{_gpu_name(number)}.lock"
        stream = lock.open("a")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            continue
        _taken.append(stream)  # the lock lasts as long as the file is open
        torch.cuda.set_device(number)
        return torch.device("cuda", number)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _gpu_name(number: int) -> str:
    """UUID of a GPU, the same in every process whatever CUDA_VISIBLE_DEVICES is set to."""
    return str(torch.cuda.get_device_properties(number).uuid)


def to_device(inputs: Tensor, device: torch.device) -> Tensor:
    """uint8 images or volumes on the device, as floats from 0 to 1, channels last.

    They are converted there, since bytes are quicker to copy.
    """
    moved = inputs.to(device, non_blocking=True).float().div_(255)
    return moved.contiguous(memory_format=CHANNELS_LAST[moved.ndim])


def placed(network: nn.Module, device: torch.device) -> nn.Module:
    """The network on the device, its weights in channels-last layout."""
    sides = max(weight.ndim for weight in network.parameters())
    return network.to(device, memory_format=CHANNELS_LAST[sides])  # type: ignore[call-overload,no-any-return]


def autocast(device: torch.device) -> torch.autocast:
    """Autocast to bf16 on a GPU, and on a CPU that supports it; full precision elsewhere."""
    enabled = device.type == "cuda" or _native_bf16()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


def _native_bf16() -> bool:
    """Whether this CPU multiplies bf16 in hardware.

    If so, steps take a half to two thirds of the time; if not, bf16 makes them longer.
    """
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
