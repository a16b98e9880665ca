"""Train one fold's second stage in 3-D."""

from functools import partial

from nodules.base import jobs, tables
from nodules.learning import loop
from nodules.learning.tasks.reduction import CubeTask, ReductionSettings
from nodules.learning.tasks.volume_truth import open_fold


def main(snakemake):
    """Cubes around nodules, and around what the fold's 3-D U-Net took for some."""
    settings = ReductionSettings.of(snakemake.params.settings)
    alarms = tables.read(snakemake.input.alarms, "candidates")
    loop.run(snakemake, "reduction", settings, partial(CubeTask, alarms=alarms), scans=open_fold)


jobs.run(main, snakemake)
