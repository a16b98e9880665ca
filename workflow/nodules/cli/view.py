"""`luna16 view`: the reader's page of a scan's findings, its server, and readings' summary."""

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nodules.base import messages
from nodules.cli.output import require, require_other, say

if TYPE_CHECKING:
    from nodules.report.viewer.server import Item
    from nodules.report.viewer.shown import Shown

PAGE = "reader.html"
PACKAGES = ("cv2", "fill_voids", "cc3d")  # to find the lungs, to which pages are cropped

VIEW = """\
Look at findings as a second reader: accept, reject and add nodules on a page in any browser.

DIR is what `luna16 predict` wrote (a scan's folder, or all of them), or a run's results with
--part. Each scan becomes one HTML file that needs no network and no server: cropped to the lungs,
in 256 levels of HU. --serve shows all scans in full HU at an address on this machine only, with a
work list, and keeps readings in DIR/readings.

The page saves decisions in the browser as they are made, and as files: a reading (JSON), which the
page can load again, and a submission (CSV), which `luna16 score` reads. --summary reads such files:
verdicts and time of each reader, agreement of each pair; --submissions writes each reader's marks
on the scans that all readers finished, and those of the first reads alone, for a paired comparison.

Research only. Not a medical device: not for diagnosis, treatment or any decision about a patient.
"""
VIEW_EXAMPLES = """\
examples:
  luna16 view findings/1.3.6.1.4.1.14519.5.2.1 --open
  luna16 view findings --serve
  luna16 view results --part test --uid 2.25.494987211579193631925161722720693891
  luna16 view findings/2.25.8 --prior findings/2.25.7 --follow-up compared/follow_up.json
  luna16 view --summary ~/Downloads/*.json --submissions read
  luna16 score read/A_559a.csv read/A_559a_first_read.csv computer.csv \\
      --annotations annotations.csv --excluded annotations_excluded.csv --scans read/seriesuids.csv

Exit status: 0 done, 2 the command line or a file is wrong, 130 interrupted.
"""


def add_view(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `luna16 view`."""
    parser = commands.add_parser(
        "view",
        help="accept, reject and add findings in the browser, offline",
        description=VIEW,
        epilog=VIEW_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("places", nargs="+", type=Path, metavar="DIR", help="findings, results, or readings")
    add("--out", type=Path, metavar="FILE", help=f"page of one scan (default: {PAGE} beside it)")
    add("--scan", type=Path, metavar="SCAN", help="where the scan is, if not where it was read")
    add("--froc", type=Path, metavar="PARQUET", help="evaluation/froc.parquet of another run")
    add("--prior", type=Path, metavar="DIR", help="findings of an earlier scan, shown beside it")
    add("--prior-scan", type=Path, metavar="SCAN", help="where the earlier scan is")
    add("--follow-up", type=Path, metavar="JSON", help="follow_up.json: which nodule is which")
    add("--part", default="", metavar="PART", help="part of a run's results: fold_0, test")
    add("--system", default="", metavar="KEY", help="of a run: unet_resnet, unet3d_reduction, ...")
    add("--uid", action="append", default=[], metavar="UID", help="only this scan of the part")
    add("--open", action="store_true", help="open the page in the browser")
    add("--serve", action="store_true", help="serve all scans on this machine until Ctrl-C")
    add("--port", type=_port, default=0, metavar="N", help="port of the server (default: any)")
    add("--summary", action="store_true", help="DIR holds readings: verdicts, time, agreement")
    add("--submissions", type=Path, metavar="OUT", help="with --summary: write submissions here")
    add("--json", type=Path, metavar="OUT.json", help="with --summary: write the numbers here")
    parser.set_defaults(run=run_view)


def _port(text: str) -> int:
    """Port number for argparse; 0 for any free port."""
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{messages.shown(text)} is none of 0 to 65535")
    return int(text)


def run_view(arguments: argparse.Namespace) -> None:
    """Write the scans' pages, serve them, or summarise readings."""
    if arguments.summary:
        _summary(arguments)
        return
    from nodules.base.files import UserError

    require(PACKAGES, "luna16 view", "luna16-nodules[predict]")
    if len(arguments.places) > 1:
        raise UserError("luna16 view: name one DIR. Several are for --summary.")
    items = _items(arguments)
    if arguments.serve:
        _serve(arguments, items)
        return
    if arguments.out and len(items) > 1:
        raise UserError(f"--out is for one scan, and there are {len(items)}. Leave it out.")
    if arguments.out and arguments.out.suffix.lower() not in (".html", ".htm"):
        told = messages.escaped(str(arguments.out))  # perhaps the scan, or another file that counts
        raise UserError(f"--out {told}: the page is HTML. Name a file that ends in .html.")
    for item, folder in items:
        _write(item, arguments.out or folder / PAGE, arguments.open)


def _items(arguments: argparse.Namespace) -> "list[tuple[Item, Path]]":
    """The scans of a folder, each with its page's folder. Raises UserError if there are none."""
    from nodules.base.files import UserError
    from nodules.report.viewer import predicted
    from nodules.report.viewer.server import Item

    place = arguments.places[0]
    if not place.is_dir():
        raise UserError(f"{messages.escaped(str(place))}: no such folder. Check the path.")
    folders = predicted.folders(place)
    if not folders:
        return _of_run(arguments)
    if len(folders) > 1 and (arguments.scan or arguments.prior):
        raise UserError("--scan and --prior are for one scan. Name its folder.")
    made = []
    for folder in folders:
        details = predicted.read_details(folder)
        uid = str(details["seriesuid"])
        if not arguments.uid or uid in arguments.uid:
            load = partial(_predicted, folder, arguments)
            case = predicted.case(details)
            made.append((Item(uid, str(details["headline"]), load, case), folder))
    if not made:
        raise UserError(f"{messages.escaped(str(place))}: no scan of this --uid in it.")
    return made


def _predicted(folder: Path, arguments: argparse.Namespace) -> "Shown":
    """The data to show of a scan that `luna16 predict` has processed."""
    from nodules.report.viewer import predicted

    shown = predicted.shown(
        folder, arguments.scan, arguments.froc, arguments.prior, arguments.prior_scan
    )
    return predicted.followed(shown, arguments.follow_up) if arguments.follow_up else shown


def _of_run(arguments: argparse.Namespace) -> "list[tuple[Item, Path]]":
    """The scans of a part of a run's results, each with the folder for its page."""
    from nodules.base.files import UserError
    from nodules.report.viewer import of_run
    from nodules.report.viewer.server import Item

    place = arguments.places[0]
    part = of_run.part_of(place, arguments.part, arguments.system)
    if part is None:
        raise UserError(
            f"{messages.escaped(str(place))}: neither findings of luna16 predict nor results of a "
            "run. Name another folder."
        )
    uids = [uid for uid in part.uids if not arguments.uid or uid in arguments.uid]
    if not uids:
        raise UserError(f"{part.root}: no scan of this --uid in part {part.name}. Check it.")
    home = part.root / "reader" / part.system / part.name
    label = f"part {part.name}, {part.system}"
    return [(Item(uid, label, partial(of_run.shown, part, uid)), home / uid) for uid in uids]


def _write(item: "Item", path: Path, opened: bool) -> None:
    """Write a scan's page and print its path; `opened` opens it in the browser."""
    from nodules.base.files import check_target, write_text
    from nodules.report.viewer import page

    check_target(path)
    text = page.offline(item.load())
    write_text(path, text)
    say(f"{item.uid}: {path}, {len(text) / 1e6:.1f} MB\n")
    if opened:
        _open(path.absolute().as_uri())


def _serve(arguments: argparse.Namespace, items: "list[tuple[Item, Path]]") -> None:
    """Serve the scans' pages on this machine until Ctrl-C."""
    from nodules.report.viewer import server

    folder = arguments.places[0] / "readings"
    desk = server.Desk([item for item, _ in items], folder)
    with server.serve(desk, arguments.port) as running:
        place = server.address(running, desk)
        say(f"{place}\n{len(items)} scans; readings are kept in {folder}. Ctrl-C ends.\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
            if arguments.open:
                _open(stack.enter_context(_leading_to(place)).as_uri(), place)
            running.serve_forever()


@contextlib.contextmanager
def _leading_to(place: str) -> Iterator[Path]:
    """A temporary page, readable by this user only, that redirects to a secret address.

    Other users can see the browser's command line, which then names only the page.
    """
    import tempfile

    with tempfile.TemporaryDirectory(prefix="luna16-") as folder:
        path = Path(folder) / "open.html"
        path.touch(mode=0o600)
        path.write_text(
            '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
            f'<meta http-equiv="refresh" content="0; url={place}"><title>Second reader</title>'
            f'<a href="{place}">All scans</a>\n'
        )
        yield path


def _summary(arguments: argparse.Namespace) -> None:
    """Print a summary of readings, and write the JSON and submissions asked for."""
    from nodules.base.files import check_target, write_json
    from nodules.report.viewer import readings

    found = readings.read(arguments.places)
    if arguments.json:
        check_target(arguments.json)
        require_other(arguments.json, (Path(one.place) for one in found), "the summary")
    told = readings.summary(found)
    say(readings.describe(told))
    if arguments.json:
        write_json(arguments.json, told)
    if arguments.submissions:
        made = readings.write_submissions(found, arguments.submissions)
        say("".join(f"{line}\n" for line in (*made, *readings.left_out(found))))


def _open(place: str, told: str = "") -> None:
    """Open an address in the browser; if there is none, name `told` (default `place`) instead."""
    import webbrowser

    opened: Callable[[str], bool] = webbrowser.open
    if not opened(place):
        print(f"luna16: no browser could be opened; open {told or place}", file=sys.stderr)
