"""Slices and masks: each scan's stack of lung-isolated slices, and its nodules' reference masks.

Requires: results/scans/{scans,nodules}.parquet, each scan's header and voxel file.
Produces: results/slices/{uid}.npy, results/slices/{uid}.parquet, results/masks/{uid}.parquet.
"""

# Declared only where asked for: a declared output has to appear.
PNGS = {} if config["slices"]["png"] == "none" else {"pngs": directory("results/slices/png/{uid}")}


rule prepare_slices:
    input:
        header=lambda wildcards: SCANS[wildcards.uid].header,
        data=lambda wildcards: SCANS[wildcards.uid].data,
        checked=CHECKED,
        nodules="results/scans/nodules.parquet",
        code=code("prepare_slices"),
    output:
        **PNGS,
        stack="results/slices/{uid}.npy",
        table="results/slices/{uid}.parquet",
    log:
        "results/logs/prepare_slices/{uid}.log",
    benchmark:
        "results/benchmarks/prepare_slices/{uid}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        # 1.2 GB for the longest scan, and what Snakemake takes beside it on a node.
        mem_mb=memory(3000),
        runtime=minutes(20),
    params:
        lungs=config["lungs"]["method"],
        settings=config["slices"],
    script:
        "../scripts/prepare_slices.py"


rule draw_masks:
    input:
        # A scan's own row stays the same when scans are added to the sheet.
        scans=CHECKED,
        nodules="results/scans/nodules.parquet",
        slices="results/slices/{uid}.parquet",
        contours="results/phantom/contours.parquet" if PHANTOM else [],
        labels=lambda wildcards: SCANS[wildcards.uid].labels,
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
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        agreement=config["masks"]["agreement"],
    script:
        "../scripts/draw_masks.py"
