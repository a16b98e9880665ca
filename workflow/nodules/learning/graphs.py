"""A training step on a GPU as CUDA graphs: launched at once, not kernel by kernel.

A small batch's kernels take less time to run than Python takes to launch them one by one.
"""

import gc
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

log = logging.getLogger("nodules")

Loss = Callable[[Tensor, Tensor], Tensor]  # of a batch: its inputs and targets


class Learns(Protocol):
    """The part of a task that says what its network learns from.

    `varies = True` says that the loss launches other kernels for other samples, or waits for the
    GPU: no graph can hold it.
    """

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of a batch."""


def of(task: Learns, network: nn.Module, batch: int, device: torch.device) -> Loss:
    """What a training asks for a batch's loss: on a GPU with graphs, where a graph can hold it."""
    if device.type == "cuda" and not getattr(task, "varies", False):
        return Graphed(task, network, batch)
    return partial(task.loss, network)


class Graphed:
    """A task's loss whose forward and backward on a full batch are recorded once, then replayed.

    For training alone: one call a step, and its backward before the next, as an answer holds until
    then only. Where a training keeps it, its graphs are recorded once and end with it.

    What a graph does is fixed with the shape of its input: a smaller last batch is computed kernel
    by kernel; and so is every batch where a GPU has too little memory for the graphs.
    """

    def __init__(self, task: Learns, network: nn.Module, batch: int) -> None:
        self.task, self.network, self.batch = task, network, batch
        self.plain = partial(task.loss, network)
        self.of_full: Loss | None = None  # how a full batch's loss is computed, once that is known

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The loss; training mode, gradients wanted."""
        if len(inputs) != self.batch:
            return self.plain(inputs, targets)
        if self.of_full is None:
            self.of_full = self._recorded(inputs, targets)
        return self.of_full(inputs, targets)

    def _recorded(self, inputs: Tensor, targets: Tensor) -> Loss:
        whole = Whole(self.task, self.network)
        try:
            record(whole, inputs, targets)
            return whole
        except torch.OutOfMemoryError:
            log.warning(
                "Too little GPU memory to record a training step: its kernels are launched one by"
                " one, which is slower."
            )
        except RuntimeError as error:  # PyTorch may not get over it: to go on is not safe
            error.add_note(
                "This came up while a training step was recorded as CUDA graphs. If the network or"
                " its loss waits for the GPU, or is fed by the CPU, its task says `varies = True`."
            )
            raise
        del whole  # and the graphs that it may hold, which hold it
        gc.collect()
        torch.cuda.empty_cache()
        return self.plain


def record(whole: nn.Module, *given: Tensor) -> None:
    """Let a module replay graphs for input of this shape; recording leaves no other trace in it.

    Some steps go ahead of the recording; batch statistics and random numbers are put back. Raises
    torch.OutOfMemoryError also where graphs leave no room for what is computed beside them: they
    keep a whole step's memory for themselves, and a smaller last batch and validation need as much
    at most.
    """
    kept = [buffer.clone() for buffer in whole.buffers()]
    device = given[0].device
    # Weights cast to bf16 are part of the graph: it must not use casts kept from elsewhere.
    low, dtype = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    cast = torch.autocast("cuda", dtype=dtype, enabled=low, cache_enabled=False)
    # A recording that fails may leave its own stream as the current one (PyTorch 2.11 does).
    same = torch.cuda.stream(torch.cuda.current_stream(device))
    try:
        with torch.cuda.device(device), torch.random.fork_rng([device]), same, cast:
            samples = tuple(tensor.detach().clone() for tensor in given)
            torch.cuda.empty_cache()
            reserved = torch.cuda.memory_reserved()
            torch.cuda.make_graphed_callables(whole, samples)
            own, (free, _) = torch.cuda.memory_reserved() - reserved, torch.cuda.mem_get_info()
            if free < own:
                raise torch.OutOfMemoryError(f"graphs hold {own:,} bytes and leave {free:,}")
    finally:
        with torch.no_grad():
            for buffer, before in zip(whole.buffers(), kept, strict=True):
                buffer.copy_(before)


class Whole(nn.Module):
    """A network and its loss as one module, whose `forward` a recording replaces."""

    def __init__(self, task: Learns, network: nn.Module) -> None:
        super().__init__()
        self.network, self.task = network, task

    def forward(self, *given: Tensor) -> Any:
        """The loss of inputs and targets."""
        return self.task.loss(self.network, *given)
