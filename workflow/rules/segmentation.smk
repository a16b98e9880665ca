"""U-Net: one network per fold, and candidates in its left-out scans.

Detection does not read the reference; separate rules match the first detector's candidates to it
(the U-Net's, unless the config lists another detector first).

Requires: slice stacks and masks of the scans, results/folds/folds.parquet,
          results/scans/{nodules,excluded}.parquet.
Produces: results/models/unet/fold_{fold}/{model.pt,model.json,history.parquet},
          results/detection/unet/{part}/{candidates,regions,peaks}.parquet, for the first
          detector also matches.parquet, and results/evaluation/slices/{part}.parquet.
"""


rule train_unet:
    input:
        checked=CHECKED,
        stacks=stacks("fold_{fold}"),
        folds="results/folds/folds.parquet",
        code=code("train_unet", config["unet"]["network"]),
    output:
        model="results/models/unet/fold_{fold}/model.pt",
        manifest="results/models/unet/fold_{fold}/model.json",
        history="results/models/unet/fold_{fold}/history.parquet",
    log:
        "results/logs/train_unet/fold_{fold}.log",
    benchmark:
        "results/benchmarks/train_unet/fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(16000),
        runtime=hours(24),
        slurm_extra=NOTICE,
    params:
        settings=config["unet"],
        kind=config["masks"]["kind"],
        seed=config["seed"],
        facts=facts(context=config["unet"]["context"]) | {"output": "probability of each pixel"},
    script:
        "../scripts/train_unet.py"


rule detect_unet:
    input:
        **networks_unseen("unet"),
        checked=CHECKED,
        stacks=stacks("{part}", truth=False),
        folds="results/folds/folds.parquet",
        code=code("detect_unet", config["unet"]["network"]),
    output:
        candidates="results/detection/unet/{part}/candidates.parquet",
        regions="results/detection/unet/{part}/regions.parquet",
        peaks="results/detection/unet/{part}/peaks.parquet",
    log:
        "results/logs/detect_unet/{part}.log",
    benchmark:
        "results/benchmarks/detect_unet/{part}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(16000),
        runtime=hours(12),
    params:
        candidates=config["candidates"],
    script:
        "../scripts/detect_unet.py"


rule match_candidates:
    input:
        candidates=f"results/detection/{FIRST}/{{part}}/candidates.parquet",
        nodules="results/scans/nodules.parquet",
        excluded="results/scans/excluded.parquet",
        drawn=overlap_files,
        code=code("match_candidates"),
    output:
        matches=f"results/detection/{FIRST}/{{part}}/matches.parquet",
    log:
        "results/logs/match_candidates/{part}.log",
    benchmark:
        "results/benchmarks/match_candidates/{part}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    script:
        "../scripts/match_candidates.py"


# Networks predict slices with a nodule again, so that new masks need no new detection.
rule score_slices:
    input:
        **networks_unseen(FIRST),
        checked=CHECKED,
        stacks=stacks("{part}"),
        folds="results/folds/folds.parquet",
        peaks=f"results/detection/{FIRST}/{{part}}/peaks.parquet",
        code=code("score_slices", config[FIRST]["network"]),
    output:
        scores="results/evaluation/slices/{part}.parquet",
    log:
        "results/logs/score_slices/{part}.log",
    benchmark:
        "results/benchmarks/score_slices/{part}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(16000),
        runtime=hours(4),
    params:
        pixel_threshold=config["candidates"]["pixel_threshold"],
        kind=config["masks"]["kind"],
    script:
        "../scripts/score_slices.py"
