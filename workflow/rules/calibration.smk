"""Calibration of every detection system's scores, by candidate size.

Requires: candidates of every system, results/scans/{nodules,excluded}.parquet, folds.
Produces: results/evaluation/calibration.parquet.
"""


rule evaluate_calibration:
    input:
        **{key: expand(names.SYSTEMS[key].scores.path, part=PARTS) for key in SYSTEMS},
        nodules="results/scans/nodules.parquet",
        excluded="results/scans/excluded.parquet",
        folds="results/folds/folds.parquet",
        overlaps="results/evaluation/segmentation.parquet" if OVERLAP else [],
        code=code("evaluate_calibration"),
    output:
        calibration="results/evaluation/calibration.parquet",
    log:
        "results/logs/evaluate_calibration/all.log",
    benchmark:
        "results/benchmarks/evaluate_calibration/all.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        **RESAMPLING,
        systems=SYSTEMS,
    script:
        "../scripts/evaluate_calibration.py"
