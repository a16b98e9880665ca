"""ResNet50: nodule or not, for the regions that the U-Net found and for every slice.

Requires: slice stacks and masks, results/folds/folds.parquet, U-Net candidates of every fold,
          results/scans/locations.parquet.
Produces: results/weights/*.pth, results/models/resnet/fold_{fold}/{model.pt,history.parquet},
          results/classification/{part}/{candidates,slices}.parquet.
"""


# Weights are fetched or checked before anything else: what is wrong with them is not found out
# after hours of training U-Nets.
rule fetch_weights:
    input:
        code=code("fetch_weights"),
    output:
        "results/weights/resnet50_imagenet.pth",
    log:
        "results/logs/fetch_weights.log",
    benchmark:
        "results/benchmarks/fetch_weights.tsv"
    priority: 100
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(30),
    script:
        "../scripts/fetch_weights.py"


rule check_weights:
    input:
        weights=lambda wildcards: config[wildcards.section]["weights"],
        code=code("check_weights"),
    output:
        weights="results/weights/{section}.pth",
    log:
        "results/logs/check_weights/{section}.log",
    benchmark:
        "results/benchmarks/check_weights/{section}.tsv"
    priority: 100
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        settings=lambda wildcards: config[wildcards.section],
    script:
        "../scripts/check_weights.py"


rule train_resnet:
    input:
        checked=CHECKED,
        stacks=stacks("fold_{fold}"),
        folds="results/folds/folds.parquet",
        candidates=expand("results/detection/unet/{part}/candidates.parquet", part=FOLD_PARTS),
        regions=expand("results/detection/unet/{part}/regions.parquet", part=FOLD_PARTS),
        slices=expand("results/detection/unet/{part}/slices.parquet", part=FOLD_PARTS),
        locations="results/scans/locations.parquet",
        weights=start_weights("resnet"),
        code=code("train_resnet"),
    output:
        model="results/models/resnet/fold_{fold}/model.pt",
        history="results/models/resnet/fold_{fold}/history.parquet",
    log:
        "results/logs/train_resnet/fold_{fold}.log",
    benchmark:
        "results/benchmarks/train_resnet/fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory(16000),
        runtime=hours(24),
        slurm_extra=NOTICE,
    params:
        settings=config["resnet"],
        kind=config["masks"]["kind"],
        seed=config["seed"],
    script:
        "../scripts/train_resnet.py"


rule classify_candidates:
    input:
        checked=CHECKED,
        stacks=stacks("{part}"),
        models=networks_unseen("resnet"),
        folds="results/folds/folds.parquet",
        candidates="results/detection/unet/{part}/candidates.parquet",
        regions="results/detection/unet/{part}/regions.parquet",
        slices="results/detection/unet/{part}/slices.parquet",
        code=code("classify_candidates"),
    output:
        candidates="results/classification/{part}/candidates.parquet",
        slices="results/classification/{part}/slices.parquet",
    log:
        "results/logs/classify_candidates/{part}.log",
    benchmark:
        "results/benchmarks/classify_candidates/{part}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory(16000),
        runtime=hours(12),
    params:
        settings=config["resnet"],
        kind=config["masks"]["kind"],
    script:
        "../scripts/classify_candidates.py"
