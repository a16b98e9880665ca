"""U-Net: one network per fold, and candidates in the scans that it has not seen.

Requires: slice stacks and masks of the scans, results/folds/folds.parquet,
          results/scans/{nodules,excluded}.parquet.
Produces: results/models/unet/fold_{fold}/{model.pt,history.parquet},
          results/detection/unet/{part}/{candidates,regions,slices}.parquet.
"""


rule train_unet:
    input:
        checked=CHECKED,
        stacks=stacks("fold_{fold}"),
        folds="results/folds/folds.parquet",
        code=code("train_unet"),
    output:
        model="results/models/unet/fold_{fold}/model.pt",
        history="results/models/unet/fold_{fold}/history.parquet",
    log:
        "results/logs/train_unet/fold_{fold}.log",
    benchmark:
        "results/benchmarks/train_unet/fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory(16000),
        runtime=hours(24),
        slurm_extra=NOTICE,
    params:
        settings=config["unet"],
        kind=config["masks"]["kind"],
        seed=config["seed"],
    script:
        "../scripts/train_unet.py"


rule detect_unet:
    input:
        stacks=stacks("{part}"),
        models=networks_unseen("unet"),
        folds="results/folds/folds.parquet",
        nodules="results/scans/nodules.parquet",
        excluded="results/scans/excluded.parquet",
        code=code("detect_unet"),
    output:
        candidates="results/detection/unet/{part}/candidates.parquet",
        regions="results/detection/unet/{part}/regions.parquet",
        slices="results/detection/unet/{part}/slices.parquet",
    log:
        "results/logs/detect_unet/{part}.log",
    benchmark:
        "results/benchmarks/detect_unet/{part}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory(16000),
        runtime=hours(12),
    params:
        settings=config["unet"],
        candidates=config["candidates"],
        kind=config["masks"]["kind"],
    script:
        "../scripts/detect_unet.py"
