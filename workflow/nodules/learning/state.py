"""The state from which a training resumes bit for bit: plan, progress, fingerprint, signals."""

import hashlib
import json
import logging
import math
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Self

import torch
from torch import nn

from nodules.base.files import atomic

log = logging.getLogger(__name__)

WARM = 0.05  # share of a training spent on warming up, while batch statistics settle
SAVE_EVERY_S = 300.0  # between saves: the most work that SIGKILL can cost


@dataclass(frozen=True)
class TrainingSettings:
    """Settings that every training has, named as in the config; tasks add their own."""

    network: str  # file of learning/networks
    epochs: int
    batch: int
    learning_rate: float
    schedule: str  # constant, cosine or warmup

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Self:
        """Settings from a rule's params, which must have exactly these keys."""
        return cls(**section)


@dataclass(frozen=True)
class Plan:
    """How to train, and where to keep the state."""

    model: str
    fold: int
    epochs: int
    batch: int
    learning_rate: float
    schedule: str
    seed: int
    folder: Path
    fingerprint: str
    workers: int = 0
    member: int = 0  # of an ensemble; each has its own seed and folder
    stream: str = ""  # name under which random numbers are drawn; empty: the model's

    @property
    def draws(self) -> tuple[int, str, int]:
        """Seed and names from which all random numbers of this training are derived."""
        return self.seed, self.stream or self.model, self.fold

    def rate_at(self, done: float) -> float:
        """Learning rate once a share `done` (0 to 1) of the training is over.

        `constant`, or `cosine`: half a cosine down to 0. `warmup` multiplies that cosine by a ramp,
        which rises over the first WARM of the training.
        """
        if self.schedule == "constant":
            return self.learning_rate
        if self.schedule == "warmup":
            rising = min((done + WARM / 50) / WARM, 1.0)
            return self.learning_rate * rising * 0.5 * (1 + math.cos(math.pi * done))
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    @property
    def state_path(self) -> Path:
        """File of the resumable state, beside the declared outputs."""
        return self.folder / "training_state.pt"

    def checkpoint(self, epoch: int) -> Path:
        """File of the weights after an epoch."""
        return self.folder / "checkpoints" / f"epoch_{epoch:02d}.pt"

    def picture(self, epoch: int) -> Path:
        """File of the overlays after an epoch."""
        return self.folder / "overlays" / f"epoch_{epoch:02d}.png"


@dataclass
class Progress:
    """How far a training has got: all of its state except the weights and the optimizer's."""

    epoch: int = 1
    step: int = 0
    samples: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def place(self) -> tuple[str | int, ...]:
        """Epoch and step, as names that a seed is derived from."""
        return "step", self.epoch, self.step


def save(
    plan: Plan, network: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write the resumable state, atomically."""
    state = {
        "fingerprint": plan.fingerprint,
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "progress": json.dumps(vars(progress)),
    }
    with atomic(plan.state_path) as temporary, temporary.open("wb") as stream:
        torch.save(state, stream)


def resume(
    plan: Plan, network: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device
) -> Progress:
    """Load the state into network and optimizer and return the progress that it holds.

    A state of another training (config, data or code), or one that cannot be read, is left
    untouched: a warning is logged and the training starts from the beginning.
    """
    if not plan.state_path.exists():
        return Progress()
    try:
        state = torch.load(plan.state_path, map_location=device, weights_only=True)
        fingerprint = state["fingerprint"]
    except Exception as error:
        log.warning("%s cannot be read (%s): training starts anew.", plan.state_path, error)
        return Progress()
    if fingerprint != plan.fingerprint:
        log.warning(
            "%s belongs to another config, data or code: training starts anew.", plan.state_path
        )
        return Progress()
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    progress = Progress(**json.loads(state["progress"]))
    log.info(
        "%s: going on at epoch %d, step %d.", plan.state_path, progress.epoch, progress.step + 1
    )
    return progress


def fingerprint(settings: Any, data_files: Sequence[str], code_files: Sequence[str]) -> str:
    """Hash of everything that decides the result: settings, data and code.

    Tables and code enter by content, arrays and weights (large) by size and modification time.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for path in map(Path, sorted([*data_files, *code_files])):
        digest.update(path.name.encode())
        if path.suffix in (".npy", ".pt"):
            stat = path.stat()
            digest.update(f"{stat.st_size} {stat.st_mtime_ns}".encode())
        else:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


class StopSignals:
    """Context that records SIGTERM and SIGINT, so that the loop can save its state first."""

    def __init__(self) -> None:
        self.received = 0

    def __enter__(self) -> "StopSignals":
        self.old = {s: signal.signal(s, self._note) for s in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.old.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.received = number

    def exit_if_received(self, state_path: Path) -> None:
        """Raise SystemExit if a signal was received."""
        if self.received:
            log.warning(
                "Stopped by %s; the state is in %s and the next run goes on from it.",
                signal.Signals(self.received).name,
                state_path,
            )
            raise SystemExit(128 + self.received)
