"""Write down the configuration that this run was started with, all keys filled in."""

import yaml

from nodules.base import jobs
from nodules.base.files import write_text


def main(snakemake):
    """The whole config as one YAML file."""
    write_text(snakemake.output[0], yaml.safe_dump(snakemake.params.config, sort_keys=False))


jobs.run(main, snakemake)
