"""Volumes: each scan's lungs resampled to equal steps, for the networks in 3-D.

Requires: results/scans/scans.parquet, each scan's header and voxel file.
Produces: results/volumes/{uid}.npy, results/volumes/{uid}_lung.npy, results/volumes/{uid}.parquet.
"""


rule prepare_volumes:
    input:
        header=lambda wildcards: SCANS[wildcards.uid].header,
        data=lambda wildcards: SCANS[wildcards.uid].data,
        checked=CHECKED,
        code=code("prepare_volumes"),
    output:
        volume="results/volumes/{uid}.npy",
        lung="results/volumes/{uid}_lung.npy",
        table="results/volumes/{uid}.parquet",
    log:
        "results/logs/prepare_volumes/{uid}.log",
    benchmark:
        "results/benchmarks/prepare_volumes/{uid}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=minutes(20),
    params:
        lungs=config["lungs"]["method"],
        settings=config["volumes"],
    script:
        "../scripts/prepare_volumes.py"
