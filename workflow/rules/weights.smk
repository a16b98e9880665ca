"""Initial weights of networks: downloaded, or a checked copy of the user's file.

Requires: nothing, or the file that the config names.
Produces: results/weights/*.pth.
"""


# Weights are fetched or checked before anything else, so that a defect does not show up only after
# hours of training.
rule fetch_weights:
    input:
        code=code("fetch_weights"),
    output:
        "results/weights/resnet50_imagenet.pth",
    log:
        "results/logs/fetch_weights.log",
    benchmark:
        "results/benchmarks/fetch_weights.tsv"
    priority: 100
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(30),
    script:
        "../scripts/fetch_weights.py"


rule check_weights:
    input:
        weights=lambda wildcards: config[wildcards.section]["weights"],
        code=lambda wildcards: code_files("check_weights", config[wildcards.section]["network"]),
    output:
        weights="results/weights/{section}.pth",
    log:
        "results/logs/check_weights/{section}.log",
    benchmark:
        "results/benchmarks/check_weights/{section}.tsv"
    priority: 100
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        # The transformer's shape includes the context, which section `unet` sets for all.
        settings=lambda wildcards: config[wildcards.section]
        | (keys("unet", "context") if wildcards.section == "transformer" else {}),
    script:
        "../scripts/check_weights.py"
