"""Benign or malignant: labels from the readers, the network's scores, and explanation maps.

Requires: results/scans/{scans,nodules}.parquet, readers' ratings (LIDC's database, or the
          phantom's tables), slice stacks and masks, results/folds/folds.parquet.
Produces: results/malignancy/labels.parquet,
          results/models/malignancy/fold_{fold}/member_{member}/{model.*,history.parquet},
          results/malignancy/resnet/{part}/scores.parquet (for a 3-D network:
          malignancy_cubes, cubes), results/malignancy/explained.npz,
          results/evaluation/explanations.{parquet,json}.
"""

# Keys of the label rule that decide the training labels.
LABEL_RULE = keys("malignancy", "least_readers", "combine", "benign", "malignant", "shuffle_labels")
LEARNED = (
    *("network", "epochs", "batch", "learning_rate", "schedule"),
    *("crops_per_nodule", "repeat", "balance"),
)
# A 3-D network's input, cubes instead of crops, and its shape.
CUBES = {"px": config["malignancy"]["cube"], "view": "cubes"} if JUDGE == "cubes" else {}
SHAPED = CUBES and CUBES | keys("malignancy", "widths")


rule label_nodules:
    input:
        nodules="results/scans/nodules.parquet",
        scans="results/scans/scans.parquet",
        contours="results/phantom/contours.parquet" if PHANTOM else [],
        ratings="results/phantom/ratings.parquet" if PHANTOM else [],
        code=code("label_nodules"),
    output:
        labels="results/malignancy/labels.parquet",
    log:
        "results/logs/label_nodules/all.log",
    benchmark:
        "results/benchmarks/label_nodules/all.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        settings=LABEL_RULE,
    script:
        "../scripts/label_nodules.py"


rule train_malignancy:
    input:
        checked=CHECKED,
        stacks=stacks("fold_{fold}"),
        folds="results/folds/folds.parquet",
        labels="results/malignancy/labels.parquet",
        weights=start_weights("malignancy"),
        code=code("train_malignancy", config["malignancy"]["network"]),
    output:
        model=f"results/models/{JUDGE_MODELS}/fold_{{fold}}/member_{{member}}/model.pt",
        manifest=f"results/models/{JUDGE_MODELS}/fold_{{fold}}/member_{{member}}/model.json",
        history=f"results/models/{JUDGE_MODELS}/fold_{{fold}}/member_{{member}}/history.parquet",
    log:
        "results/logs/train_malignancy/fold_{fold}_member_{member}.log",
    benchmark:
        "results/benchmarks/train_malignancy/fold_{fold}_member_{member}.tsv"
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
        "../scripts/train_malignancy.py"


rule classify_nodules:
    input:
        **networks_unseen(JUDGE_MODELS, members=MEMBERS),
        checked=CHECKED,
        stacks=stacks("{part}"),
        folds="results/folds/folds.parquet",
        nodules="results/scans/nodules.parquet",
        code=code("classify_nodules", config["malignancy"]["network"]),
    output:
        scores=f"results/malignancy/{JUDGE}/{{part}}/scores.parquet",
    log:
        "results/logs/classify_nodules/{part}.log",
    benchmark:
        "results/benchmarks/classify_nodules/{part}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(16000),
        runtime=hours(2),
    params:
        kind=config["masks"]["kind"],
    script:
        "../scripts/classify_nodules.py"


rule explain_nodules:
    input:
        **networks_unseen(JUDGE_MODELS, EXPLAINED, MEMBERS),
        checked=CHECKED,
        stacks=stacks(EXPLAINED),
        folds="results/folds/folds.parquet",
        labels="results/malignancy/labels.parquet",
        scores=f"results/malignancy/{JUDGE}/{EXPLAINED}/scores.parquet",
        code=code("explain_nodules", config["malignancy"]["network"]),
    output:
        table="results/evaluation/explanations.parquet",
        summary="results/evaluation/explanations.json",
        maps="results/malignancy/explained.npz",
    log:
        "results/logs/explain_nodules/all.log",
    benchmark:
        "results/benchmarks/explain_nodules/all.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(16000),
        runtime=hours(2),
    params:
        **RESAMPLING,
        kind=config["masks"]["kind"],
        part=EXPLAINED,
        vote=config["malignancy"]["vote"],
        most=config["report"]["gallery"],
    script:
        "../scripts/explain_nodules.py"
