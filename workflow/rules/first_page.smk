"""Snakemake's report as one HTML file, and the first page: main result and links.

Requires: figures, gallery and pages, and the tables that the first page quotes.
Produces: results/report.html; results/index.html, beside the files that it links to.
"""


localrules:
    build_report,


rule build_report:
    input:
        config="results/config.yaml",
        shown=reported_files(),
        captions=sorted(str(p) for p in (ROOT / "workflow/report").iterdir()),
        code=code("build_report"),
    output:
        "results/report.html",
    log:
        "results/logs/build_report/all.log",
    benchmark:
        "results/benchmarks/build_report/all.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        python=sys.executable,
        snakefile=workflow.main_snakefile,
        words=WORDS,
    script:
        "../scripts/build_report.py"


# The report is made after everything else, so once it exists, every linked file does too.
rule write_first_page:
    input:
        report="results/report.html",
        example=EXAMPLE,
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
        pages=linked_pages(),
        words=WORDS,
        left_out=data_set.left_out(config),
    script:
        "../scripts/write_first_page.py"
