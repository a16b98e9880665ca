"""Check every scan and list, and write the scan sheet."""

from pathlib import Path

from nodules.base import jobs, tables
from nodules.datasets import adopted, check, lidc
from nodules.datasets.lung_mask_check import Masks
from nodules.datasets.source import SOURCES
from nodules.prepare import lung_check


def main(snakemake):
    """The scan sheet, the defects and LUNA16's lists, all checked."""
    params = snakemake.params
    if params.listed:
        checked = _adopted(snakemake.input.adopted, params)
    else:
        checked = check.check_folder(
            params.folder,
            snakemake.input.headers,
            lidc.patients(),
            snakemake.threads,
            progress=jobs.draws_bars(),
            further=lung_check.verdicts,
            masks=Masks(Path(params.masks[0]), params.masks[1]) if params.masks else None,
        )
    for line in check.messages(checked):
        jobs.log.warning(line)
    jobs.log.info(check.describe(checked).rstrip())
    check.require_usable(checked, params.on_bad_scan)
    for name in ("scans", "defects", "nodules", "excluded", "locations"):
        tables.write(snakemake.output[name], name, getattr(checked, name))


def _adopted(paths, params):
    """The sheet of a data set of another layout, of the tables of its scans."""
    listed = SOURCES[params.listed["source"]].listed(params.folder, params.listed["config"])
    rows = {
        name: tables.read_all([path for path in paths if path.endswith(f"_{name}.parquet")], name)
        for name in adopted.TABLES
    }
    return adopted.gather(rows, listed.told)


jobs.run(main, snakemake)
