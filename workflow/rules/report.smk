"""The report's pages: tables, this run's config and costs; first_page.smk collects them.

Requires: tables of results/evaluation and results/scans, figures, gallery.
Produces: results/config.yaml, results/report/{metrics,scans,run,costs}.html.
"""


localrules:
    write_config,


rule write_config:
    input:
        code=code("write_config"),
    output:
        "results/config.yaml",
    log:
        "results/logs/write_config/all.log",
    benchmark:
        "results/benchmarks/write_config/all.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(5),
    params:
        config=config,
    script:
        "../scripts/write_config.py"


rule write_metrics:
    input:
        **{name: f"results/evaluation/{name}.json" for name, run in TOLD.items() if run},
        metrics="results/evaluation/metrics.parquet",
        comparison=COMPARISON if BESIDE_FIGURES else [],
        code=code("write_metrics"),
    output:
        shown("results/report/metrics.html", RESULTS_AND_RUN, page="1 Numbers"),
    log:
        "results/logs/write_metrics/all.log",
    benchmark:
        "results/benchmarks/write_metrics/all.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        small=SMALL_BASELINE,
        words=WORDS,
    script:
        "../scripts/write_metrics.py"


rule write_malignancy:
    input:
        summary="results/evaluation/malignancy.json",
        code=code("write_malignancy"),
    output:
        shown("results/report/malignancy.html", RESULTS_AND_RUN, page="1 Numbers, malignancy"),
    log:
        "results/logs/write_malignancy/all.log",
    benchmark:
        "results/benchmarks/write_malignancy/all.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    script:
        "../scripts/write_malignancy.py"


rule write_run:
    input:
        config="results/config.yaml",
        scans="results/scans/scans.parquet",
        defects="results/scans/defects.parquet",
        folds="results/folds/folds.parquet",
        lungs=lambda wildcards: expand("results/lungs/{uid}.parquet", uid=scans()),
        agreement=[AGREEMENT] if COMPARED else [],
        code=code("write_run"),
    output:
        scans=shown("results/report/scans.html", RESULTS_AND_RUN, page="2 Scans used and skipped"),
        run=shown("results/report/run.html", RESULTS_AND_RUN, page="3 Config and versions"),
    log:
        "results/logs/write_run/all.log",
    benchmark:
        "results/benchmarks/write_run/all.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        words=WORDS,
        left_out=data_set.left_out(config),
    script:
        "../scripts/write_run.py"


# Every other job is an input, directly or indirectly, so that all have been measured.
rule write_costs:
    input:
        figures=figure_files(),
        gallery=expand("results/gallery/{kind}.png", kind=GALLERY),
        pages=expand("results/report/{page}.html", page=PAGES) + EXAMPLE,
        code=code("write_costs"),
    output:
        shown("results/report/costs.html", RESULTS_AND_RUN, page="4 Time and memory"),
    log:
        "results/logs/write_costs/all.log",
    benchmark:
        "results/benchmarks/write_costs/all.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    script:
        "../scripts/write_costs.py"
