"""Scores: detection, segmentation, classification; docs/evaluation.md defines each.

Requires: tables of scans, folds, detection, classification, slices, masks and models in results.
Produces: results/evaluation/*.parquet and *.json, results/submissions/{system}_{set}.csv.
"""

# What is scored as a detector, and on which scans: each part, and all folds' left-out scans.
SYSTEMS = names.of_run(TASKS[config["resnet"]["task"]], BASELINE)
SETS = PARTS + ["out_of_fold"]
RESAMPLING = {"bootstrap": config["scoring"]["bootstrap"], "seed": config["seed"]}
CLASSIFIED = expand(names.SYSTEMS["unet_resnet"].scores.path, part=PARTS)


rule score_detections:
    input:
        **{key: expand(names.SYSTEMS[key].scores.path, part=PARTS) for key in SYSTEMS},
        nodules="results/scans/nodules.parquet",
        excluded="results/scans/excluded.parquet",
        folds="results/folds/folds.parquet",
        code=code("score_detections"),
    output:
        froc="results/evaluation/froc.parquet",
        marks="results/evaluation/marks.parquet",
        nodule_hits="results/evaluation/nodule_hits.parquet",
        detection="results/evaluation/detection.json",
        submissions=expand("results/submissions/{system}_{set}.csv", system=SYSTEMS, set=SETS),
    log:
        "results/logs/score_detections/all.log",
    benchmark:
        "results/benchmarks/score_detections/all.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        **RESAMPLING,
        systems=SYSTEMS,
        sets=SETS,
    script:
        "../scripts/score_detections.py"


rule evaluate_segmentation:
    input:
        **{mask: expand(path, part=PARTS) for mask, path in names.regions_of(SYSTEMS).items()},
        masks=lambda wildcards: [f"results/masks/{uid}.parquet" for uid in scans(wildcards)],
        slices=lambda wildcards: [f"results/slices/{uid}.parquet" for uid in scans(wildcards)],
        scans="results/scans/scans.parquet",
        nodules="results/scans/nodules.parquet",
        folds="results/folds/folds.parquet",
        code=code("evaluate_segmentation"),
    output:
        table="results/evaluation/segmentation.parquet",
        summary="results/evaluation/segmentation.json",
    log:
        "results/logs/evaluate_segmentation/all.log",
    benchmark:
        "results/benchmarks/evaluate_segmentation/all.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=hours(1),
    params:
        **RESAMPLING,
        agreement=config["masks"]["agreement"],
    script:
        "../scripts/evaluate_segmentation.py"


rule evaluate_classification:
    input:
        classified=CLASSIFIED,
        folds="results/folds/folds.parquet",
        code=code("evaluate_classification"),
    output:
        curves="results/evaluation/classification_curves.parquet",
        reliability="results/evaluation/reliability.parquet",
        summary="results/evaluation/classification.json",
    log:
        "results/logs/evaluate_classification/all.log",
    benchmark:
        "results/benchmarks/evaluate_classification/all.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        **RESAMPLING,
    script:
        "../scripts/evaluate_classification.py"


rule summarise_run:
    input:
        detection="results/evaluation/detection.json",
        segmentation="results/evaluation/segmentation.json",
        classification="results/evaluation/classification.json" if PRESENCE else [],
        trends="results/evaluation/trends.json" if PRESENCE else [],
        explanations="results/evaluation/explanations.json" if MALIGNANCY else [],
        malignancy="results/evaluation/malignancy.json" if MALIGNANCY else [],
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
