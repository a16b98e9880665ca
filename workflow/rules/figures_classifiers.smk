"""Figures of the two ResNet50s, drawn from stored tables only.

Requires: tables of results/evaluation.
Produces: results/figures/{name}.{svg,png,pdf}, and its caption, {name}.md.
"""


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
    params:
        captioned=CAPTIONED,
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
    params:
        captioned=CAPTIONED,
    script:
        "../scripts/draw_malignancy.py"
