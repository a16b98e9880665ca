"""Classify LUNA16's listed locations with ResNet50s that were not trained on their scans."""

import logging

from tqdm import tqdm

from nodules.base import jobs, tables
from nodules.datasets import folds
from nodules.images.geometry import Geometry
from nodules.inference.locations import classify_locations, on_slices
from nodules.learning.machine import of_job
from nodules.learning.networks import bundle
from nodules.prepare.crops import CropSize
from nodules.prepare.stacks import open_stacks

log = logging.getLogger("nodules")


def main(snakemake):
    """A probability for each row of the list, also where there is nothing to look at."""
    inputs, part = snakemake.input, snakemake.wildcards.part
    uids = folds.part(tables.read(inputs.folds, "folds"), part)
    device = of_job(snakemake).device
    models = [bundle.restore(path, device) for path in inputs.models]
    size = CropSize(**models[0].input["crops"])
    ask = on_slices([m.network for m in models], size, device)
    listed = tables.read(inputs.locations, "locations")
    by_scan = dict(list(listed.groupby("seriesuid")))
    grids = tables.read(inputs.checked, "scans").set_index("seriesuid")
    judged = [tables.frame("location_scores")]
    for stack in tqdm(open_stacks(inputs.stacks, uids), desc=f"locations {part}", unit="scan"):
        grid = Geometry.from_row(grids.loc[stack.uid].to_dict())
        own = by_scan.get(stack.uid, listed.iloc[:0])
        judged.append(classify_locations(ask, stack, own, grid))
    found = tables.stacked(judged)
    tables.write(snakemake.output.locations, "location_scores", found)
    for reason, own in found[found["reason"] != ""].groupby("reason"):
        log.info("%d of %d locations lie %s: probability 0", len(own), len(found), reason)


jobs.run(main, snakemake)
