"""Benign or malignant: the readers' labels, and what diameter and radiomics say of them.

Requires: results/scans/{scans,nodules}.parquet, readers' ratings (LIDC's database, or the
          phantom's tables).
Produces: results/malignancy/labels.parquet.
"""

# Which of the label rule's keys decide what is learned.
LABEL_RULE = {
    key: config["malignancy"][key]
    for key in ("readers", "combine", "benign", "malignant", "shuffle_labels")
}


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
        seed=config["seed"],
    script:
        "../scripts/label_nodules.py"
