"""Draw the detection and segmentation scores."""

from nodules.base import jobs, tables
from nodules.base.files import read_json
from nodules.evaluation.names import OUT_OF_FOLD, TEST
from nodules.report import plotting
from nodules.report.captions import Source, sets_counted
from nodules.report.figures import detection


def main(snakemake):
    """Figures of detection, in cross-validation and on the test, and of segmentation."""
    inputs, output = snakemake.input, snakemake.output
    froc = tables.read(inputs.froc, "froc")
    segmentation = tables.read(inputs.segmentation, "segmentation")
    scores = read_json(inputs.detection)
    sets = next(iter(scores["systems"].values()))
    compared = segmentation.drop_duplicates(["set", "seriesuid", "nodule"]).groupby("set").size()
    counts = {name: {"n": int(n)} for name, n in compared.items()}
    drawn = {"dice_by_diameter": detection.dice_by_diameter(segmentation)}
    said = {"dice_by_diameter": sets_counted(counts, nodules="n")}
    for name, shown in (("froc", OUT_OF_FOLD), ("froc_test", TEST)):
        if output.get(name):
            drawn[name] = detection.froc_curves(froc, scores, shown=shown)
            own = {key: found for key, found in sets.items() if key == shown}
            said[name] = sets_counted(own, scans="n_scans", nodules="n_nodules")
    each = {name: (figure, said[name]) for name, figure in drawn.items()}
    plotting.save_all(each, output, Source(**snakemake.params.captioned))


jobs.run(main, snakemake)
