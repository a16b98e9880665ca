"""Benign or malignant: radiomics and diameter, the baselines for the network.

Requires: scans, native masks, results/folds/folds.parquet, results/malignancy/labels.parquet.
Produces: results/malignancy/radiomics/{part}.parquet,
          results/malignancy/classical/{part}/scores.parquet.
"""


rule extract_radiomics:
    input:
        headers=lambda wildcards: [SCANS[uid].header for uid in part_scans(wildcards.part)],
        voxels=lambda wildcards: [SCANS[uid].data for uid in part_scans(wildcards.part)],
        masks=lambda wildcards: [
            f"results/masks/{uid}.parquet" for uid in part_scans(wildcards.part)
        ],
        scans="results/scans/scans.parquet",
        nodules="results/scans/nodules.parquet",
        folds="results/folds/folds.parquet",
        code=code("extract_radiomics"),
    output:
        radiomics="results/malignancy/radiomics/{part}.parquet",
    log:
        "results/logs/extract_radiomics/{part}.log",
    benchmark:
        "results/benchmarks/extract_radiomics/{part}.tsv"
    conda:
        "../../envs/radiomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=hours(2),
    params:
        kind=config["masks"]["kind"],
    script:
        "../scripts/extract_radiomics.py"


rule fit_yardsticks:
    input:
        radiomics=expand("results/malignancy/radiomics/{part}.parquet", part=PARTS),
        labels="results/malignancy/labels.parquet",
        folds="results/folds/folds.parquet",
        code=code("fit_yardsticks"),
    output:
        scores="results/malignancy/classical/{part}/scores.parquet",
    log:
        "results/logs/fit_yardsticks/{part}.log",
    benchmark:
        "results/benchmarks/fit_yardsticks/{part}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    script:
        "../scripts/fit_yardsticks.py"
