"""The one training loop: a checkpoint per epoch, and a state from which it goes on bit for bit.

What an epoch shows depends on (seed, fold, epoch) alone and every sample has its own generator,
so the place in the data order is two numbers and no generator's state needs to survive a kill.
"""

import hashlib
import json
import logging
import math
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from nodules import tables
from nodules.files import UserError, atomic
from nodules.networks import apply_state, load_state, save_state, weights_sha256
from nodules.seeds import derive, generator

log = logging.getLogger(__name__)

SAVE_EVERY_S = 300.0  # at most this much work is lost to a kill without notice


class Validation(NamedTuple):
    """How a network does on the left-out scans."""

    loss: float
    metric: float
    confidence: float


class Task(Protocol):
    """What differs between networks."""

    def epoch(self, epoch: int) -> Sequence[Any]:
        """Samples that an epoch shows, in order."""

    def sample(self, key: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Input and target of one sample, augmented by `rng`."""

    def loss(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of a batch."""

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Score the left-out scans."""

    def draw(self, network: nn.Module, device: torch.device, path: Path) -> None:
        """Write a picture of what the network does."""


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
    member: int = 0  # of an ensemble, each with a seed and a folder of its own

    @classmethod
    def build(
        cls,
        model: str,
        fold: int,
        settings: dict[str, Any],
        seed: int,
        output: str,
        fingerprint: str,
        workers: int,
        member: int = 0,
    ) -> "Plan":
        """Plan from a network's part of the config; the state lies beside the output file."""
        return cls(
            model,
            fold,
            settings["epochs"],
            settings["batch"],
            settings["learning_rate"],
            settings["schedule"],
            seed,
            Path(output).parent,
            fingerprint,
            workers,
            member,
        )

    def rate_at(self, done: float) -> float:
        """Learning rate after a share of the training: constant, or half a cosine down to 0."""
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    @property
    def state_path(self) -> Path:
        """The resumable state, beside the declared outputs."""
        return self.folder / "training_state.pt"

    def checkpoint(self, epoch: int) -> Path:
        """Weights after an epoch."""
        return self.folder / "checkpoints" / f"epoch_{epoch:02d}.pt"

    def picture(self, epoch: int) -> Path:
        """Overlays after an epoch."""
        return self.folder / "overlays" / f"epoch_{epoch:02d}.png"


@dataclass
class Progress:
    """Where a training stands: everything that is not a weight."""

    epoch: int = 1
    step: int = 0
    samples: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def place(self) -> tuple[str | int, ...]:
        """Epoch and step, as names of a seed."""
        return "step", self.epoch, self.step


def train(network: nn.Module, task: Task, plan: Plan, device: torch.device) -> pd.DataFrame:
    """Train to the last epoch and return table `history`.

    Goes on from `plan.state_path` where that holds the same fingerprint. On SIGTERM or SIGINT
    the state is saved and SystemExit raised.
    """
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    # Fused: one kernel for all weights; a sixth of a ResNet50 step on two cores.
    optimizer = torch.optim.Adam(network.parameters(), lr=plan.learning_rate, fused=True)
    progress = resume(plan, network, optimizer, device)
    if progress == Progress():
        # What a training with another config left must not stand beside this one's.
        for path in (plan.checkpoint(1).parent, plan.picture(1).parent):
            shutil.rmtree(path, ignore_errors=True)
    # Messages go above the progress bar, not into it.
    with StopSignals() as signals, logging_redirect_tqdm():
        while progress.epoch <= plan.epochs:
            train_epoch(network, optimizer, task, plan, progress, device, signals)
            finish_epoch(network, task, plan, progress, device)
            save(plan, network, optimizer, progress)
    return tables.frame("history", progress.history)


def train_epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    task: Task,
    plan: Plan,
    progress: Progress,
    device: torch.device,
    signals: "StopSignals",
) -> None:
    """Train the rest of the epoch in which `progress` stands."""
    network.train()
    samples = EpochSamples(task, plan, progress.epoch)
    title = f"{plan.model} fold {plan.fold} epoch {progress.epoch}/{plan.epochs}"
    total = torch.tensor(progress.loss_sum, dtype=torch.float64, device=device)
    start, saved, before = time.monotonic(), time.monotonic(), progress.seconds
    with tqdm(total=len(samples), initial=progress.samples, desc=title, unit="slice") as bar:
        for inputs, targets in batches(samples, plan, progress.step, device):
            done = (progress.epoch - 1 + progress.samples / len(samples)) / plan.epochs
            optimizer.param_groups[0]["lr"] = plan.rate_at(done)
            # A loss may sample (Mask R-CNN's proposals): also after a kill the same ones.
            torch.manual_seed(derive(plan.seed, plan.model, plan.fold, *progress.place))
            with autocast(device):
                loss = task.loss(network, inputs, targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.detach().double() * len(inputs)
            progress.step += 1
            progress.samples += len(inputs)
            bar.update(len(inputs))
            now = time.monotonic()
            progress.seconds = before + now - start
            if progress.step % 10 == 0:
                bar.set_postfix(loss=f"{total.item() / progress.samples:.4f}", refresh=False)
            if signals.received or now - saved > SAVE_EVERY_S:
                progress.loss_sum, saved = total.item(), now
                save(plan, network, optimizer, progress)
                signals.exit_if_received(plan.state_path)
    progress.loss_sum = total.item()


def finish_epoch(
    network: nn.Module, task: Task, plan: Plan, progress: Progress, device: torch.device
) -> None:
    """Validate, write checkpoint and overlays, and move `progress` to the next epoch."""
    network.eval()
    with torch.inference_mode(), autocast(device):
        validation = task.validate(network, device)
        task.draw(network, device, plan.picture(progress.epoch))
    train_loss = progress.loss_sum / max(progress.samples, 1)
    if not np.isfinite(train_loss):
        raise UserError(
            f"{plan.model} fold {plan.fold}: the loss of epoch {progress.epoch} is {train_loss}."
            f" Lower this network's learning_rate in the config (now {plan.learning_rate})."
        )
    row = {
        "model": plan.model,
        "fold": plan.fold,
        "member": plan.member,
        "epoch": progress.epoch,
        "train_loss": train_loss,
        "val_loss": validation.loss,
        "val_metric": validation.metric,
        "val_confidence": validation.confidence,
        "samples": progress.samples,
        "seconds": progress.seconds,
        "weights_sha256": weights_sha256(network),
    }
    log.info(
        "%s fold %d epoch %d/%d: loss %.4f, left-out loss %.4f, metric %.3f, %.1f slices/s",
        *(plan.model, plan.fold, progress.epoch, plan.epochs, train_loss),
        *(validation.loss, validation.metric, progress.samples / max(progress.seconds, 1e-9)),
    )
    save_state(plan.checkpoint(progress.epoch), network)
    progress.history.append(row)
    progress.epoch += 1
    progress.step = progress.samples = 0
    progress.loss_sum = progress.seconds = 0.0


class EpochSamples(Dataset[tuple[np.ndarray, np.ndarray]]):
    """An epoch's samples by their place in its order."""

    def __init__(self, task: Task, plan: Plan, epoch: int) -> None:
        self.task, self.plan, self.number = task, plan, epoch
        self.keys = task.epoch(epoch)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        plan = self.plan
        rng = generator(plan.seed, plan.model, plan.fold, "sample", self.number, place)
        return self.task.sample(self.keys[place], rng)


def batches(
    samples: EpochSamples, plan: Plan, start: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of an epoch from step `start` on, on the device; a last lone sample is left out.

    Batch normalisation cannot learn from one sample.
    """
    places = [list(range(i, min(i + plan.batch, len(samples)))) for i in starts(samples, plan)]
    loader = DataLoader(
        samples,
        batch_sampler=[p for p in places if len(p) > 1 or plan.batch == 1][start:],
        num_workers=plan.workers,
        pin_memory=device.type == "cuda",
        prefetch_factor=4 if plan.workers else None,
    )
    for inputs, targets in loader:
        yield to_device(inputs, device), targets.to(device, non_blocking=True)


def starts(samples: EpochSamples, plan: Plan) -> range:
    """First places of the batches."""
    return range(0, len(samples), plan.batch)


def to_device(inputs: Tensor, device: torch.device) -> Tensor:
    """uint8 images to float 0 to 1, channels last; the conversion happens on the device."""
    moved = inputs.to(device, non_blocking=True).float().div_(255)
    return moved.contiguous(memory_format=torch.channels_last)


def autocast(device: torch.device) -> torch.autocast:
    """bf16 on a GPU, full precision on the CPU."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def save(
    plan: Plan, network: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Replace the resumable state, whole or not at all."""
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
    """Load the state if it belongs to this very training; a stale or broken one is left alone."""
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
    """Hash of all that decides the result: settings, data and code.

    Tables and code enter by content, arrays and weights (large) by size and time of change.
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
    """Notes SIGTERM and SIGINT, so that the loop can save its state before it ends."""

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
        """Raise SystemExit once a signal has come."""
        if self.received:
            log.warning(
                "Stopped by %s; the state is in %s and the next run goes on from it.",
                signal.Signals(self.received).name,
                state_path,
            )
            raise SystemExit(128 + self.received)


def restored(network: nn.Module, path: str | Path, device: torch.device) -> nn.Module:
    """A network with the weights of a file, ready for inference on the device."""
    apply_state(network, load_state(path), path)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval()
