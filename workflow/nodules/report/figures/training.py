"""Figures of the trainings: loss, quality and confidence by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from nodules.evaluation import names
from nodules.report import plotting
from nodules.report.lookup import rows

TRAINED, LEFT_OUT = "training samples", "held-out scans (in colour)"
THIN, THICK = 0.8, 1.9  # points


@plotting.styled
def epochs(history: pd.DataFrame) -> Figure:
    """Confidence and loss on each fold's held-out scans: a thin line per network, a thick mean.

    history: table `history` of all models and folds.
    """
    models = _models(history)
    figure, axes = plotting.panels(2, max(1, len(models)), height=1.9)
    if not models:
        plotting.empty(axes[0], "no network was trained")
    for model, left, right in zip(models, axes[::2], axes[1::2], strict=False):
        part = rows(history, model=model.key)
        _folds(left, part, "val_confidence", plotting.colour(model))
        of = "malignant nodules" if model.key.startswith("malignancy") else "nodules"
        left.set(ylabel=f"Mean p of {of}", ylim=(0, 1.02))
        left.set_title(f"{model.name}: confidence")
        _folds(right, part, "val_loss", plotting.colour(model))
        right.set(ylabel="Loss")
        right.set_ylim(bottom=0)
        right.set_title(f"{model.name}: loss")
    _finish(figure, axes, history)
    return figure


@plotting.styled
def training(history: pd.DataFrame) -> Figure:
    """Loss on training samples and on each fold's held-out scans, and quality on the latter.

    history: table `history` of all models and folds.
    """
    models = _models(history)
    figure, axes = plotting.panels(2, max(1, len(models)), height=1.9)
    if not models:
        plotting.empty(axes[0], "no network was trained")
    for model, left, right in zip(models, axes[::2], axes[1::2], strict=False):
        part = rows(history, model=model.key)
        _folds(left, part, "train_loss", plotting.GREY, "--")
        _folds(left, part, "val_loss", plotting.colour(model))
        plotting.log_scale(left)
        left.set(ylabel="Loss")
        left.set_title(f"{model.name}: loss")
        _folds(right, part, "val_metric", plotting.colour(model))
        right.set(ylabel=model.quality, ylim=(0, 1.02))
        right.set_title(f"{model.name}: quality")
    scans: dict[str, dict[str, Any]] = {
        TRAINED: {"color": plotting.GREY, "linestyle": "--"},
        LEFT_OUT: {"color": plotting.BLACK},
    }
    _finish(figure, axes, history, scans)
    return figure


def _models(history: pd.DataFrame) -> list[names.Network]:
    return list(names.present(names.NETWORKS.values(), set(history["model"])))


def _finish(
    figure: Figure,
    axes: Sequence[Axes],
    history: pd.DataFrame,
    scans: Mapping[str, dict[str, Any]] | None = None,
) -> None:
    """Label the epoch axes, and add a legend below all panels, where it hides nothing.

    scans: line style of each kind of samples or scans that losses are of.
    """
    for panel in axes[-2:]:
        panel.set_xlabel("Epoch")
    if history.empty:
        return
    handles = [Line2D([], [], lw=THICK, label=name, **look) for name, look in (scans or {}).items()]
    looks: dict[str, dict[str, Any]] = {
        "one network": {"lw": THIN, "alpha": 0.45},
        f"mean of {history['fold'].nunique()} folds": {"lw": THICK, "marker": "o", "markersize": 4},
    }
    for name, look in looks.items():
        handles.append(Line2D([], [], color=plotting.BLACK, label=name, **look))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _folds(axes: Axes, part: pd.DataFrame, column: str, colour: str, dash: str = "-") -> None:
    """Draw a thin line per network, and a thick one for the mean over folds and members."""
    known = part.dropna(subset=[column])
    marker = "o" if known["epoch"].nunique() < 15 else ""
    for _, network in known.sort_values("epoch").groupby(["fold", "member"]):
        axes.plot(
            network["epoch"], network[column], color=colour, linestyle=dash, lw=THIN, alpha=0.45
        )
    mean = known.groupby("epoch")[column].mean()
    axes.plot(
        mean.index,
        mean,
        color=colour,
        linestyle=dash,
        linewidth=THICK,
        marker=marker,
        markersize=4,
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
