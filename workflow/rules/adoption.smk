"""Data sets in other layouts: each scan is read, checked and stored in LUNA16's layout.

After the scan sheet, no stage knows the difference. The check of all scans reports a scan that
cannot be used, together with every other defect.

Requires: the scans and label volumes of dataset.dir; nothing for the phantom organ.
Produces: results/dataset/{uid}/{uid}.{mhd,zraw}, {uid}_lesions.*, {uid}_organ.* (region.method
          mask), {uid}_{scans,defects,nodules,excluded}.parquet; results/phantom/{imagesTr,labelsTr}/
          of the phantom organ.
"""

# Tables of each scan, which the check joins; and the settings that decide how a scan is read.
ADOPTED = ("scans", "defects", "nodules", "excluded")
READ_BY = keys("dataset", "units", "channel", "lesion_labels", "organ_labels", "least_mm")
# Settings that list a data set's cases, so that the check can report those that no job can read.
# Only these: a change of the report's terms must not rerun the check and all that follows.
DATA_SET = {
    "source": config["data"]["source"],
    "config": {
        "dataset": keys("dataset", "channel", "lesion_labels", "organ_labels"),
        "phantom": keys("phantom", "scans"),
        "folds": keys("folds", "test_subset"),
    },
}


if config["data"]["source"] == "ellipsoid":

    rule make_ellipsoids:
        input:
            code=code("make_ellipsoids"),
        output:
            images=[case.image for case in CASES.values()],
            labels=[case.labels for case in CASES.values()],
        log:
            "results/logs/make_ellipsoids.log",
        benchmark:
            "results/benchmarks/make_ellipsoids.tsv"
        conda:
            "../../envs/imaging.yaml"
        threads: 1
        resources:
            mem_mb=memory(2000),
            runtime=hours(1),
        params:
            seed=config["seed"],
            settings=config["phantom"],
            units=config["dataset"]["units"],
        script:
            "../scripts/make_ellipsoids.py"


rule adopt_scan:
    input:
        files=lambda wildcards: CASES[wildcards.uid].files,
        code=code("adopt_scan"),
    output:
        **{name: f"results/dataset/{{uid}}/{{uid}}_{name}.parquet" for name in ADOPTED},
        header="results/dataset/{uid}/{uid}.mhd",
        data="results/dataset/{uid}/{uid}.zraw",
        lesions_header="results/dataset/{uid}/{uid}_lesions.mhd",
        lesions="results/dataset/{uid}/{uid}_lesions.zraw",
        organ_header="results/dataset/{uid}/{uid}_organ.mhd" if REGION == "mask" else [],
        organ="results/dataset/{uid}/{uid}_organ.zraw" if REGION == "mask" else [],
    log:
        "results/logs/adopt_scan/{uid}.log",
    benchmark:
        "results/benchmarks/adopt_scan/{uid}.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(6000),
        runtime=minutes(20),
    params:
        case=lambda wildcards: CASES[wildcards.uid]._asdict(),
        settings=READ_BY,
        region=REGION,
    script:
        "../scripts/adopt_scan.py"
