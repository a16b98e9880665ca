"""Export the 3-D networks of all folds as one model file."""

from pathlib import Path

from nodules.base import jobs, tables
from nodules.evaluation import stages, stages_threshold
from nodules.inference import exported, exporting
from nodules.inference.export_facts import facts_of


def main(snakemake):
    """One zip; how the two stages count together is fitted on all folds' candidates, as for a test.

    The threshold is fitted on the confidences that each fold's candidates have by the others.
    """
    inputs, params = snakemake.input, snakemake.params
    told = exporting.about(params.units, params.words)
    networks = exporting.networks_of(inputs.models, exporting.IN_3D)
    truth = [tables.read(inputs[name], name) for name in ("nodules", "excluded")]
    weights = stages.fit(tables.read_all(inputs.judged, "classified"), *truth)
    stage_weights = dict(zip(exporting.STAGES, weights.tolist(), strict=True))
    candidates = tables.read_all(inputs.candidates, "classified")
    manifest = exporting.manifest(
        params.name,
        networks,
        {"windows": params.windows, "stages": stage_weights},
        stages_threshold.fitted(candidates, *truth),
        tables.read(inputs.metrics, "metrics"),
        facts_of(inputs, params, Path(snakemake.scriptdir)) | told,
        exporting.IN_3D,
        froc=tables.read(inputs.froc, "froc"),
    )
    files = dict(zip((n["file"] for n in networks), map(Path, inputs.weights), strict=True))
    exported.write(Path(snakemake.output.model), manifest, files)
    jobs.log.info("%s: %d networks", snakemake.output.model, len(networks))


jobs.run(main, snakemake)
