"""The figure of Table 8: which share of its sure hits each detector loses on each generator."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thb.report import dots, style
from thb.report.load import MEAN, Results


def draw(results: Results, rows: pd.DataFrame, palette: str) -> Figure:
    """Generators downwards, entrants side by side within each, printed drops as diamonds."""
    entrants = [e for e in results.entrants if e.key]
    pitch = len(entrants) * dots.STEP + dots.GAP
    with style.look():
        figure, (ax,) = style.panels([rows["generator"].nunique() * pitch + 1.1])
        for i, (generator, group) in enumerate(rows.groupby("generator", sort=False)):
            _group(
                ax,
                group.set_index("detector").loc[[e.label for e in entrants]],
                i * pitch,
                dots.colours(entrants, palette),
            )
            _name(ax, "All" if generator == MEAN else results.label(generator), (i + 0.5) * pitch)
            if i:
                ax.axhline(i * pitch, color=style.RULE, lw=0.7)
        _axis(ax, rows, pitch)
        figure.legend(handles=dots.legend(entrants, palette), loc="outside lower center", ncols=3, columnspacing=1.2)
    return figure


def _group(ax: Axes, group: pd.DataFrame, top: float, colours: dict[str, str]) -> None:
    for j, (label, cell) in enumerate(group.iterrows()):
        y, colour = top + (j + 0.5) * dots.STEP + dots.GAP / 2, colours[label]
        if not math.isnan(cell["printed_drop_percent"]):
            ax.plot(cell["printed_drop_percent"], y, color=colour, ls="none", **dots.PRINTED)
        if not math.isnan(cell["drop_percent"]):
            ax.plot([cell["lo"], cell["hi"]], [y, y], color=colour, lw=1.3, solid_capstyle="butt")
            ax.plot(cell["drop_percent"], y, color=colour, ls="none", **dots.OURS)


def _name(ax: Axes, label: str, y: float) -> None:
    ax.text(-0.015, y, label, transform=ax.get_yaxis_transform(), ha="right", va="center")


def _axis(ax: Axes, rows: pd.DataFrame, pitch: float) -> None:
    before, after, sure = rows[["before", "after", "sure"]].iloc[0]
    ax.set(
        xlim=(-3, 103),
        ylim=(rows["generator"].nunique() * pitch, 0),
        yticks=[],
        xlabel=f"fakes scored {sure:g} or more in {before} and missed in {after} (%)",
    )
    ax.grid(axis="x")
