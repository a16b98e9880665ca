"""Pictures: hits, misses and false positives of the first detector and the 3-D one, and maps.

Requires: scans, masks, candidates, their regions, matches and overlaps; results/malignancy/
          explained.npz, results/evaluation/explanations.json.
Produces: results/gallery/{hits,misses,false_alarms,explanations,gates}.png,
          results/gallery/{hits,misses,false_alarms}_3d.png; of both, strips for the first page.
"""

# Whose confidence the pictures show: the ResNet50's, or without the presence task the first
# detector's.
STAGE = "presence" if PRESENCE else f"detection/{FIRST}"
# Files that the pictures are drawn from.
DRAWN_ON = dict(
    checked=CHECKED,
    scans="results/scans/scans.parquet",
    voxels=lambda wildcards: [f for u in scans() for f in (SCANS[u].header, SCANS[u].data)],
    slices=lambda wildcards: expand("results/slices/{uid}.parquet", uid=scans()),
    masks=lambda wildcards: expand("results/masks/{uid}.parquet", uid=scans()),
    segmentation="results/evaluation/segmentation.parquet",
    nodules="results/scans/nodules.parquet",
    folds="results/folds/folds.parquet",
)


rule draw_gallery:
    input:
        **DRAWN_ON,
        candidates=expand(f"results/{STAGE}/{{part}}/candidates.parquet", part=PARTS),
        matches=MATCHES,
        regions=expand(f"results/detection/{FIRST}/{{part}}/regions.parquet", part=PARTS),
        code=code("draw_gallery"),
    output:
        hits=shown("results/gallery/hits.png", "3 Gallery", pictures="1 Hits"),
        strip_hits="results/gallery/strip_hits.png",
        misses=shown("results/gallery/misses.png", "3 Gallery", pictures="2 Misses"),
        strip_misses="results/gallery/strip_misses.png",
        false_alarms=shown(
            "results/gallery/false_alarms.png", "3 Gallery", pictures="3 False alarms"
        ),
        strip_false_alarms="results/gallery/strip_false_alarms.png",
    log:
        "results/logs/draw_gallery/all.log",
    benchmark:
        "results/benchmarks/draw_gallery/all.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        most=config["report"]["gallery"],
        kind=config["masks"]["kind"],
        table="classified" if PRESENCE else "candidates",
        detector=FIRST,
        words=WORDS,
        window=config["slices"]["window"] if WORDS else [],
        overlap=OVERLAP,
    script:
        "../scripts/draw_gallery.py"


rule draw_gallery_3d:
    input:
        **DRAWN_ON,
        excluded="results/scans/excluded.parquet",
        candidates=expand("results/reduction/{part}/candidates.parquet", part=PARTS),
        regions=expand("results/reduction/{part}/regions.parquet", part=PARTS),
        code=code("draw_gallery_3d"),
    output:
        hits=shown("results/gallery/hits_3d.png", "3 Gallery", pictures="6 Hits in 3-D"),
        strip_hits="results/gallery/strip_hits_3d.png",
        misses=shown("results/gallery/misses_3d.png", "3 Gallery", pictures="7 Misses in 3-D"),
        strip_misses="results/gallery/strip_misses_3d.png",
        false_alarms=shown(
            "results/gallery/false_alarms_3d.png", "3 Gallery", pictures="8 False alarms in 3-D"
        ),
        strip_false_alarms="results/gallery/strip_false_alarms_3d.png",
    log:
        "results/logs/draw_gallery_3d/all.log",
    benchmark:
        "results/benchmarks/draw_gallery_3d/all.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        most=config["report"]["gallery"],
        kind=config["masks"]["kind"],
        words=WORDS,
        window=config["slices"]["window"] if WORDS else [],
    script:
        "../scripts/draw_gallery_3d.py"


rule draw_explanations:
    input:
        maps="results/malignancy/explained.npz",
        summary="results/evaluation/explanations.json",
        code=code("draw_explanations"),
    output:
        picture=shown("results/gallery/explanations.png", "3 Gallery", pictures="4 Explanations"),
    log:
        "results/logs/draw_explanations/all.log",
    benchmark:
        "results/benchmarks/draw_explanations/all.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    script:
        "../scripts/draw_explanations.py"


rule draw_gates:
    input:
        maps="results/detection/attention_unet/gates.npz",
        code=code("draw_gates"),
    output:
        picture=shown("results/gallery/gates.png", "3 Gallery", pictures="5 Attention gates"),
    log:
        "results/logs/draw_gates/all.log",
    benchmark:
        "results/benchmarks/draw_gates/all.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        part=EXPLAINED,
    script:
        "../scripts/draw_gates.py"
