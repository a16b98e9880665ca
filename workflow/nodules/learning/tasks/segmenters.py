"""What the other networks on slices learn from: the U-Net's slices, in the U-Net's order."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nodules.learning.machine import to_device
from nodules.learning.tasks.shared import write_tiles
from nodules.learning.tasks.slices import PICTURES, SliceTask, SliceTaskSettings, UNetSettings

# Random numbers are the U-Net's, so that all networks compared see exactly the same samples.
STREAM = "unet"


@dataclass(frozen=True)
class TransformerSettings(SliceTaskSettings):
    """Section `unet` (slices and budget) of the config, with section `transformer`."""

    token_px: int
    width: int
    blocks: list[int]
    heads: list[int]
    window: int


# By the detector's name in the config.
SETTINGS: dict[str, type[SliceTaskSettings]] = {
    "attention_unet": UNetSettings,
    "transformer": TransformerSettings,
}


class SegmenterTask(SliceTask):
    """The U-Net's slices, loss and validation; also pictures of attention gates, if any."""

    def draw(self, network: nn.Module, device: torch.device, path: Path) -> None:
        """The U-Net's montage, and `<name>_gates.png` beside it, with a row of maps per slice."""
        super().draw(network, device, path)
        chosen = [(s, z) for s, z in self.validation if z in s.nodule_slices] or self.validation
        gate_maps = getattr(network, "gate_maps", None)
        if not chosen or gate_maps is None:
            return
        tiles: list[NDArray[np.uint8]] = []
        for i in np.linspace(0, len(chosen) - 1, min(PICTURES, len(chosen))).astype(int):
            stack, z = chosen[i]
            image = torch.from_numpy(stack.window(z, self.settings.context)[None])
            maps = gate_maps(to_device(image, device))[:, 0].float().cpu()
            tiles += [np.repeat(stack.array[z][:, :, None], 3, axis=2), *map(heat, maps)]
        gates = len(tiles) // min(PICTURES, len(chosen))
        write_tiles(path.with_name(f"{path.stem}_gates.png"), tiles, gates)


def heat(weights: Tensor) -> NDArray[np.uint8]:
    """Weights (y, x) from 0 (dark) to 1 (bright) as a colour image, BGR."""
    levels = (weights.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    return np.asarray(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS), np.uint8)
