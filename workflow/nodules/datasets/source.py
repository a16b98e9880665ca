"""Sources of a run's scans: one entry of `SOURCES` for each value of `data.source`.

To add a layout, write a function that lists its cases, and add a line below. Everything after the
scan sheet is the same for all sources. Runs while the Snakefile is read, so it imports nothing
heavy.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodules.base.files import UserError
from nodules.base.messages import escaped
from nodules.datasets import luna16
from nodules.datasets.phantom import ellipsoid_plan, plan
from nodules.datasets.scan import Scan
from nodules.datasets.sources import case, decathlon, nnunet, table
from nodules.datasets.sources.case import Case, Listing
from nodules.images.foreign import UID, is_path

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """A kind of data set.

    folder: the data set's folder, from the config.
    scans:  lists the scans of a data set in LUNA16's layout, with lists, contours and ratings.
    listed: lists the cases of another layout, each of which is first converted to LUNA16's.
    made:   whether the scans are phantoms, whose results say nothing about patients.
    """

    folder: Callable[[Config], str]
    scans: Callable[[str, Config], list[Scan]] | None = None
    listed: Callable[[str, Config], Listing] | None = None
    made: bool = False

    @property
    def name(self) -> str:
        """Pattern of the scans' names, for wildcards."""
        return UID if self.scans else case.NAME

    def cases(self, config: Config) -> list[Case]:
        """The cases to convert to LUNA16's layout; none if the data set already has it.

        Raises UserError if the folder cannot be used and, with `data.on_bad_scan: stop`, for the
        first scan that cannot.
        """
        if self.listed is None:
            return []
        folder = self.folder(config)
        if not is_path(folder):
            raise UserError(
                f"dataset.dir {escaped(folder)}: Snakemake takes braces, angle brackets and"
                " characters that cannot be printed for something else. Name a link to the folder."
            )
        return case.usable(self.listed(folder, config), config["data"]["on_bad_scan"])

    def found(self, config: Config, cases: list[Case]) -> list[Scan]:
        """The run's scans. cases: the result of `cases`."""
        if self.scans is None:
            return [one.scan() for one in cases]
        return self.scans(self.folder(config), config)


def _dataset(config: Config) -> str:
    return os.fspath(Path(config["dataset"]["dir"]))


SOURCES = {
    "phantom": Source(lambda config: "results/phantom", plan.planned, made=True),
    "luna16": Source(lambda config: str(Path(config["luna16_dir"])), luna16.ready),
    "ellipsoid": Source(
        lambda config: ellipsoid_plan.FOLDER, listed=ellipsoid_plan.cases, made=True
    ),
    "decathlon": Source(_dataset, listed=decathlon.cases),
    "nnunet": Source(_dataset, listed=nnunet.cases),
    "table": Source(_dataset, listed=table.cases),
}
