"""Explanations: where the malignancy ResNet50 looks, and whether that depends on its weights.

Requires: slice stacks and masks, results/malignancy/labels.parquet, networks and scores of a part.
Produces: results/evaluation/explanations.{parquet,json}, results/gallery/explanations.png.
"""

# Networks are explained on scans that they have not seen.
EXPLAINED = FOLD_PARTS[0] if HELD_OUT is None else "test"


rule explain_nodules:
    input:
        stacks=stacks(EXPLAINED),
        models=networks_unseen("malignancy", EXPLAINED, NETWORK_FILES),
        folds="results/folds/folds.parquet",
        labels="results/malignancy/labels.parquet",
        scores=f"results/malignancy/resnet/{EXPLAINED}/scores.parquet",
        code=code("explain_nodules"),
    output:
        table="results/evaluation/explanations.parquet",
        summary="results/evaluation/explanations.json",
        picture=shown("results/gallery/explanations.png", "3 Gallery", pictures="4 Explanations"),
    log:
        "results/logs/explain_nodules/all.log",
    benchmark:
        "results/benchmarks/explain_nodules/all.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory(16000),
        runtime=hours(2),
    params:
        settings=NETWORK,
        kind=config["masks"]["kind"],
        part=EXPLAINED,
        vote=config["malignancy"]["vote"],
        most=config["report"]["gallery"],
        bootstrap=config["scoring"]["bootstrap"],
        seed=config["seed"],
    script:
        "../scripts/explain_nodules.py"
