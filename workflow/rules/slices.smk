"""Slices and masks: each scan's stack of lung-isolated slices, and its nodules' reference masks.

Requires: results/scans/{scans,nodules}.parquet, each scan's header and voxel file.
Produces: results/slices/{uid}.npy, results/slices/{uid}.parquet, results/masks/{uid}.parquet.
"""


rule draw_masks:
    input:
        # A scan's own row stays the same when scans are added to the sheet.
        scans=ancient("results/scans/scans.parquet"),
        nodules="results/scans/nodules.parquet",
        slices="results/slices/{uid}.parquet",
        contours="results/phantom/contours.parquet" if PHANTOM else [],
        code=code("draw_masks"),
    output:
        masks="results/masks/{uid}.parquet",
    log:
        "results/logs/draw_masks/{uid}.log",
    benchmark:
        "results/benchmarks/draw_masks/{uid}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        agreement=config["masks"]["agreement"],
    script:
        "../scripts/draw_masks.py"
