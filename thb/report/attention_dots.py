"""The companion of the attention table: a dot of heat and a diamond of area for every region, a panel a detector."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thb.core.tables import REGIONS
from thb.report import cams, style
from thb.report.load import MEAN, Results

STEP, GAP, COLUMNS = 0.1, 0.12, 2  # inches between dots of a region, and between regions; panels side by side
SHAPES = {MEAN: "o", "reals": "s"}  # where a row is a protocol; else colours tell generators apart
AREA = {"marker": "D", "ms": 3.6, "mfc": "white", "mec": style.GREY, "mew": 0.9, "ls": "none"}


def draw(results: Results, rows: pd.DataFrame) -> Figure:
    """Regions downwards, within each its protocols and groups."""
    with style.look():
        if rows["mass"].notna().sum() == 0:
            return style.message(cams.NONE_HERE if rows.empty else "No map has any heat.")
        series = list(rows.groupby(["protocol", "group"], sort=False).groups)
        colour = _colours(series)
        detectors = list(dict.fromkeys(rows["detector"]))
        figure, axes = side_by_side(len(detectors), len(REGIONS) * (len(series) * STEP + GAP))
        for ax, detector in zip(axes, detectors, strict=False):
            _panel(ax, rows[rows["detector"] == detector], series, colour)
            ax.set_xlim(-0.02, max(0.5, rows[["mass_hi", "area"]].max().max()) + 0.03)
            ax.set_title(cams.label(results, detector))
        label_below(figure, axes, "share of the heat, or of the picture (0 to 1)")
        figure.legend(handles=_legend(results, series, colour), loc="outside lower center", ncols=3, columnspacing=1.2)
    return figure


def side_by_side(count: int, height: float) -> tuple[Figure, list[Axes]]:
    """A panel a detector, at most COLUMNS side by side, sharing their axes."""
    columns = min(count, COLUMNS)
    rows = -(-count // columns)
    figure = Figure(figsize=(style.WIDTH, rows * (height + 0.35) + 1.1), layout="constrained", facecolor="white")
    axes = list(figure.subplots(rows, columns, squeeze=False, sharey=True, sharex=True).flat)
    for ax in axes[count:]:
        ax.remove()
    return figure, axes[:count]


def label_below(figure: Figure, axes: list[Axes], words: str) -> None:
    """One name for the axis that the panels share, set in two lines below the lowest of each column."""
    for ax in axes[-COLUMNS:]:
        ax.tick_params(labelbottom=True)
        ax.set_xlabel(words.replace(" (", "\n("))


def _colours(series: list[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """By protocol where each has its mean, by generator where one protocol has several, else by both."""
    kinds = {key: key[0] if key[1] in SHAPES else key for key in series}
    names = list(dict.fromkeys(kinds.values()))
    return {key: style.COLOURS[names.index(kind) % len(style.COLOURS)] for key, kind in kinds.items()}


def _panel(ax: Axes, rows: pd.DataFrame, series: list[tuple[str, str]], colour: dict) -> None:
    grid, pitch = rows.set_index(["region", "protocol", "group"]), len(series) * STEP + GAP
    for i, region in enumerate(REGIONS):
        for j, key in enumerate(series):
            cell, y = grid.loc[(region, *key)], i * pitch + GAP / 2 + (j + 0.5) * STEP
            ax.plot(cell["area"], y, **AREA)
            ax.plot([cell["mass_lo"], cell["mass_hi"]], [y, y], color=colour[key], lw=1.2, solid_capstyle="butt")
            ax.plot(cell["mass"], y, color=colour[key], marker=SHAPES.get(key[1], "o"), ms=3.8, ls="none")
        if i:
            ax.axhline(i * pitch, color=style.RULE, lw=0.7)
    ax.set_yticks([(i + 0.5) * pitch for i in range(len(REGIONS))], REGIONS)
    ax.set_ylim(len(REGIONS) * pitch, 0)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")


def _legend(results: Results, series: list[tuple[str, str]], colour: dict) -> list[Line2D]:
    several = len({protocol for protocol, _ in series}) > 1
    handles = [
        Line2D(
            [],
            [],
            color=colour[key],
            marker=SHAPES.get(key[1], "o"),
            ms=4,
            lw=1.2,
            label=_label(results, *key, several),
        )
        for key in series
    ]
    return [*handles, Line2D([], [], label="region's area", **AREA)]


def _label(results: Results, protocol: str, group: str, several: bool) -> str:
    if group in SHAPES:
        return f"{protocol}, {'fakes' if group == MEAN else group}"
    return f"{protocol}, {results.label(group)}" if several else results.label(group)
