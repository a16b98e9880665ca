"""Score the candidates of every system officially, by fold, out of fold and on the test."""

from nodules import evaluation_sets, jobs, submissions, tables
from nodules.detection_scores import Truth, score_systems
from nodules.files import write_json


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
    sets = evaluation_sets.scans_by_set(folds)
    wanted = [(system, name) for system in params.systems for name in params.sets]
    for path, (system, name) in zip(output.submissions, wanted, strict=True):
        marks = evaluation_sets.of(systems[system], sets.get(name, []))
        submissions.write_submission(path, marks)


def _marks(paths, system):
    """A system's candidates; behind the ResNet50 its confidence is their probability."""
    if system != "unet_resnet":
        return tables.read_all(paths, "candidates")
    classified = tables.read_all(paths, "classified")
    return classified.assign(probability=classified["confidence"])


jobs.run(main, snakemake)
