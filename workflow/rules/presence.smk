"""ResNet50: nodule or not, for the first detector's candidates and for every slice.

Requires: slice stacks and masks, results/folds/folds.parquet, candidates of every fold,
          results/scans/locations.parquet.
Produces: results/models/presence/fold_{fold}/{model.pt,model.json,history.parquet},
          results/presence/{part}/{candidates,slices}.parquet.
"""

# The presence network's input. The number of planes matters only if the view is planes.
VIEW = config["presence"]["view"]
SEEN = {"view": VIEW, "planes": config["presence"]["planes"] if VIEW == "planes" else 0}


rule train_presence:
    input:
        checked=CHECKED,
        stacks=stacks("fold_{fold}"),
        folds="results/folds/folds.parquet",
        candidates=expand(f"results/detection/{FIRST}/{{part}}/candidates.parquet", part=FOLD_PARTS),
        regions=expand(f"results/detection/{FIRST}/{{part}}/regions.parquet", part=FOLD_PARTS),
        peaks=expand(f"results/detection/{FIRST}/{{part}}/peaks.parquet", part=FOLD_PARTS),
        matches=expand(f"results/detection/{FIRST}/{{part}}/matches.parquet", part=FOLD_PARTS),
        locations="results/scans/locations.parquet",
        weights=start_weights("presence"),
        code=code("train_presence", config["presence"]["network"]),
    output:
        model="results/models/presence/fold_{fold}/model.pt",
        manifest="results/models/presence/fold_{fold}/model.json",
        history="results/models/presence/fold_{fold}/history.parquet",
    log:
        "results/logs/train_presence/fold_{fold}.log",
    benchmark:
        "results/benchmarks/train_presence/fold_{fold}.tsv"
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
        "../scripts/train_presence.py"


rule classify_candidates:
    input:
        **networks_unseen("presence"),
        checked=CHECKED,
        stacks=stacks("{part}", truth=False),
        folds="results/folds/folds.parquet",
        candidates=f"results/detection/{FIRST}/{{part}}/candidates.parquet",
        regions=f"results/detection/{FIRST}/{{part}}/regions.parquet",
        peaks=f"results/detection/{FIRST}/{{part}}/peaks.parquet",
        code=code("classify_candidates", config["presence"]["network"]),
    output:
        candidates="results/presence/{part}/candidates.parquet",
        slices="results/presence/{part}/slices.parquet",
    log:
        "results/logs/classify_candidates/{part}.log",
    benchmark:
        "results/benchmarks/classify_candidates/{part}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(16000),
        runtime=hours(12),
    script:
        "../scripts/classify_candidates.py"
