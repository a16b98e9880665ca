# What the stages share: the library's place, the scans of this run, and input functions.
import os
import sys
from pathlib import Path

from snakemake.cli import get_argument_parser

ROOT = Path(workflow.basedir)
# `script:` puts workflow/scripts on the import path; this makes `import nodules` work everywhere.
os.environ.update(PYTHONPATH=str(ROOT / "workflow"))
sys.path.insert(0, str(ROOT / "workflow"))

from nodules.base import closure, configuration, installation, tables
from nodules.base.resources import NOTICE, hours, memory, minutes
from nodules.datasets import folds, luna16
from nodules.datasets.phantom import plan
from nodules.images import foreign
from nodules.report.catalogue import TASKS, TITLES, figures_of
configuration.check(config, workflow.configfiles)


# With --sdm apptainer every job runs in this image, which Containerfile says how to build.
container: installation.image(ROOT, workflow.deployment_settings.deployment_method)


wildcard_constraints:
    uid=foreign.UID,
    fold=r"\d+",
    member=r"\d+",
    section="resnet|baseline",
    part=r"fold_\d+|test",


# `snakemake figures` draws from the tables that are there: it needs no scans, and knows no rule
# that would make the tables again. The jobs, which have other targets, hear of it by environment.
if "figures" in sys.argv:
    asked, _ = get_argument_parser().parse_known_args(sys.argv[1:])
    if asked.targets == ["figures"]:
        os.environ.update(NODULES_FIGURES_ONLY="yes")
FIGURES_ONLY = "NODULES_FIGURES_ONLY" in os.environ
if not FIGURES_ONLY and workflow.is_main_process:
    configuration.check_weights(config)
PHANTOM = config["data"]["source"] == "phantom"
DATA = "results/phantom" if PHANTOM else str(Path(config["luna16_dir"]))
# What the phantom will have, or what lies in LUNA16's folders; a UID should stand there once.
FOUND = [] if FIGURES_ONLY else (plan.planned if PHANTOM else luna16.ready)(DATA, config)
SCANS = {scan.uid: scan for scan in FOUND}
HELD_OUT = folds.held_out(config["folds"])
FOLDS = folds.planned(config["folds"], (scan.subset for scan in FOUND))
FOLD_PARTS = [f"fold_{k}" for k in FOLDS]
PARTS = FOLD_PARTS + ([] if HELD_OUT is None else ["test"])
# What the ResNet50 decides, and whether Mask R-CNN stands beside; what else needs is not made.
PRESENCE, MALIGNANCY = (t in TASKS[config["resnet"]["task"]] for t in ("presence", "malignancy"))
BASELINE = config["baseline"]["enabled"]
FIGURES = figures_of(config["resnet"]["task"], BASELINE)
MEMBERS = [f"member_{m}" for m in range(config["malignancy"]["members"])]
PAGES = ["metrics", "scans", "run"] + (["malignancy"] if MALIGNANCY else [])
RESULTS_AND_RUN = "1 Results and run"
GALLERY = ["hits", "misses", "false_alarms"] + (["explanations"] if MALIGNANCY else [])


def code(script):
    """Library files that a script's result depends on: an edit there reruns the rule."""
    return [str(p) for p in closure.result_code(ROOT / f"workflow/scripts/{script}.py")]


def scans(wildcards=None):
    """UIDs of the scans of this run: all that were found, or those that passed the check."""
    if config["data"]["on_bad_scan"] == "stop":
        return list(SCANS)
    sheet = tables.read(checkpoints.check_scans.get().output.scans, "scans")
    return list(sheet.loc[sheet["status"] == "ok", "seriesuid"])


def part_scans(part):
    """UIDs of the scans that a part's jobs may touch: for `test` the held-out subset's.

    For a fold all others: which of them it leaves out only results/folds/folds.parquet knows.
    """
    return [uid for uid in scans() if (SCANS[uid].subset == HELD_OUT) == (part == "test")]


def stacks(part):
    """Input function: slices, their tables and masks of the scans that a part's jobs may touch."""

    def files(wildcards):
        return expand(
            [
                "results/slices/{uid}.npy",
                "results/slices/{uid}.parquet",
                "results/masks/{uid}.parquet",
            ],
            uid=part_scans(part.format(**wildcards)),
        )

    return files


def networks_unseen(model, part="{part}", files=("model.pt",)):
    """Input function: the networks that have not seen a part's scans.

    For the scans that a fold leaves out: its own; for the held-out subset: every fold's.
    files: of a fold, where it has several networks.
    """

    def networks(wildcards):
        name = part.format(**wildcards)
        folders = FOLD_PARTS if name == "test" else [name]
        return [f"results/models/{model}/{folder}/{file}" for folder in folders for file in files]

    return networks


def start_weights(section):
    """Weights that a ResNet starts from: none, ImageNet's or a checked copy of the user's file."""
    kept = {"random": [], "imagenet": "results/weights/resnet50_imagenet.pth"}
    return kept.get(config[section]["weights"], f"results/weights/{section}.pth")


def of_baseline(path, parts):
    """Files of the Mask R-CNN, one per part; none where the baseline is left out."""
    return expand(path, part=parts) if BASELINE else []


def figure_files():
    """Every figure, as SVG and as PNG."""
    return expand("results/figures/{name}.{form}", name=FIGURES, form=["svg", "png"])


def shown(path, category, **label):
    """A file as an output that goes into the report, with the caption of its name."""
    caption = f"../report/{Path(path).stem}.rst"
    return report(path, caption=caption, category=category, labels=label)


def drawn(name):
    """One figure as an output: its SVG goes into the report, numbered in the figures' order."""
    place = FIGURES.index(name) + 1 if name in FIGURES else 0
    title = f"{place:02d} {TITLES[name]}"
    svg = shown(f"results/figures/{name}.svg", "2 Figures", figure=title)
    return [svg, f"results/figures/{name}.png"]


def reported_files():
    """Everything that the report shows."""
    return [
        *figure_files(),
        *expand("results/gallery/{kind}.png", kind=GALLERY),
        *expand("results/report/{page}.html", page=[*PAGES, "costs"]),
    ]
