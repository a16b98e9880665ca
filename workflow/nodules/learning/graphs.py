"""A network's step on a GPU as CUDA graphs: launched at once, not kernel by kernel.

A small batch's kernels take less time to run than Python takes to launch them one by one.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class Graphed(nn.Module):
    """A network whose forward and backward on a full batch are each recorded once, then replayed.

    For training alone: one call a step, and its backward before the next, as an answer holds until
    then only. Where a training keeps it, its graphs are recorded once and end with it.

    What a graph does is fixed with the shape of its input: a smaller last batch, and a network that
    is asked with more than one tensor (Mask R-CNN), goes through the network as it is.
    """

    def __init__(self, network: nn.Module, batch: int) -> None:
        super().__init__()
        self.network, self.batch = network, batch
        self.replay: Callable[[Tensor], Any] | None = None

    def forward(self, *given: Any) -> Any:
        """The network's answer; training mode, gradients wanted."""
        first = given[0]
        if len(given) > 1 or not isinstance(first, Tensor) or len(first) != self.batch:
            return self.network(*given)
        if self.replay is None:
            self.replay = recorded(self.network, first)
        return self.replay(first)


def of(network: nn.Module, batch: int, device: torch.device) -> nn.Module:
    """What a training asks for its network's answer: on a GPU, with graphs."""
    return Graphed(network, batch) if device.type == "cuda" else network


def recorded(network: nn.Module, inputs: Tensor) -> Callable[[Tensor], Any]:
    """The network's graphs for inputs of this shape; recording leaves no trace in it.

    Some steps go ahead of the recording; batch statistics and random numbers are put back.
    """
    kept = [buffer.clone() for buffer in network.buffers()]
    # Weights cast to bf16 are part of the graph: it must not use casts kept from elsewhere.
    low, dtype = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    cast = torch.autocast("cuda", dtype=dtype, enabled=low, cache_enabled=False)
    with torch.cuda.device(inputs.device), torch.random.fork_rng([inputs.device]), cast:
        whole = _Whole(network)
        torch.cuda.make_graphed_callables(whole, (inputs.detach().clone(),))
    with torch.no_grad():
        for buffer, before in zip(network.buffers(), kept, strict=True):
            buffer.copy_(before)
    return whole


class _Whole(nn.Module):
    """A network in a shell, as recording changes `forward` of what it is given."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Any:
        """The network's answer."""
        return self.network(inputs)
