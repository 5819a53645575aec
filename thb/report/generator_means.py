"""Figure 2c: the mean over detectors and protocols by generator: which are easy, which are hard."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thb.cells.comparisons import OPEN
from thb.report import classes, dots, means, protocol_table, style, tables
from thb.report.exhibit import Exhibit
from thb.report.load import MEAN, Results, open_results
from thb.report.shifts import SHIFTS
from thb.report.tables import decimal, text
from thb.report.verdicts import say

COLUMNS = ["generator", "protocol", "metric", "value", "lo", "hi", "n_real", "n_fake", "resolvable", "printed"]
ALL = "all"  # in the place of a protocol: the mean over them
OFFSET = 0.16  # of ours and theirs from a generator's line, in lines


def build(metric: str = "T1", protocols: Sequence[str] = SHIFTS, palette: str = style.PALETTE) -> Exhibit:
    """The exhibit of one metric; colours tell ours from the printed."""
    results = open_results()
    style.palette(palette)
    rows = by_generator(results, protocols, metric)
    return Exhibit(
        title=f"Mean {metric} by generator",
        html=_html(results, rows, metric),
        rows=rows,
        drawing=_draw(results, rows, metric, palette),
        alt=f"A line a generator: mean {metric} over detectors and over protocols {', '.join(protocols)}. Filled dots "
        "with intervals reproduced here, hollow diamonds printed in the paper.",
    )


def by_generator(results: Results, protocols: Sequence[str], metric: str) -> pd.DataFrame:
    """COLUMNS: each generator's mean over the paper's detectors, over all protocols and in each."""
    cells = means.of_the_paper(results, means.cells(results, protocols, metric))
    out = []
    for generator, own in cells.groupby("generator", sort=False):
        parts = {ALL: own} | {p: own[own["protocol"] == p] for p in protocols}
        out += [
            {"generator": generator, "protocol": p, "metric": metric}
            | means.over(results, part)
            | means.drawn_together(results, metric, list(dict.fromkeys(part["protocol"])), MEAN, generator)
            for p, part in parts.items()
            if len(part)
        ]
    return pd.DataFrame(out, columns=COLUMNS)


def sentences(results: Results, metric: str = "") -> list[str]:
    """The hardest and the easiest generators, printed and here."""
    metric = metric or means.headline(results)
    rows = by_generator(results, SHIFTS, metric)
    rows = rows[rows["protocol"] == ALL].set_index("generator")
    theirs = _ranked(rows["printed"], metric)
    ours = _ranked(scored(rows), metric)
    printed = f"By mean {text(metric)} over detectors and protocols, printed: {_extremes(results, theirs)}."
    said = [] if theirs.empty else [printed]
    if ours.empty:
        return [*said, f"Which are hardest here cannot be told by {text(metric)}: too few clips."]
    return [
        *said,
        f"By the same mean, here: {_extremes(results, ours)}{_order(results, ours, metric)}.",
        *_same(results, theirs, ours),
        *means.left_out(results, SHIFTS),
    ]


def scored(rows: pd.DataFrame) -> pd.Series:
    """generator -> our mean, nan where it cannot be told; those of which no clip was scored are not in it."""
    return pd.Series({g: means.known(row).value for g, row in rows.iterrows() if row["n_fake"]}, dtype=float)


def _order(results: Results, ours: pd.Series, metric: str) -> str:
    """How far the hardest and the easiest lie apart."""
    if len(ours) < 2:
        return ""
    high, low = sorted((ours.index[0], ours.index[-1]), key=ours.get, reverse=True)
    told = results.verdicts.easier(metric, high, low)
    words = f"the first and the last differ by {told.shown}"
    return (
        "; "
        + say(told, words, words, f"whether the first and the last differ {OPEN}: by {told.shown}")
        + (text(told.without))
    )


def _ranked(values: pd.Series, metric: str) -> pd.Series:
    """Hardest first; empty if any number is missing."""
    whole = values[:0] if values.isna().any() else values
    return whole.sort_values(ascending=metric not in protocol_table.LOWER_IS_BETTER)


def _extremes(results: Results, ranked: pd.Series) -> str:
    named = [f"{text(results.label(g))} ({decimal(v)})" for g, v in ranked.items()]
    return f"the hardest are {' and '.join(named[:2])}, the easiest {' and '.join(named[:-3:-1])}"


def _same(results: Results, theirs: pd.Series, ours: pd.Series) -> list[str]:
    """Which of the paper's two hardest are among our two hardest."""
    if theirs.empty:
        return []
    names = " and ".join(text(results.label(g)) for g in theirs.index[:2] if g in ours.index[:2])
    return [
        f"Among the two hardest in both: {names}."
        if names
        else "None of the paper's two hardest generators is among the two hardest here."
    ]


def _html(results: Results, rows: pd.DataFrame, metric: str) -> str:
    protocols, classed = list(dict.fromkeys(rows["protocol"])), metric in results.params.metrics.fpr
    bodies = [
        _body(results, g, own.set_index("protocol"), protocols, classed)
        for g, own in rows.groupby("generator", sort=False)
    ]
    heads = ["Generator", "", *("All protocols" if p == ALL else p for p in protocols)]
    return "\n".join(
        [
            tables.interval_switch("generators", results.params.metrics.confidence),
            tables.table(f"Mean {text(metric)} over detectors", heads, bodies),
            classes.legend() if classed else "",
            tables.notes(_notes(results, rows, metric)),
        ]
    )


def _body(results: Results, generator: str, own: pd.DataFrame, protocols: Sequence[str], classed: bool) -> str:
    """One generator: our numbers above the printed ones; a dash where a protocol does not test it."""
    here = [tables.number(own.loc[p], classed, False) if p in own.index else tables.plain(math.nan) for p in protocols]
    theirs = [tables.printed(own["printed"].get(p, math.nan), classed, False) for p in protocols]
    return tables.body(
        [
            tables.row(tables.name(results.label(generator)), ['<td class="which">reproduced</td>', *here]),
            tables.row("", ['<td class="which">printed</td>', *theirs], "printed"),
        ]
    )


def _notes(results: Results, rows: pd.DataFrame, metric: str) -> list[str]:
    said = sentences(results, metric) if set(SHIFTS) <= set(rows["protocol"]) else []
    return [
        *said,
        means.TOGETHER.format(over="detectors and protocols") + " Controls are not in it.",
        *protocol_table.unresolvable(results, rows, [metric]),
    ]


def _draw(results: Results, rows: pd.DataFrame, metric: str, palette: str) -> Figure:
    whole = rows[rows["protocol"] == ALL].reset_index(drop=True)
    with style.look():
        figure, (ax,) = style.panels([0.42 * len(whole) + 0.9])
        _panel(ax, whole, style.palette(palette))
        ax.set_yticks(range(len(whole)), [results.label(g) for g in whole["generator"]])
        ax.set(ylim=(len(whole) - 0.5, -0.5), title=f"Mean {metric} over detectors and protocols")
        style.share_axis(ax, metric, whole[["lo", "printed"]].min().min())
        figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _panel(ax: Axes, whole: pd.DataFrame, colours: Sequence[str]) -> None:
    """A line a generator: ours above, the printed below; ⊘ where ours cannot be told."""
    y, ours = np.arange(len(whole)), [means.known(row) for _, row in whole.iterrows()]
    ax.hlines(y - OFFSET, [m.lo for m in ours], [m.hi for m in ours], color=colours[0], lw=1.3)
    ax.plot(
        [m.value for m in ours], y - OFFSET, color=colours[0], ls="none", label="reproduced, with interval", **dots.OURS
    )
    ax.plot(whole["printed"], y + OFFSET, color=colours[1], ls="none", label="printed", **dots.PRINTED)
    off = ~whole["resolvable"].to_numpy(bool) & (whole["n_fake"].to_numpy() > 0)
    ax.plot(np.full(off.sum(), 0.5), y[off] - OFFSET, color=colours[0], marker=style.UNRESOLVABLE, ms=6, ls="none")
