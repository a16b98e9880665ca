# From raw LUNA16 chest CT to slices, folds, networks, candidates, official scores and a report.
from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config/config.yaml"


rule all:
    input:
        lambda wildcards: ["results/index.html", *pngs(wildcards), *EXAMPLE],


include: "workflow/rules/common.smk"


# Each stage is a file in workflow/rules, listed in the order of the data flow.
COMPUTED = """
    adoption data lungs slices weights
    segmentation segmenters unet3d reduction maskrcnn presence malignancy yardsticks
    evaluation calibration comparison gallery report first_page
    all_scans export reader
"""
DRAWN = "figures figures_classifiers locations follow_up"
for stage in ("" if FIGURES_ONLY else COMPUTED).split() + DRAWN.split():

    include: f"workflow/rules/{stage}.smk"


rule figures:
    input:
        figure_files(),


rule export:
    input:
        MODELS,


rule predictions:
    input:
        lambda wildcards: predicted(),


rule reduction_track:
    input:
        track_files(),
