"""The lung U-Net (lungs.method: unet), and the agreement of all lung segmentation methods.

A scan's lungs are segmented by networks that were not trained on its patient: folds are made right
after the check, before any slice is cut.

Requires: each scan's header and voxel file, lung masks, results/folds/folds.parquet,
          results/lungs/{uid}.parquet.
Produces: results/lungs/unet/{slices,masks,answers}/{uid}.*,
          results/models/lungs/fold_{fold}/{model.pt,model.json,history.parquet},
          results/evaluation/lung_agreement.parquet.
"""


rule prepare_lungs:
    input:
        header=lambda wildcards: SCANS[wildcards.uid].header,
        data=lambda wildcards: SCANS[wildcards.uid].data,
        mask=lung_mask,
        checked=CHECKED,
        code=code("prepare_lungs"),
    output:
        stack="results/lungs/unet/slices/{uid}.npy",
        table="results/lungs/unet/slices/{uid}.parquet",
        masks="results/lungs/unet/masks/{uid}.parquet",
    log:
        "results/logs/prepare_lungs/{uid}.log",
    benchmark:
        "results/benchmarks/prepare_lungs/{uid}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=minutes(10),
    params:
        px=LUNG_UNET["px"],
    script:
        "../scripts/prepare_lungs.py"


rule train_lungs:
    input:
        checked=CHECKED,
        stacks=lung_stacks,
        folds="results/folds/folds.parquet",
        code=code("train_lungs", LUNG_UNET["network"]),
    output:
        model="results/models/lungs/fold_{fold}/model.pt",
        manifest="results/models/lungs/fold_{fold}/model.json",
        history="results/models/lungs/fold_{fold}/history.parquet",
    log:
        "results/logs/train_lungs/fold_{fold}.log",
    benchmark:
        "results/benchmarks/train_lungs/fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(8000),
        runtime=hours(12),
        slurm_extra=NOTICE,
    params:
        settings={name: value for name, value in LUNG_UNET.items() if name != "px"},
        kind="lungs",
        seed=config["seed"],
        facts=facts()
        | {
            "input": {"context": LUNG_UNET["context"], "px": LUNG_UNET["px"]},
            "output": "probability of lung in each pixel",
        },
    script:
        "../scripts/train_lungs.py"


# Runs on the CPU: the network is small and takes seconds per scan, so no job waits for a GPU.
rule find_lungs:
    input:
        models=expand("results/models/lungs/{part}/model.json", part=FOLD_PARTS),
        weights=expand("results/models/lungs/{part}/model.pt", part=FOLD_PARTS),
        stack="results/lungs/unet/slices/{uid}.npy",
        table="results/lungs/unet/slices/{uid}.parquet",
        folds="results/folds/folds.parquet",
        checked=CHECKED,
        code=code("find_lungs", LUNG_UNET["network"]),
    output:
        answer="results/lungs/unet/answers/{uid}.npy",
    log:
        "results/logs/find_lungs/{uid}.log",
    benchmark:
        "results/benchmarks/find_lungs/{uid}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 2
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    script:
        "../scripts/find_lungs.py"


rule compare_lungs:
    input:
        headers=lambda wildcards: [SCANS[uid].header for uid in scans()],
        data=lambda wildcards: [SCANS[uid].data for uid in scans()],
        lungs=lambda wildcards: expand("results/lungs/{uid}.parquet", uid=scans()),
        masks=lambda wildcards: [f for uid in scans() for f in LUNG_MASKS.get(uid, [])],
        answers=lung_answers,
        checked=CHECKED,
        code=code("compare_lungs"),
    output:
        table=AGREEMENT,
    log:
        "results/logs/compare_lungs/all.log",
    benchmark:
        "results/benchmarks/compare_lungs/all.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 8
    resources:
        mem_mb=memory(8000),
        runtime=hours(2),
    script:
        "../scripts/compare_lungs.py"
