"""Benign or malignant: the readers' labels, and what the ResNet50 says of them.

Requires: results/scans/{scans,nodules}.parquet, readers' ratings (LIDC's database, or the
          phantom's tables), slice stacks and masks, results/folds/folds.parquet.
Produces: results/malignancy/labels.parquet,
          results/models/malignancy/fold_{fold}/member_{member}/{model.pt,history.parquet},
          results/malignancy/resnet/{part}/scores.parquet.
"""

# Which of the label rule's keys decide what is learned.
LABEL_RULE = {
    key: config["malignancy"][key]
    for key in ("readers", "combine", "benign", "malignant", "shuffle_labels")
}
# And what the networks learn by; all else about the ResNet50 is as for presence.
JUDGE = {key: config["malignancy"][key] for key in ("slices", "epochs", "repeat", "balance")} | {
    key: config["resnet"][key]
    for key in ("batch", "learning_rate", "schedule", "crop_mm", "crop_px", "augment")
}
NETWORK_FILES = [f"{member}/model.pt" for member in MEMBERS]


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
        weights=start_weights("resnet"),
        code=code("train_malignancy"),
    output:
        model="results/models/malignancy/fold_{fold}/member_{member}/model.pt",
        history="results/models/malignancy/fold_{fold}/member_{member}/history.parquet",
    log:
        "results/logs/train_malignancy/fold_{fold}_member_{member}.log",
    benchmark:
        "results/benchmarks/train_malignancy/fold_{fold}_member_{member}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory(16000),
        runtime=hours(24),
        slurm_extra=NOTICE,
    params:
        settings=JUDGE,
        kind=config["masks"]["kind"],
        seed=config["seed"],
    script:
        "../scripts/train_malignancy.py"


rule classify_nodules:
    input:
        checked=CHECKED,
        stacks=stacks("{part}"),
        models=networks_unseen("malignancy", files=NETWORK_FILES),
        folds="results/folds/folds.parquet",
        labels="results/malignancy/labels.parquet",
        code=code("classify_nodules"),
    output:
        scores="results/malignancy/resnet/{part}/scores.parquet",
    log:
        "results/logs/classify_nodules/{part}.log",
    benchmark:
        "results/benchmarks/classify_nodules/{part}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory(16000),
        runtime=hours(2),
    params:
        settings=JUDGE,
        kind=config["masks"]["kind"],
    script:
        "../scripts/classify_nodules.py"
