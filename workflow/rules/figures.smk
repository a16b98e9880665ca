"""Figures, drawn from the stored tables alone; their titles are in nodules/report/catalogue.py.

Requires: tables of results/evaluation.
Produces: results/figures/{name}.{svg,png}.
"""


rule draw_trends:
    input:
        slices="results/evaluation/trend_slices.parquet",
        windows="results/evaluation/trend_windows.parquet",
        nodules="results/evaluation/proxy_nodules.parquet",
        bins="results/evaluation/certainty_bins.parquet",
        risk="results/evaluation/risk_coverage.parquet",
        trends="results/evaluation/trends.json",
        code=code("draw_trends"),
    output:
        slice_loss=drawn("slice_loss"),
        mean_confidence=drawn("mean_confidence"),
        window_confidence=drawn("window_confidence"),
        confidence_as_proxy=drawn("confidence_as_proxy"),
    log:
        "results/logs/draw_trends/all.log",
    benchmark:
        "results/benchmarks/draw_trends/all.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        detector=FIRST,
    script:
        "../scripts/draw_trends.py"


rule draw_epochs:
    input:
        history="results/evaluation/epochs.parquet",
        code=code("draw_epochs"),
    output:
        epochs=drawn("epochs"),
        training=drawn("training"),
    log:
        "results/logs/draw_epochs/all.log",
    benchmark:
        "results/benchmarks/draw_epochs/all.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    script:
        "../scripts/draw_epochs.py"


rule draw_scores:
    input:
        froc="results/evaluation/froc.parquet",
        detection="results/evaluation/detection.json",
        segmentation="results/evaluation/segmentation.parquet",
        code=code("draw_scores"),
    output:
        froc=drawn("froc"),
        dice_by_diameter=drawn("dice_by_diameter"),
    log:
        "results/logs/draw_scores/all.log",
    benchmark:
        "results/benchmarks/draw_scores/all.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    script:
        "../scripts/draw_scores.py"


rule draw_presence:
    input:
        curves="results/evaluation/presence_curves.parquet",
        reliability="results/evaluation/reliability.parquet",
        summary="results/evaluation/presence.json",
        code=code("draw_presence"),
    output:
        presence=drawn("presence"),
        reliability=drawn("reliability"),
    log:
        "results/logs/draw_presence/all.log",
    benchmark:
        "results/benchmarks/draw_presence/all.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    script:
        "../scripts/draw_presence.py"


rule draw_malignancy:
    input:
        nodules="results/evaluation/malignancy_nodules.parquet",
        curves="results/evaluation/malignancy_curves.parquet",
        summary="results/evaluation/malignancy.json",
        code=code("draw_malignancy"),
    output:
        malignancy_roc=drawn("malignancy_roc"),
        malignancy_differences=drawn("malignancy_differences"),
        malignancy_by_diameter=drawn("malignancy_by_diameter"),
    log:
        "results/logs/draw_malignancy/all.log",
    benchmark:
        "results/benchmarks/draw_malignancy/all.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    script:
        "../scripts/draw_malignancy.py"


rule draw_comparison:
    input:
        slices="results/evaluation/comparison_slices.parquet",
        comparison="results/evaluation/comparison.parquet",
        costs="results/evaluation/system_costs.parquet",
        code=code("draw_comparison"),
    output:
        **{name: drawn(name) for name in BESIDE_FIGURES},
    log:
        "results/logs/draw_comparison/all.log",
    benchmark:
        "results/benchmarks/draw_comparison/all.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    script:
        "../scripts/draw_comparison.py"
