"""`luna16 download`: public scans, checked and written in LUNA16's layout."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nodules.base import messages
from nodules.cli.output import require, say, warn

if TYPE_CHECKING:
    from nodules.datasets.check import Further

PACKAGES = ("pylidc", "pydicom", "SimpleITK", "scipy", "cv2", "fill_voids")

SAMPLE = """\
Fetch ten public chest CTs of LUNA16 (LIDC-IDRI, CC BY 3.0) from The Cancer Imaging Archive, without
an account: some 0.7 GB to download, 1.4 GB on disk. Each is checked (the MD5 of every slice, all
slices, what `luna16 check` looks at) and written in LUNA16's layout, one scan in each of the ten
subsets. The lists of nodules are made from the readers' outlines by LUNA16's own rule: nodules that
three of four readers outlined, 3 mm or larger.

  DIR/subset<k>/<series UID>.mhd, .raw      the scans
  DIR/annotations.csv, annotations_excluded.csv, seriesuids.csv
  DIR/dicom/<series UID>.zip                the DICOM files as downloaded; may be deleted
"""
SAMPLE_EXAMPLES = """\
examples:
  luna16 download lidc-sample lidc
  snakemake --cores 8 --configfile config/lidc_sample.yaml --config luna16_dir=lidc
"""
LUNA16 = """\
Fetch LUNA16's own files (CC BY 4.0) from Zenodo and unpack them: the lists of nodules, excluded
findings and candidates, and the subsets' scans, 6 to 7 GB to download for each subset and 12 GB on
disk. Size and MD5 of each file are checked against Zenodo's record.
"""
LUNA16_EXAMPLES = """\
examples:
  luna16 download luna16 /data/LUNA16
  luna16 download luna16 /data/LUNA16 --subsets 0 9
  luna16 download luna16 /data/LUNA16 --lungs && luna16 check /data/LUNA16
"""
BOTH = """\
One connection at a time, with pauses where the server asks for them. When started again, it goes on
where it stopped: complete files are not fetched again. A proxy is taken from https_proxy.

Exit status: 0 all is there, 1 something is missing (the messages say why), 2 the server cannot be
reached, DIR cannot be written, or the command line is wrong, 130 interrupted.
"""
BAR = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {rate_fmt} {remaining}"
NO_TOTAL = "{desc} {n_fmt} {rate_fmt}"


def add_download(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `luna16 download` and its subcommands."""
    parser = commands.add_parser("download", help="fetch public scans: a sample, or LUNA16")
    kinds = parser.add_subparsers(required=True, metavar="WHAT")
    sample = _kind(kinds, "lidc-sample", "ten scans, to try it all", SAMPLE, SAMPLE_EXAMPLES)
    sample.set_defaults(run=run_sample)
    luna16 = _kind(kinds, "luna16", "the challenge's own files", LUNA16, LUNA16_EXAMPLES)
    luna16.add_argument(
        "--subsets",
        nargs="+",
        type=int,
        choices=range(10),
        default=list(range(10)),
        metavar="K",
        help="subsets to fetch, such as: 0 9 (default: all ten)",
    )
    luna16.add_argument("--lungs", action="store_true", help="also fetch LUNA16's lung masks")
    luna16.set_defaults(run=run_luna16)


def _kind(
    kinds: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    words: str,
    description: str,
    examples: str,
) -> argparse.ArgumentParser:
    parser = kinds.add_parser(
        name,
        help=words,
        description=description,
        epilog=examples + "\n" + BOTH,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder to fetch into")
    parser.add_argument("--quiet", action="store_true", help="report only failures")
    help_text = "another server with the same interface"
    parser.add_argument("--server", type=_server, metavar="URL", help=help_text)
    return parser


def _server(text: str) -> str:
    """Address of a server without trailing slashes, for argparse."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        told = f"'{text[:60]}' is not an address such as https://server/path"
        raise argparse.ArgumentTypeError(told)
    return text.rstrip("/")


def run_sample(arguments: argparse.Namespace) -> int:
    """Fetch the sample, printing a line for each scan. Returns 1 if any is missing."""
    require(PACKAGES, "luna16 download lidc-sample", "luna16-nodules[workflow]")
    from nodules.datasets import conversion_text, lidc_sample

    job = lidc_sample.Job(
        arguments.folder,
        arguments.server or lidc_sample.SERVER,
        further=_lungs(),
        tell=_Bars(arguments.quiet),
    )

    def ended(row: dict[str, str], new: bool) -> None:
        job.tell("", 0, 0)
        done = lidc_sample.is_done(row)
        _tell(conversion_text.line(row, new), done, arguments.quiet)

    rows = lidc_sample.download(job, ended)
    missing = sum(not lidc_sample.is_done(row) for row in rows)
    if not arguments.quiet:
        nodules = sum(one.nodules for one in lidc_sample.listed())
        say(
            f"{len(rows) - missing} of {len(rows)} scans are in {arguments.folder}, with the lists"
            f" of their nodules ({nodules} in all ten); {missing} missing.\n"
        )
    return int(missing > 0)


def run_luna16(arguments: argparse.Namespace) -> int:
    """Fetch LUNA16's files, printing a line for each. Returns 1 if any is missing."""
    from nodules.datasets import luna16_download

    job = luna16_download.Job(
        arguments.folder,
        arguments.server or luna16_download.SERVER,
        tell=_Bars(arguments.quiet),
    )

    def ended(name: str, reason: str, new: bool) -> None:
        job.tell("", 0, 0)
        text = reason or f"{name}: {'checked and in place' if new else 'already there'}"
        _tell(text, not reason, arguments.quiet)

    wanted = luna16_download.sources(sorted(set(arguments.subsets)), arguments.lungs)
    return int(bool(luna16_download.download(job, wanted, ended)))


class _Bars:
    """Progress bar of the file being fetched, shown only on a terminal and unless quiet."""

    def __init__(self, quiet: bool) -> None:
        self.shown = not quiet and sys.stderr.isatty()
        self.name = ""
        self.bar: Any = None

    def __call__(self, name: str, done: int, total: int) -> None:
        """Update the bar to `done` of `total` bytes of a file; an empty name closes it."""
        if not self.shown:
            return
        if name != self.name:
            self._begin(name, total)
        if self.bar is not None:
            self.bar.n = done
            self.bar.refresh()

    def _begin(self, name: str, total: int) -> None:
        from tqdm import tqdm

        if self.bar is not None:
            self.bar.close()
        self.name, self.bar = name, None
        if name:
            form: dict[str, Any] = {"unit": "B", "unit_scale": True, "leave": False}
            way = BAR if total else NO_TOTAL
            self.bar = tqdm(desc=name, total=total or None, bar_format=way, **form)


def _lungs() -> "Further":
    """The lung check that `luna16 check` also uses."""
    from nodules.prepare import lung_check

    return lung_check.verdicts


def _tell(text: str, well: bool, quiet: bool) -> None:
    """Print a line as soon as it is known, failures to stderr."""
    if not well:
        warn(text)
    elif not quiet:
        say(f"{messages.escaped(text)}\n")
    sys.stdout.flush()
