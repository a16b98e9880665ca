"""A training step on a GPU as CUDA graphs, launched at once instead of kernel by kernel.

The kernels of a small batch run faster than Python can launch them one by one.
"""

import gc
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

log = logging.getLogger("nodules")

Loss = Callable[[Tensor, Tensor], Tensor]  # (inputs, targets) of a batch to its loss


class HasLoss(Protocol):
    """The part of a task that computes the loss.

    A task sets `varies = True` if its loss launches different kernels for different samples, or
    waits for the GPU: neither can be recorded as a graph.
    """

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of a batch."""


def of(task: HasLoss, network: nn.Module, batch: int, device: torch.device) -> Loss:
    """The loss function for a training: with CUDA graphs on a GPU unless the task forbids them."""
    if device.type == "cuda" and not getattr(task, "varies", False):
        return Graphed(task, network, batch)
    return partial(task.loss, network)


class Graphed:
    """A task's loss whose forward and backward on a full batch are recorded once, then replayed.

    For training only: call it once per step and run backward before the next call, which overwrites
    the result. Create it once per training; its graphs are freed with it.

    A graph is bound to the shape of its input, so a smaller last batch is computed kernel by
    kernel, as is every batch if the GPU has too little memory for the graphs.
    """

    def __init__(self, task: HasLoss, network: nn.Module, batch: int) -> None:
        self.task, self.network, self.batch = task, network, batch
        self.plain = partial(task.loss, network)
        self.of_full: Loss | None = None  # computes a full batch's loss, once recorded

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of a batch, with the network in training mode and gradients enabled."""
        if len(inputs) != self.batch:
            return self.plain(inputs, targets)
        if self.of_full is None:
            self.of_full = self._recorded(inputs, targets)
        return self.of_full(inputs, targets)

    def _recorded(self, inputs: Tensor, targets: Tensor) -> Loss:
        whole = NetworkWithLoss(self.task, self.network)
        try:
            record(whole, inputs, targets)
            return whole
        except torch.OutOfMemoryError:
            log.warning(
                "Too little GPU memory to record a training step: its kernels are launched one by"
                " one, which is slower."
            )
        except RuntimeError as error:  # PyTorch may not recover, so going on is not safe
            error.add_note(
                "This came up while a training step was recorded as CUDA graphs. If the network or"
                " its loss waits for the GPU, or is fed by the CPU, its task says `varies = True`."
            )
            raise
        del whole  # and any graphs, with which it forms a reference cycle
        gc.collect()
        torch.cuda.empty_cache()
        return self.plain


def record(whole: nn.Module, *given: Tensor) -> None:
    """Let a module replay graphs for inputs of this shape; recording leaves no other trace in it.

    Warm-up steps precede the recording; batch statistics and random numbers are restored
    afterwards. Also raises torch.OutOfMemoryError if the graphs leave too little room for what is
    computed beside them: they keep a whole step's memory to themselves, and a smaller last batch or
    the validation needs at most as much again.
    """
    kept = [buffer.clone() for buffer in whole.buffers()]
    device = given[0].device
    # Casts of weights to bf16 belong to the graph, so autocast's cache must not supply them.
    low, dtype = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    cast = torch.autocast("cuda", dtype=dtype, enabled=low, cache_enabled=False)
    # A failed recording may leave its own stream as the current one (PyTorch 2.11 does).
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


class NetworkWithLoss(nn.Module):
    """A network and its loss as one module, whose `forward` is replaced by the recording."""

    def __init__(self, task: HasLoss, network: nn.Module) -> None:
        super().__init__()
        self.network, self.task = network, task

    def forward(self, *given: Tensor) -> Any:
        """The loss of inputs and targets."""
        return self.task.loss(self.network, *given)
