"""Mask R-CNN: one network per fold on the U-Net's own slices, and candidates as the U-Net's.

Requires: slice stacks and masks of the scans, results/folds/folds.parquet,
          results/scans/{nodules,excluded}.parquet; to compare, the evaluation of every system.
Produces: results/models/maskrcnn/fold_{fold}/{model.pt,history.parquet},
          results/detection/maskrcnn/{part}/{candidates,regions,slices,confidence}.parquet,
          results/evaluation/{comparison,comparison_slices,system_costs}.parquet, comparison.json.
"""

# What decides the networks: an edited threshold repeats detection, but no training.
MASKRCNN = {k: v for k, v in config["baseline"].items() if k not in ("enabled", "threshold")}


rule train_maskrcnn:
    input:
        checked=CHECKED,
        stacks=stacks("fold_{fold}"),
        folds="results/folds/folds.parquet",
        weights=start_weights("baseline"),
        code=code("train_maskrcnn"),
    output:
        model="results/models/maskrcnn/fold_{fold}/model.pt",
        history="results/models/maskrcnn/fold_{fold}/history.parquet",
    log:
        "results/logs/train_maskrcnn/fold_{fold}.log",
    benchmark:
        "results/benchmarks/train_maskrcnn/fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory(16000),
        runtime=hours(24),
        slurm_extra=NOTICE,
    params:
        settings=MASKRCNN,
        kind=config["masks"]["kind"],
        seed=config["seed"],
    script:
        "../scripts/train_maskrcnn.py"


rule detect_maskrcnn:
    input:
        stacks=stacks("{part}"),
        models=networks_unseen("maskrcnn"),
        folds="results/folds/folds.parquet",
        nodules="results/scans/nodules.parquet",
        excluded="results/scans/excluded.parquet",
        code=code("detect_maskrcnn"),
    output:
        candidates="results/detection/maskrcnn/{part}/candidates.parquet",
        regions="results/detection/maskrcnn/{part}/regions.parquet",
        slices="results/detection/maskrcnn/{part}/slices.parquet",
        confidence="results/detection/maskrcnn/{part}/confidence.parquet",
    log:
        "results/logs/detect_maskrcnn/{part}.log",
    benchmark:
        "results/benchmarks/detect_maskrcnn/{part}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory(16000),
        runtime=hours(12),
    params:
        settings=MASKRCNN,
        candidates=config["candidates"] | {"threshold": config["baseline"]["threshold"]},
        kind=config["masks"]["kind"],
    script:
        "../scripts/detect_maskrcnn.py"


rule compare_systems:
    input:
        **{key: expand(names.SYSTEMS[key].slices.path, part=PARTS) for key in names.BESIDE.keys},
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
        bootstrap=config["scoring"]["bootstrap"],
        seed=config["seed"],
        parts=PARTS,
    script:
        "../scripts/compare_systems.py"
