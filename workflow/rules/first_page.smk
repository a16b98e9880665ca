"""The first page: the answer in ten seconds, and links to all that a run has made.

Requires: the finished report, and the tables that the page quotes.
Produces: results/index.html, beside the files that it links to.
"""


# The report comes last of all else, so that with it every file has been made that is linked to.
rule write_first_page:
    input:
        report="results/report.html",
        metrics="results/evaluation/metrics.parquet",
        detection="results/evaluation/detection.json",
        folds="results/folds/folds.parquet",
        config="results/config.yaml",
        code=code("write_first_page"),
    output:
        "results/index.html",
    log:
        "results/logs/write_first_page/all.log",
    benchmark:
        "results/benchmarks/write_first_page/all.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        figures=FIGURES,
    script:
        "../scripts/write_first_page.py"
