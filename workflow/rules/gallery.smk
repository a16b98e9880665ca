"""Pictures: hits, misses and false alarms of the U-Net, and where the malignancy ResNet50 looks.

Requires: slice stacks, masks, candidates and their regions; results/malignancy/labels.parquet,
          networks and scores of a part.
Produces: results/gallery/{hits,misses,false_alarms,explanations}.png,
          results/evaluation/explanations.{parquet,json}.
"""

# Networks are explained on scans that they have not seen.
EXPLAINED = FOLD_PARTS[0] if HELD_OUT is None else "test"
# Whose confidence is shown: the ResNet50's, or the U-Net's where the other decides malignancy alone.
STAGE = "classification" if PRESENCE else "detection/unet"


rule draw_gallery:
    input:
        stacks=stacks("fold_0"),
        test_stacks=[] if HELD_OUT is None else stacks("test"),
        candidates=expand(f"results/{STAGE}/{{part}}/candidates.parquet", part=PARTS),
        regions=expand("results/detection/unet/{part}/regions.parquet", part=PARTS),
        nodules="results/scans/nodules.parquet",
        folds="results/folds/folds.parquet",
        code=code("draw_gallery"),
    output:
        hits=shown("results/gallery/hits.png", "3 Gallery", pictures="1 Hits"),
        misses=shown("results/gallery/misses.png", "3 Gallery", pictures="2 Misses"),
        false_alarms=shown(
            "results/gallery/false_alarms.png", "3 Gallery", pictures="3 False alarms"
        ),
    log:
        "results/logs/draw_gallery/all.log",
    benchmark:
        "results/benchmarks/draw_gallery/all.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        most=config["report"]["gallery"],
        kind=config["masks"]["kind"],
        table="classified" if PRESENCE else "candidates",
    script:
        "../scripts/draw_gallery.py"


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
        settings=JUDGE,
        kind=config["masks"]["kind"],
        part=EXPLAINED,
        vote=config["malignancy"]["vote"],
        most=config["report"]["gallery"],
        bootstrap=config["scoring"]["bootstrap"],
        seed=config["seed"],
    script:
        "../scripts/explain_nodules.py"
