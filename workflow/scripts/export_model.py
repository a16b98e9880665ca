"""Gather the networks of all folds, and what is known of them, into one model file."""

from pathlib import Path

import nodules
from nodules.base import jobs, provenance, tables
from nodules.base.files import read_json
from nodules.inference import exported, exporting

PACKAGES = ("numpy", "torch", "torchvision", "opencv-python-headless", "connected-components-3d")


def main(snakemake):
    """One zip of a manifest and the networks' weights."""
    inputs, params = snakemake.input, snakemake.params
    networks = exporting.networks_of(inputs.models)
    scans = tables.read(inputs.scans, "scans")
    used = scans[scans["status"] == "ok"]
    folds = tables.read(inputs.folds, "folds")
    facts = {
        "version": nodules.__version__,
        "data": {
            "source": params.source,
            "scans": len(used),
            "scans trained on": int((folds["fold"] >= 0).sum()),
            "scans held out": int((folds["fold"] < 0).sum()),
            "nodules": int(used["n_nodules"].sum()),
            "folds": params.folds,
            "SHA-256 of the scans": provenance.data_hash(scans),
        },
        "made_with": {
            "commit": provenance.commit(Path(snakemake.scriptdir)),
            **provenance.versions(PACKAGES),
        },
    }
    fitted = read_json(inputs.presence)["fitted"] if inputs.presence else None
    manifest = exporting.manifest(
        params.name,
        networks,
        params.settings,
        fitted,
        tables.read(inputs.metrics, "metrics"),
        facts,
    )
    files = dict(zip((n["file"] for n in networks), map(Path, inputs.weights), strict=True))
    exported.write(Path(snakemake.output.model), manifest, files)
    jobs.log.info("%s: %d networks", snakemake.output.model, len(networks))


jobs.run(main, snakemake)
