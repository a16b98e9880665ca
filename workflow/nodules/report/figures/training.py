"""Figures of the trainings: loss, quality and confidence by epoch."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nodules.evaluation import names
from nodules.report import plotting
from nodules.report.lookup import rows

VALIDATION = "the fold's own scans"


@plotting.styled
def epochs(history: pd.DataFrame) -> Figure:
    """Confidence and loss on each fold's own scans by epoch: every fold thin, their mean thick.

    history: table `history` of all models and folds.
    """
    models = _models(history)
    figure, axes = plotting.panels(2, max(1, len(models)), height=1.9)
    if not models:
        plotting.empty(axes[0], "no network was trained")
    for model, left, right in zip(models, axes[::2], axes[1::2], strict=False):
        part = rows(history, model=model.key)
        _folds(left, part, "val_confidence", plotting.colour(model))
        left.set(ylabel="Mean probability", ylim=(0, 1.02))
        of_nodules = "" if model.key.startswith("malignancy") else " in nodules"
        left.set_title(f"{model.name}: confidence{of_nodules}")
        _folds(right, part, "val_loss", plotting.colour(model))
        right.set(ylabel="Loss")
        right.set_ylim(bottom=0)
        right.set_title(f"{model.name}: loss")
    for panel in axes[-2:]:
        panel.set_xlabel("Epoch")
    return figure


@plotting.styled
def training(history: pd.DataFrame) -> Figure:
    """Loss on training samples and on each fold's own scans, and quality there, by epoch.

    history: table `history` of all models and folds.
    """
    models = _models(history)
    figure, axes = plotting.panels(2, max(1, len(models)), height=1.9)
    if not models:
        plotting.empty(axes[0], "no network was trained")
    for model, left, right in zip(models, axes[::2], axes[1::2], strict=False):
        part = rows(history, model=model.key)
        _folds(left, part, "train_loss", plotting.GREY, "training", "--")
        _folds(left, part, "val_loss", plotting.colour(model), VALIDATION, "-")
        plotting.log_scale(left)
        left.set(ylabel="Loss")
        left.legend(loc="best")
        left.set_title(f"{model.name}: loss")
        _folds(right, part, "val_metric", plotting.colour(model))
        right.set(ylabel=model.quality, ylim=(0, 1.02))
        right.set_title(f"{model.name}: quality")
    for panel in axes[-2:]:
        panel.set_xlabel("Epoch")
    return figure


def _models(history: pd.DataFrame) -> list[names.Network]:
    return list(names.present(names.NETWORKS.values(), set(history["model"])))


def _folds(
    axes: Axes, part: pd.DataFrame, column: str, colour: str, name: str = "", dash: str = "-"
) -> None:
    """A thin line for each network, and a thick one for the mean over folds and members."""
    known = part.dropna(subset=[column])
    folds = known["fold"].nunique()
    marker = "o" if known["epoch"].nunique() < 15 else ""
    for _, network in known.sort_values("epoch").groupby(["fold", "member"]):
        axes.plot(
            network["epoch"], network[column], color=colour, linestyle=dash, lw=0.8, alpha=0.45
        )
    mean = known.groupby("epoch")[column].mean()
    label = f"{name}: " if name else ""
    axes.plot(
        mean.index,
        mean,
        color=colour,
        linestyle=dash,
        linewidth=1.9,
        marker=marker,
        markersize=4,
        label=f"{label}mean of {folds} folds",
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if not name:
        axes.legend(loc="best")
