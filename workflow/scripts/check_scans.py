"""Check every scan and list, and write the scan sheet."""

from nodules import jobs, scans, tables


def main(snakemake):
    params = snakemake.params
    checked = scans.check_folder(
        params.folder, snakemake.input.headers, snakemake.threads, progress=True
    )
    for line in scans.messages(checked):
        jobs.log.warning(line)
    jobs.log.info(scans.describe(checked).rstrip())
    scans.require_usable(checked, params.on_bad_scan)
    for name in ("scans", "defects", "nodules", "excluded", "locations"):
        tables.write(snakemake.output[name], name, getattr(checked, name))


jobs.run(main, snakemake)
