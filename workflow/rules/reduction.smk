"""False-positive reduction in 3-D: one network per fold classifies the 3-D U-Net's candidates.

It is trained on nodules and on false positives of its own fold's U-Net, both in training scans.

Requires: results/volumes and results/masks of the scans, results/detection/unet3d,
          results/folds/folds.parquet.
Produces: results/models/reduction/fold_{fold}/{model.pt,model.json,history.parquet},
          results/reduction/{part}/{judged,regions,candidates}.parquet.
"""


rule train_reduction:
    input:
        checked=CHECKED,
        volumes=volumes("fold_{fold}"),
        masks=truth_masks,
        alarms="results/detection/unet3d/fold_{fold}_training/alarms.parquet",
        nodules="results/scans/nodules.parquet",
        excluded="results/scans/excluded.parquet",
        folds="results/folds/folds.parquet",
        code=code("train_reduction", config["reduction"]["network"]),
    output:
        model="results/models/reduction/fold_{fold}/model.pt",
        manifest="results/models/reduction/fold_{fold}/model.json",
        history="results/models/reduction/fold_{fold}/history.parquet",
    log:
        "results/logs/train_reduction/fold_{fold}.log",
    benchmark:
        "results/benchmarks/train_reduction/fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(16000),
        runtime=hours(24),
        slurm_extra=NOTICE,
    params:
        settings=config["reduction"],
        kind=config["masks"]["kind"],
        seed=config["seed"],
        facts=volume_facts(cube=config["reduction"]["cube"])
        | {"output": "logit of a nodule in the cube's middle, logits of its voxels"},
    script:
        "../scripts/train_reduction.py"


rule reduce_candidates:
    input:
        **networks_unseen("reduction"),
        checked=CHECKED,
        volumes=volumes("{part}"),
        candidates="results/detection/unet3d/{part}/candidates.parquet",
        folds="results/folds/folds.parquet",
        code=code("reduce_candidates", config["reduction"]["network"]),
    output:
        candidates="results/reduction/{part}/judged.parquet",
        regions="results/reduction/{part}/regions.parquet",
    log:
        "results/logs/reduce_candidates/{part}.log",
    benchmark:
        "results/benchmarks/reduce_candidates/{part}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(16000),
        runtime=hours(12),
    script:
        "../scripts/reduce_candidates.py"


# The weights of the two stages are fitted on the other folds' scores of their left-out scans.
rule combine_stages:
    input:
        judged="results/reduction/{part}/judged.parquet",
        others=judged_elsewhere,
        folds="results/folds/folds.parquet",
        nodules="results/scans/nodules.parquet",
        excluded="results/scans/excluded.parquet",
        code=code("combine_stages"),
    output:
        candidates="results/reduction/{part}/candidates.parquet",
    log:
        "results/logs/combine_stages/{part}.log",
    benchmark:
        "results/benchmarks/combine_stages/{part}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    script:
        "../scripts/combine_stages.py"
