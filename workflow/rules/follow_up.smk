"""Follow-up of patients scanned twice: matched nodules and their growth.

Requires: results/scans/nodules.parquet, scans of both times (the phantom's second ones are made).
Produces: results/follow_up/pairs.{csv,parquet}, follow_up.json, results/report/follow_up.html, results/figures/growth.{svg,png};
          results/follow_up/scans, findings.csv and truth.csv with the phantom.
"""

if not FIGURES_ONLY:

    # Not part of make_phantom, so that its data set does not change and nothing is retrained.
    rule make_second_times:
        input:
            headers=[SCANS[time.prior].header for time in SECOND],
            data=[SCANS[time.prior].data for time in SECOND],
            nodules="results/scans/nodules.parquet",
            checked=CHECKED,
            code=code("make_second_times"),
        output:
            headers=[time.header for time in SECOND],
            data=[time.data for time in SECOND],
            findings="results/follow_up/findings.csv",
            truth="results/follow_up/truth.csv",
        log:
            "results/logs/make_second_times/all.log",
        benchmark:
            "results/benchmarks/make_second_times/all.tsv"
        conda:
            "../../envs/imaging.yaml"
        threads: 1
        resources:
            mem_mb=memory(2000),
            runtime=minutes(15),
        params:
            times=[{"prior": time.prior, "uid": time.uid} for time in SECOND],
            seed=config["seed"],
        script:
            "../scripts/make_second_times.py"

    rule compare_times:
        input:
            headers=lambda wildcards: pair_files(wildcards, "header"),
            data=lambda wildcards: pair_files(wildcards, "data"),
            nodules="results/scans/nodules.parquet",
            findings="results/follow_up/findings.csv" if SECOND else [],
            checked=CHECKED,
            code=code("compare_times"),
        output:
            table="results/follow_up/pairs.parquet",
            csv="results/follow_up/pairs.csv",
            details="results/follow_up/follow_up.json",
            page=shown("results/report/follow_up.html", "3 Gallery", pictures="5 Follow-up"),
        log:
            "results/logs/compare_times/all.log",
        benchmark:
            "results/benchmarks/compare_times/all.tsv"
        conda:
            "../../envs/imaging.yaml"
        threads: 1
        resources:
            mem_mb=memory(4000),
            runtime=hours(1),
        params:
            pairs=[pair.to_dict() for pair in PAIRS],
            gate_mm=config["follow_up"]["gate_mm"],
        script:
            "../scripts/compare_times.py"


rule draw_growth:
    input:
        rows="results/follow_up/pairs.parquet",
        code=code("draw_growth"),
    output:
        growth=drawn("growth"),
    log:
        "results/logs/draw_growth/all.log",
    benchmark:
        "results/benchmarks/draw_growth/all.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        captioned=CAPTIONED,
    script:
        "../scripts/draw_growth.py"
