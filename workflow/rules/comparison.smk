"""Trends: loss and confidence over training epochs, and over the slices of left-out scans.

Requires: tables of results/models, detection, classification, segmentation.
Produces: results/evaluation/epochs.parquet and, with the presence task, trend_*.parquet,
          proxy_nodules, certainty_bins, risk_coverage.parquet, trends.json.
"""

TREND_TABLES = ["trend_slices", "trend_windows", "proxy_nodules", "certainty_bins", "risk_coverage"]
NETWORKS = [
    *expand("{detector}/{fold}", detector=DETECTORS, fold=FOLD_PARTS),
    *expand("reduction/{fold}", fold=FOLD_PARTS if IN_3D else []),
    *expand("presence/{fold}", fold=FOLD_PARTS if PRESENCE else []),
    *expand("maskrcnn/{fold}", fold=FOLD_PARTS if MASKRCNN else []),
    *expand(
        f"{JUDGE_MODELS}/{{fold}}/{{member}}", fold=FOLD_PARTS, member=MEMBERS if MALIGNANCY else []
    ),
]
# The two systems that give a confidence per slice, if the run has both.
BESIDE = pair.keys if (pair := runs.beside(SYSTEMS)) else ()


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
        confidence=expand("results/presence/{part}/slices.parquet", part=PARTS),
        scores=expand("results/evaluation/slices/{part}.parquet", part=PARTS),
        classified=CLASSIFIED,
        matches=MATCHES,
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
        detector=FIRST,
    script:
        "../scripts/analyse_trends.py"


rule compare_systems:
    input:
        **{key: expand(names.SYSTEMS[key].slices.path, part=PARTS) for key in BESIDE},
        scores=expand("results/evaluation/slices/{part}.parquet", part=PARTS if BESIDE else []),
        benchmarks=[f"results/benchmarks/{file}" for file in runs.steps(SYSTEMS, PARTS)],
        detection="results/evaluation/detection.json",
        segmentation="results/evaluation/segmentation.json",
        history="results/evaluation/epochs.parquet",
        folds="results/folds/folds.parquet",
        code=code("compare_systems"),
    output:
        slices="results/evaluation/comparison_slices.parquet",
        table="results/evaluation/comparison.parquet",
        costs="results/evaluation/system_costs.parquet",
        summary="results/evaluation/comparison.json",
    log:
        "results/logs/compare_systems/all.log",
    benchmark:
        "results/benchmarks/compare_systems/all.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        **RESAMPLING,
        parts=PARTS,
        systems=SYSTEMS,
    script:
        "../scripts/compare_systems.py"


rule summarise_run:
    input:
        detection="results/evaluation/detection.json",
        segmentation="results/evaluation/segmentation.json",
        presence="results/evaluation/presence.json" if PRESENCE else [],
        trends="results/evaluation/trends.json" if PRESENCE else [],
        calibration="results/evaluation/calibration.parquet",
        explanations="results/evaluation/explanations.json" if EXPLAINABLE else [],
        malignancy="results/evaluation/malignancy.json" if MALIGNANCY else [],
        track="results/evaluation/reduction_track.json" if TRACK else [],
        code=code("summarise_run"),
    output:
        summary="results/evaluation/summary.json",
        metrics="results/evaluation/metrics.parquet",
    log:
        "results/logs/summarise_run/all.log",
    benchmark:
        "results/benchmarks/summarise_run/all.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(30),
    script:
        "../scripts/summarise_run.py"
