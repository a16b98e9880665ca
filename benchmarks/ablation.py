#!/usr/bin/env python3
"""Train the two stages in 3-D on one fold with some settings changed, and score what they find.

    export PYTHONPATH=workflow
    python benchmarks/ablation.py RESULTS 1 --out OUT --config benchmarks/unseen.yaml \\
        --first unet3d.pasted=0 --mine --second reduction.cube=48

RESULTS: a results folder with the fold's volumes, masks, lists and folds. Without --second the
first stage alone is trained. With --alarms FOLDER the first stage is not trained again: FOLDER is
an earlier OUT. With --members N each stage is N networks, whose answers are averaged. OUT gets
the tables of candidates, and the scores as unseen.py prints them.
"""

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import torch
import yaml
from torch import nn
from unseen import dice, line

from nodules.base import tables
from nodules.evaluation import stages
from nodules.evaluation.detection import Truth, score_systems
from nodules.findings.candidate_hits import match
from nodules.findings.matches import false_alarms, with_matches
from nodules.inference import reduction, windows
from nodules.learning.loop import train
from nodules.learning.machine import Machine, take
from nodules.learning.networks import bundle
from nodules.learning.state import Plan, TrainingSettings
from nodules.learning.tasks import volume_truth
from nodules.learning.tasks.patches3d import HeatTask, UNet3DSettings
from nodules.learning.tasks.reduction import CubeTask, ReductionSettings
from nodules.stats.seeds import derive

ROOT = Path(__file__).parents[1]


class Files(dict[str, Any]):
    """Input files by name, as a rule has them."""

    __getattr__ = dict.__getitem__


def main() -> None:
    given = arguments()
    torch.manual_seed(given.seed)
    config = configuration(given.config, [*given.first, *(given.second or [])])
    given.out.mkdir(parents=True, exist_ok=True)
    lists = given.results / "scans"
    truth = {n: tables.read(lists / f"{n}.parquet", n) for n in ("nodules", "excluded")}
    scans = volume_truth.open_fold(job(given.results, config), given.fold)
    run = Run(given, config, truth, *scans, take(given.threads))
    if given.alarms is None:
        run.first_stage()
    if given.second is not None and (given.only is None or given.alarms):
        run.second_stage()
    if given.only is None:
        report(given, truth, run.first, run.seconds)


@dataclass
class Run:
    """One fold's training and what its left-out scans are asked."""

    given: argparse.Namespace
    config: dict[str, Any]
    truth: dict[str, pd.DataFrame]
    training: list[volume_truth.VolumeWithTruth]
    left_out: list[volume_truth.VolumeWithTruth]
    machine: Machine
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def first(self) -> Path:
        """Folder with the first stage's candidates and false alarms."""
        return Path(self.given.alarms or self.given.out)

    def first_stage(self) -> None:
        """Train it, detect in the left-out scans, and where asked mine in the training scans."""
        own = self.config["unet3d"]
        settings = UNet3DSettings(**{f.name: own[f.name] for f in fields(UNet3DSettings)})
        networks = self.trained("unet3d", HeatTask, settings)
        if self.given.only is not None:
            return
        with self.timed("detect"):
            found = self.detected(networks, self.left_out)
        tables.write(self.first / "first.parquet", "candidates", found)
        if self.given.mine:
            found = self.detected(networks, self.training)
            matched = with_matches(found, match(found, *self.truth.values()))
            false = false_alarms(matched)[tables.columns("candidates")]
            tables.write(self.first / "alarms.parquet", "candidates", false)

    def second_stage(self) -> None:
        """Train it on the first one's false alarms, and judge its candidates."""
        settings = ReductionSettings.of(self.config["reduction"])
        alarms = tables.read(self.first / "alarms.parquet", "candidates")
        networks = self.trained("reduction", CubeTask, settings, alarms=alarms)
        if self.given.only is not None:
            return
        candidates = tables.read(self.first / "first.parquet", "candidates")
        with self.timed("reduce"):
            seen = [
                reduction.reduce(networks, volume, own, settings.cube, self.machine.device)
                for volume, _ in self.left_out
                for own in [candidates[candidates["seriesuid"] == volume.uid]]
            ]
        judged, regions = (
            tables.stacked(getattr(found, name) for found in seen)
            for name in ("candidates", "regions")
        )
        tables.write(self.given.out / "judged.parquet", "classified", judged)
        tables.write(self.given.out / "regions.parquet", "regions", regions)

    def trained(
        self, name: str, make: Any, settings: TrainingSettings, **more: Any
    ) -> list[nn.Module]:
        """The members' networks; one that stands in OUT already is not trained again."""
        given = self.given
        chosen = range(given.members) if given.only is None else [given.only]
        with self.timed(f"train_{name}"):
            return [self.member(number, name, make, settings, **more) for number in chosen]

    def member(
        self, number: int, name: str, make: Any, settings: TrainingSettings, **more: Any
    ) -> nn.Module:
        """One network; the first has the run's own seed, the others one of their own."""
        given = self.given
        seed = derive(given.seed, name, given.fold, number) if number else given.seed
        task = make(self.training, self.left_out, settings, seed, given.fold, **more)
        plan = Plan(
            *(name, given.fold, settings.epochs, settings.batch, settings.learning_rate),
            *(settings.schedule, seed, given.out / name / f"member_{number}"),
            *(json.dumps(asdict(settings)), self.machine.workers),
        )
        shape = bundle.shape_of(settings.network, settings)
        weights = derive(seed, name, given.fold, "weights")
        network = bundle.architecture(settings.network).build(shape, weights)
        train(network, task, plan, self.machine.device)
        return network.eval()

    def detected(
        self, networks: list[nn.Module], scans: list[volume_truth.VolumeWithTruth]
    ) -> pd.DataFrame:
        """Table `candidates` of some scans."""
        own = self.config["unet3d"]
        looks = windows.WindowSettings(
            **{f.name: own[f.name] for f in fields(windows.WindowSettings)}
        )
        found = [
            windows.detect(networks, volume, looks, self.machine.device) for volume, _ in scans
        ]
        return tables.stacked([tables.frame("candidates"), *found])

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Note how many seconds something takes."""
        start = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - start


def report(given: Any, truth: dict[str, Any], first: Path, seconds: dict[str, float]) -> None:
    """Scores of what stands in OUT, printed and kept."""
    folds = tables.read(given.results / "folds/folds.parquet", "folds")
    folds = folds[folds["fold"] == given.fold]
    nodules = truth["nodules"][truth["nodules"]["seriesuid"].isin(folds["seriesuid"])]
    systems = {"unet3d": tables.read(first / "first.parquet", "candidates")}
    overlap = dict.fromkeys(["unet3d", "unet3d_reduction"], float("nan"))
    if (given.out / "judged.parquet").exists():
        judged = tables.read(given.out / "judged.parquet", "classified")
        together = stages.combined(judged, stages.EQUAL)
        systems["unet3d_reduction"] = judged.assign(probability=together["confidence"])
        regions = tables.read(given.out / "regions.parquet", "regions")
        overlap["unet3d_reduction"] = dice(given.results, regions, "reduction", nodules)
    scores = score_systems(systems, Truth(nodules, truth["excluded"], folds), 1000, 2016)
    lines = [line(key, scores, f"fold_{given.fold}", overlap[key]) for key in systems]
    told = {"changed": given.first + (given.second or []), "seconds": seconds, "scores": lines}
    (given.out / "scores.json").write_text(json.dumps(told, indent=1))
    print(given.out.name, *told["changed"], json.dumps(seconds), *lines, sep="\n", flush=True)


def configuration(files: list[Path], changes: list[str]) -> dict[str, Any]:
    """The defaults with config files and single settings laid over them."""
    config: dict[str, Any] = {}
    for file in [ROOT / "config/config.yaml", *files]:
        for key, value in yaml.safe_load(file.read_text()).items():
            known = config.get(key)
            config[key] = known | value if isinstance(known, dict) else value
    for change in changes:
        place, value = change.split("=", 1)
        section, key = place.split(".")
        config[section][key] = yaml.safe_load(value)
    return config


def job(results: Path, config: dict[str, Any]) -> SimpleNamespace:
    """What a rule would hand over to read the fold's scans."""
    files = Files(
        {n: str(results / f"scans/{n}.parquet") for n in ("nodules", "excluded")},
        folds=str(results / "folds/folds.parquet"),
        volumes=[str(f) for f in (results / "volumes").iterdir()],
        masks=[str(f) for f in (results / "masks").iterdir()],
        stacks=[str(f) for n in ("slices", "masks") for f in (results / n).glob("*")],
    )
    return SimpleNamespace(input=files, params=SimpleNamespace(kind=config["masks"]["kind"]))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    parser.add_argument("fold", type=int)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", type=Path, nargs="*", default=[])
    parser.add_argument("--first", nargs="*", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--second", nargs="*", metavar="SECTION.KEY=VALUE")
    parser.add_argument("--mine", action="store_true", help="also the first stage's false alarms")
    parser.add_argument("--alarms", type=Path, help="an earlier OUT with both stages' candidates")
    parser.add_argument("--members", type=int, default=1, help="networks of each stage")
    parser.add_argument("--only", type=int, help="train this member of a stage, and stop")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=2016)
    return parser.parse_args()


if __name__ == "__main__":
    main()
