"""What Mask R-CNN learns from: the U-Net's slices, each nodule a separate instance."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nodules.learning.loop import Validation
from nodules.learning.machine import to_device
from nodules.learning.networks.maskrcnn import (
    full_precision,
    images_of,
    instances,
    painted,
    with_fixed_statistics,
)
from nodules.learning.tasks.shared import PixelTally
from nodules.learning.tasks.slices import Slice, SliceTask, SliceTaskSettings
from nodules.prepare.stacks import Stack
from nodules.stats.seeds import derive

VALIDATION_SLICES = 32  # of the U-Net's validation slices; a slice takes far longer here


@dataclass(frozen=True)
class MaskRCNNSettings(SliceTaskSettings):
    """Section `maskrcnn` of the config, without what only detection needs."""

    backbone: str
    stages: int
    channels: int
    weights: str
    trainable_layers: int
    scale: float
    anchors_px: list[float]
    proposals: int
    detections: int
    instance_threshold: float


class InstanceTask(SliceTask):
    """The U-Net's slices in the same order; the loss is the sum of Mask R-CNN's five."""

    varies = True  # with the number of proposals and of instances

    def __init__(
        self,
        training: Sequence[Stack],
        left_out: Sequence[Stack],
        settings: MaskRCNNSettings,
        seed: int,
        fold: int,
    ) -> None:
        super().__init__(training, left_out, settings, seed, fold)
        stride = -(-len(self.validation) // VALIDATION_SLICES)
        self.validation = self.validation[:: max(stride, 1)]

    def sample(self, key: Slice, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Slice with its neighbours (channels, y, x) and nodule numbers (1, y, x), 0 outside."""
        image, labels = self.view(key, rng)
        return image, labels.astype(np.int32)

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Sum of the losses of proposals (class, box) and of instances (class, box, mask)."""
        with full_precision(inputs.device):
            losses = network(images_of(inputs), instances(targets))
        return torch.stack(list(losses.values())).sum()

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Loss, pixel Dice at 0.5 and mean probability in nodules, on left-out slices."""
        torch.manual_seed(derive(self.seed, "maskrcnn", self.fold, "validation"))
        tally = PixelTally()
        for stack, z in self.validation:
            inputs, labels = self._shown(stack, z, device)
            compute = partial(self.loss, network, inputs, labels)
            loss = with_fixed_statistics(network, compute).item()
            tally.add(loss, self._painted(network, inputs), labels[0, 0] > 0)
        return tally.validation()

    def answer(
        self, network: nn.Module, stack: Stack, z: int, device: torch.device
    ) -> NDArray[np.bool_]:
        """Pixels (y, x) of a slice with a nodule probability of at least 0.5."""
        inputs, _ = self._shown(stack, z, device)
        return (self._painted(network, inputs) >= 0.5).cpu().numpy()

    def _shown(self, stack: Stack, z: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """A whole slice and its nodule numbers, as a batch of one on the device."""
        window = torch.from_numpy(stack.window(z, self.settings.context))[None]
        labels = torch.from_numpy(stack.labels(z).astype(np.int32))[None, None]
        return to_device(window, device), labels.to(device)

    def _painted(self, network: nn.Module, inputs: Tensor) -> Tensor:
        with full_precision(inputs.device):
            return painted(network(images_of(inputs))[0])
