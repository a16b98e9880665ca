# Shared by all stages: the library's import path, the scans of this run, and input functions.
import os
import sys
from functools import cache
from pathlib import Path

from snakemake.cli import get_argument_parser

ROOT = Path(workflow.basedir)
# `script:` puts only workflow/scripts on the import path; jobs also need `import nodules`.
os.environ.update(PYTHONPATH=str(ROOT / "workflow"))
sys.path.insert(0, str(ROOT / "workflow"))

from nodules.base import closure, configuration, installation, tables
from nodules.base.resources import NOTICE, hours, memory, minutes
from nodules.datasets import folds, luna16, scan_sheet, source
from nodules.datasets.phantom import plan
from nodules.evaluation import names, runs


include: "common_terminal.smk"
include: "common_scheduling.smk"


# `snakemake figures` redraws the figures from existing tables, with the config of the run that made
# them. It needs no scans and loads no rule that could rebuild a table. Jobs have other targets on
# their command line, so they learn of it through the environment.
if "figures" in sys.argv:
    asked, _ = get_argument_parser().parse_known_args(sys.argv[1:])
    if asked.targets == ["figures"]:
        os.environ.update(NODULES_FIGURES_ONLY="yes")
FIGURES_ONLY = "NODULES_FIGURES_ONLY" in os.environ
if FIGURES_ONLY:
    config.update(installation.config_of_run(Path("results")))
configuration.check(config, workflow.configfiles)
SOURCE = source.SOURCES[config["data"]["source"]]


# With --sdm apptainer every job runs in this image; Containerfile builds it.
container: installation.image(ROOT, workflow.deployment_settings.deployment_method)


wildcard_constraints:
    uid=SOURCE.name,
    fold=r"\d+",
    member=r"\d+",
    section="presence|malignancy|maskrcnn|transformer",
    segmenter="attention_unet|transformer",
    scan=scan_sheet.NAME,
    part=r"fold_\d+|test",


if workflow.is_main_process:
    if FIGURES_ONLY:
        installation.require_tables(Path("results"))
    else:
        configuration.check_weights(config)
PHANTOM = config["data"]["source"] == "phantom"
DATA = SOURCE.folder(config)
# Scans to be converted from another layout to LUNA16's, by name; see adoption.smk.
CASES = {} if FIGURES_ONLY else {case.name: case for case in SOURCE.cases(config)}
# All scans: those the phantom will have, or those found in LUNA16's folders. UIDs must be unique.
FOUND = [] if FIGURES_ONLY else SOURCE.found(config, list(CASES.values()))
SCANS = {scan.uid: scan for scan in FOUND}
HELD_OUT = folds.held_out(config["folds"])
FOLDS = folds.planned(config["folds"], (scan.subset for scan in FOUND))
FOLD_PARTS = [f"fold_{k}" for k in FOLDS]
PARTS = FOLD_PARTS + ([] if HELD_OUT is None else ["test"])
SETS = PARTS + ["out_of_fold"]
# The classification tasks, and whether Mask R-CNN runs; files needed only by the rest are not made.
PRESENCE, MALIGNANCY = (task in config["tasks"] for task in ("presence", "malignancy"))
MASKRCNN = config["maskrcnn"]["enabled"]
# The malignancy classifier, and the folder of its networks.
JUDGE = names.JUDGES[config["malignancy"]["network"]]
JUDGE_MODELS = names.MALIGNANCY[JUDGE].networks[0]
# Explanations are computed on scans that the networks were not trained on.
EXPLAINED = "test" if HELD_OUT is not None else next(iter(FOLD_PARTS), "")
EXPLAINABLE = MALIGNANCY and JUDGE == "resnet"
# The detectors. The first is always a 2-D one, and the ResNet50 classifies its candidates.
DETECTORS, FIRST = config["detectors"], config["detectors"][0]
IN_3D = names.IN_3D in DETECTORS
# Whether the report covers LUNA16's false-positive-reduction track (also a target of its own).
TRACK = PRESENCE and config["scoring"]["reduction_track"]
# Whether a hit is an overlap of masks rather than LUNA16's distance rule.
OVERLAP = config["scoring"]["hit"] == "overlap"
MEMBERS = [f"member_{m}" for m in range(config["malignancy"]["members"])]
RESAMPLING = {"bootstrap": config["scoring"]["bootstrap"], "seed": config["seed"]}
# The first detector's candidates: matched to the reference, and classified by the ResNet50.
MATCHES = expand(f"results/detection/{FIRST}/{{part}}/matches.parquet", part=PARTS)
CLASSIFIED = expand("results/presence/{part}/candidates.parquet", part=PARTS)
# Exported models: one file for the 2-D networks, another for the 3-D ones. A phantom run also
# applies the first to one scan and writes the reader's page.
MODEL = f"results/models/{config['export']['name']}.luna16"
MODEL_3D = f"results/models/{config['export']['name']}_3d.luna16"
MODELS = [MODEL] + ([MODEL_3D] if IN_3D else [])
# Scans from the sheet predict.scans, by name; they belong to no fold.
ASKED = config["predict"]["scans"]
SHEET = {scan.name: scan for scan in scan_sheet.read(ASKED)} if ASKED and not FIGURES_ONLY else {}
EXAMPLE = ["results/predicted/findings.json", "results/predicted/reader.html"] if PHANTOM else []
# Whatever reads scans takes this as an input, and so waits for the check. `ancient` keeps a
# repeated check with the same result from retraining every network.
CHECKED = ancient("results/scans/scans.parquet")


def code(script, network=None):
    """Input function: library files that a script's result depends on; editing one reruns the rule.

    network: the configured network, whose module the script imports by name.
    """
    return lambda wildcards: code_files(script, network)


@cache
def code_files(script, network=None):
    """The list that `code` gives. To make all lists takes a second; a job on a cluster needs one."""
    chosen = [closure.LIBRARY / f"learning/networks/{network}.py"] if network else []
    return [str(p) for p in closure.result_code(ROOT / f"workflow/scripts/{script}.py", chosen)]


def keys(section, *names):
    """The named keys of a config section, so that a rule reruns only when one of these changes."""
    return {name: config[section][name] for name in names}


def all_but(section, *names):
    """A config section without the named keys."""
    return {name: value for name, value in config[section].items() if name not in names}


def scans(wildcards=None):
    """UIDs of this run's scans: all that were found, or with on_bad_scan: skip the valid ones."""
    if config["data"]["on_bad_scan"] == "stop":
        return list(SCANS)
    sheet = tables.read(checkpoints.check_scans.get().output.scans, "scans")
    return list(sheet.loc[sheet["status"] == "ok", "seriesuid"])


def part_scans(part):
    """UIDs of the scans that a part's jobs may read: for `test`, those of the held-out subset.

    For a fold, all other scans; results/folds/folds.parquet says which of them it leaves out.
    """
    return [uid for uid in scans() if (SCANS[uid].subset == HELD_OUT) == (part == "test")]


include: "common_inputs.smk"
include: "common_jobs.smk"
include: "common_lungs.smk"
include: "common_follow_up.smk"
include: "common_report.smk"
