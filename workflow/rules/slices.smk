"""Slices, volumes and masks: the networks' inputs, and the nodules' reference masks.

Requires: results/scans/{scans,nodules}.parquet, each scan's header and voxel file.
Produces: results/slices/{uid}.npy, results/slices/{uid}.parquet, results/lungs/{uid}.parquet,
          results/volumes/{uid}.npy, results/volumes/{uid}_lung.npy, results/volumes/{uid}.parquet
          if a 3-D network runs, results/masks/{uid}.parquet;
          results/slices/png/{uid} if the config asks for PNGs.
"""


rule prepare_slices:
    input:
        header=lambda wildcards: SCANS[wildcards.uid].header,
        data=lambda wildcards: SCANS[wildcards.uid].data,
        lungs=lung_source,
        checked=CHECKED,
        code=code("prepare_slices"),
    output:
        stack="results/slices/{uid}.npy",
        table="results/slices/{uid}.parquet",
        lungs="results/lungs/{uid}.parquet",
    log:
        "results/logs/prepare_slices/{uid}.log",
    benchmark:
        "results/benchmarks/prepare_slices/{uid}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        # 1.2 GB for the longest scan, plus Snakemake's own memory on a cluster node.
        mem_mb=memory(3000),
        runtime=minutes(20),
    params:
        lungs=LUNGS_BY,
        settings=all_but("slices", "png"),
    script:
        "../scripts/prepare_slices.py"


rule prepare_volumes:
    input:
        header=lambda wildcards: SCANS[wildcards.uid].header,
        data=lambda wildcards: SCANS[wildcards.uid].data,
        lungs=lung_source,
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
        lungs=LUNGS_BY,
        settings=config["volumes"],
    script:
        "../scripts/prepare_volumes.py"


rule draw_masks:
    input:
        # Only this scan's row is read, so scans added to the sheet need no new masks.
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
        # Converted scans come with label volumes whose numbers are the nodules' own.
        numbered=bool(CASES),
    script:
        "../scripts/draw_masks.py"


rule write_pngs:
    input:
        stack=[
            "results/slices/{uid}.npy",
            "results/slices/{uid}.parquet",
            "results/masks/{uid}.parquet",
        ],
        code=code("write_pngs"),
    output:
        pngs=directory("results/slices/png/{uid}"),
    log:
        "results/logs/write_pngs/{uid}.log",
    benchmark:
        "results/benchmarks/write_pngs/{uid}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        which=config["slices"]["png"],
        kind=config["masks"]["kind"],
    script:
        "../scripts/write_pngs.py"
