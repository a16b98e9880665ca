"""`luna16 predict` and `luna16 model`: findings in chest CTs with an exported model."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nodules.base import messages
from nodules.cli.output import add_series, require, say, warn

if TYPE_CHECKING:
    from nodules.datasets.row_tables import Row
    from nodules.findings.found import Findings
    from nodules.images.reading import Reading
    from nodules.inference.predict import Tell
    from nodules.report.delivery import Job

PACKAGES = (
    *("torch", "torchvision", "cv2", "fill_voids", "scipy"),
    *("pydicom", "SimpleITK", "highdicom"),
)
# Progress at the start and end of each step, as rough shares of a scan's time on a CPU.
COUNTS = ("reported", "candidates")  # columns of predicted.csv that are numbers
STEPS = {"read": (0.0, 0.04), "check": (0.04, 0.05), "lungs": (0.05, 0.08), "detect": (0.08, 0.96)}
LAST = (0.96, 0.99)  # measure, write

PREDICT = """\
Find lung nodules in chest CTs with a model that a run exported (snakemake export).

SCAN is a DICOM folder (nested, files of any name), a zip of one, or a .mhd, .mha, .nii, .nii.gz or
.nrrd; a folder may hold many. Which DICOM series is taken, what is corrected and what is refused
is as for `luna16 convert`; voxels must be Hounsfield units.

Each scan gets a folder DIR/<series UID>, complete or not at all:

  findings.csv       one row per finding, most confident first; `luna16 score` reads it
  findings.json      the same with the scan's grid, notes and the model's manifest
  findings.nii.gz    label map on the scan's own grid, labels as numbered in the table
  report.html        each finding in three planes; opens offline
  findings.seg.dcm, findings.sr.dcm   for DICOM: segmentation (where there is a finding) and report

DIR/predicted.csv has one row per scan. A defective scan does not stop the others. When started
again, it does only what is missing, or was made from changed files or by another model.

Research only. Not a medical device: not for diagnosis, treatment or any decision about a patient.
"""
PREDICT_EXAMPLES = """\
examples:
  luna16 predict patient7/ --model nodules.luna16 --out findings
  luna16 predict patient7/ --series 1.2.840.113619.2.55.3.4271 --model nodules.luna16 --out findings
  luna16 predict clinic/ more.zip study.nii.gz --model nodules.luna16 --out findings --quiet --json

Exit status: 0 every scan is done, 1 one or more failed, 2 the command line, the model or DIR is
wrong, 130 interrupted.
"""


def add_predict(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `luna16 predict`."""
    parser = commands.add_parser(
        "predict",
        help="find nodules in chest CTs with an exported model",
        description=PREDICT,
        epilog=PREDICT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("scans", nargs="+", type=Path, metavar="SCAN", help="folder, zip or file")
    add("--model", required=True, type=Path, metavar="FILE", help="model to use (.luna16)")
    add("--out", required=True, type=Path, metavar="DIR", help="folder for the findings")
    add_series(parser, "take this series and leave out studies without it")
    add(
        "--lungs",
        type=Path,
        metavar="DIR",
        help="folder of lung masks <series UID>.mhd, for a model trained with given masks",
    )
    add("--device", default="auto", metavar="D", help="auto (default), cpu, cuda or cuda:1")
    add("--threads", type=_threads, default=0, metavar="N", help="CPU threads; default: up to 8")
    add("--quiet", action="store_true", help="no progress, no line per scan; failures are reported")
    add("--json", action="store_true", help="print the table of scans as JSON at the end")
    parser.set_defaults(run=run_predict)


def add_model(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `luna16 model show`."""
    parser = commands.add_parser("model", help="show what a model file holds")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    show = actions.add_parser(
        "show",
        help="print a model card",
        description="Check a model file against its hashes and print its model card: networks, "
        "input, thresholds, what it was trained on, scores, intended use. Needs no PyTorch.",
    )
    show.add_argument("file", type=Path, metavar="FILE", help="model (.luna16)")
    show.add_argument("--json", action="store_true", help="print the whole manifest as JSON")
    show.set_defaults(run=run_show)


def run_show(arguments: argparse.Namespace) -> None:
    """Print a model's card, or its manifest as JSON."""
    from nodules.base.files import FileDefect
    from nodules.inference import exported, model_card

    manifest = exported.read_manifest(arguments.file)
    if arguments.json:
        say(json.dumps(manifest, indent=2) + "\n")
        return
    try:
        say(model_card.card(manifest, str(arguments.file)))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        reason = f"its manifest cannot be shown ({type(error).__name__}: {error})"
        raise FileDefect(str(arguments.file), reason, "--json prints it as it is.") from error


def run_predict(arguments: argparse.Namespace) -> int:
    """Find nodules in scans, printing a line for each. Returns 1 if any scan failed."""
    require(PACKAGES, "luna16 predict", "luna16-nodules[predict]")
    from nodules.inference import exported, predict
    from nodules.report import delivery

    model = predict.open_model(arguments.model, arguments.device, arguments.threads)
    _require_wanted(arguments.lungs, model.lungs.way)

    def find(read: "Reading", tell: "Tell") -> "Findings":
        return predict.predict(read, model, tell=tell, lungs=_mask(arguments.lungs, read.uid))

    made_by = f"{exported.fingerprint(model.manifest)} {arguments.lungs or ''}".rstrip()
    job = delivery.Job(arguments.out, find, made_by, tuple(arguments.series))
    rows = _delivered(arguments, job)
    if arguments.json:
        told = [row | {key: _number(row[key]) for key in COUNTS} for row in rows]
        say(json.dumps({"out": str(arguments.out), "scans": told}, indent=2) + "\n")
    elif not arguments.quiet:
        say(_sum(rows))
    return int(any(row["status"] == delivery.FAILED for row in rows))


def _number(text: str) -> int | None:
    """A count of a row; None where it has none."""
    return int(text) if text else None


def _require_wanted(lungs: Path | None, way: str) -> None:
    """Raise UserError if a folder of lung masks does not exist or the model would not use it."""
    from nodules.base.files import UserError
    from nodules.prepare.lung_masks import GIVEN

    if lungs is not None and not lungs.is_dir():
        raise UserError(f"--lungs {messages.escaped(str(lungs))}: no such folder. Check the path.")
    if lungs is not None and way != GIVEN:
        raise UserError(
            f"--lungs {messages.escaped(str(lungs))}: the model finds lungs itself, by '{way}', as "
            "in its own scans. Leave out --lungs."
        )


def _mask(folder: Path | None, uid: str) -> Path | None:
    """Header of a scan's lung mask in a folder, or None if there is none."""
    header = folder / f"{uid}.mhd" if folder else None
    return header if header and header.is_file() else None


def _delivered(arguments: argparse.Namespace, job: "Job") -> "list[Row]":
    """Process all scans; on a terminal, with a progress bar for the current one."""
    from tqdm import tqdm

    from nodules.report import delivery

    shown = not arguments.quiet and sys.stderr.isatty()
    with tqdm(total=100, disable=not shown, leave=False, bar_format=BAR) as bar:

        def begun(name: str) -> None:
            bar.set_description_str(messages.shown(name, 40))
            bar.reset()

        def far(step: str, share: float) -> None:
            first, last = STEPS.get(step, LAST)
            bar.set_postfix_str(step, refresh=False)
            bar.n = round(100 * (first + share * (last - first)))
            bar.refresh()

        def ended(row: "Row", new: bool) -> None:
            bar.clear()
            _tell(row, new, arguments.quiet or arguments.json)

        return delivery.deliver(arguments.scans, job, delivery.Listener(begun, far, ended))


BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed} {postfix}"


def _tell(row: "Row", new: bool, quiet: bool) -> None:
    """Print one scan's line as soon as it is known, failures to stderr."""
    from nodules.report import delivery

    if row["status"] == delivery.FAILED:
        warn(row["notes"])
    elif not quiet and row["status"] == delivery.LEFT_OUT:
        say(f"left out: {messages.escaped(row['notes'])}\n")
    elif not quiet:
        done = "" if new else " (already there)"
        notes = f" ({row['notes']})" if row["notes"] else ""
        say(f"{row['seriesuid']}: {row['headline']}{done}, from {row['place']}{notes}\n")
    sys.stdout.flush()


def _sum(rows: "list[Row]") -> str:
    """Summary: numbers of scans done, failed and left out, and of findings."""
    from nodules.report import delivery

    count = {
        status: sum(row["status"] == status for row in rows)
        for status in (delivery.FAILED, delivery.LEFT_OUT)
    }
    # Two sources may hold the same scan; its findings are in one folder and count once.
    done = {row["folder"]: int(row["reported"]) for row in rows if row["status"] == delivery.DONE}
    found = sum(done.values())
    return (
        f"scans done: {len(done)}, failed: {count[delivery.FAILED]}, "
        f"left out: {count[delivery.LEFT_OUT]}; findings at or above the threshold: {found}. "
        "Research only, not a medical device.\n"
    )


def _threads(text: str) -> int:
    """Number of threads, at least 1 and at most the available cores, for argparse."""
    most = len(os.sched_getaffinity(0))
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text[:20]}' is not a number of 1 or more")
    return min(int(text), most)
