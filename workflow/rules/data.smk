"""Data: the built-in phantom scans, the check of every scan and list, and the folds.

Requires: nothing for the phantom; LUNA16's subsets and CSV files for real scans, or for those of
          another layout results/dataset/ (adoption.smk).
Produces: results/phantom/ (source phantom only), results/scans/*.parquet,
          results/folds/folds.parquet: which scans are trained on, left out and held out.
"""

if PHANTOM:

    rule make_phantom:
        input:
            code=code("make_phantom"),
        output:
            headers=[scan.header for scan in FOUND],
            voxels=[scan.data for scan in FOUND],
            annotations="results/phantom/annotations.csv",
            excluded="results/phantom/annotations_excluded.csv",
            locations="results/phantom/candidates_V2.csv",
            uids="results/phantom/seriesuids.csv",
            patients="results/phantom/patients.csv",
            findings="results/phantom/findings.csv",
            contours="results/phantom/contours.parquet",
            ratings="results/phantom/ratings.parquet",
            masks=[f for uid in SCANS for f in plan.lung_mask(DATA, uid)],
        log:
            "results/logs/make_phantom.log",
        benchmark:
            "results/benchmarks/make_phantom.tsv"
        conda:
            "../../envs/imaging.yaml"
        threads: 8
        resources:
            mem_mb=memory(6000),
            runtime=hours(1),
        params:
            config={key: config[key] for key in ("seed", "phantom")},
        script:
            "../scripts/make_phantom.py"


# Paths of LUNA16's lists by name; some archives unpack them into a folder of their own. Data sets
# in other layouts have a table per scan instead.
LISTS = {} if CASES else luna16.list_files(DATA)

# A missing voxel file stops the run before it starts or, if bad scans are skipped, is a defect.
MUST_EXIST = PHANTOM or bool(CASES) or config["data"]["on_bad_scan"] == "stop"


checkpoint check_scans:
    input:
        headers=[scan.header for scan in FOUND],
        voxels=[scan.data for scan in FOUND if MUST_EXIST or Path(scan.data).exists()],
        labels=[f for scan in FOUND for f in scan.labels if MUST_EXIST or Path(f).exists()],
        annotations=[str(LISTS[name]) for name in LISTS if name == "annotations.csv"],
        excluded=[str(LISTS[name]) for name in LISTS if name == "annotations_excluded.csv"],
        optional=[
            str(LISTS[name])
            for name in ("candidates_V2.csv", "seriesuids.csv", "patients.csv")
            if name in LISTS and (PHANTOM or LISTS[name].is_file())
        ],
        adopted=[adopted(uid, f"{name}.parquet") for name in ADOPTED for uid in CASES],
        masks=[f for files in LUNG_MASKS.values() for f in files] if MASKS_CHECKED else [],
        code=code("check_scans"),
    output:
        scans="results/scans/scans.parquet",
        defects="results/scans/defects.parquet",
        nodules="results/scans/nodules.parquet",
        excluded="results/scans/excluded.parquet",
        locations="results/scans/locations.parquet",
    log:
        "results/logs/check_scans.log",
    benchmark:
        "results/benchmarks/check_scans.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 8
    resources:
        mem_mb=memory(4000),
        runtime=hours(4),
    params:
        folder=lambda wildcards: DATA,
        on_bad_scan=config["data"]["on_bad_scan"],
        # Headers whose file names cannot be wildcards; the check reads them all the same.
        misfits=len(luna16.misfits(DATA)) if LISTS and not PHANTOM else 0,
        masks=MASKS_CHECKED,
        listed=DATA_SET if CASES else {},
    script:
        "../scripts/check_scans.py"


rule make_folds:
    input:
        scans="results/scans/scans.parquet",
        code=code("make_folds"),
    output:
        folds="results/folds/folds.parquet",
    log:
        "results/logs/make_folds.log",
    benchmark:
        "results/benchmarks/make_folds.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        settings=config["folds"],
        seed=config["seed"],
        planned=FOLDS,
    script:
        "../scripts/make_folds.py"
