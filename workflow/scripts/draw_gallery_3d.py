"""Draw hits, misses and false positives of the 3-D detector on the CT, in three planes."""

from pathlib import Path

from nodules.base import jobs, tables
from nodules.evaluation.sets import of
from nodules.findings.candidate_hits import match
from nodules.findings.matches import with_matches
from nodules.report import gallery, plotting, words
from nodules.report.figures import gallery as pictures


def main(snakemake):
    """Pages and strips of pictures; candidates are as the second stage outlines them."""
    inputs, params = snakemake.input, snakemake.params
    part = gallery.part_of(tables.read(inputs.folds, "folds"))
    nodules, excluded = (tables.read(inputs[name], name) for name in ("nodules", "excluded"))
    candidates = tables.read_all(inputs.candidates, "classified")
    candidates = with_matches(candidates, match(candidates, nodules, excluded))
    candidates = candidates.assign(part=candidates["seriesuid"].map(part))
    nodules = of(nodules, list(part))
    nodules = nodules.assign(part=nodules["seriesuid"].map(part))
    regions = tables.stacked(tables.read(path, "regions") for path in inputs.regions)
    sheet = tables.read(inputs.scans, "scans").set_index("seriesuid", drop=False)
    dice = gallery.dice(tables.read(inputs.segmentation, "segmentation"), "reduction")
    shown = [f"Window {params.window[0]:g} to {params.window[1]:g}"] if params.window else []

    def scan(uid):
        own, header = of(regions, [uid]), sheet.loc[uid, "header"]
        return gallery.read(Path("results"), uid, header, own, params.kind, params.window)

    drawn = gallery.drawn(candidates, nodules, dice, params.most, scan)
    for kind, (cases, total) in drawn.items():
        figure = pictures.draw(kind, cases, total, "reduction", *shown)
        plotting.save(plotting.in_words(figure, words.of(params.words)), [snakemake.output[kind]])
        plotting.save(pictures.strip(cases), [snakemake.output[f"strip_{kind}"]])


jobs.run(main, snakemake)
