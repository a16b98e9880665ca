"""LUNA16's false-positive-reduction track: a probability for every listed location.

Requires: slice stacks, results/folds/folds.parquet, results/scans/*.parquet, presence networks.
Produces: results/locations/presence/{part}/scores.parquet,
          results/evaluation/reduction_track.{parquet,json},
          results/submissions/reduction_track_{system}_{set}.csv,
          results/figures/locations_froc.{svg,png}.
"""

if not FIGURES_ONLY:

    # Only this track needs the list; without it the run stops before anything is trained.
    rule classify_locations:
        input:
            **networks_unseen("presence"),
            checked=CHECKED,
            stacks=stacks("{part}", truth=False),
            folds="results/folds/folds.parquet",
            locations="results/scans/locations.parquet",
            listed=[
                ancient(str(path)) for name, path in LISTS.items() if name == "candidates_V2.csv"
            ],
            code=code("classify_locations", config["presence"]["network"]),
        output:
            locations="results/locations/presence/{part}/scores.parquet",
        log:
            "results/logs/classify_locations/{part}.log",
        benchmark:
            "results/benchmarks/classify_locations/{part}.tsv"
        conda:
            "../../envs/torch.yaml"
        threads: network_threads
        resources:
            gpu=gpus,
            mem_mb=memory(16000),
            runtime=hours(12),
        script:
            "../scripts/classify_locations.py"

    rule score_locations:
        input:
            **{key: expand(names.REDUCERS[key].scores.path, part=PARTS) for key in names.REDUCERS},
            locations="results/scans/locations.parquet",
            nodules="results/scans/nodules.parquet",
            excluded="results/scans/excluded.parquet",
            folds="results/folds/folds.parquet",
            code=code("score_locations"),
        output:
            froc="results/evaluation/reduction_track.parquet",
            summary="results/evaluation/reduction_track.json",
            submissions=TRACK_MARKS,
        log:
            "results/logs/score_locations/all.log",
        benchmark:
            "results/benchmarks/score_locations/all.tsv"
        conda:
            "../../envs/imaging.yaml"
        threads: 1
        resources:
            mem_mb=memory(4000),
            runtime=minutes(30),
        params:
            **RESAMPLING,
            systems=list(names.REDUCERS),
            sets=SETS,
        script:
            "../scripts/score_locations.py"


rule draw_locations:
    input:
        froc="results/evaluation/reduction_track.parquet",
        summary="results/evaluation/reduction_track.json",
        code=code("draw_locations"),
    output:
        locations_froc=drawn("locations_froc"),
    log:
        "results/logs/draw_locations/all.log",
    benchmark:
        "results/benchmarks/draw_locations/all.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        captioned=CAPTIONED,
    script:
        "../scripts/draw_locations.py"
