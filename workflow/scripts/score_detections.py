"""Score the candidates of every system officially, by fold, out of fold and on the test."""

from nodules.base import jobs, tables
from nodules.base.files import write_json
from nodules.datasets import points_csv
from nodules.evaluation.detection import Truth, score_systems
from nodules.evaluation.sets import of, scans_by_set


def main(snakemake):
    inputs, output, params = snakemake.input, snakemake.output, snakemake.params
    folds = tables.read(inputs.folds, "folds")
    truth = Truth(
        tables.read(inputs.nodules, "nodules"), tables.read(inputs.excluded, "excluded"), folds
    )
    systems = {name: _marks(inputs[name], name) for name in params.systems}
    scores = score_systems(systems, truth, params.bootstrap, params.seed)
    for name in ("froc", "marks", "nodule_hits"):
        tables.write(output[name], name, getattr(scores, name))
    write_json(output.detection, scores.summary)
    sets = scans_by_set(folds)
    wanted = [(system, name) for system in params.systems for name in params.sets]
    for path, (system, name) in zip(output.submissions, wanted, strict=True):
        marks = of(systems[system], sets.get(name, []))
        points_csv.write_submission(path, marks)


def _marks(paths, system):
    """A system's candidates; behind the ResNet50 its confidence is their probability."""
    if system != "unet_resnet":
        return tables.read_all(paths, "candidates")
    classified = tables.read_all(paths, "classified")
    return classified.assign(probability=classified["confidence"])


jobs.run(main, snakemake)
