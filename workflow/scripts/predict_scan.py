"""Run an exported model on one scan of a sheet."""

from pathlib import Path

from nodules.base import jobs
from nodules.inference import predict
from nodules.report import delivery


def main(snakemake):
    """The files of findings, as `luna16 predict` writes them, in a folder of the scan's name."""
    device = "auto" if snakemake.resources.get("gpu") else "cpu"
    model = predict.open_model(snakemake.input.model, device, snakemake.threads)
    folder = Path(snakemake.output.findings)
    folder.mkdir(parents=True, exist_ok=True)
    series = [uid for uid in [snakemake.params.series] if uid]
    findings, notes = delivery.single(
        Path(snakemake.input[0]), folder, lambda read: predict.predict(read, model), series
    )
    for note in [*findings.notes, *notes]:
        jobs.log.warning("%s: %s", snakemake.wildcards.scan, note)
    jobs.log.info("%s: %s", findings.uid, findings.headline())


jobs.run(main, snakemake)
