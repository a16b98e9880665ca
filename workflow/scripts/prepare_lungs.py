"""Make one scan's coarse slices for the lung U-Net, and its given mask on the same grid."""

import cv2
import numpy as np

from nodules.base import jobs, tables
from nodules.base.files import write_array
from nodules.datasets.lung_masks import read_mask
from nodules.images import regions
from nodules.images.metaimage import read_volume
from nodules.prepare import coarse_grid, lung_grid, slices


def main(snakemake):
    """A stack of whole slices; the mask has no rows where none is given."""
    cv2.setNumThreads(snakemake.threads)
    uid, px = snakemake.wildcards.uid, snakemake.params.px
    volume, geometry = read_volume(snakemake.input.header)
    coarse, _ = coarse_grid.decimate(volume, geometry)
    stack, grid = lung_grid.images(coarse, px), lung_grid.grid(geometry, px)
    truth = np.zeros(stack.shape, np.bool_)
    if snakemake.input.mask:
        mask = read_mask(snakemake.input.mask[0], geometry)
        truth = lung_grid.truth(coarse_grid.shrink(mask, geometry), px)
    write_array(snakemake.output.stack, stack)
    crop = slices.CropBox(*map(round, lung_grid.square(geometry)))
    table = slices.describe(uid, grid, truth.view(np.uint8), grid, crop)
    tables.write(snakemake.output.table, "slices", table)
    rows = list(regions.encode(uid, "lungs", "slices", 1, truth))
    tables.write(snakemake.output.masks, "regions", rows)


jobs.run(main, snakemake)
