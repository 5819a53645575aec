"""Figure 2a: the mean over generators by protocol, of all detectors together and of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thb.report import classes, dots, means, protocol_table, shifts, style, tables
from thb.report.exhibit import Exhibit
from thb.report.load import MEAN, TABLE_COLUMNS, Results, open_results
from thb.report.shifts import SHIFTS
from thb.report.tables import decimal, text

ALL = "All detectors"


def build(metric: str = "T1", protocols: Sequence[str] = SHIFTS, palette: str = style.PALETTE) -> Exhibit:
    """The exhibit of one metric; colours tell the detectors apart."""
    results = open_results()
    style.palette(palette)
    rows = by_protocol(results, protocols, metric)
    return Exhibit(
        title=f"Mean {metric} by protocol",
        html=_html(results, rows, metric),
        rows=rows,
        drawing=_draw(results, rows, metric, palette),
        alt=f"Two panels of dots over protocols {', '.join(protocols)}: mean {metric} over generators, above of all "
        "detectors together, below of each. Filled dots with intervals reproduced here, hollow diamonds printed.",
    )


def by_protocol(results: Results, protocols: Sequence[str], metric: str) -> pd.DataFrame:
    """TABLE_COLUMNS: every entrant's mean over generators in each protocol, then that of all detectors."""
    cells = means.of_the_paper(results, means.cells(results, protocols, metric))
    out = []
    for protocol in protocols:
        table = results.table(protocol)
        own = table[(table["generator"] == MEAN) & (table["metric"] == metric)]
        whole = means.over(results, means.of_the_paper(results, own))
        tested = cells[cells["protocol"] == protocol]
        head = {"protocol": protocol, "detector": ALL, "control": False, "generator": MEAN, "metric": metric}
        drawn = means.drawn_together(results, metric, [protocol], MEAN, MEAN)
        out += [*own.to_dict("records"), head | whole | drawn | {"n_fake": means.over(results, tested)["n_fake"]}]
    return pd.DataFrame(out, columns=TABLE_COLUMNS)


def sentences(results: Results, metric: str = "") -> list[str]:
    """How the mean moves from protocol to protocol, printed and here."""
    metric = metric or means.headline(results)
    rows = by_protocol(results, SHIFTS, metric).set_index(["detector", "protocol"])
    whole = [rows.loc[(ALL, protocol)] for protocol in SHIFTS]
    ours = ", ".join(f"{_shown(row)} in {p}" for p, row in zip(SHIFTS, whole, strict=True))
    said = [
        f"Mean {text(metric)} over detectors and generators, here: {ours}.",
        *(_moves(results, metric, before, after) for before, after in combinations(SHIFTS, 2)),
        *means.left_out(results, SHIFTS),
    ]
    if any(math.isnan(row["printed"]) for row in whole):
        return said
    theirs = ", ".join(f"{decimal(row['printed'])} in {p}" for p, row in zip(SHIFTS, whole, strict=True))
    return [
        f"Mean {text(metric)} over detectors and generators, printed: {theirs}.",
        _steps(results, rows, metric),
        *said,
    ]


def _shown(row: pd.Series) -> str:
    return str(means.known(row)) if row["resolvable"] else tables.UNRESOLVABLE


def _steps(results: Results, rows: pd.DataFrame, metric: str) -> str:
    """Which detectors' printed means fall at every step; a mean of all can hide one that does not."""
    printed = {e.label: [rows.loc[(e.label, p), "printed"] for p in SHIFTS] for e in results.entrants if e.printed}
    steady = [name for name, values in printed.items() if all(a > b for a, b in pairwise(values))]
    others = [name for name in printed if name not in steady]
    return (
        f"Printed, mean {text(metric)} falls at every step from {SHIFTS[0]} to {SHIFTS[-1]} for "
        f"{text(', '.join(steady) or 'no detector')}" + (f"; not for {text(', '.join(others))}." if others else ".")
    )


def _moves(results: Results, metric: str, before: str, after: str) -> str:
    told = results.verdicts.falls(metric, before, after)
    return f"From {before} to {after}, mean {text(metric)} over detectors here {shifts.fell(told)}."


def _html(results: Results, rows: pd.DataFrame, metric: str) -> str:
    wide = rows.assign(generator=rows["protocol"])  # a protocol a column
    protocols = list(dict.fromkeys(rows["protocol"]))
    labels = [e.label for e in results.entrants]
    bodies = [_body(wide, label, protocols, metric in results.params.metrics.fpr) for label in [ALL, *labels]]
    return "\n".join(
        [
            tables.interval_switch("means", results.params.metrics.confidence),
            tables.table(f"Mean {text(metric)} over generators", ["Detector", "", *protocols], bodies),
            classes.legend() if metric in results.params.metrics.fpr else "",
            tables.notes(_notes(results, rows, metric)),
        ]
    )


def _body(rows: pd.DataFrame, label: str, protocols: Sequence[str], classed: bool) -> str:
    """One detector: our numbers above the printed ones."""
    own = rows[rows["detector"] == label].set_index("protocol")
    cells = [own.loc[p] for p in protocols]
    control = bool(cells[0]["control"])
    name = text(label) + (" <small>(control)</small>" if control else "")
    lines = [
        tables.row(
            name,
            ['<td class="which">reproduced</td>', *(tables.number(c, classed, False) for c in cells)],
            "total" if label == ALL else "",
        )
    ]
    if not all(math.isnan(c["printed"]) for c in cells):
        theirs = [tables.printed(c["printed"], classed, False) for c in cells]
        lines.append(tables.row("", ['<td class="which">printed</td>', *theirs], "printed"))
    return tables.body(lines, "control" if control else "")


def _notes(results: Results, rows: pd.DataFrame, metric: str) -> list[str]:
    said = sentences(results, metric) if set(SHIFTS) <= set(rows["protocol"]) else []
    return [
        *said,
        means.TOGETHER.format(over="detectors") + " Controls are not in it.",
        *protocol_table.unresolvable(results, rows, [metric]),
    ]


def _draw(results: Results, rows: pd.DataFrame, metric: str, palette: str) -> Figure:
    with style.look():
        figure, (above, below) = style.panels([2.0, 2.6])
        _panel(above, rows, {ALL: style.INK}, f"All detectors: mean {metric} over detectors and generators", metric)
        _panel(below, rows, dots.colours(results.entrants, palette), f"Each: mean {metric} over generators", metric)
        handles = dots.legend(results.entrants, palette)
        figure.legend(handles=handles, loc="outside lower center", ncols=3, columnspacing=1.2)
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, colours: dict[str, str], title: str, metric: str) -> None:
    protocols = list(dict.fromkeys(rows["protocol"]))
    for i, (label, colour) in enumerate(colours.items()):
        own = rows[rows["detector"] == label]
        x = np.arange(len(protocols)) + (i - (len(colours) - 1) / 2) * 0.06
        _line(ax, x, own, colour)
    ax.set(ylim=(-0.03, 1.03), xlim=(-0.4, len(protocols) - 0.6), title=title, ylabel=f"{metric} (share, 0 to 1)")
    ax.set_xticks(range(len(protocols)), protocols)
    ax.set_xlabel("protocol")
    ax.grid(axis="y")


def _line(ax: Axes, x: np.ndarray, own: pd.DataFrame, colour: str) -> None:
    """One detector over protocols: printed dashed and hollow, ours solid, ⊘ at the foot where it cannot be told."""
    ax.plot(x, own["printed"], color=colour, lw=1, ls=(0, (3, 2)), **dots.PRINTED)
    ours = [means.known(row) for _, row in own.iterrows()]
    ax.vlines(x, [m.lo for m in ours], [m.hi for m in ours], color=colour, lw=1.3)
    ax.plot(x, [m.value for m in ours], color=colour, lw=1.3, **dots.OURS)
    off = (own["n_fake"].to_numpy() > 0) & ~own["resolvable"].to_numpy(bool)
    ax.plot(x[off], np.zeros(off.sum()), color=colour, marker=style.UNRESOLVABLE, ms=6, ls="none")
