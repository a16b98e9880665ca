"""Further 2-D networks: same slices, sampling, training loop, candidates and scores as the U-Net.

`detectors` in the config says which of them a run has; settings that their own section lacks are
taken from section `unet`.

Requires: slice stacks and masks of the scans, results/folds/folds.parquet, start weights.
Produces: results/models/{segmenter}/fold_{fold}/{model.pt,model.json,history.parquet},
          results/detection/{segmenter}/{part}/{candidates,regions,peaks}.parquet,
          results/detection/attention_unet/gates.npz.
"""

# Equal budget for all compared networks: the same slices and the same number of steps.
BUDGET = all_but("unet", "network", "filters", "depth", "learning_rate")


rule train_segmenter:
    input:
        checked=CHECKED,
        stacks=stacks("fold_{fold}"),
        folds="results/folds/folds.parquet",
        weights=lambda wildcards: start_weights(wildcards.segmenter),
        code=lambda wildcards: code_files("train_segmenter", config[wildcards.segmenter]["network"]),
    output:
        model="results/models/{segmenter}/fold_{fold}/model.pt",
        manifest="results/models/{segmenter}/fold_{fold}/model.json",
        history="results/models/{segmenter}/fold_{fold}/history.parquet",
    log:
        "results/logs/train_segmenter/{segmenter}_fold_{fold}.log",
    benchmark:
        "results/benchmarks/train_segmenter/{segmenter}_fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(16000),
        runtime=hours(24),
        slurm_extra=NOTICE,
    params:
        settings=lambda wildcards: BUDGET | all_but(wildcards.segmenter, "weights"),
        kind=config["masks"]["kind"],
        seed=config["seed"],
        facts=facts(context=config["unet"]["context"]) | {"output": "probability of each pixel"},
    script:
        "../scripts/train_segmenter.py"


rule detect_segmenter:
    input:
        **networks_unseen("{segmenter}"),
        checked=CHECKED,
        stacks=stacks("{part}", truth=False),
        folds="results/folds/folds.parquet",
        code=lambda wildcards: code_files(
            "detect_segmenter", config[wildcards.segmenter]["network"]
        ),
    output:
        candidates="results/detection/{segmenter}/{part}/candidates.parquet",
        regions="results/detection/{segmenter}/{part}/regions.parquet",
        peaks="results/detection/{segmenter}/{part}/peaks.parquet",
    log:
        "results/logs/detect_segmenter/{segmenter}_{part}.log",
    benchmark:
        "results/benchmarks/detect_segmenter/{segmenter}_{part}.tsv"
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
        "../scripts/detect_segmenter.py"


rule explain_gates:
    input:
        **networks_unseen("attention_unet", EXPLAINED),
        checked=CHECKED,
        stacks=stacks(EXPLAINED),
        nodules="results/scans/nodules.parquet",
        folds="results/folds/folds.parquet",
        code=code("explain_gates", config["attention_unet"]["network"]),
    output:
        maps="results/detection/attention_unet/gates.npz",
    log:
        "results/logs/explain_gates/all.log",
    benchmark:
        "results/benchmarks/explain_gates/all.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(16000),
        runtime=hours(2),
    params:
        kind=config["masks"]["kind"],
        part=EXPLAINED,
        most=config["report"]["gallery"],
    script:
        "../scripts/explain_gates.py"
