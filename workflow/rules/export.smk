"""Exported models: all networks in one file; a phantom run also applies it to a DICOM scan.

Requires: results/models/*/fold_*/model.{json,pt}, results/evaluation/{metrics,froc}.parquet, presence.json,
          results/scans/scans.parquet, results/folds/folds.parquet; for the 3-D detector
          results/reduction/fold_*/{judged,candidates}.parquet, results/scans/{nodules,excluded}.parquet.
Produces: results/models/{name}.luna16, {name}_3d.luna16; results/predicted/ with the phantom;
          results/predictions/{scan}/ for each scan in the sheet predict.scans.
"""

# Subfolders of results/models with the networks to export.
OF_LUNGS = [f"lungs/{fold}" for fold in FOLD_PARTS if LUNGS_BY == "unet"]
# One network of each kind if trained on all scans, otherwise those of every fold.
WHOLE = config["export"]["networks"] == "all"
OWN = [f"fold_{max(FOLDS, default=0) + 1}"] if WHOLE else FOLD_PARTS
HOME = "all_scans/" if WHOLE else ""
OF_MODEL = [
    *[f"{HOME}{FIRST}/{fold}" for fold in OWN],
    *[f"{HOME}presence/{fold}" for fold in OWN if PRESENCE],
    *[f"{HOME}{JUDGE_MODELS}/{fold}/{m}" for fold in OWN for m in MEMBERS if MALIGNANCY],
    *OF_LUNGS,
]
OF_MODEL_3D = [f"{name}/{fold}" for name in ("unet3d", "reduction") for fold in FOLD_PARTS]
OF_MODEL_3D += OF_LUNGS


rule export_model:
    input:
        models=expand("results/models/{place}/model.json", place=OF_MODEL),
        weights=expand("results/models/{place}/model.pt", place=OF_MODEL),
        presence="results/evaluation/presence.json" if PRESENCE else [],
        metrics="results/evaluation/metrics.parquet",
        froc="results/evaluation/froc.parquet",
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
        units=config["dataset"]["units"],
        words=WORDS,
        folds=len(FOLDS),
        detector=FIRST,
        whole=WHOLE,
        settings={"candidates": config["candidates"], "vote": config["malignancy"]["vote"]},
    script:
        "../scripts/export_model.py"


rule export_volumes:
    input:
        models=expand("results/models/{place}/model.json", place=OF_MODEL_3D),
        weights=expand("results/models/{place}/model.pt", place=OF_MODEL_3D),
        judged=expand("results/reduction/{part}/judged.parquet", part=FOLD_PARTS),
        candidates=expand("results/reduction/{part}/candidates.parquet", part=FOLD_PARTS),
        nodules="results/scans/nodules.parquet",
        excluded="results/scans/excluded.parquet",
        metrics="results/evaluation/metrics.parquet",
        froc="results/evaluation/froc.parquet",
        scans="results/scans/scans.parquet",
        folds="results/folds/folds.parquet",
        code=code("export_volumes"),
    output:
        model=MODEL_3D,
    log:
        "results/logs/export_volumes/all.log",
    benchmark:
        "results/benchmarks/export_volumes/all.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        name=Path(MODEL_3D).stem,
        source=config["data"]["source"],
        units=config["dataset"]["units"],
        words=WORDS,
        folds=len(FOLDS),
        whole=False,
        windows=WINDOWS,
    script:
        "../scripts/export_volumes.py"


# A user's way with a model, part of every phantom run: DICOM in, findings out.
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
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(8000),
        runtime=minutes(30),
    script:
        "../scripts/predict_phantom.py"


# Findings in the scans of the sheet predict.scans, one job per scan; for clusters.
rule predict_scan:
    input:
        scan=lambda wildcards: SHEET[wildcards.scan].files,
        model=config["predict"]["model"] or MODEL,
        code=code("predict_scan"),
    output:
        findings=directory("results/predictions/{scan}"),
    log:
        "results/logs/predict_scan/{scan}.log",
    benchmark:
        "results/benchmarks/predict_scan/{scan}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        mem_mb=memory(8000),
        runtime=minutes(30),
    params:
        series=lambda wildcards: SHEET[wildcards.scan].series,
    script:
        "../scripts/predict_scan.py"
