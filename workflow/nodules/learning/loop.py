"""The training loop: a checkpoint per epoch, and a state from which it resumes bit for bit.

A script calls `run`, which goes from a rule's inputs to the network's bundle and history.

An epoch's samples and their order depend on (seed, fold, epoch) alone and every sample has its own
generator, so the position in the data is two numbers and no generator's state has to be saved.
"""

import copy
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from nodules.base import provenance, tables
from nodules.base.files import UserError
from nodules.learning import graphs
from nodules.learning.batches import Batches, SampleSource, order
from nodules.learning.machine import autocast, of_job, placed
from nodules.learning.networks import bundle
from nodules.learning.networks.weights import load_state, save_state, weights_sha256
from nodules.learning.state import (
    SAVE_EVERY_S,
    Plan,
    Progress,
    StopSignals,
    TrainingSettings,
    fingerprint,
    resume,
    save,
)
from nodules.prepare.stacks import Stack, open_fold
from nodules.stats.seeds import derive

log = logging.getLogger(__name__)

TELL_EVERY_S = 1.0  # between updates of the loss in the progress bar

UNTAUGHT = (
    "%s fold %d: samples in an epoch: %d, of which nothing can be learned. The network stays as"
    " it started. Use more scans or fewer folds, or show more in an epoch."
)


class Validation(NamedTuple):
    """Measures of a network on the left-out scans."""

    loss: float
    metric: float
    confidence: float


class Task(SampleSource, graphs.HasLoss, Protocol):
    """The part of a training that differs between networks."""

    def validate(self, network: nn.Module, device: torch.device) -> Validation:
        """Score the network on the left-out scans."""

    def draw(self, network: nn.Module, device: torch.device, path: Path) -> None:
        """Write a picture of the network's answers."""


# Makes a task of (training scans, left-out scans, settings, seed, fold).
MakeTask = Callable[[Sequence[Any], Sequence[Any], Any, int, int], Task]


def stacks_of(job: Any, fold: int) -> tuple[list[Stack], list[Stack]]:
    """A fold's training scans and left-out scans, as stacks of slices with their masks."""
    return open_fold(job.input.folds, job.input.stacks, fold, job.params.kind)


def run(
    job: Any,
    model: str,
    settings: TrainingSettings,
    make_task: MakeTask,
    stream: str = "",
    scans: Callable[[Any, int], tuple[Sequence[Any], Sequence[Any]]] = stacks_of,
) -> None:
    """Train one network for a rule: open its fold, train, write history and bundle.

    job: Snakemake's, with input (folds, stacks, perhaps weights and the task's own files), output
    (model, manifest, history), params (seed, kind, facts), wildcards (fold, perhaps member),
    threads and resources. stream: name under which random numbers are drawn, if not the model's.
    Each member of an ensemble gets a seed of its own. scans: opens the fold's training and left-out
    scans, given the job and the fold's number.
    """
    fold, member = int(job.wildcards.fold), job.wildcards.get("member")
    seed: int = job.params.seed
    names: list[str | int] = [stream or model, fold]
    if member is not None:
        seed, names = derive(seed, *names, int(member)), []
    machine = of_job(job)
    training, left_out = scans(job, fold)
    task = make_task(training, left_out, settings, seed, fold)
    weights = [str(path) for path in [job.input.get("weights")] if path]
    decides = [model, asdict(settings), job.params.kind, seed, fold, *machine.arithmetic]
    plan = Plan(
        *(model, fold, settings.epochs, settings.batch),
        *(settings.learning_rate, settings.schedule, seed, Path(job.output.model).parent),
        fingerprint(decides, data_of(job.input), job.input.code),
        machine.workers,
        int(member or 0),
        stream,
    )
    shape = bundle.shape_of(settings.network, settings)
    build = bundle.architecture(settings.network).build
    network = build(shape, derive(seed, *names, "weights"), *weights)
    history = train(network, task, plan, machine.device)
    tables.write(job.output.history, "history", history)
    counts = {"scans": len(training), "scans_left_out": len(left_out)}
    bundle.save(job.output.model, network, manifest(job.params, plan, settings, counts))


def manifest(
    params: Any, plan: Plan, settings: TrainingSettings, counts: dict[str, int]
) -> dict[str, Any]:
    """Manifest of a bundle: how its network is built and fed, and what it was trained on and with.

    params: of the rule, with kind and facts (input, output, and further facts about the data).
    """
    told = dict(params.facts)
    shape = bundle.shape_of(settings.network, settings)
    commit = provenance.commit(Path(__file__).parent)
    return {
        "model": plan.model,
        "network": {"name": settings.network, "settings": shape},
        "input": told.pop("input"),
        "output": told.pop("output"),
        "trained_on": told
        | {"masks": params.kind, "fold": plan.fold, "member": plan.member, "seed": plan.seed}
        | counts
        | {"settings": asdict(settings)},
        "made_with": {"commit": commit} | provenance.versions(("numpy", "torch", "torchvision")),
    }


def data_of(inputs: Any) -> list[str]:
    """Input files of a training that hold data: all but code and the marker of the check."""
    given = {name: files for name, files in inputs.items() if name not in ("code", "checked")}
    own = [[files] if isinstance(files, str | Path) else files for files in given.values()]
    return [str(file) for files in own for file in files]


def train(network: nn.Module, task: Task, plan: Plan, device: torch.device) -> pd.DataFrame:
    """Train to the last epoch and return table `history`.

    Resumes from `plan.state_path` if that holds the same fingerprint. On SIGTERM or SIGINT the
    state is saved and SystemExit raised.
    """
    placed(network, device)
    # Fused: one kernel for all weights, worth a sixth of a ResNet50 step on two cores.
    optimizer = torch.optim.Adam(network.parameters(), lr=plan.learning_rate, fused=True)
    progress = resume(plan, network, optimizer, device)
    if progress == Progress():
        # Files of a training with another config must not be mixed with this one's.
        for path in (plan.checkpoint(1).parent, plan.picture(1).parent):
            shutil.rmtree(path, ignore_errors=True)
    # Log messages are printed above the progress bar, not into it.
    source, loss_of = Batches(task, plan, device), graphs.of(task, network, plan.batch, device)
    with StopSignals() as signals, logging_redirect_tqdm(), source:
        while progress.epoch <= plan.epochs:
            look_back(network, task, plan, progress.epoch, device)
            train_epoch(network, loss_of, optimizer, source, progress, signals)
            finish_epoch(network, task, plan, progress, device)
            save(plan, network, optimizer, progress)
    return tables.frame("history", progress.history)


def look_back(network: nn.Module, task: Task, plan: Plan, epoch: int, device: torch.device) -> None:
    """Show the network as it was after the previous epoch to a task that has a `look_back` method.

    The network is loaded from that epoch's checkpoint, so that a training resumed in mid-epoch
    shows its task the same network as an uninterrupted one.
    """
    ask = getattr(task, "look_back", None)
    if ask is None or epoch == 1:
        return
    checkpoint = plan.checkpoint(epoch - 1)

    def before() -> nn.Module:
        if not checkpoint.exists():
            raise UserError(
                f"{checkpoint}: is missing, but this training goes on from it. Delete"
                f" {plan.state_path}, so that it starts anew, and run snakemake again."
            )
        left = copy.deepcopy(network).eval()
        left.load_state_dict(load_state(checkpoint))
        return left

    with torch.inference_mode(), autocast(device):
        ask(epoch, before, device)


def train_epoch(
    network: nn.Module,
    loss_of: graphs.Loss,
    optimizer: torch.optim.Optimizer,
    source: Batches,
    progress: Progress,
    signals: "StopSignals",
) -> None:
    """Train the rest of the epoch that `progress` stands in.

    loss_of: the loss of a batch, computed by `network`.
    """
    network.train()
    plan, device = source.plan, source.device
    places = order(source.task, progress.epoch)
    title = f"{plan.model} fold {plan.fold} epoch {progress.epoch}/{plan.epochs}"
    total = torch.tensor(progress.loss_sum, dtype=torch.float64, device=device)
    before, start = progress.seconds, time.monotonic()
    saved = told = start
    if progress.epoch == 1 and len(places) < min(plan.batch, 2):
        log.warning(UNTAUGHT, plan.model, plan.fold, len(places))
    with tqdm(total=len(places), initial=progress.samples, desc=title, unit=" samples") as bar:
        for inputs, targets in source.of(places, progress.step):
            done = (progress.epoch - 1 + progress.samples / len(places)) / plan.epochs
            optimizer.param_groups[0]["lr"] = plan.rate_at(done)
            # Some losses sample (Mask R-CNN's proposals): draw the same ones after a resume.
            torch.manual_seed(derive(*plan.draws, *progress.place))
            optimizer.zero_grad(set_to_none=True)
            with autocast(device):
                loss = loss_of(inputs, targets)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total.add_(loss.detach(), alpha=len(inputs))
            progress.step += 1
            progress.samples += len(inputs)
            bar.update(len(inputs))
            now = time.monotonic()
            progress.seconds = before + now - start
            if now - told > TELL_EVERY_S:  # reading the loss waits for the GPU
                told = now
                bar.set_postfix(loss=f"{total.item() / progress.samples:.4f}", refresh=False)
            if signals.received or now - saved > SAVE_EVERY_S:
                progress.loss_sum, saved = total.item(), now
                save(plan, network, optimizer, progress)
                signals.exit_if_received(plan.state_path)
    progress.loss_sum = total.item()
    progress.seconds = before + time.monotonic() - start


def finish_epoch(
    network: nn.Module, task: Task, plan: Plan, progress: Progress, device: torch.device
) -> None:
    """Validate, write checkpoint and overlays, and advance `progress` to the next epoch.

    Raises UserError if the loss or a weight is no longer finite.
    """
    train_loss = progress.loss_sum / progress.samples if progress.samples else float("nan")
    finite = np.isfinite(train_loss) or not progress.samples
    if not (finite and all(w.isfinite().all() for w in network.parameters())):
        raise UserError(
            f"{plan.model} fold {plan.fold}: the training diverged (mean loss of epoch"
            f" {progress.epoch}: {train_loss:.4g}). Lower this network's learning_rate in the"
            f" config (now {plan.learning_rate})."
        )
    network.eval()
    with torch.inference_mode(), autocast(device):
        validation = task.validate(network, device)
        task.draw(network, device, plan.picture(progress.epoch))
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
        "%s fold %d epoch %d/%d: loss %.4f, left-out loss %.4f, metric %.3f, %.1f samples/s",
        *(plan.model, plan.fold, progress.epoch, plan.epochs, train_loss),
        *(validation.loss, validation.metric, progress.samples / max(progress.seconds, 1e-9)),
    )
    save_state(plan.checkpoint(progress.epoch), network)
    progress.history.append(row)
    progress.epoch += 1
    progress.step = progress.samples = 0
    progress.loss_sum = progress.seconds = 0.0
