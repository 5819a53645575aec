"""The companion of a protocol table: a dot and an interval for every cell, ours against printed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thb.report import style
from thb.report.load import Entrant, Results

STEP, GAP = 0.115, 0.13  # inches between entrants of a generator, and between generators
OURS, PRINTED = {"marker": "o", "ms": 4.6}, {"marker": "D", "ms": 4.4, "mfc": "white", "mew": 1.1}


def draw(results: Results, rows: pd.DataFrame, metrics: Sequence[str]) -> Figure:
    """One panel a metric; generators downwards, entrants side by side within each."""
    entrants = [e for e in results.entrants if e.key or not rows[rows["detector"] == e.label]["printed"].isna().all()]
    generators = list(dict.fromkeys(rows["generator"]))
    height = len(generators) * (len(entrants) * STEP + GAP) + 0.55
    with style.look():
        figure, axes = style.panels([height] * len(metrics))
        for ax, metric in zip(axes, metrics, strict=True):
            _panel(ax, results, rows[rows["metric"] == metric], metric, entrants, generators)
        figure.legend(handles=legend(entrants), loc="outside lower center", ncols=3, columnspacing=1.2)
    return figure


def colours(entrants: Sequence[Entrant], palette: str = style.PALETTE) -> dict[str, str]:
    """A colour for each detector in table order, a grey for each control."""
    shades = {False: style.palette(palette), True: style.GREYS}
    alike = {control: [e.label for e in entrants if e.control is control] for control in shades}
    return {e.label: shades[e.control][alike[e.control].index(e.label) % len(shades[e.control])] for e in entrants}


def _panel(
    ax: Axes,
    results: Results,
    rows: pd.DataFrame,
    metric: str,
    entrants: Sequence[Entrant],
    generators: Sequence[str],
) -> None:
    grid, colour = rows.set_index(["detector", "generator"]), colours(entrants)
    pitch = len(entrants) * STEP + GAP
    for i, generator in enumerate(generators):
        for j, entrant in enumerate(entrants):
            y = i * pitch + (j + 0.5) * STEP + GAP / 2
            _cell(ax, grid.loc[(entrant.label, generator)], y, colour[entrant.label])
        if i:
            ax.axhline(i * pitch, color=style.RULE, lw=0.7)
    ax.set(ylim=(len(generators) * pitch, 0), title=metric)
    ax.set_yticks([(i + 0.5) * pitch for i in range(len(generators))], [results.label(g) for g in generators])
    ax.tick_params(axis="y", length=0)
    style.share_axis(ax, metric, rows[["lo", "printed"]].min().min())


def _cell(ax: Axes, cell: pd.Series, y: float, colour: str) -> None:
    if not math.isnan(cell["printed"]):
        ax.plot(cell["printed"], y, color=colour, ls="none", **PRINTED)
    if not cell["n_fake"]:
        return
    if not cell["resolvable"]:
        ax.plot(0.5, y, color=colour, marker=style.UNRESOLVABLE, ms=6, ls="none")
        return
    ax.plot([cell["lo"], cell["hi"]], [y, y], color=colour, lw=1.3, solid_capstyle="butt")
    ax.plot(cell["value"], y, color=colour, ls="none", **OURS)


def legend(entrants: Sequence[Entrant], palette: str = style.PALETTE) -> list[Line2D]:
    by_name = [Line2D([], [], color=c, lw=4, label=name) for name, c in colours(entrants, palette).items()]
    ink = {"color": style.INK, "ls": "none"}
    return [
        *by_name,
        Line2D([], [], label="reproduced, with interval", **ink, **OURS),
        Line2D([], [], label="printed", **ink, **PRINTED),
    ]
