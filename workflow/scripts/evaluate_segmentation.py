"""Compare each nodule's segmentation with the readers': networks, single readers, spheres."""

from pathlib import Path

from nodules.base import jobs, tables
from nodules.base.files import write_json
from nodules.evaluation import segmentation, sets
from nodules.evaluation.sets import of
from nodules.images.geometry import Geometry


def main(snakemake):
    """Dice and distances of each nodule, and their means by diameter."""
    inputs, output, params = snakemake.input, snakemake.output, snakemake.params
    folds = tables.read(inputs.folds, "folds")
    nodules = tables.read(inputs.nodules, "nodules")
    sheet = tables.read(inputs.scans, "scans").set_index("seriesuid")
    systems = [name for name in segmentation.NETWORKS if inputs.get(name)]
    regions = tables.read_all([path for name in systems for path in inputs[name]], "regions")
    predicted = dict(list(regions.groupby("seriesuid")))
    masks, slices = ({Path(p).stem: p for p in paths} for paths in (inputs.masks, inputs.slices))
    found = {}
    for uid, own in of(nodules, list(masks)).groupby("seriesuid"):
        stored = Geometry.from_row(sheet.loc[uid].to_dict())
        rows = segmentation.compare_scan(
            own,
            tables.read(masks[uid], "regions"),
            predicted.get(uid, tables.frame("regions")),
            stored.reoriented()[0],
            Geometry.from_row(tables.read(slices[uid], "slices").iloc[0].to_dict()),
            params.agreement,
            systems,
        )
        found[uid] = list(rows)
    table = segmentation.compare_sets(found, folds)
    tables.write(output.table, "segmentation", table)
    summary = {
        name: segmentation.summarise(
            table[table["set"] == name],
            of(nodules, uids),
            *(params.bootstrap, params.seed, params.detector),
        )
        for name, uids in sets.pooled_sets(folds).items()
    }
    write_json(output.summary, summary)


jobs.run(main, snakemake)
