"""Tables 5, 6, 7, D.9 and D.10: one protocol, printed and reproduced side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from thb.cells.comparisons import ABOVE, BELOW, OPEN
from thb.core.errors import DataError
from thb.core.metrics import AUC
from thb.report import classes, dots, tables
from thb.report.exhibit import Exhibit
from thb.report.load import MEAN, Entrant, Results, open_results
from thb.report.verdicts import mark

LOWER_IS_BETTER = {"Brier", "EER"}


def build(protocol: str, metrics: Sequence[str] = (), figure_metrics: Sequence[str] = ()) -> Exhibit:
    """The exhibit of one protocol; metrics default to those the paper prints, in its order."""
    results = open_results()
    rows = results.table(protocol)
    shown = [results.check_metric(m) for m in metrics or (AUC, *results.params.metrics.fpr)]
    drawn = [results.check_metric(m) for m in figure_metrics or (AUC, next(iter(results.params.metrics.fpr)))]
    title = results.protocol(protocol).title
    return Exhibit(
        title=title if "_" in protocol else f"{title} ({protocol})",
        html=_html(results, protocol, rows, shown),
        rows=rows[rows["metric"].isin(shown)].reset_index(drop=True),
        drawing=dots.draw(results, rows, drawn),
        alt=f"Dots with intervals: {' and '.join(drawn)} of detectors on each generator, {title.lower()}. "
        "Filled dots reproduced here, hollow diamonds printed in the paper.",
    )


def _html(results: Results, protocol: str, rows: pd.DataFrame, metrics: Sequence[str]) -> str:
    parts = [metric_table(results, rows[rows["metric"] == metric], metric) for metric in metrics]
    return "\n".join(
        [
            tables.interval_switch(protocol, results.params.metrics.confidence),
            *parts,
            classes.legend(),
            tables.notes(_notes(results, rows, metrics)),
        ]
    )


def metric_table(results: Results, rows: pd.DataFrame, metric: str) -> str:
    """One metric: a body per detector, our numbers above the printed ones."""
    columns = list(dict.fromkeys(rows["generator"]))
    grid = rows.set_index(["detector", "generator"])
    best = {g: _best(rows[(rows["generator"] == g) & ~rows["control"]], metric) for g in columns}
    classed = metric in results.params.metrics.fpr
    bodies = [_detector_body(grid.loc[e.label], e, columns, best, classed) for e in results.entrants]
    heads = ["Detector", "", *(tables.name(results.label(g)) for g in columns)]
    return tables.table(_caption(results, metric), heads, bodies)


def _caption(results: Results, metric: str) -> str:
    fpr = results.params.metrics.fpr
    meaning = (
        f"share of fakes caught with at most {100 * fpr[metric]:g} % of reals accused"
        if metric in fpr
        else {
            AUC: "chance that a fake scores above a real",
            "Brier": "mean squared error of the score; lower is better",
            "EER": "rate at which both errors are equal; lower is better",
        }[metric]
    )
    return f"{tables.text(metric)} <small>· {meaning}</small>"


def _detector_body(grid: pd.DataFrame, entrant, columns: list[str], best: dict, classed: bool) -> str:
    cells = [grid.loc[g] for g in columns]
    ours = [
        tables.number(c, classed, not entrant.control and tables.is_best(_known(c), best[g][0]))
        for g, c in zip(columns, cells, strict=True)
    ]
    label = tables.text(entrant.label) + (" <small>(control)</small>" if entrant.control else "")
    rows = [tables.row(label, ['<td class="which">reproduced</td>', *ours])]
    if entrant.printed:
        theirs = [
            tables.printed(c["printed"], classed, tables.is_best(c["printed"], best[g][1]))
            for g, c in zip(columns, cells, strict=True)
        ]
        rows.append(tables.row("", ['<td class="which">printed</td>', *theirs], "printed"))
    return tables.body(rows, "control" if entrant.control else "")


def _known(cell: pd.Series) -> float:
    """Our value if it may be shown as a number."""
    return cell["value"] if cell["n_fake"] and cell["resolvable"] else float("nan")


def _best(column: pd.DataFrame, metric: str) -> tuple[float, float]:
    """The best reproduced and the best printed number of one generator, controls apart."""
    higher = metric not in LOWER_IS_BETTER
    ours = [_known(cell) for _, cell in column.iterrows()]
    return tables.best_of(ours, higher), tables.best_of(column["printed"], higher)


def _notes(results: Results, rows: pd.DataFrame, metrics: Sequence[str]) -> list[str]:
    """What a reader must know to read the table, in the numbers of this run."""
    scored = rows[(rows["n_fake"] > 0) & (rows["generator"] != MEAN)]
    if scored.empty and results.absent:
        return results.said_absent()
    if scored.empty:
        raise DataError(f"no detector has a score under {rows['protocol'].iloc[0]}; run `dvc repro`")
    fakes = sorted({int(n) for n in scored["n_fake"]})
    span = f"{fakes[0]}" if len(fakes) == 1 else f"{fakes[0]} to {fakes[-1]}"
    lines = [
        f"Reproduced on {int(scored['n_real'].max())} real clips and {span} fakes a generator. Bold: best of "
        "its column, the controls apart; printed and reproduced are ranked separately.",
        *unresolvable(results, rows, metrics),
        *_controls(results, rows),
    ]
    absent = [e.label for e in results.entrants if not e.key]
    if absent:
        lines.append(f"{tables.NONE} reproduced: {tables.text(', '.join(absent))} cannot be run by this package yet.")
    return lines


def unresolvable(results: Results, rows: pd.DataFrame, metrics: Sequence[str]) -> list[str]:
    """Why some cells show no number."""
    fpr = results.params.metrics.fpr
    off = rows[(rows["n_fake"] > 0) & ~rows["resolvable"].astype(bool) & rows["metric"].isin(metrics)]
    return [
        f"{tables.UNRESOLVABLE} {tables.text(metric)}: not resolvable. A false-positive rate of "
        f"{100 * fpr[metric]:g} % needs at least {math.ceil(1 / fpr[metric]):,} reals to allow a single false "
        "positive; the CSV keeps the value with this flag."
        for metric in dict.fromkeys(off["metric"])
    ]


def _controls(results: Results, rows: pd.DataFrame) -> list[str]:
    """On which generators a control stays below the best detector, and on which that cannot be told."""
    auc = rows[(rows["metric"] == AUC) & (rows["n_fake"] > 0) & (rows["generator"] != MEAN)]
    best = auc[~auc["control"].astype(bool)].sort_values("value", ascending=False).groupby("generator").first()
    return [
        f"The control {tables.text(e.label)}, by AUC against the best detector of each generator: "
        f"{_against(results, e, best['detector'], rows['protocol'].iloc[0])}."
        for e in results.entrants
        if e.control and (auc["detector"] == e.label).any()
    ]


def _against(results: Results, control: Entrant, best: Mapping[str, str], protocol: str) -> str:
    """'below on 5 of 6 generators; cannot be told on 1 (Hallo)', each marked with its answer."""
    keys = {e.label: e.key for e in results.entrants}
    told = {
        g: results.verdicts.better(AUC, control.key, keys[best[g]], protocol, g)
        for g in results.generators(protocol)
        if g in best
    }
    said = []
    for verdict, word in ((BELOW, "below on"), (ABOVE, "above on"), (OPEN, f"{OPEN} on")):
        at = [mark(tables.text(results.label(g)), [one]) for g, one in told.items() if one.verdict == verdict]
        said += [f"{word} {len(at)} of {len(told)} ({', '.join(at)})"] if at else []
    return "; ".join(said)
