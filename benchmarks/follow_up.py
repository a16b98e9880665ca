"""Follow-up on known truth: pairs of scans made by code, compared as `luna16 follow-up` does it.

A chest is drawn (or real scans are taken: --scans), nodules of known volume are painted into it,
and the patient is scanned again: moved, breathing, on another grid, noisy, now and then with a
softer kernel; nodules have grown or shrunk by known factors, gone, or are new. Findings are listed
as a detector would, a share of them missed and all places off by a little.

Prints matching accuracy, registration error, volume error and coverage of the intervals.
"""

import argparse
import resource
import sys
import time
import warnings
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "workflow")]

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from scipy.stats import binomtest  # noqa: E402

from nodules.base import files  # noqa: E402
from nodules.datasets.phantom.anatomy import draw_chest  # noqa: E402
from nodules.datasets.phantom.fields import blur  # noqa: E402
from nodules.datasets.phantom.second_scan import (  # noqa: E402
    Blob,
    Motion,
    draw_bumps,
    draw_warp,
    noisy,
    paint,
    seen_again,
)
from nodules.datasets.phantom.vessels import draw_vessels  # noqa: E402
from nodules.findings.follow_up import growth, matching  # noqa: E402
from nodules.findings.follow_up.compare import Spot, Time, compare  # noqa: E402
from nodules.findings.size import sphere_volume  # noqa: E402
from nodules.images import metaimage  # noqa: E402
from nodules.images.geometry import Geometry  # noqa: E402
from nodules.prepare import lung_search  # noqa: E402

STEPS_MM = (1.0, 1.25, 2.0, 2.5)
DIAMETERS_MM = (4.0, 5.0, 6.0, 8.0, 10.0, 14.0, 20.0)
TEXTURES = {"solid": (-60, 60), "ground-glass": (-620, -480)}
FACTORS = (0.6, 1.0, 1.0, 1.3, 1.6, 2.0, 3.0)  # of the volume
FATES = {"both": 0.72, "new": 0.14, "gone": 0.14}
MISSED = 0.08  # share of the findings that one list lacks
APART_MM = 14.0  # least distance of two nodules' rims
FOV_MM, HEIGHT_MM = 330.0, 210.0


@dataclass
class Truth:
    """A nodule of a pair: what became of it, its sizes, and where it is at each time."""

    fate: str
    texture: str
    first: Blob | None
    second: Blob | None
    listed: list[bool] = field(default_factory=lambda: [True, True])


def phantom(rng: np.random.Generator, matrix: int) -> tuple[np.ndarray, Geometry]:
    """HU of a drawn chest with vessels, without noise, and its grid."""
    step = float(rng.choice(STEPS_MM))
    count = round(HEIGHT_MM / step)
    pixel = FOV_MM / matrix
    origin = (-FOV_MM / 2, -FOV_MM / 2, -200.0)
    grid = Geometry.build(origin, (pixel, pixel, step), np.eye(3), (count, matrix, matrix))
    chest = draw_chest(rng, grid)
    draw_vessels(rng, chest)
    return blur(chest.hu, 0.5, 0.08), grid


def real(path: Path) -> tuple[np.ndarray, Geometry]:
    """HU and grid of a real scan."""
    return metaimage.read_volume(path)


def target_grid(rng: np.random.Generator, grid: Geometry) -> Geometry:
    """Another grid over the same body: other slices and pixels, a little shifted."""
    step = float(rng.choice(STEPS_MM))
    pixel = float(grid.spacing[0]) * rng.uniform(0.92, 1.08)
    extent = (np.array(grid.shape) - 1) * grid.spacing_zyx
    shape = np.floor(extent / (step, pixel, pixel)).astype(int) + 1
    shift = rng.uniform(-0.5, 0.5, 3)
    spacing = (pixel, pixel, step)
    return Geometry.build(grid.origin + shift, spacing, grid.direction, shape.tolist())


def places(rng: np.random.Generator, lungs: np.ndarray, grid: Geometry, count: int) -> list:
    """World points well within the lungs, apart from each other."""
    inner = np.zeros_like(lungs)
    for plane, out in zip(lungs, inner, strict=True):
        distance = cv2.distanceTransform(plane, cv2.DIST_L2, 5) * grid.spacing[0]
        out[:] = distance > 8
    inner[:6] = inner[-6:] = 0
    candidates = grid.to_world(rng.permutation(np.argwhere(inner))[:4000])
    chosen: list[np.ndarray] = []
    for point in candidates:
        if all(np.linalg.norm(point - other) > 2 * APART_MM for other in chosen):
            chosen.append(point)
        if len(chosen) == count:
            break
    return chosen


def draw_truths(rng: np.random.Generator, spots: list, back) -> list[Truth]:
    """Nodules for some places of the first scan; back: where a point lies in the second."""
    truths = []
    for place in spots:
        fate = str(rng.choice(list(FATES), p=list(FATES.values())))
        texture = "solid" if rng.random() < 0.8 else "ground-glass"
        diameter = float(rng.choice(DIAMETERS_MM)) * rng.uniform(0.9, 1.1)
        if texture == "ground-glass":
            diameter = max(diameter, 6.0)
        volume = sphere_volume(diameter)
        blob = Blob((0, 0, 0), volume, float(rng.uniform(*TEXTURES[texture])), draw_bumps(rng))
        factor = float(rng.choice(FACTORS)) if fate == "both" else 1.0
        first = blob.at(place, volume) if fate != "new" else None
        second = blob.at(back(place), volume * factor) if fate != "gone" else None
        listed = [bool(rng.random() >= MISSED) for _ in range(2)]
        if not any(listed):
            listed = [True, True]
        truths.append(Truth(fate, texture, first, second, listed))
    return truths


def listed(rng: np.random.Generator, truths: list[Truth], time_index: int) -> list[Spot]:
    """Findings of one time, numbered as the truths from 1; places and diameters a little off."""
    found = []
    for number, truth in enumerate(truths, 1):
        blob = (truth.first, truth.second)[time_index]
        alone = truth.fate != "both"
        if blob is None or not (truth.listed[time_index] or alone):
            continue
        off = rng.normal(0, 0.07, 3) * blob.diameter_mm
        x, y, z = (float(v) for v in np.array(blob.centre) + off)
        found.append(Spot(number, (x, y, z), blob.diameter_mm * rng.uniform(0.9, 1.1)))
    return found


def one_pair(seed: int, asked: argparse.Namespace) -> tuple[list[dict], dict]:
    """Rows of the nodules of one pair, and a row of the pair."""
    rng = np.random.default_rng([asked.seed, seed])
    if asked.scans:
        paths = sorted(Path(asked.scans).glob("subset*/*.mhd"))
        background, grid = real(paths[seed % len(paths)])
        sd = rng.uniform(5, 15)  # over its own
    else:
        background, grid = phantom(rng, asked.matrix)
        sd = rng.uniform(10, 30)
    background = background.astype(np.float32)
    warp = draw_warp(rng, grid, Motion())
    target = target_grid(rng, grid)
    lungs = lung_search.search("volume", np.rint(background).astype(np.int16), grid).mask
    truths = draw_truths(rng, places(rng, lungs, grid, asked.nodules), warp.inverse)
    before = background.copy()
    for truth in truths:
        if truth.first:
            paint(before, grid, truth.first)
    softer = rng.uniform(0.3, 0.7) if rng.random() < 0.25 else 0.0
    after = seen_again(
        background, grid, warp, target, [t.second for t in truths if t.second], softer
    )
    days = int(rng.integers(90, 720))
    times = []
    for k, (hu, own) in enumerate(((before, grid), (after, target))):
        voxels = noisy(rng, hu, sd)
        mask = lung_search.search("volume", voxels, own).mask
        day = date(2020, 1, 1) + timedelta(days * k)
        times.append(Time(f"2.25.{seed}{k}", voxels, own, mask, listed(rng, truths, k), day))
    start = time.perf_counter()
    pair = compare(*times)
    seconds = time.perf_counter() - start
    points = target.to_world(
        np.argwhere(times[1].lungs)[rng.integers(0, int((times[1].lungs > 0).sum()), 400)]
    )
    error = np.linalg.norm(pair.to_prior(points) - warp(points), axis=1)
    told = {
        "pair": seed,
        "problem": pair.registration.problem,
        "likeness": pair.registration.quality.likeness,
        "tre_mean": error.mean(),
        "tre_95": np.percentile(error, 95),
        "seconds": seconds,
    }
    if asked.verbose:
        print(told, flush=True)
    return rows_of(pair, truths, days, softer, seed), told


def rows_of(pair, truths: list[Truth], days: int, softer: float, seed: int) -> list[dict]:
    """A row a nodule: what is true, what was said, and whether it is right."""
    by_first = {link.first.spot.number: link for link in pair.links if link.first.spot}
    by_second = {link.second.spot.number: link for link in pair.links if link.second.spot}
    rows = []
    for number, truth in enumerate(truths, 1):
        link = by_first.get(number) or by_second.get(number)
        if link is None:
            continue
        blob = truth.first or truth.second
        row = {
            "pair": seed,
            "fate": truth.fate,
            "texture": truth.texture,
            "diameter": blob.diameter_mm,
            "step": max(float(t.geometry.spacing[2]) for t in (pair.prior, pair.current)),
            "softer": softer > 0,
            "state": link.state,
            "looked_for": link.looked_for,
            "right": is_right(truth, link, number),
        }
        for key, seen, own in (("1", link.first, truth.first), ("2", link.second, truth.second)):
            if seen.measured and own:
                row[f"volume_error_{key}"] = seen.measured.volume_mm3 / own.volume_mm3 - 1
        if link.first.measured and link.second.measured and truth.first and truth.second:
            found = pair.growth(link)
            sizes = [
                t.size(s.measured)
                for t, s in ((pair.prior, link.first), (pair.current, link.second))
            ]
            row |= {
                "apart": found.verdict != growth.UNKNOWN,
                "true_ratio": truth.second.volume_mm3 / truth.first.volume_mm3,
                "ratio": found.ratio,
                "low": found.low,
                "high": found.high,
                "verdict": found.verdict,
                "h1": sizes[0].voxel_mm,
                "h2": sizes[1].voxel_mm,
                "s1": sizes[0].step_mm,
                "s2": sizes[1].step_mm,
                "d1": sizes[0].diameter_mm,
                "d2": sizes[1].diameter_mm,
            }
        rows.append(row)
    return rows


def is_right(truth: Truth, link, number: int) -> bool:
    """Whether a nodule's state and partner are the true ones."""
    numbers = {seen.spot.number for seen in (link.first, link.second) if seen.spot}
    if truth.fate == "both":
        blobs = [b for b in (truth.first, truth.second) if b]
        near = all(
            np.linalg.norm(np.array(seen.world) - np.array(blob.centre)) < blob.diameter_mm / 2 + 3
            for seen, blob in zip((link.first, link.second), blobs, strict=True)
        )
        covered = matching.NOT_COVERED
        return (link.state == matching.MATCHED and numbers == {number} and near) or (
            link.state == covered and not all(truth.listed)
        )
    wanted = matching.NEW if truth.fate == "new" else matching.GONE
    return link.state in (wanted, matching.NOT_COVERED)


def share(values: pd.Series) -> str:
    """A share with its 95 % interval (Wilson)."""
    n, k = len(values), int(values.sum())
    if not n:
        return "none"
    ci = binomtest(k, n).proportion_ci(method="wilson")
    return f"{k / n:.3f} ({ci.low:.3f} to {ci.high:.3f}; {k} of {n})"


def tell(rows: pd.DataFrame, pairs: pd.DataFrame) -> dict:
    """Print the summary and return it."""
    used = pairs[pairs["problem"] == ""]
    print(f"pairs {len(pairs)}, registered {len(used)}; nodules {len(rows)}")
    print(
        f"registration error: mean {used['tre_mean'].mean():.2f} mm, "
        f"95th percentile {used['tre_95'].mean():.2f} mm (worst pair {used['tre_95'].max():.2f}); "
        f"{pairs['seconds'].median():.1f} s a pair, {pairs['seconds'].max():.1f} at most"
    )
    print("matching right:", share(rows["right"]))
    for fate, part in rows.groupby("fate"):
        print(f"  {fate}:", share(part["right"]))
    for fate, part in rows[~rows["right"]].groupby(["fate", "state"]):
        print("    wrong:", *fate, len(part))
    both = rows.dropna(subset=["ratio"])
    both = both[both["right"]]
    errors = pd.concat([both["volume_error_1"], both["volume_error_2"]])
    print(f"volume error: median {errors.median():+.1%}, sd {errors.std():.1%}")
    inside = both["true_ratio"].between(both["low"], both["high"])
    print("interval of growth holds the truth:", share(inside))
    size = pd.cut(both["diameter"], [0, 6, 10, 30], labels=["<6", "6-10", ">10"])
    for (diameter, step), part in both.groupby([size, "step"], observed=True):
        wrong = np.log(part["ratio"] / part["true_ratio"])
        print(
            f"  {diameter} mm, step {step} mm: {share(inside[part.index])}, "
            f"sd of ln ratio {wrong.std():.3f}, median {wrong.median():+.3f}"
        )
    still = both[both["true_ratio"] == 1]
    print("no growth said of what has not grown:", share(still["verdict"] == growth.WITHIN))
    for texture, part in both.groupby("texture"):
        print(f"  {texture}:", share(inside[part.index]))
    return {
        "accuracy": rows["right"].mean(),
        "coverage": inside.mean(),
        "tre_mean": used["tre_mean"].mean(),
        "tre_95": used["tre_95"].mean(),
    }


def main() -> None:
    """Make the pairs, compare them and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="number of the first pair")
    parser.add_argument("--nodules", type=int, default=6, help="in each pair")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--matrix", type=int, default=320, help="pixels of a row of the phantom")
    parser.add_argument("--scans", type=Path, help="a folder of LUNA16 scans instead of phantoms")
    parser.add_argument(
        "--out", type=Path, help="write nodules.csv, pairs.csv and summary.json here"
    )
    parser.add_argument("--verbose", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    cv2.setNumThreads(1)
    rows: list[dict] = []
    pairs: list[dict] = []
    for seed in range(asked.first, asked.first + asked.pairs):
        found, told = one_pair(seed, asked)
        rows += found
        pairs.append(told)
        table, told_pairs = pd.DataFrame(rows), pd.DataFrame(pairs)
        if asked.out:  # as far as it is, for who cannot wait
            files.write_text(asked.out / "nodules.csv", table.to_csv(index=False))
            files.write_text(asked.out / "pairs.csv", told_pairs.to_csv(index=False))
    summary = tell(table, told_pairs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"memory at most {peak:.2f} GB")
    if asked.out:
        files.write_json(asked.out / "summary.json", summary)


if __name__ == "__main__":
    main()
