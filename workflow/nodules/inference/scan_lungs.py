"""A new scan's lungs, found by the method that the model's own scans had.

`volume` and `slice_kmeans` need only the scan. `unet` runs all of the model's lung networks, as the
workflow does for a scan that none of them was trained on. `given` takes a mask that comes with the
scan; without one the lungs are found by `volume`, and a note says so.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nodules.base.files import UserError, write_array
from nodules.images.geometry import Geometry
from nodules.inference.ensemble import Ensemble
from nodules.inference.lungs import probability
from nodules.prepare import held, lung_masks, lungs, region
from nodules.prepare.lung_search import Lungs

WAYS = (*lungs.METHODS, lung_masks.GIVEN, lung_masks.UNET, region.BODY, region.WHOLE)
ROLE = "lungs"  # of lung networks in a model
OTHERWISE = lungs.volume.__name__
WITHOUT_MASK = (
    "the model's own scans had given lung masks, but this one has none: its lungs were found by "
    f"'{OTHERWISE}'"
)


@dataclass(frozen=True, eq=False)
class LungFinder:
    """How a model's scans get their lungs: one of WAYS, and for `unet` the model's networks."""

    way: str
    model: Ensemble

    @property
    def chest(self) -> bool:
        """Whether it looks for lungs: other organs' models have a region instead."""
        return self.way not in region.METHODS

    def find(
        self, volume: NDArray[np.int16], geometry: Geometry, mask: Path | None = None
    ) -> tuple[Lungs, list[str]]:
        """Lungs of a scan, int16 HU (z, y, x) on its grid nearest to LPS, and notes on them.

        mask: header of a lung mask on the scan's grid, 3 left and 4 right. Raises UserError if it
        does not fit, or if the model finds lungs without a mask.
        """
        if mask is not None and self.way != lung_masks.GIVEN:
            raise UserError(
                f"{mask}: the model finds lungs itself, by '{self.way}', as in its own scans. "
                "Leave lung masks away."
            )
        if self.way == lung_masks.UNET:
            return self._asked(volume, geometry), []
        if self.way != lung_masks.GIVEN:
            return lung_masks.of_scan(self.way, volume, geometry), []
        if mask is None:
            return lung_masks.of_scan(OTHERWISE, volume, geometry), [WITHOUT_MASK]
        return lung_masks.of_scan(lung_masks.GIVEN, volume, geometry, [mask]), []

    def _asked(self, volume: NDArray[np.int16], geometry: Geometry) -> Lungs:
        """Lungs from the model's networks, passed on in a file as between the workflow's steps."""
        models = self.model.bundles[ROLE]
        stack = held.lung_stack_of("scan", volume, geometry, models[0].input["px"])
        with tempfile.TemporaryDirectory(prefix="luna16-") as folder:
            answer = Path(folder, "answer.npy")
            write_array(answer, probability(models, stack, self.model.device))
            return lung_masks.of_scan(lung_masks.UNET, volume, geometry, [answer])
