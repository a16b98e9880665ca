"""Draw one scan's reference masks: spheres, single readers and their consensus."""

from collections import Counter

from nodules.base import jobs, tables
from nodules.datasets import labels, lidc
from nodules.images.geometry import Geometry
from nodules.images.metaimage import read_volume
from nodules.prepare import masks


def main(snakemake):
    """Masks on the native grid and on that of the slices."""
    inputs, uid = snakemake.input, snakemake.wildcards.uid
    scans = tables.read(inputs.scans, "scans")
    scan = scans[scans["seriesuid"] == uid].iloc[0]
    stored = Geometry.from_row(scan)
    nodules = tables.read(inputs.nodules, "nodules")
    if inputs.get("contours"):
        contours = tables.read(inputs.contours, "contours")
    else:
        contours, _ = lidc.read_contours({uid: stored})
    drawn = masks.draw_scan(
        uid,
        stored,
        Geometry.from_row(tables.read(inputs.slices, "slices").iloc[0]),
        nodules[nodules["seriesuid"] == uid],
        contours[contours["seriesuid"] == uid],
        read_volume(inputs.labels[0])[0] if inputs.get("labels") else None,
        snakemake.params.agreement,
        labels.numbered if snakemake.params.numbered else labels.fit,
    )
    tables.write(snakemake.output.masks, "regions", drawn.rows)
    counts = Counter(drawn.sources.values())
    jobs.log.info("%s: readers' masks from %s.", uid, dict(counts) or "no nodule")
    for reason in drawn.told:
        jobs.log.warning("%s: label volume: %s.", uid, reason)
    if counts["sphere"]:
        jobs.log.warning(
            "%s: %d of %d nodules have no outline that enough readers share; a sphere stands in.",
            uid,
            counts["sphere"],
            len(drawn.sources),
        )


jobs.run(main, snakemake)
