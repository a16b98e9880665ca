"""Benign or malignant: radiomics and diameter as yardsticks, and the comparison with the ResNet50.

Requires: scans, native masks, results/folds/folds.parquet, results/malignancy/labels.parquet,
          results/malignancy/resnet/{part}/scores.parquet.
Produces: results/malignancy/radiomics/{part}.parquet,
          results/malignancy/classical/{part}/scores.parquet,
          results/evaluation/malignancy{_nodules,_curves}.parquet and malignancy.json,
          results/report/malignancy.html.
"""


rule extract_radiomics:
    input:
        headers=lambda wildcards: [SCANS[uid].header for uid in part_scans(wildcards.part)],
        voxels=lambda wildcards: [SCANS[uid].data for uid in part_scans(wildcards.part)],
        masks=lambda wildcards: [
            f"results/masks/{uid}.parquet" for uid in part_scans(wildcards.part)
        ],
        scans="results/scans/scans.parquet",
        nodules="results/scans/nodules.parquet",
        folds="results/folds/folds.parquet",
        code=code("extract_radiomics"),
    output:
        radiomics="results/malignancy/radiomics/{part}.parquet",
    log:
        "results/logs/extract_radiomics/{part}.log",
    benchmark:
        "results/benchmarks/extract_radiomics/{part}.tsv"
    conda:
        "../../envs/radiomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=hours(2),
    params:
        kind=config["masks"]["kind"],
    script:
        "../scripts/extract_radiomics.py"


rule fit_yardsticks:
    input:
        radiomics=expand("results/malignancy/radiomics/{part}.parquet", part=PARTS),
        labels="results/malignancy/labels.parquet",
        folds="results/folds/folds.parquet",
        code=code("fit_yardsticks"),
    output:
        scores="results/malignancy/classical/{part}/scores.parquet",
    log:
        "results/logs/fit_yardsticks/{part}.log",
    benchmark:
        "results/benchmarks/fit_yardsticks/{part}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    script:
        "../scripts/fit_yardsticks.py"


rule evaluate_malignancy:
    input:
        resnet=expand("results/malignancy/resnet/{part}/scores.parquet", part=PARTS),
        yardsticks=expand("results/malignancy/classical/{part}/scores.parquet", part=PARTS),
        radiomics=expand("results/malignancy/radiomics/{part}.parquet", part=PARTS),
        labels="results/malignancy/labels.parquet",
        folds="results/folds/folds.parquet",
        code=code("evaluate_malignancy"),
    output:
        nodules="results/evaluation/malignancy_nodules.parquet",
        curves="results/evaluation/malignancy_curves.parquet",
        summary="results/evaluation/malignancy.json",
    log:
        "results/logs/evaluate_malignancy/all.log",
    benchmark:
        "results/benchmarks/evaluate_malignancy/all.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        settings={key: config["malignancy"][key] for key in ("vote", *LABEL_RULE)},
        bootstrap=config["scoring"]["bootstrap"],
        seed=config["seed"],
    script:
        "../scripts/evaluate_malignancy.py"


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
