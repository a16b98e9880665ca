"""Volumes: each scan's lungs resampled to equal steps, for the networks in 3-D.

Requires: results/scans/scans.parquet, each scan's header and voxel file.
Produces: results/volumes/{uid}.npy, results/volumes/{uid}_lung.npy, results/volumes/{uid}.parquet.
"""


def volumes(part):
    """Input function: volumes of the scans that a part's jobs may touch."""
    own = [f"results/volumes/{{uid}}{end}" for end in (".npy", "_lung.npy", ".parquet")]
    return lambda wildcards: expand(own, uid=part_scans(part.format(**wildcards)))


def taught(wildcards):
    """What is true of the scans that a fold's networks in 3-D may touch."""
    return expand("results/masks/{uid}.parquet", uid=part_scans(f"fold_{wildcards.fold}"))


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
