#!/usr/bin/env python3
"""Join LUNA16-shaped folders into one: each becomes a subset, and their lists one list.

    python benchmarks/divide.py OUT 0=TRAIN_A 0=TRAIN_B 1=TEST

With `folds: {scheme: official}` the networks of fold 1 are then trained on TRAIN_A and TRAIN_B and
asked about TEST. Voxel files are moved, not copied: they are large.
"""

import argparse
import csv
from pathlib import Path

LISTS = ("annotations.csv", "annotations_excluded.csv", "patients.csv", "nodules.csv")


def rows(path: Path) -> list[list[str]]:
    """Lines of a list, none where it is missing."""
    return list(csv.reader(path.open())) if path.exists() else []


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("parts", nargs="+", metavar="SUBSET=FOLDER")
    given = parser.parse_args()
    parts = [(number, Path(folder)) for number, folder in (p.split("=", 1) for p in given.parts)]
    for number, folder in parts:
        place = given.out / f"subset{int(number)}"
        place.mkdir(parents=True, exist_ok=True)
        for file in sorted(folder.glob("subset*/*")):
            file.rename(place / file.name)
    for name in LISTS:
        found = [rows(folder / name) for _, folder in parts]
        lines = [*found[0][:1], *(line for table in found for line in table[1:])]
        with (given.out / name).open("w", newline="") as stream:
            csv.writer(stream).writerows(lines)
    uids = [line for _, folder in parts for line in rows(folder / "seriesuids.csv")]
    with (given.out / "seriesuids.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(uids)


if __name__ == "__main__":
    main()
