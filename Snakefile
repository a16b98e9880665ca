# Raw LUNA16 chest CT in; slices, folds, networks, candidates, official scores, figures, report out.
from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config/config.yaml"


rule all:
    input:
        lambda wildcards: ["results/index.html", *pngs(wildcards), *EXAMPLE],


include: "workflow/rules/common.smk"


if not FIGURES_ONLY:

    include: "workflow/rules/data.smk"
    include: "workflow/rules/lungs.smk"
    include: "workflow/rules/slices.smk"
    include: "workflow/rules/weights.smk"
    include: "workflow/rules/segmentation.smk"
    include: "workflow/rules/segmenters.smk"
    include: "workflow/rules/unet3d.smk"
    include: "workflow/rules/reduction.smk"
    include: "workflow/rules/presence.smk"
    include: "workflow/rules/malignancy.smk"
    include: "workflow/rules/yardsticks.smk"
    include: "workflow/rules/maskrcnn.smk"
    include: "workflow/rules/evaluation.smk"
    include: "workflow/rules/comparison.smk"
    include: "workflow/rules/gallery.smk"
    include: "workflow/rules/report.smk"
    include: "workflow/rules/first_page.smk"
    include: "workflow/rules/all_scans.smk"
    include: "workflow/rules/export.smk"
    include: "workflow/rules/reader.smk"


include: "workflow/rules/figures.smk"
include: "workflow/rules/figures_classifiers.smk"
include: "workflow/rules/locations.smk"
include: "workflow/rules/follow_up.smk"


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
