# Raw LUNA16 chest CT in; slices, folds, networks, candidates, official scores, figures, report out.
from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config/config.yaml"


rule all:
    input:
        "results/report.html",


include: "workflow/rules/common.smk"


if not FIGURES_ONLY:

    include: "workflow/rules/data.smk"
    include: "workflow/rules/slices.smk"
    include: "workflow/rules/folds.smk"
    include: "workflow/rules/segmentation.smk"
    include: "workflow/rules/classification.smk"
    include: "workflow/rules/malignancy.smk"
    include: "workflow/rules/yardsticks.smk"
    include: "workflow/rules/baseline.smk"
    include: "workflow/rules/evaluation.smk"
    include: "workflow/rules/trends.smk"
    include: "workflow/rules/gallery.smk"
    include: "workflow/rules/report.smk"


include: "workflow/rules/figures.smk"


rule figures:
    input:
        figure_files(),
