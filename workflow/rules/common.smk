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
from nodules.datasets import folds, luna16, scan_sheet, source
from nodules.datasets.phantom import plan
from nodules.evaluation import names, runs


include: "common_terminal.smk"
include: "common_scheduling.smk"


# `snakemake figures` draws from the tables that are there, by the config of their run: it needs no
# scans, and knows no rule that would make the tables again. The jobs, which have other targets, hear
# of it by environment.
if "figures" in sys.argv:
    asked, _ = get_argument_parser().parse_known_args(sys.argv[1:])
    if asked.targets == ["figures"]:
        os.environ.update(NODULES_FIGURES_ONLY="yes")
FIGURES_ONLY = "NODULES_FIGURES_ONLY" in os.environ
if FIGURES_ONLY:
    config.update(installation.config_of_run(Path("results")))
configuration.check(config, workflow.configfiles)
SOURCE = source.SOURCES[config["data"]["source"]]


# With --sdm apptainer every job runs in this image, which Containerfile says how to build.
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
# What another layout has to be brought into LUNA16's, by name; see adoption.smk.
CASES = {} if FIGURES_ONLY else {case.name: case for case in SOURCE.cases(config)}
# What the phantom will have, or what lies in LUNA16's folders; a UID should stand there once.
FOUND = [] if FIGURES_ONLY else SOURCE.found(config, list(CASES.values()))
SCANS = {scan.uid: scan for scan in FOUND}
HELD_OUT = folds.held_out(config["folds"])
FOLDS = folds.planned(config["folds"], (scan.subset for scan in FOUND))
FOLD_PARTS = [f"fold_{k}" for k in FOLDS]
PARTS = FOLD_PARTS + ([] if HELD_OUT is None else ["test"])
SETS = PARTS + ["out_of_fold"]
# What the ResNet50s decide, and whether Mask R-CNN stands beside; what else needs is not made.
PRESENCE, MALIGNANCY = (task in config["tasks"] for task in ("presence", "malignancy"))
MASKRCNN = config["maskrcnn"]["enabled"]
# Who tells malignant nodules, the folder of its networks, and whether maps can show where it looks.
JUDGE = names.JUDGES[config["malignancy"]["network"]]
JUDGE_MODELS = names.MALIGNANCY[JUDGE].networks[0]
# Networks are explained on scans that they have not seen.
EXPLAINED = "test" if HELD_OUT is not None else next(iter(FOLD_PARTS), "")
EXPLAINABLE = MALIGNANCY and JUDGE == "resnet"
# Networks that find nodules; the ResNet50 looks at what the first, which sees slices, has found.
DETECTORS, FIRST = config["detectors"], config["detectors"][0]
IN_3D = names.IN_3D in DETECTORS
# Whether the report tells LUNA16's false-positive-reduction track; `snakemake reduction_track` does.
TRACK = PRESENCE and config["scoring"]["reduction_track"]
# Whether a candidate hits what its mask overlaps, and not by LUNA16's distance.
OVERLAP = config["scoring"]["hit"] == "overlap"
MEMBERS = [f"member_{m}" for m in range(config["malignancy"]["members"])]
RESAMPLING = {"bootstrap": config["scoring"]["bootstrap"], "seed": config["seed"]}
# The first detector's candidates: what they hit, and what the ResNet50 says of them.
MATCHES = expand(f"results/detection/{FIRST}/{{part}}/matches.parquet", part=PARTS)
CLASSIFIED = expand("results/presence/{part}/candidates.parquet", part=PARTS)
# The run's networks as one file, those in 3-D as another; and on the phantom, findings in a scan,
# for a reader.
MODEL = f"results/models/{config['export']['name']}.luna16"
MODEL_3D = f"results/models/{config['export']['name']}_3d.luna16"
MODELS = [MODEL] + ([MODEL_3D] if IN_3D else [])
# Scans of nobody's folds in which nodules are to be found, by name.
ASKED = config["predict"]["scans"]
SHEET = {scan.name: scan for scan in scan_sheet.read(ASKED)} if ASKED and not FIGURES_ONLY else {}
EXAMPLE = ["results/predicted/findings.json", "results/predicted/reader.html"] if PHANTOM else []
# Rules that see scans take this as an input. They are looked at anew once the check is done, and
# where it found what it had found before, no network is trained again.
CHECKED = ancient("results/scans/scans.parquet")


def code(script, network=None):
    """Library files that a script's result depends on: an edit there reruns the rule.

    network: name of the network that the config chooses; the script imports its file by name.
    """
    chosen = [closure.LIBRARY / f"learning/networks/{network}.py"] if network else []
    return [str(p) for p in closure.result_code(ROOT / f"workflow/scripts/{script}.py", chosen)]


def keys(section, *names):
    """Some keys of a section of the config: what a rule's params need of it, and no more."""
    return {name: config[section][name] for name in names}


def all_but(section, *names):
    """The keys of a section of the config without some."""
    return {name: value for name, value in config[section].items() if name not in names}


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


include: "common_inputs.smk"
include: "common_jobs.smk"
include: "common_lungs.smk"
include: "common_follow_up.smk"
include: "common_report.smk"
