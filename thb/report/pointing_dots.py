"""The companion of the pointing table: how often a map's hottest place lies on a fault, a panel a detector."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thb.report import cams, style
from thb.report.attention_dots import label_below, side_by_side
from thb.report.load import Results

CENTRE, CHANCE = "pointing, centre", "pointing, chance"  # what pointing is measured against
STEP, GAP = 0.13, 0.13  # inches between protocols of a generator, and between generators
_HOLLOW = {"mfc": "none", "mec": style.GREY, "mew": 1.0, "ls": "none"}
BASELINES = {CENTRE: {"marker": "D", "ms": 4.2, **_HOLLOW}, CHANCE: {"marker": "s", "ms": 3.6, **_HOLLOW}}


def draw(results: Results, known: pd.DataFrame) -> Figure:
    """Rows of the measures CENTRE and CHANCE; generators downwards, protocols within each."""
    with style.look():
        if known.empty:
            return style.message("No clip here has a known fault that was explained.")
        detectors, protocols = (list(dict.fromkeys(known[c])) for c in ("detector", "protocol"))
        generators = list(dict.fromkeys(known["generator"]))
        figure, axes = side_by_side(len(detectors), len(generators) * (len(protocols) * STEP + GAP))
        reach = min(1.02, 1.1 * known[["hi", "baseline"]].max().max())
        for ax, detector in zip(axes, detectors, strict=True):
            _panel(ax, results, known[known["detector"] == detector], protocols, generators)
            ax.set(title=cams.label(results, detector), xlim=(-0.02 * reach, reach))
        label_below(figure, axes, "hottest place on a fault (share of frames, 0 to 1)")
        figure.legend(handles=_legend(protocols), loc="outside lower center", ncols=2, columnspacing=1.2)
    return figure


def _panel(ax: Axes, results: Results, rows: pd.DataFrame, protocols: list[str], generators: list[str]) -> None:
    pitch = len(protocols) * STEP + GAP
    for row in rows.to_dict("records"):
        j = protocols.index(row["protocol"])
        y = generators.index(row["generator"]) * pitch + GAP / 2 + (j + 0.5) * STEP
        ax.plot(row["baseline"], y, **BASELINES[row["measure"]])
        if row["measure"] == CENTRE:
            ax.plot([row["lo"], row["hi"]], [y, y], color=style.COLOURS[j], lw=1.3, solid_capstyle="butt")
            ax.plot(row["value"], y, color=style.COLOURS[j], marker="o", ms=4.2, ls="none")
    for i in range(1, len(generators)):
        ax.axhline(i * pitch, color=style.RULE, lw=0.7)
    ax.set_yticks([(i + 0.5) * pitch for i in range(len(generators))], [results.label(g) for g in generators])
    ax.set(ylim=(len(generators) * pitch, 0))
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")


def _legend(protocols: list[str]) -> list[Line2D]:
    dots = [
        Line2D([], [], color=style.COLOURS[j], marker="o", ms=4.2, lw=1.3, label=f"{p}, with interval")
        for j, p in enumerate(protocols)
    ]
    return [
        *dots,
        Line2D([], [], label="centre of the picture", **BASELINES[CENTRE]),
        Line2D([], [], label="chance", **BASELINES[CHANCE]),
    ]
