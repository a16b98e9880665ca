# What the stages share: the library's place, the scans of this run, and input functions.
import os
import sys
from pathlib import Path

from snakemake.cli import get_argument_parser

ROOT = Path(workflow.basedir)
# `script:` puts workflow/scripts on the import path; this makes `import nodules` work everywhere.
os.environ.update(PYTHONPATH=str(ROOT / "workflow"))
sys.path.insert(0, str(ROOT / "workflow"))

from nodules import configuration, discovery, folds, imports, tables
from nodules.figure_titles import TITLES
from nodules.resources import NOTICE, hours, memory, minutes

configuration.check(config)


# With --sdm apptainer every job runs in this image, which Containerfile says how to build.
container: str(ROOT / "luna16-nodules.sif")


wildcard_constraints:
    uid=r"[0-9.]+",
    fold=r"\d+",
    part=r"fold_\d+|test",


# `snakemake figures` draws from the tables that are there: it needs no scans, and knows no rule
# that would make the tables again. The jobs, which have other targets, hear of it by environment.
if "figures" in sys.argv:
    asked, _ = get_argument_parser().parse_known_args(sys.argv[1:])
    if asked.targets == ["figures"]:
        os.environ.update(NODULES_FIGURES_ONLY="yes")
FIGURES_ONLY = "NODULES_FIGURES_ONLY" in os.environ

PHANTOM = config["data"]["source"] == "phantom"
DATA = "results/phantom" if PHANTOM else config["luna16_dir"]
# What the phantom will have, or what lies in LUNA16's folders; a UID should stand there once.
FOUND = (
    [] if FIGURES_ONLY else discovery.planned(DATA, config) if PHANTOM else discovery.found(DATA)
)
SCANS = {scan.uid: scan for scan in FOUND}

HELD_OUT = folds.held_out(config["folds"])
FOLDS = folds.planned(config["folds"], (scan.subset for scan in FOUND))
FOLD_PARTS = [f"fold_{k}" for k in FOLDS]
PARTS = FOLD_PARTS + ([] if HELD_OUT is None else ["test"])
MALIGNANCY = config["resnet"]["task"] in ("malignancy", "both")
FIGURES = list(TITLES)


def code(script):
    """Library files that a script's result depends on: an edit there reruns the rule."""
    return [str(p) for p in imports.result_code(ROOT / f"workflow/scripts/{script}.py")]


def scans(wildcards=None):
    """UIDs of the scans of this run: all that were found, or those that passed the check."""
    if config["data"]["on_bad_scan"] == "stop":
        return list(SCANS)
    sheet = tables.read(checkpoints.check_scans.get().output.scans, "scans")
    return list(sheet.loc[sheet["status"] == "ok", "seriesuid"])


def stacks(part):
    """Input function: slices, their tables and masks of the scans that a part's jobs may touch.

    For `test` the held-out subset's; for a fold all others', since which of them it leaves out
    is known to results/folds/folds.parquet only.
    """

    def files(wildcards):
        held_out = part.format(**wildcards) == "test"
        return expand(
            [
                "results/slices/{uid}.npy",
                "results/slices/{uid}.parquet",
                "results/masks/{uid}.parquet",
            ],
            uid=[u for u in scans() if (SCANS[u].subset == HELD_OUT) == held_out],
        )

    return files


def networks_unseen(model):
    """Input function: the networks that have not seen a part's scans.

    For the scans that a fold leaves out: its own; for the held-out subset: every fold's.
    """

    def files(wildcards):
        parts = FOLD_PARTS if wildcards.part == "test" else [wildcards.part]
        return [f"results/models/{model}/{part}/model.pt" for part in parts]

    return files


def start_weights():
    """Weights that the ResNet50 starts from: none, ImageNet's or a file of the user's."""
    choice = config["resnet"]["weights"]
    if choice == "random":
        return []
    return "results/weights/resnet50_imagenet.pth" if choice == "imagenet" else choice


def figure_files():
    """Every figure, as SVG and as PNG."""
    return expand("results/figures/{name}.{form}", name=FIGURES, form=["svg", "png"])


def shown(path, category, **label):
    """A file as an output that goes into the report, with the caption of its name."""
    caption = f"../report/{Path(path).stem}.rst"
    return report(path, caption=caption, category=category, labels=label)


def drawn(name):
    """One figure as an output: its SVG goes into the report, numbered in the figures' order."""
    title = f"{FIGURES.index(name) + 1:02d} {TITLES[name]}"
    svg = shown(f"results/figures/{name}.svg", "2 Figures", figure=title)
    return [svg, f"results/figures/{name}.png"]


def reported_files():
    """Everything that the report shows."""
    return [
        *figure_files(),
        *expand("results/gallery/{kind}.png", kind=["hits", "misses", "false_alarms"]),
        *expand("results/report/{page}.html", page=["metrics", "scans", "run", "costs"]),
    ]
