"""3-D U-Net: one network per fold, and candidates in its left-out scans.

The second 3-D stage is trained on its false positives in training scans.

Requires: results/volumes and results/masks of the scans, results/folds/folds.parquet,
          results/scans/{nodules,excluded}.parquet.
Produces: results/models/unet3d/fold_{fold}/{model.pt,model.json,history.parquet},
          results/detection/unet3d/{part}/candidates.parquet,
          results/detection/unet3d/fold_{fold}_training/alarms.parquet.
"""

WINDOWS = keys("unet3d", "window", "centre_threshold", "max_per_scan", "mirrored")


rule train_unet3d:
    input:
        checked=CHECKED,
        volumes=volumes("fold_{fold}"),
        masks=truth_masks,
        nodules="results/scans/nodules.parquet",
        excluded="results/scans/excluded.parquet",
        folds="results/folds/folds.parquet",
        code=code("train_unet3d", config["unet3d"]["network"]),
    output:
        model="results/models/unet3d/fold_{fold}/model.pt",
        manifest="results/models/unet3d/fold_{fold}/model.json",
        history="results/models/unet3d/fold_{fold}/history.parquet",
    log:
        "results/logs/train_unet3d/fold_{fold}.log",
    benchmark:
        "results/benchmarks/train_unet3d/fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(16000),
        runtime=hours(24),
        slurm_extra=NOTICE,
    params:
        # Not windows or thresholds: editing them repeats detection and the second stage only.
        settings=all_but("unet3d", *WINDOWS),
        kind=config["masks"]["kind"],
        seed=config["seed"],
        facts=volume_facts() | {"output": "logit of a nodule's centre, log2 of its diameter in mm"},
    script:
        "../scripts/train_unet3d.py"


rule detect_unet3d:
    input:
        **networks_unseen("unet3d"),
        checked=CHECKED,
        volumes=volumes("{part}"),
        folds="results/folds/folds.parquet",
        code=code("detect_unet3d", config["unet3d"]["network"]),
    output:
        candidates="results/detection/unet3d/{part}/candidates.parquet",
    log:
        "results/logs/detect_unet3d/{part}.log",
    benchmark:
        "results/benchmarks/detect_unet3d/{part}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(16000),
        runtime=hours(12),
    params:
        windows=WINDOWS,
    script:
        "../scripts/detect_unet3d.py"


rule mine_alarms:
    input:
        model="results/models/unet3d/fold_{fold}/model.json",
        weights="results/models/unet3d/fold_{fold}/model.pt",
        checked=CHECKED,
        volumes=volumes("fold_{fold}"),
        nodules="results/scans/nodules.parquet",
        excluded="results/scans/excluded.parquet",
        folds="results/folds/folds.parquet",
        code=code("mine_alarms", config["unet3d"]["network"]),
    output:
        alarms="results/detection/unet3d/fold_{fold}_training/alarms.parquet",
    log:
        "results/logs/mine_alarms/fold_{fold}.log",
    benchmark:
        "results/benchmarks/mine_alarms/fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(16000),
        runtime=hours(12),
    params:
        windows=WINDOWS,
    script:
        "../scripts/mine_alarms.py"
