"""Score the listed locations' probabilities officially, and report the list's ceiling."""

from nodules.base import jobs, tables
from nodules.base.files import write_json
from nodules.datasets import points_csv
from nodules.evaluation import locations, names
from nodules.evaluation.detection import Truth
from nodules.evaluation.sets import of, scans_by_set


def main(snakemake):
    """FROC and CPM of each classifier and set, the list's ceiling, and submissions."""
    inputs, output, params = snakemake.input, snakemake.output, snakemake.params
    folds = tables.read(inputs.folds, "folds")
    truth = Truth(
        tables.read(inputs.nodules, "nodules"), tables.read(inputs.excluded, "excluded"), folds
    )
    judged = {
        key: tables.read_all(inputs[key], names.REDUCERS[key].scores.table)
        for key in params.systems
    }
    listed = tables.read(inputs.locations, "locations")
    scores = locations.score(judged, listed, truth, params.bootstrap, params.seed)
    tables.write(output.froc, "froc", scores.froc)
    write_json(output.summary, scores.summary)
    sets = scans_by_set(folds)
    wanted = [(system, name) for system in params.systems for name in params.sets]
    for path, (system, name) in zip(output.submissions, wanted, strict=True):
        points_csv.write_submission(path, of(judged[system], sets.get(name, [])))


jobs.run(main, snakemake)
