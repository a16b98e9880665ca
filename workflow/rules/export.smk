"""The model that leaves the run: all networks in one file; on the phantom, tried on a DICOM scan.

Requires: results/models/*/fold_*/model.{json,pt}, results/evaluation/{metrics.parquet,presence.json},
          results/scans/scans.parquet, results/folds/folds.parquet, results/evaluation/froc.parquet.
Produces: results/models/{name}.luna16; results/predicted/ with the phantom.
"""

# Folders of results/models whose networks the model is made of.
OF_MODEL = [
    *[f"unet/{fold}" for fold in FOLD_PARTS],
    *[f"presence/{fold}" for fold in FOLD_PARTS if PRESENCE],
    *[f"malignancy/{fold}/{m}" for fold in FOLD_PARTS for m in MEMBERS if MALIGNANCY],
]


rule export_model:
    input:
        models=expand("results/models/{place}/model.json", place=OF_MODEL),
        weights=expand("results/models/{place}/model.pt", place=OF_MODEL),
        presence="results/evaluation/presence.json" if PRESENCE else [],
        metrics="results/evaluation/metrics.parquet",
        scans="results/scans/scans.parquet",
        folds="results/folds/folds.parquet",
        code=code("export_model"),
    output:
        model=MODEL,
    log:
        "results/logs/export_model/all.log",
    benchmark:
        "results/benchmarks/export_model/all.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        name=config["export"]["name"],
        source=config["data"]["source"],
        folds=len(FOLDS),
        settings={"candidates": config["candidates"], "vote": config["malignancy"]["vote"]},
    script:
        "../scripts/export_model.py"


# What a person does with a model, tried in every run: DICOM in, findings out.
rule predict_phantom:
    input:
        model=MODEL,
        header=lambda wildcards: SCANS[part_scans(PARTS[-1])[0]].header,
        data=lambda wildcards: SCANS[part_scans(PARTS[-1])[0]].data,
        checked=CHECKED,
        code=code("predict_phantom"),
    output:
        findings="results/predicted/findings.json",
        table="results/predicted/findings.csv",
        labels="results/predicted/findings.nii.gz",
        page="results/predicted/report.html",
        report="results/predicted/findings.sr.dcm",
    log:
        "results/logs/predict_phantom/all.log",
    benchmark:
        "results/benchmarks/predict_phantom/all.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory(8000),
        runtime=minutes(30),
    script:
        "../scripts/predict_phantom.py"


# The page on which a reader judges these findings, as `luna16 view` writes it.
rule write_reader:
    input:
        findings="results/predicted/findings.json",
        labels="results/predicted/findings.nii.gz",
        header=lambda wildcards: SCANS[part_scans(PARTS[-1])[0]].header,
        data=lambda wildcards: SCANS[part_scans(PARTS[-1])[0]].data,
        froc="results/evaluation/froc.parquet",
        checked=CHECKED,
        web=sorted(map(str, closure.LIBRARY.glob("report/viewer/web/*"))),
        code=code("write_reader"),
    output:
        "results/predicted/reader.html",
    log:
        "results/logs/write_reader/all.log",
    benchmark:
        "results/benchmarks/write_reader/all.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(10),
    script:
        "../scripts/write_reader.py"
