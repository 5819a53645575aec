"""The figure beside the sensitivity tables: a dot and an interval for every change of a mean over detectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thb.cells import choices
from thb.report import style
from thb.report.load import MEAN, Results

LINE, HEAD, GAP = 0.095, 0.21, 0.07  # inches: of a protocol's dot, of a question's name, between choices
MARKS = "osD^vPX"


@dataclass(frozen=True)
class Place:
    """Where on the y axis, in inches from the top: a question's name, or a choice with its protocols."""

    label: str
    y: float
    protocols: tuple[str, ...] = ()
    question: str = ""


def draw(results: Results, rows: pd.DataFrame, metrics: Sequence[str]) -> Figure:
    """A panel a metric, side by side; choices downwards, grouped by question, a dot a protocol."""
    rows = rows[(rows["detector"] == MEAN) & rows["metric"].isin(metrics)]
    with style.look():
        if rows.empty:
            return style.message("No choice that the scores at hand can answer was asked for.")
        places, height = _places(results, rows)
        figure = Figure(figsize=(style.WIDTH, height + 1.1), layout="constrained", facecolor="white")
        axes = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
        for ax, metric in zip(axes, metrics, strict=True):
            _panel(ax, rows[rows["metric"] == metric], metric, places, _looks(rows))
        _name(axes[0], places, height)
        figure.legend(handles=_legend(_looks(rows)), loc="outside lower center", ncols=3, columnspacing=1.2)
    return figure


def _places(results: Results, rows: pd.DataFrame) -> tuple[list[Place], float]:
    """Every line of the y axis, and how high all are together."""
    names, places, y = choices.questions(results.params), [], 0.0
    for question, group in rows.groupby("question", sort=False):
        places.append(Place(names[question].short.capitalize(), y + HEAD / 2))
        y += HEAD
        for choice, own in group.groupby("choice", sort=False):
            protocols = tuple(dict.fromkeys(own["protocol"]))
            high = max(len(protocols) * LINE, 0.15)
            places.append(Place(choice, y + high / 2, protocols, question))
            y += high + GAP
    return places, y


def _looks(rows: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """protocol -> its colour and marker."""
    names = list(dict.fromkeys(rows["protocol"]))
    return {name: (style.COLOURS[i % len(style.COLOURS)], MARKS[i % len(MARKS)]) for i, name in enumerate(names)}


def _panel(ax: Axes, rows: pd.DataFrame, metric: str, places: Sequence[Place], looks: dict) -> None:
    cells = {(r["question"], r["choice"], r["protocol"]): r for r in rows.to_dict("records")}
    for place in places:
        for i, protocol in enumerate(place.protocols):
            y = place.y + (i - (len(place.protocols) - 1) / 2) * LINE
            if (key := (place.question, place.label, protocol)) in cells:
                _dot(ax, cells[key], y, *looks[protocol])
    ax.axvline(0, color=style.GREY, lw=0.9, zorder=1)
    ax.tick_params(axis="y", length=0)
    ax.set(title=metric, xlabel=f"change of mean {metric} (share)")
    ax.margins(x=0.08)
    ax.grid(axis="x")


def _dot(ax: Axes, row: dict, y: float, colour: str, marker: str) -> None:
    if not row["resolvable"]:
        ax.plot(0, y, marker=style.UNRESOLVABLE, ms=5, color=style.GREY, mfc="white", ls="none")
        return
    ax.plot([row["lo"], row["hi"]], [y, y], color=colour, lw=1.2, solid_capstyle="butt")
    ax.plot(row["difference"], y, marker=marker, ms=3.8, color=colour, ls="none")


def _name(ax: Axes, places: Sequence[Place], height: float) -> None:
    """The y axis: questions bold, their choices below."""
    ax.set_ylim(height, 0)
    ax.set_yticks([p.y for p in places], [p.label for p in places])
    for place, tick in zip(places, ax.get_yticklabels(), strict=True):
        tick.set_fontsize(7.5)
        if not place.protocols:
            tick.set_fontweight("bold")


def _legend(looks: dict) -> list[Line2D]:
    unknown = Line2D([], [], marker=style.UNRESOLVABLE, ms=5, color=style.GREY, ls="none", label="not resolvable")
    return [*(Line2D([], [], color=c, marker=m, ms=3.8, lw=1.2, label=name) for name, (c, m) in looks.items()), unknown]
