"""Write the built-in phantom scans in LUNA16's layout."""

from pathlib import Path

from nodules.base import jobs
from nodules.datasets.phantom.dataset import make_phantom


def main(snakemake):
    """Scans, lists, outlines and ratings."""
    folder = Path(snakemake.output.annotations).parent
    make_phantom(folder, snakemake.params.config, snakemake.threads)
    jobs.log.info("%d phantom scans in %s", len(snakemake.output.headers), folder)


# The library starts processes of its own, and each reads this file once more.
if __name__ == "__main__":
    jobs.run(main, snakemake)
