"""The figure of the controls: everyone's mean AUC by protocol, and fits on labels that say nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thb.core.metrics import AUC
from thb.report import dots, style
from thb.report.label_checks import PROTOCOL, Check
from thb.report.load import MEAN, Entrant, Results

SQUARE, ONE_FIT = {"marker": "s", "ms": 4.4}, {"marker": "o", "ms": 3.2, "alpha": 0.45, "mew": 0}
ROW = 0.34  # inches of a detector in the lower panel


def draw(results: Results, cells: pd.DataFrame, protocols: Sequence[str], checks: Sequence[Check]) -> Figure:
    """Squares are controls, dots are detectors; below, small dots are single fits."""
    entrants = [e for e in results.entrants if e.key]
    heights = [len(protocols) * _pitch(entrants) + 0.6, *([ROW * len(checks) + 0.75] if checks else [])]
    with style.look():
        figure, axes = style.panels(heights)
        means = cells[(cells["generator"] == MEAN) & (cells["metric"] == AUC)].set_index(["detector", "protocol"])
        _by_protocol(axes[0], means, entrants, protocols)
        for ax in axes[1:]:
            _by_fit(ax, results, checks)
        figure.legend(handles=_legend(entrants, bool(checks)), loc="outside lower center", ncols=3, columnspacing=1.2)
    return figure


def _pitch(entrants: Sequence[Entrant]) -> float:
    return len(entrants) * dots.STEP + dots.GAP


def _by_protocol(ax: Axes, means: pd.DataFrame, entrants: Sequence[Entrant], protocols: Sequence[str]) -> None:
    colour, pitch = dots.colours(entrants), _pitch(entrants)
    for i, protocol in enumerate(protocols):
        for j, e in enumerate(entrants):
            y, cell = i * pitch + (j + 0.5) * dots.STEP + dots.GAP / 2, means.loc[(e.label, protocol)]
            ax.plot([cell["lo"], cell["hi"]], [y, y], color=colour[e.label], lw=1.3, solid_capstyle="butt")
            ax.plot(cell["value"], y, color=colour[e.label], ls="none", **_marker(e))
        if i:
            ax.axhline(i * pitch, color=style.RULE, lw=0.7)
    ax.set(ylim=(len(protocols) * pitch, 0), title="Mean AUC over generators, true labels")
    ax.set_yticks([(i + 0.5) * pitch for i in range(len(protocols))], [p.replace("_", " ") for p in protocols])
    ax.tick_params(axis="y", length=0)
    style.share_axis(ax, AUC, means["lo"].min())


def _marker(e: Entrant) -> dict:
    return SQUARE if e.control else dots.OURS


def _by_fit(ax: Axes, results: Results, checks: Sequence[Check]) -> None:
    entrants = {e.key: e for e in results.entrants}
    colour = dots.colours(results.entrants)
    for i, check in enumerate(checks):
        e, mean = entrants[check.detector], check.mean()
        ax.plot(check.aucs[MEAN], np.full(check.fits, i), color=colour[e.label], ls="none", **ONE_FIT)
        ax.plot([mean.lo, mean.hi], [i + 0.25] * 2, color=colour[e.label], lw=1.3, solid_capstyle="butt")
        ax.plot(mean.value, i + 0.25, color=colour[e.label], ls="none", **_marker(e))
    ax.set(ylim=(len(checks) - 0.4, -0.5), title=f"Mean AUC over generators, labels that say nothing ({PROTOCOL})")
    ax.set_yticks([i + 0.12 for i in range(len(checks))], [entrants[c.detector].label for c in checks])
    ax.tick_params(axis="y", length=0)
    style.share_axis(ax, AUC, 0.0)


def _legend(entrants: Sequence[Entrant], with_fits: bool) -> list[Line2D]:
    colour, ink = dots.colours(entrants), {"color": style.INK, "ls": "none"}
    by_name = [Line2D([], [], color=colour[e.label], ls="none", label=e.label, **_marker(e)) for e in entrants]
    return [*by_name, *([Line2D([], [], label="a single fit", **ink, **ONE_FIT)] if with_fits else [])]
