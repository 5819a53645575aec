"""Figure 3: every detector's mean over protocols, a spoke a generator."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thb.cells.comparisons import ABOVE, BELOW, OPEN
from thb.report import classes, dots, means, protocol_table, style, tables
from thb.report.exhibit import Exhibit
from thb.report.load import MEAN, MEASURED, Results, open_results
from thb.report.shifts import SHIFTS
from thb.report.tables import decimal, text
from thb.report.verdicts import mark, pooled

COLUMNS = [*MEASURED, "printed"]
RINGS = (0.25, 0.5, 0.75, 1.0)
MARKERS = "os^vDP"
THEIRS, OURS = {"ls": (0, (3, 2)), "lw": 1.2, "mfc": "white", "ms": 4.2}, {"ls": "-", "lw": 1.2, "ms": 4.2}
PANELS = (("printed", "printed", THEIRS), ("shown", "reproduced", OURS))


def build(metric: str = "T1", protocols: Sequence[str] = SHIFTS, palette: str = style.PALETTE) -> Exhibit:
    """The exhibit of one metric; colours tell the detectors apart."""
    results = open_results()
    style.palette(palette)
    rows = spokes(results, protocols, metric)
    return Exhibit(
        title=f"{metric} of each detector over generators",
        html=_html(results, rows, metric, protocols),
        rows=rows,
        drawing=_draw(results, rows, metric, palette),
        alt=f"Two radar charts, a spoke a generator and a line a detector: {metric}, mean over protocols "
        f"{', '.join(protocols)}. Above, dashed, printed in the paper; below, solid, reproduced here"
        + ("." if _drawable(rows) else ", where nothing can be resolved and nothing is drawn."),
    )


def spokes(results: Results, protocols: Sequence[str], metric: str) -> pd.DataFrame:
    """COLUMNS: every entrant's mean over protocols on each generator, and over both."""
    cells = means.cells(results, protocols, metric)
    out = []
    for entrant in results.entrants:
        own = cells[cells["detector"] == entrant.label]
        groups = {**dict(list(own.groupby("generator", sort=False))), MEAN: own}
        head = {"detector": entrant.label, "control": entrant.control, "metric": metric}
        for generator, part in groups.items():
            drawn = means.drawn_together(results, metric, protocols, entrant.key, generator) if entrant.key else {}
            out.append(head | {"generator": generator} | means.over(results, part) | drawn)
    return pd.DataFrame(out, columns=COLUMNS)


def sentences(results: Results, metrics: Sequence[str] = ()) -> list[str]:
    """Who covers most at each false-positive rate, printed and here, and how evenly."""
    return [_said(results, spokes(results, SHIFTS, m), m, SHIFTS) for m in metrics or results.params.metrics.fpr]


def _said(results: Results, rows: pd.DataFrame, metric: str, protocols: Sequence[str]) -> str:
    rows = rows[~rows["control"].astype(bool)]
    ours = rows.assign(shown=[means.known(row).value for _, row in rows.iterrows()])
    here = _widest(results, ours, "shown", metric)
    rivals = _rivals(results, rows, metric, pooled(protocols)) if here else ""
    theirs = _widest(results, rows, "printed", metric)
    return f"By mean {text(metric)} over generators and protocols, printed: {theirs or 'no number'}; here: " + (
        f"{here}{rivals}." if here else f"too few clips to tell ({tables.UNRESOLVABLE})."
    )


def _ranked(rows: pd.DataFrame, column: str, metric: str) -> pd.Series:
    """Detector -> its mean, best first; those without a number left out."""
    whole = rows[rows["generator"] == MEAN].set_index("detector")[column].dropna()
    return whole.sort_values(ascending=metric in protocol_table.LOWER_IS_BETTER, kind="stable")


def _widest(results: Results, rows: pd.DataFrame, column: str, metric: str) -> str:
    """The best detector by its mean, with its weakest spoke; '' where there is no number."""
    ranked = _ranked(rows, column, metric)
    if ranked.empty:
        return ""
    own = rows[(rows["detector"] == ranked.index[0]) & (rows["generator"] != MEAN)].set_index("generator")[column]
    worst = own.sort_values(ascending=metric not in protocol_table.LOWER_IS_BETTER).index[0]
    return (
        f"{text(ranked.index[0])} is best ({decimal(ranked.iloc[0])}), weakest on "
        f"{text(results.label(worst))} ({decimal(own[worst])})"
    )


def _rivals(results: Results, rows: pd.DataFrame, metric: str, protocol: str) -> str:
    """Which detectors our best one is better than, and of which that cannot be told."""
    known = rows[(rows["generator"] != MEAN) | rows["resolvable"].astype(bool)]
    best, *others = _ranked(known, "value", metric).index
    if not protocol or not others:
        return ""
    keys = {e.label: e.key for e in results.entrants}
    better, worse = (BELOW, ABOVE) if metric in protocol_table.LOWER_IS_BETTER else (ABOVE, BELOW)
    words = {better: "better than ", OPEN: f"{OPEN} to be better than ", worse: "worse, where both have numbers, than "}
    said: dict[str, list[str]] = {verdict: [] for verdict in words}
    for d in others:
        told = results.verdicts.better(metric, keys[best], keys[d], protocol)
        said[told.verdict].append(mark(f"{text(d)} by {told.size}{text(told.without)}", [told]))
    return ", " + "; ".join(words[verdict] + ", ".join(names) for verdict, names in said.items() if names)


def _html(results: Results, rows: pd.DataFrame, metric: str, protocols: Sequence[str]) -> str:
    return "\n".join(
        [
            tables.interval_switch("radar", results.params.metrics.confidence),
            protocol_table.metric_table(results, rows, metric),
            classes.legend() if metric in results.params.metrics.fpr else "",
            tables.notes(
                [
                    f"Every number is a mean over {', '.join(protocols)}.",
                    _said(results, rows, metric, protocols),
                    means.TOGETHER.format(over="protocols"),
                    *protocol_table.unresolvable(results, rows, [metric]),
                ]
            ),
        ]
    )


def _drawable(rows: pd.DataFrame) -> bool:
    return any(not math.isnan(means.known(row).value) for _, row in rows.iterrows())


def _draw(results: Results, rows: pd.DataFrame, metric: str, palette: str) -> Figure:
    """The printed radar above ours; the controls stand in the table only."""
    own = rows[(rows["generator"] != MEAN) & ~rows["control"].astype(bool)]
    own = own.assign(shown=[means.known(row).value for _, row in own.iterrows()])
    colour = {label: c for label, c in dots.colours(results.entrants, palette).items() if label in set(own["detector"])}
    with style.look():
        figure, panels = style.panels([3.1, 3.1])
        for ax, (column, word, look) in zip(panels, PANELS, strict=True):
            _grid(ax, [results.label(g) for g in dict.fromkeys(own["generator"])])
            _lines(ax, own, column, colour, look)
            ax.set_title(f"{metric}, {word} (share: 0 at the centre, 1 at the rim)")
        if not _drawable(own):
            _empty(panels[1], results, own, metric)
        figure.legend(handles=_legend(colour), loc="outside lower center", ncols=3, columnspacing=1.2)
    return figure


def _grid(ax: Axes, labels: Sequence[str]) -> None:
    """Rings with their values, and a named spoke a generator, the first one upwards."""
    turn = np.linspace(0, 2 * np.pi, 181)
    for ring in RINGS:
        ax.plot(*_place(turn, ring), color=style.RULE, lw=0.8)
        ax.text(
            *_place(np.pi / len(labels), ring),
            f"{ring:g}",
            fontsize=7,
            color=style.GREY,
            ha="center",
            va="center",
            bbox={"fc": "white", "ec": "none", "pad": 0.6},
        )
    for angle, label in zip(_angles(len(labels)), labels, strict=True):
        ax.plot(*zip((0, 0), _place(angle, 1), strict=True), color=style.RULE, lw=0.8)
        x, y = _place(angle, 1.08)
        ax.text(x, y, label, fontsize=8.5, ha="center" if abs(x) < 0.1 else "left" if x > 0 else "right", va="center")
    ax.set(xlim=(-2, 2), ylim=(-1.15, 1.15), aspect="equal")
    ax.axis("off")


def _angles(n: int) -> np.ndarray:
    return np.linspace(0, 2 * np.pi, n, endpoint=False)


def _place(angle: np.ndarray | float, radius: np.ndarray | float) -> tuple:
    """x and y of a point, clockwise from the top."""
    return radius * np.sin(angle), radius * np.cos(angle)


def _lines(ax: Axes, rows: pd.DataFrame, column: str, colour: dict[str, str], look: dict) -> None:
    """One closed line a detector; a detector with a missing number is not drawn."""
    for i, (label, own) in enumerate(rows.groupby("detector", sort=False)):
        values = own[column].to_numpy(float)
        if not np.isnan(values).any():
            x, y = _place(_angles(len(values)), values)
            ax.plot([*x, x[0]], [*y, y[0]], color=colour[label], marker=MARKERS[i % len(MARKERS)], **look)


def _empty(ax: Axes, results: Results, rows: pd.DataFrame, metric: str) -> None:
    """Why there is no line of ours."""
    reals, alpha = int(rows["n_real"].max()), results.params.metrics.fpr.get(metric)
    why = (
        f"{reals} test reals are too few\nfor a false-positive rate of {100 * alpha:g} %"
        if alpha and reals
        else "no score here"
    )
    ax.text(
        0,
        -0.3,
        f"{tables.UNRESOLVABLE} not resolvable:\n{why}",
        ha="center",
        va="center",
        bbox={"fc": "white", "ec": "none", "pad": 2},
    )


def _legend(colour: dict[str, str]) -> list[Line2D]:
    by_name = [
        Line2D([], [], color=c, marker=MARKERS[i % len(MARKERS)], label=name)
        for i, (name, c) in enumerate(colour.items())
    ]
    return [
        *by_name,
        Line2D([], [], color=style.INK, label="printed", marker="o", **THEIRS),
        Line2D([], [], color=style.INK, label="reproduced", marker="o", **OURS),
    ]
