"""Resample one scan's lung box to isotropic voxels."""

import cv2

from nodules.base import jobs, tables
from nodules.base.files import write_array
from nodules.images.metaimage import read_volume
from nodules.prepare import lung_masks, volume_cut, volumes


def main(snakemake):
    """Lungs, their box, 8-bit voxels."""
    cv2.setNumThreads(snakemake.threads)
    uid, output = snakemake.wildcards.uid, snakemake.output
    settings = volume_cut.VolumeSettings(**snakemake.params.settings)
    volume, geometry = read_volume(snakemake.input.header)
    source = snakemake.input.get("lungs", [])
    lungs = lung_masks.of_scan(snakemake.params.lungs, volume, geometry, source)
    cut = volume_cut.cut(volume, geometry, lungs.mask, settings)
    write_array(output.volume, cut.grey)
    write_array(output.lung, cut.lung)
    tables.write(output.table, "volumes", volumes.describe(uid, geometry, cut.grid))
    jobs.log.info("%s: %d x %d x %d voxels (z, y, x)", uid, *cut.grey.shape)


jobs.run(main, snakemake)
