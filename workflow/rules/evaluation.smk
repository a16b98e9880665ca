"""Scores of every system; docs/evaluation.md defines each.

Requires: tables of scans, folds, detection, classification, slices, masks and models in results.
Produces: results/evaluation/*.parquet and *.json, results/submissions/{system}_{set}.csv.
"""

SYSTEMS = runs.of_run(DETECTORS, config["tasks"], MASKRCNN)


rule score_detections:
    input:
        **{key: expand(names.SYSTEMS[key].scores.path, part=PARTS) for key in SYSTEMS},
        nodules="results/scans/nodules.parquet",
        excluded="results/scans/excluded.parquet",
        folds="results/folds/folds.parquet",
        overlaps="results/evaluation/segmentation.parquet" if OVERLAP else [],
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
        **{mask: expand(path, part=PARTS) for mask, path in runs.regions_of(SYSTEMS).items()},
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
        detector=FIRST,
    script:
        "../scripts/evaluate_segmentation.py"


rule evaluate_presence:
    input:
        classified=CLASSIFIED,
        matches=MATCHES,
        folds="results/folds/folds.parquet",
        code=code("evaluate_presence"),
    output:
        curves="results/evaluation/presence_curves.parquet",
        reliability="results/evaluation/reliability.parquet",
        summary="results/evaluation/presence.json",
    log:
        "results/logs/evaluate_presence/all.log",
    benchmark:
        "results/benchmarks/evaluate_presence/all.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        **RESAMPLING,
    script:
        "../scripts/evaluate_presence.py"


rule evaluate_malignancy:
    input:
        network=expand(f"results/malignancy/{JUDGE}/{{part}}/scores.parquet", part=PARTS),
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
        **RESAMPLING,
        settings=keys("malignancy", "vote", *LABEL_RULE),
    script:
        "../scripts/evaluate_malignancy.py"
