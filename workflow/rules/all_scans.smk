"""Networks trained on all scans, including held-out ones, to be exported (export.networks: all).

The run scores nothing with them, since no scan is left that they were not trained on.

Requires: slice stacks and masks of all scans, results/folds/folds.parquet, candidates of every part,
          results/malignancy/labels.parquet.
Produces: results/models/all_scans/{unet,presence}/fold_{fold}/{model.pt,model.json,history.parquet},
          results/models/all_scans/malignancy/fold_{fold}/member_{member}/; {fold} is one more than
          the last fold, because seeds are derived from it.
"""


rule train_unet_all:
    input:
        checked=CHECKED,
        stacks=all_stacks,
        folds="results/folds/folds.parquet",
        code=code("train_unet_all", config["unet"]["network"]),
    output:
        model="results/models/all_scans/unet/fold_{fold}/model.pt",
        manifest="results/models/all_scans/unet/fold_{fold}/model.json",
        history="results/models/all_scans/unet/fold_{fold}/history.parquet",
    log:
        "results/logs/train_unet_all/fold_{fold}.log",
    benchmark:
        "results/benchmarks/train_unet_all/fold_{fold}.tsv"
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
        "../scripts/train_unet_all.py"


rule train_presence_all:
    input:
        checked=CHECKED,
        stacks=all_stacks,
        folds="results/folds/folds.parquet",
        candidates=expand(f"results/detection/{FIRST}/{{part}}/candidates.parquet", part=PARTS),
        regions=expand(f"results/detection/{FIRST}/{{part}}/regions.parquet", part=PARTS),
        peaks=expand(f"results/detection/{FIRST}/{{part}}/peaks.parquet", part=PARTS),
        matches=MATCHES,
        locations="results/scans/locations.parquet",
        weights=start_weights("presence"),
        code=code("train_presence_all", config["presence"]["network"]),
    output:
        model="results/models/all_scans/presence/fold_{fold}/model.pt",
        manifest="results/models/all_scans/presence/fold_{fold}/model.json",
        history="results/models/all_scans/presence/fold_{fold}/history.parquet",
    log:
        "results/logs/train_presence_all/fold_{fold}.log",
    benchmark:
        "results/benchmarks/train_presence_all/fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(16000),
        runtime=hours(24),
        slurm_extra=NOTICE,
    params:
        settings=all_but("presence", "weights") | config["crops"] | SEEN,
        kind=config["masks"]["kind"],
        seed=config["seed"],
        facts=facts(crops=keys("crops", "mm", "px") | SEEN)
        | {"output": "logit of nodule against none"},
    script:
        "../scripts/train_presence_all.py"


rule train_malignancy_all:
    input:
        checked=CHECKED,
        stacks=all_stacks,
        folds="results/folds/folds.parquet",
        labels="results/malignancy/labels.parquet",
        weights=start_weights("malignancy"),
        code=code("train_malignancy_all", config["malignancy"]["network"]),
    output:
        model=f"results/models/all_scans/{JUDGE_MODELS}/fold_{{fold}}/member_{{member}}/model.pt",
        manifest=f"results/models/all_scans/{JUDGE_MODELS}/fold_{{fold}}/member_{{member}}/model.json",
        history=f"results/models/all_scans/{JUDGE_MODELS}/fold_{{fold}}/member_{{member}}/history.parquet",
    log:
        "results/logs/train_malignancy_all/fold_{fold}_member_{member}.log",
    benchmark:
        "results/benchmarks/train_malignancy_all/fold_{fold}_member_{member}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(16000),
        runtime=hours(24),
        slurm_extra=NOTICE,
    params:
        settings=keys("malignancy", *LEARNED) | config["crops"] | SHAPED,
        kind=config["masks"]["kind"],
        seed=config["seed"],
        facts=facts(
            crops=keys("crops", "mm", "px") | CUBES,
            crops_per_nodule=config["malignancy"]["crops_per_nodule"],
        )
        | {"output": "logit of malignant against benign"},
    script:
        "../scripts/train_malignancy_all.py"
