"""Save the complete configuration of this run."""

import yaml

from nodules.base import jobs
from nodules.base.files import write_text


def main(snakemake):
    """The whole config as one YAML file."""
    write_text(snakemake.output[0], yaml.safe_dump(snakemake.params.config, sort_keys=False))


jobs.run(main, snakemake)
