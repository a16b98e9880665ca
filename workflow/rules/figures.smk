"""Figures, drawn from stored tables only; nodules/report/catalogue.py has their titles.

Requires: tables of results/evaluation.
Produces: results/figures/{name}.{svg,png,pdf}, and its caption, {name}.md.
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
        captioned=CAPTIONED,
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
    params:
        captioned=CAPTIONED,
    script:
        "../scripts/draw_epochs.py"


rule draw_scores:
    input:
        froc="results/evaluation/froc.parquet",
        detection="results/evaluation/detection.json",
        segmentation="results/evaluation/segmentation.parquet",
        code=code("draw_scores"),
    output:
        **{name: drawn(name) for name in ("froc", "froc_test") if name in FIGURES},
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
    params:
        captioned=CAPTIONED,
    script:
        "../scripts/draw_scores.py"


rule draw_calibration:
    input:
        calibration="results/evaluation/calibration.parquet",
        code=code("draw_calibration"),
    output:
        calibration_by_size=drawn("calibration_by_size"),
    log:
        "results/logs/draw_calibration/all.log",
    benchmark:
        "results/benchmarks/draw_calibration/all.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        captioned=CAPTIONED,
    script:
        "../scripts/draw_calibration.py"


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
    params:
        captioned=CAPTIONED,
    script:
        "../scripts/draw_comparison.py"
