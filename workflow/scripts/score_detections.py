"""Score every system's candidates officially: by fold, out of fold and on the test subset."""

from dataclasses import replace

from nodules.base import jobs, tables
from nodules.base.files import write_json
from nodules.datasets import points_csv
from nodules.evaluation import names
from nodules.evaluation.detection import Truth, score_systems
from nodules.evaluation.overlap_hits import with_masked, with_touched
from nodules.evaluation.sets import of, scans_by_set


def main(snakemake):
    """FROC, CPM and operating points of each system and set, and submissions."""
    inputs, output, params = snakemake.input, snakemake.output, snakemake.params
    folds = tables.read(inputs.folds, "folds")
    truth = Truth(
        tables.read(inputs.nodules, "nodules"), tables.read(inputs.excluded, "excluded"), folds
    )
    systems = {name: _marks(inputs[name], names.SYSTEMS[name].scores) for name in params.systems}
    if inputs.overlaps:
        drawn = tables.read(inputs.overlaps, "segmentation")
        systems = {key: with_touched(marks, drawn, key) for key, marks in systems.items()}
        truth = replace(truth, nodules=with_masked(truth.nodules, drawn))
    scores = score_systems(systems, truth, params.bootstrap, params.seed)
    for name in ("froc", "marks", "nodule_hits"):
        tables.write(output[name], name, getattr(scores, name))
    write_json(output.detection, scores.summary)
    sets = scans_by_set(folds)
    wanted = [(system, name) for system in params.systems for name in params.sets]
    for path, (system, name) in zip(output.submissions, wanted, strict=True):
        marks = of(systems[system], sets.get(name, []))
        points_csv.write_submission(path, marks)


def _marks(paths, source):
    """A system's candidates, what it says of each as their probability."""
    marks = tables.read_all(paths, source.table)
    return marks.assign(probability=marks[source.score])


jobs.run(main, snakemake)
