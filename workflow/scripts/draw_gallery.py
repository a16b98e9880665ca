"""Draw hits, misses and false positives on the CT, in three planes."""

from pathlib import Path

from nodules.base import jobs, tables
from nodules.evaluation.sets import of
from nodules.findings.matches import with_matches
from nodules.report import gallery, plotting, words
from nodules.report.figures import gallery as pictures


def main(snakemake):
    """A page of pictures of each kind, and a strip of it for the first page."""
    inputs, params = snakemake.input, snakemake.params
    part = gallery.part_of(tables.read(inputs.folds, "folds"))
    candidates = with_matches(
        tables.read_all(inputs.candidates, params.table),
        tables.read_all(inputs.matches, "matches"),
    )
    if params.table == "candidates":
        candidates = candidates.assign(confidence=candidates["probability"])
    candidates = candidates.assign(part=candidates["seriesuid"].map(part))
    nodules = of(tables.read(inputs.nodules, "nodules"), list(part))
    nodules = nodules.assign(part=nodules["seriesuid"].map(part))
    regions = tables.stacked(tables.read(path, "regions") for path in inputs.regions)
    sheet = tables.read(inputs.scans, "scans").set_index("seriesuid", drop=False)
    segmentation = tables.read(inputs.segmentation, "segmentation")
    dice = gallery.dice(segmentation, params.detector)
    touched = gallery.found(segmentation, params.detector) if params.overlap else None
    shown = [f"Window {params.window[0]:g} to {params.window[1]:g}"] if params.window else []

    def scan(uid):
        own = of(regions, [uid])
        own = own[own["kind"] == params.detector]
        header = sheet.loc[uid, "header"]
        return gallery.read(Path("results"), uid, header, own, params.kind, params.window)

    drawn = gallery.drawn(candidates, nodules, dice, params.most, scan, touched)
    for kind, (cases, total) in drawn.items():
        figure = pictures.draw(kind, cases, total, params.detector, *shown)
        plotting.save(plotting.in_words(figure, words.of(params.words)), [snakemake.output[kind]])
        plotting.save(pictures.strip(cases), [snakemake.output[f"strip_{kind}"]])


jobs.run(main, snakemake)
