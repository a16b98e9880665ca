"""Trends: loss and confidence over epochs of training, and over the slices of frozen networks.

Requires: tables of results/models, detection, classification, segmentation.
Produces: results/evaluation/epochs.parquet, and of the presence task trend_*.parquet,
          proxy_nodules, certainty_bins, risk_coverage.parquet, trends.json.
"""

TREND_TABLES = ["trend_slices", "trend_windows", "proxy_nodules", "certainty_bins", "risk_coverage"]
NETWORKS = [
    *expand("unet/{fold}", fold=FOLD_PARTS),
    *expand("resnet/{fold}", fold=FOLD_PARTS if PRESENCE else []),
    *expand("maskrcnn/{fold}", fold=FOLD_PARTS if BASELINE else []),
    *expand("malignancy/{fold}/{member}", fold=FOLD_PARTS, member=MEMBERS if MALIGNANCY else []),
]


rule gather_histories:
    input:
        histories=expand("results/models/{network}/history.parquet", network=NETWORKS),
        code=code("gather_histories"),
    output:
        "results/evaluation/epochs.parquet",
    log:
        "results/logs/gather_histories/all.log",
    benchmark:
        "results/benchmarks/gather_histories/all.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    script:
        "../scripts/gather_histories.py"


rule analyse_trends:
    input:
        confidence=expand("results/classification/{part}/slices.parquet", part=PARTS),
        scores=expand("results/detection/unet/{part}/slices.parquet", part=PARTS),
        classified=CLASSIFIED,
        segmentation="results/evaluation/segmentation.parquet",
        folds="results/folds/folds.parquet",
        code=code("analyse_trends"),
    output:
        **{name: f"results/evaluation/{name}.parquet" for name in TREND_TABLES},
        trends="results/evaluation/trends.json",
    log:
        "results/logs/analyse_trends/all.log",
    benchmark:
        "results/benchmarks/analyse_trends/all.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=hours(1),
    params:
        **RESAMPLING,
    script:
        "../scripts/analyse_trends.py"
