"""Compare every scan's lung mask with those of the other methods."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2

from nodules.base import jobs, tables
from nodules.evaluation import lungs


def main(snakemake):
    """Dice of the lungs used with those of each other method at hand."""
    cv2.setNumThreads(1)
    inputs = snakemake.input
    used = tables.read_all(inputs.lungs, "lungs").set_index("seriesuid")["method"]
    files = {
        "given": {Path(f).stem: f for f in inputs.masks if f.endswith(".mhd")},
        "unet": {Path(f).stem: f for f in inputs.answers},
    }

    def of_scan(header):
        uid = Path(header).stem
        method = used[uid] or "none"
        sources = {name: [] for name in ("volume", "slice_kmeans", method)}
        sources |= {name: [own[uid]] for name, own in files.items() if uid in own}
        return lungs.compare_scan(header, method, sources)

    with ThreadPoolExecutor(snakemake.threads) as pool:
        rows = [row for own in pool.map(of_scan, inputs.headers) for row in own]
    tables.write(snakemake.output.table, "lung_agreement", rows)


jobs.run(main, snakemake)
