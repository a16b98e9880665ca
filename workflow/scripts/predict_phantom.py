"""Run the exported model on a phantom scan written as DICOM, as a user would."""

import tempfile
from dataclasses import replace
from pathlib import Path

from nodules.base import jobs
from nodules.base.files import write_bytes
from nodules.images import dicom_writing, metaimage, reading
from nodules.inference import predict
from nodules.report import delivery


def main(snakemake):
    """The files of findings, as `luna16 predict` writes them."""
    header = Path(snakemake.input.header)
    volume, geometry = metaimage.read_volume(header)
    device = "auto" if snakemake.resources.get("gpu") else "cpu"
    model = predict.open_model(snakemake.input.model, device, snakemake.threads)
    with tempfile.TemporaryDirectory() as folder:
        dicom_writing.write_series(Path(folder, "scan"), volume, geometry, header.stem)
        with reading.opened(Path(folder, "scan")) as (scan,):
            # The same findings make the same file, wherever the DICOM lay meanwhile.
            read = replace(scan.read(), source=header.name)
            findings = predict.predict(read, model)
            written = Path(folder, "findings")
            delivery.write(written, findings, read.voxels, scan.chosen)
        home = Path(snakemake.output.findings).parent
        # No output, since there is none without a reported finding.
        (home / delivery.SEGMENTATION).unlink(missing_ok=True)
        for path in written.iterdir():
            write_bytes(home / path.name, path.read_bytes())
    jobs.log.info("%s: %s", findings.uid, findings.headline())


jobs.run(main, snakemake)
