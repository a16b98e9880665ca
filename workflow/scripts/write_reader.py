"""Write the page on which a reader judges the model's findings in a phantom scan."""

from pathlib import Path

from nodules.base import jobs
from nodules.base.files import write_text
from nodules.report.viewer import page, predicted


def main(snakemake):
    """One HTML file, as `luna16 view` writes it."""
    inputs = snakemake.input
    folder = Path(inputs.findings).parent
    shown = predicted.shown(folder, scan=Path(inputs.header))
    write_text(snakemake.output[0], page.offline(shown))
    jobs.log.info("%s: %d findings", shown.uid, len(shown.findings))


jobs.run(main, snakemake)
