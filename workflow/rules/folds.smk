"""Folds: which scans are trained on, left out and held out.

Requires: results/scans/scans.parquet.
Produces: results/folds/folds.parquet.
"""


rule make_folds:
    input:
        scans="results/scans/scans.parquet",
        code=code("make_folds"),
    output:
        folds="results/folds/folds.parquet",
    log:
        "results/logs/make_folds.log",
    benchmark:
        "results/benchmarks/make_folds.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        settings=config["folds"],
        seed=config["seed"],
        planned=FOLDS,
    script:
        "../scripts/make_folds.py"
