"""`luna16 follow-up`: comparison of one patient's scans, nodule by nodule."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from nodules.cli.output import add_series, require, say, warn

if TYPE_CHECKING:
    from nodules.findings.follow_up.compare import Pair, Spot
    from nodules.images.reading import Reading

EXTRA = "luna16-nodules[follow-up]"
PACKAGES = ("cv2", "fill_voids", "pydicom", "SimpleITK", "scipy", "matplotlib")

FOLLOW_UP = """\
Compare chest CTs of one patient: which nodule is which, and has it grown?

SCAN is a DICOM folder or zip, or a .mhd, .mha, .nii, .nii.gz or .nrrd; two or more, each
compared with the one before it. Dates are from DICOM or --dates; scans are sorted by them.
Findings come from a model (--model, as `luna16 predict` finds them) or from lists (--findings):
LUNA16's CSV, findings.csv of `luna16 predict`, or decisions that a reader saved in the viewer.

Scans are registered inside the lungs. Two patients, mirrored scans and lungs that do not match
are refused. A finding missing from one scan's list is searched for there, so "new" means new.

  pairs.csv, pairs.parquet   one row per nodule of either time: state, places, sizes, growth
  follow_up.json             the same with the registration, and links for the viewer
  follow_up.html             both times side by side; opens offline
  trajectories.svg, .png     volumes over time with intervals

Research only. Not a medical device: not for diagnosis, treatment or any decision about a patient.
"""
FOLLOW_UP_EXAMPLES = """\
examples:
  luna16 follow-up 2023/ 2024/ --model nodules.luna16 --out growth
  luna16 follow-up a.nii.gz b.nii.gz c.nii.gz --dates 2022-01-10 2022-07-02 2023-01-15 \\
      --model nodules.luna16 --out growth
  luna16 follow-up prior.mhd current.mhd --findings annotations.csv --out growth

Exit status: 0 compared, 1 two scans could not be registered, 2 the command line or an input is
wrong, 130 interrupted.
"""


def add_follow_up(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `luna16 follow-up`."""
    parser = commands.add_parser(
        "follow-up",
        help="compare scans of one patient: which nodule is which, and has it grown",
        description=FOLLOW_UP,
        epilog=FOLLOW_UP_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("prior", type=Path, metavar="PRIOR", help="the earlier scan")
    add("current", nargs="+", type=Path, metavar="CURRENT", help="later scans")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", type=Path, metavar="FILE", help="model to use (.luna16)")
    source.add_argument(
        "--findings", nargs="+", type=Path, metavar="LIST", help="CSV or JSON of findings"
    )
    add("--out", required=True, type=Path, metavar="DIR", help="folder for the results")
    add("--dates", nargs="+", type=_day, default=[], metavar="DAY", help="YYYY-MM-DD, one per scan")
    add_series(parser, "take this series of its study")
    add("--same-patient", action="store_true", help="even if the headers name two")
    add("--device", default="auto", metavar="D", help="of the model: auto (default), cpu, cuda")
    add("--quiet", action="store_true", help="no line per step")
    parser.set_defaults(run=run_follow_up)


def run_follow_up(arguments: argparse.Namespace) -> int:
    """Compare scans, each with the one before. Returns 1 if two could not be registered."""
    from nodules.base.files import UserError

    require(PACKAGES, "luna16 follow-up", EXTRA)
    scans = (arguments.prior, *arguments.current)
    if arguments.dates and len(arguments.dates) != len(scans):
        raise UserError(
            f"--dates: {len(arguments.dates)} days for {len(scans)} scans. Give one per scan."
        )
    from nodules.report import following_up

    asked = following_up.FollowUpJob(
        scans=scans,
        out=arguments.out,
        find=_finder(arguments),
        days=tuple(arguments.dates),
        same_patient=arguments.same_patient,
        series=tuple(arguments.series),
    )
    pairs, notes = following_up.deliver(asked, lambda text: _tell(text, arguments.quiet))
    for note in notes:
        warn(f"note: {note}.")
    if not arguments.quiet:
        say(_sum(pairs))
    failed = [pair for pair in pairs if pair.registration.problem]
    for pair in failed:
        told = f"{pair.prior.uid} and {pair.current.uid}: {pair.registration.problem}"
        warn(f"not compared: {told}.")
    return int(bool(failed))


def _finder(arguments: argparse.Namespace) -> "Callable[[Reading], Sequence[Spot]]":
    """Function that returns a scan's findings, from the lists or by the model."""
    if arguments.findings:
        from nodules.findings.follow_up import lists

        return _in_lists(lists.read(arguments.findings), 1 + len(arguments.current))
    require(("torch", "torchvision"), "--model", EXTRA)
    from nodules.findings.follow_up.compare import Spot
    from nodules.inference import predict

    model = predict.open_model(arguments.model, arguments.device)

    def find(read: "Reading") -> "Sequence[Spot]":
        found = predict.predict(read, model).reported
        return [Spot(f.number, f.world, f.diameter_mm, f.probability) for f in found]

    return find


def _in_lists(
    listed: "Mapping[str, Sequence[Spot]]", scans: int
) -> "Callable[[Reading], Sequence[Spot]]":
    """Function that returns a scan's findings from lists, with a note if there are none.

    It raises UserError once none of the `scans` scans is in the lists, since these must then belong
    to other scans.
    """
    from nodules.base.files import UserError

    missing: list[str] = []

    def find(read: "Reading") -> "Sequence[Spot]":
        if listed and read.uid not in listed:
            missing.append(read.uid)
            warn(f"note: the lists have no finding in {read.uid}.")
        if len(missing) == scans:
            raise UserError(
                f"--findings: the lists name {', '.join(sorted(listed)[:3])}, but the scans are"
                f" {', '.join(missing)}. Write these UIDs into the column seriesuid."
            )
        return listed.get(read.uid, [])

    return find


def _sum(pairs: "Sequence[Pair]") -> str:
    """Summary of the pairs: counts by state, then one line per nodule."""
    from nodules.findings.follow_up import table
    from nodules.report.pages.follow_up import counted

    lines = []
    for pair in pairs:
        lines.append(f"{pair.prior.uid} to {pair.current.uid}: {counted(pair.links)}")
        lines += [
            f"  {number}: {table.told(pair.growth(link), link.state)}"
            for number, link in enumerate(pair.links, 1)
        ]
    lines.append("Research only, not for diagnosis, not a medical device.")
    return "\n".join(lines) + "\n"


def _day(text: str) -> date:
    """Date in ISO format, for argparse."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        told = f"'{text[:20]}' is not a date such as 2024-05-31"
        raise argparse.ArgumentTypeError(told) from None


def _tell(text: str, quiet: bool) -> None:
    if not quiet:
        warn(text)
