"""Cut one scan into its stack of lung-isolated slices, with a row for each."""

import cv2

from nodules.base import jobs, tables
from nodules.base.files import write_array
from nodules.images.metaimage import read_volume
from nodules.prepare import lungs, slices


def main(snakemake):
    """Lungs, one crop box for the scan, 8-bit slices."""
    cv2.setNumThreads(snakemake.threads)
    uid, method = snakemake.wildcards.uid, snakemake.params.lungs
    settings = slices.SliceSettings(**snakemake.params.settings)
    volume, geometry = read_volume(snakemake.input.header)
    mask = lungs.find(method, volume, geometry)
    if not any(image.any() for image in mask):
        jobs.log.warning("%s: no lungs found by '%s'; whole slices are kept.", uid, method)
    stack, grid, crop = slices.cut(volume, geometry, mask, settings)
    write_array(snakemake.output.stack, stack)
    table = slices.describe(uid, geometry, mask, grid, crop)
    tables.write(snakemake.output.table, "slices", table)


jobs.run(main, snakemake)
