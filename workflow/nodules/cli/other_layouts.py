"""`luna16 check` for data sets in layouts other than LUNA16's."""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nodules.cli.output import say

HELP = """\
A folder with dataset.json (the Medical Segmentation Decathlon's layout, or nnU-Net's) or scans.csv
is checked as a data set of another organ (docs/other-organs.md): images and label volumes, their
grids, the labels' values, names and numbers. There, --lesions and --organ give the label values.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for other layouts to the parser of `luna16 check`."""
    other = parser.add_argument_group("other layouts")
    add = other.add_argument
    add("--lesions", type=_values, default=[], metavar="1,2", help="label values of lesions")
    add("--organ", type=_values, default=[], metavar="1", help="label values of the organ")
    add("--channel", type=int, default=0, metavar="N", help="channel of an image (default 0)")
    add("--units", choices=("hu", "percentiles"), default="hu", help="percentiles for MR")


def layout_of(folder: Path) -> str:
    """Value of data.source for a folder in another layout; "" if it is in none of them."""
    if (folder / "scans.csv").is_file():
        return "table"
    path = folder / "dataset.json"
    if not path.is_file():
        return ""
    return "nnunet" if '"file_ending"' in path.read_text(errors="replace") else "decathlon"


def check(arguments: argparse.Namespace, source: str) -> int:
    """Check a folder and print its contents and defects. Returns 1 if anything is unusable.

    source: value of data.source for its layout.
    """
    from tqdm import tqdm

    from nodules.datasets import adopted, adoption
    from nodules.datasets import check as sheet
    from nodules.datasets.source import SOURCES
    from nodules.datasets.sources.case import Case

    config = _config(arguments)
    listed = SOURCES[source].listed
    assert listed is not None
    listing = listed(str(arguments.folder), config)
    names = ("units", "channel", "lesion_labels", "organ_labels", "least_mm")
    settings = adoption.Settings(**{name: config["dataset"][name] for name in names})

    def one(case: Case) -> adoption.Adopted:
        found = adoption.adopt(case, settings)
        if find_spec("cv2"):
            from nodules.prepare import adoption_check

            adoption_check.judge(found, case, settings, "")
        return found.without_voxels()

    with ThreadPoolExecutor(max(arguments.threads, 1)) as pool:
        every = tqdm(
            pool.map(one, listing.cases),
            "check scans",
            len(listing.cases),
            unit="scan",
            disable=not sys.stderr.isatty(),
        )
        checked = adopted.of_memory(every, listing.told)
    say("\n".join([*sheet.messages(checked), sheet.describe(checked)]))
    return int(checked.defects["fatal"].any())


def _config(arguments: argparse.Namespace) -> dict[str, Any]:
    """The part of the workflow's config that listing a data set needs."""
    dataset = {
        "dir": str(arguments.folder),
        "units": arguments.units,
        "channel": arguments.channel,
        "lesion_labels": arguments.lesions,
        "organ_labels": arguments.organ,
        "least_mm": 0.0,
    }
    return {"dataset": dataset, "folds": {"test_subset": 9}}


def _values(text: str) -> list[int]:
    """Whole numbers separated by commas, for argparse."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list such as 1,2") from error
