"""Mask R-CNN: one network per fold, on the U-Net's slices, with candidates in the same form.

Requires: slice stacks and masks of the scans, results/folds/folds.parquet, start weights.
Produces: results/models/maskrcnn/fold_{fold}/{model.pt,model.json,history.parquet},
          results/detection/maskrcnn/{part}/{candidates,regions,confidence}.parquet.
"""


rule train_maskrcnn:
    input:
        checked=CHECKED,
        stacks=stacks("fold_{fold}"),
        folds="results/folds/folds.parquet",
        weights=start_weights("maskrcnn"),
        code=code("train_maskrcnn", config["maskrcnn"]["network"]),
    output:
        model="results/models/maskrcnn/fold_{fold}/model.pt",
        manifest="results/models/maskrcnn/fold_{fold}/model.json",
        history="results/models/maskrcnn/fold_{fold}/history.parquet",
    log:
        "results/logs/train_maskrcnn/fold_{fold}.log",
    benchmark:
        "results/benchmarks/train_maskrcnn/fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(16000),
        runtime=hours(24),
        slurm_extra=NOTICE,
    params:
        # Not pixel_threshold: editing it repeats detection, but no training.
        settings=all_but("maskrcnn", "enabled", "pixel_threshold"),
        kind=config["masks"]["kind"],
        seed=config["seed"],
        facts=facts(context=config["maskrcnn"]["context"])
        | {"output": "instances: box, mask and score"},
    script:
        "../scripts/train_maskrcnn.py"


rule detect_maskrcnn:
    input:
        **networks_unseen("maskrcnn"),
        checked=CHECKED,
        stacks=stacks("{part}", truth=False),
        folds="results/folds/folds.parquet",
        code=code("detect_maskrcnn", config["maskrcnn"]["network"]),
    output:
        candidates="results/detection/maskrcnn/{part}/candidates.parquet",
        regions="results/detection/maskrcnn/{part}/regions.parquet",
        confidence="results/detection/maskrcnn/{part}/confidence.parquet",
    log:
        "results/logs/detect_maskrcnn/{part}.log",
    benchmark:
        "results/benchmarks/detect_maskrcnn/{part}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(16000),
        runtime=hours(12),
    params:
        candidates=config["candidates"] | keys("maskrcnn", "pixel_threshold"),
    script:
        "../scripts/detect_maskrcnn.py"
