"""Export the networks of all folds, or those trained on all scans, as one model file."""

from pathlib import Path

from nodules.base import jobs, tables
from nodules.base.files import read_json
from nodules.inference import exported, exporting
from nodules.inference.export_facts import facts_of


def main(snakemake):
    """One zip of a manifest and the networks' weights."""
    inputs, params = snakemake.input, snakemake.params
    told = exporting.about(params.units, params.words)
    system = exporting.on_slices(params.detector)
    networks = exporting.networks_of(inputs.models, system)
    fitted = read_json(inputs.presence)["fitted"] if inputs.presence else None
    manifest = exporting.manifest(
        params.name,
        networks,
        params.settings,
        fitted,
        tables.read(inputs.metrics, "metrics"),
        facts_of(inputs, params, Path(snakemake.scriptdir)) | told,
        system,
        exporting.ALL if params.whole else exporting.FOLDS,
        tables.read(inputs.froc, "froc"),
    )
    files = dict(zip((n["file"] for n in networks), map(Path, inputs.weights), strict=True))
    exported.write(Path(snakemake.output.model), manifest, files)
    jobs.log.info("%s: %d networks", snakemake.output.model, len(networks))


jobs.run(main, snakemake)
