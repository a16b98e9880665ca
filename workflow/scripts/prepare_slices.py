"""Cut one scan into a stack of lung-isolated slices, with one table row per slice."""

import cv2

from nodules.base import jobs, tables
from nodules.base.files import write_array
from nodules.images.metaimage import read_volume
from nodules.prepare import lung_masks, slices


def main(snakemake):
    """Lungs, one crop box for the scan, 8-bit slices."""
    cv2.setNumThreads(snakemake.threads)
    uid, method = snakemake.wildcards.uid, snakemake.params.lungs
    settings = slices.SliceSettings(**snakemake.params.settings)
    volume, geometry = read_volume(snakemake.input.header)
    lungs = lung_masks.of_scan(method, volume, geometry, snakemake.input.get("lungs", []))
    if lungs.first.reason:
        jobs.log.warning("%s, lungs by '%s': %s", uid, method, lungs.first.reason)
    jobs.log.info("%s, lungs by '%s': %s", uid, lungs.method, lungs.plausibility.statement)
    stack, grid, crop = slices.cut(volume, geometry, lungs.mask, settings)
    write_array(snakemake.output.stack, stack)
    table = slices.describe(uid, geometry, lungs.mask, grid, crop)
    tables.write(snakemake.output.table, "slices", table)
    tables.write(snakemake.output.lungs, "lungs", tables.frame("lungs", [lungs.row(uid)]))


jobs.run(main, snakemake)
