"""Cut one scan into its stack of lung-isolated slices, with a row for each."""

from pathlib import Path

import cv2

from nodules.base import jobs, tables
from nodules.base.files import write_array
from nodules.images.metaimage import read_volume
from nodules.prepare import lungs, slices


def main(snakemake):
    cv2.setNumThreads(snakemake.threads)
    uid, method = snakemake.wildcards.uid, snakemake.params.lungs
    settings = slices.Settings(**snakemake.params.settings)
    nodules = tables.read(snakemake.input.nodules, "nodules")
    nodules = nodules[nodules["seriesuid"] == uid]
    volume, geometry = read_volume(snakemake.input.header)
    mask = lungs.find(method, volume, geometry)
    if not any(image.any() for image in mask):
        jobs.log.warning("%s: no lungs found by '%s'; whole slices are kept.", uid, method)
    stack, grid, crop = slices.cut(volume, geometry, mask, settings)
    table = slices.describe(uid, geometry, mask, grid, crop, nodules)
    if settings.png != "none":
        slices.write_pngs(Path(snakemake.output.pngs), stack, table, settings.png)
    write_array(snakemake.output.stack, stack)
    tables.write(snakemake.output.table, "slices", table)


jobs.run(main, snakemake)
