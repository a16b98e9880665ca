"""Compare two scans of each patient: match the nodules and measure their growth."""

from datetime import date
from pathlib import Path

from nodules.base import files, jobs, tables
from nodules.findings.follow_up import compare, lists, table
from nodules.findings.follow_up.compare import Spot, Time
from nodules.images import metaimage
from nodules.prepare import lung_search
from nodules.report.pages import follow_up as page

METHOD = "volume"  # of the lungs


def read(header, spots, day):
    """One scan with its lungs and listed findings."""
    hu, grid = metaimage.read_volume(header)
    mask = lung_search.search(METHOD, hu, grid).mask
    when = date.fromisoformat(day) if day else None
    return Time(Path(header).stem, hu, grid, mask, spots, when)


def main(snakemake):
    """Every pair as rows, JSON and a page."""
    inputs, outputs, params = snakemake.input, snakemake.output, snakemake.params
    headers = {Path(header).stem: header for header in inputs.headers}
    spots = {}
    for row in tables.read(inputs.nodules, "nodules").itertuples():
        spot = Spot(row.nodule, (row.x, row.y, row.z), max(row.diameter_mm, lists.SMALLEST_MM))
        spots.setdefault(row.seriesuid, []).append(spot)
    if inputs.findings:
        spots |= lists.read([Path(inputs.findings)])
    pairs = []
    for told in params.pairs:
        prior, current = (
            read(headers[told[when]], spots.get(told[when], []), told[f"{when}_date"])
            for when in ("prior", "current")
        )
        pairs.append(compare.compare(prior, current, params.gate_mm))
        jobs.log.info("%s: %s", told["patient"], page.counted(pairs[-1].links))
    patients = [told["patient"] for told in params.pairs]
    data = table.table_of(pairs, patients)
    tables.write(outputs.table, "follow_up", data)
    files.write_text(outputs.csv, table.csv_of(data))
    files.write_json(outputs.details, table.details(pairs, [], patients))
    page.page(pairs, patients=patients).write(outputs.page)


jobs.run(main, snakemake)
