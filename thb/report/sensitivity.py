"""How far each headline number moves with each choice that the paper leaves open."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from thb.cells import choices
from thb.cells.effects import ACCUSED, BOUND, MOVES, OPEN, OTHER_FITS, SAME, STILL, UNMOVED, effects, headline
from thb.core import metrics as measures
from thb.report import sensitivity_figure, tables
from thb.report.exhibit import Exhibit
from thb.report.load import MEAN, Results, open_results

BOUND_ASKS = "Does a class hold its own bound?"
UP, DOWN = "▲", "▼"
SHORT = {MOVES: "yes", STILL: "no", UNMOVED: "no", OPEN: OPEN}
NO_POOLS = (
    "No unit outputs are at hand, so what pooling does cannot be told here; <code>thb explain</code> writes them."
)


def build(metric: str = "", detectors: Sequence[str] = (), questions: Sequence[str] = ()) -> Exhibit:
    """The exhibit; without arguments of AUC and the first TPR, every detector but the controls, and every question."""
    results = open_results()
    rows = effects(results, metric, detectors, questions)
    shown = headline(results.params, metric)
    return Exhibit(
        title="What each open choice does to the numbers",
        html=_html(results, rows, shown),
        rows=rows,
        drawing=sensitivity_figure.draw(results, rows, shown),
        alt=f"Dots with intervals: by how much the mean {' and '.join(shown)} over detectors changes with each "
        "choice, a colour a protocol, grouped by question; a line marks no change.",
    )


# ---- sentences -----------------------------------------------------------------------------------------


def sentences(results: Results) -> list[str]:
    """What moves, what moves most, what a threshold from elsewhere does, what a class's bound does."""
    return said(results, effects(results), headline(results.params))


def said(results: Results, rows: pd.DataFrame, shown: Sequence[str]) -> list[str]:
    lines = [_counted(results, rows, shown), _largest(results, rows, shown)]
    lines += [line for m in shown for line in (_accused(results, rows, m), _bound(rows, m))]
    return [line for line in lines if line]


def _told(rows: pd.DataFrame, shown: Sequence[str]) -> pd.DataFrame:
    """The headline: means over detectors that can be told."""
    return rows[(rows["detector"] == MEAN) & rows["metric"].isin(shown) & rows["resolvable"].astype(bool)]


def _counted(results: Results, rows: pd.DataFrame, shown: Sequence[str]) -> str:
    told, names = _told(rows, shown), choices.questions(results.params)
    moved = [names[q].short for q in dict.fromkeys(told.loc[told["verdict"] == MOVES, "question"])]
    if told.empty:
        return ""
    which = f"{len(moved)} of {told['question'].nunique()} open choices that the scores at hand can answer"
    verb = "moves" if len(moved) == 1 else "move"
    return f"{which} {verb} a mean over detectors ({tables.text(' or '.join(shown))}) beyond its interval" + (
        f": {tables.text(', '.join(moved))}." if moved else "."
    )


def _largest(results: Results, rows: pd.DataFrame, shown: Sequence[str]) -> str:
    moved = _told(rows, shown)
    moved = moved[moved["verdict"] == MOVES]
    if moved.empty:
        return ""
    row = moved.loc[moved["difference"].abs().idxmax()]
    what = choices.questions(results.params)[row["question"]].short
    return (
        f"The largest such step ({tables.text(what)}): “{tables.text(row['choice'])}” for "
        f"“{tables.text(row['default'])}” takes mean {tables.text(row['metric'])} in "
        f"{tables.text(row['protocol'])} from {tables.decimal(row['default_value'])} to "
        f"{tables.decimal(row['value'])} ({_signed(row['difference'])}, interval {_interval(row)})."
    )


def _accused(results: Results, rows: pd.DataFrame, metric: str) -> str:
    """What a threshold from validation reals does to the test reals."""
    mean = rows[rows["detector"] == MEAN]
    found = mean.loc[mean["metric"] == ACCUSED.format(metric), "value"].dropna()
    if found.empty:
        return ""
    alpha = results.params.metrics.fpr[metric]
    n_real = int(mean.loc[mean["metric"] == ACCUSED.format(metric), "n_real"].min())
    allowed = measures.allowed_false_positives(alpha, n_real)
    shares = list(dict.fromkeys(f"{100 * share:.1f} %" for share in (found.min(), found.max())))
    return (
        f"A threshold that accuses {allowed or 'none'} of the {n_real} validation reals, as {100 * alpha:g} % of "
        f"them allows, accuses {' to '.join(shares)} of the test reals (mean over detectors, by protocol)."
    )


def _bound(rows: pd.DataFrame, metric: str) -> str:
    """What is left of the printed tables' excellent cells without their bound."""
    found = rows[(rows["metric"] == f"excellent {metric} cells, printed") & (rows["detector"] != MEAN)]
    before, after = found["default_value"].sum(), found["value"].sum()
    return (
        ""
        if found.empty
        else (
            f"Of the {before:.0f} printed {tables.text(metric)} cells that are excellent if the bound belongs to the "
            f"class, {after:.0f} are left if it does not."
        )
    )


# ---- tables --------------------------------------------------------------------------------------------


def _html(results: Results, rows: pd.DataFrame, shown: Sequence[str]) -> str:
    parts, names = [tables.notes(said(results, rows, shown))], list(dict.fromkeys(rows["question"]))
    for name in names:
        own = rows[rows["question"] == name]
        table = _other_fits(own) if name == OTHER_FITS else _table(results, name, own)
        parts.append(tables.folded(_summary(results, name, own), table, opened=len(names) == 1))
    return "\n".join([*parts, tables.notes(_notes(results, rows))])


def _summary(results: Results, name: str, rows: pd.DataFrame) -> str:
    """The question, and in how many means its answers make a difference."""
    if name == OTHER_FITS:
        return f"<b>What needs other fits?</b> {len(rows)} choices."
    mean = rows[(rows["detector"] == MEAN) & rows["resolvable"].astype(bool)]
    moved = int((mean["verdict"] == MOVES).sum())
    asks = tables.text(_asks(results, name))
    return f"<b>{asks}</b> Another answer moves {moved} of {len(mean)} means over detectors."


def _asks(results: Results, name: str) -> str:
    return BOUND_ASKS if name == BOUND else choices.questions(results.params)[name].asks


def _table(results: Results, name: str, rows: pd.DataFrame) -> str:
    """One question: a row a choice, protocol and metric; the mean in full, each detector's difference."""
    detectors = [d for d in dict.fromkeys(rows["detector"]) if d != MEAN]
    heads = [
        "Choice",
        "Protocol",
        "Metric",
        "Used",
        "Chosen",
        "Difference",
        "Interval",
        "Moves?",
        *map(tables.name, detectors),
    ]
    groups = rows.groupby(["choice", "metric", "protocol"], sort=False)
    bodies = [tables.body([_row(group, detectors)]) for _, group in groups]
    return tables.table(_caption(name, rows), heads, bodies, words={"Protocol", "Metric", "Interval", "Moves?"})


def _caption(name: str, rows: pd.DataFrame) -> str:
    """What is used here, and where params.yaml says so."""
    used = "; ".join(dict.fromkeys(rows.loc[rows["detector"] != MEAN, "default"]))
    key = rows["key"].iloc[0]
    where = f"<code>{tables.text(key)}</code>" if key else "no key of params.yaml"
    kind = "counts of cells" if name == BOUND else "means over generators"
    return f"Used here: {tables.text(used)} <small>· {where}; {kind}</small>"


def _row(group: pd.DataFrame, detectors: Sequence[str]) -> str:
    """A choice: the mean over detectors, then a difference a detector."""
    by_name = {row["detector"]: row for row in group.to_dict("records")}
    mean = by_name[MEAN]
    interval = _interval(mean) if mean["resolvable"] else tables.NONE
    cells = [
        *(tables.word(mean[c]) for c in ("protocol", "metric")),
        *(_number(mean, c) for c in ("default_value", "value")),
        _difference(mean),
        tables.word(interval),
        tables.word(SHORT[mean["verdict"]]),
    ]
    return tables.row(
        tables.text(mean["choice"]),
        [*cells, *(_difference(by_name[d]) if d in by_name else tables.plain(None) for d in detectors)],
    )


def _number(row: dict, column: str) -> str:
    """<td> of one of the two values; of a choice that cannot be told, neither is shown as a number."""
    if math.isnan(row[column]) or not row["resolvable"]:
        return _unknown(row)
    return f'<td data-value="{row[column]:.6g}">{tables.decimal(row[column], 3)}</td>'


def _unknown(row: dict) -> str:
    """<td> of what cannot be told, with the reason."""
    if math.isnan(row["value"]):
        return f'<td class="unknown" title="no such clip was scored">{tables.NONE}</td>'
    return (
        f'<td class="unknown" title="not resolvable: {int(row["n_real"])} reals are too few for this '
        f'false-positive rate, on one side at least">{tables.UNRESOLVABLE}</td>'
    )


def _difference(row: dict) -> str:
    """<td> of a difference: bold with an arrow where it stands out of its interval."""
    if math.isnan(row["difference"]) or not row["resolvable"]:
        return _unknown(row)
    shown, moved = _signed(row["difference"]), row["verdict"] == MOVES
    arrow = (UP if row["difference"] > 0 else DOWN) if moved else ""
    hover = f"{row['default_value']:.4f} to {row['value']:.4f}, interval {_interval(row)}"
    hover = "this is what is used" if row["verdict"] == SAME else hover
    inner = f"<b>{shown} {arrow}</b>" if moved else shown
    return f'<td data-value="{row["difference"]:.6g}" title="{tables.text(hover)}">{inner}</td>'


def _signed(value: float) -> str:
    return f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")


def _interval(row: dict | pd.Series) -> str:
    return tables.NONE if math.isnan(row["lo"]) else f"{_signed(row['lo'])} to {_signed(row['hi'])}"


def _other_fits(rows: pd.DataFrame) -> str:
    """What scores alone cannot answer, and where to change it."""
    bodies = [
        tables.body(
            [
                tables.row(
                    tables.text(row["choice"]),
                    [
                        f'<td class="text"><code>{tables.text(row["key"])}</code></td>'
                        if row["key"]
                        else tables.plain("no key of params.yaml")
                    ],
                )
            ]
        )
        for row in rows.to_dict("records")
    ]
    return tables.table(
        "No number here <small>· change it and run again</small>",
        ["What is open", "Decided by"],
        bodies,
        words={"Decided by"},
    )


def _notes(results: Results, rows: pd.DataFrame) -> list[str]:
    m = results.params.metrics
    lines = [
        f"Differences are chosen minus used, means over generators; intervals ({m.confidence:.0%}) come from "
        f"{m.bootstrap:,} resamples that both sides of a difference share. Bold with {UP} or {DOWN}: the interval "
        "leaves no change out. “Used” and “Chosen” are means over the detectors in the table.",
        "Validation clips have chosen each fit's checkpoint, so scores on them may be a little too good.",
        f"The lowest and the highest fit are picked for each generator, so they are bounds, not one fit's numbers. "
        f"{tables.UNRESOLVABLE}: too few reals, with this choice or the default, for the false-positive rate.",
    ]
    asked = set(rows["question"])
    if "roc" in asked:
        lines.append(
            "Straight lines between the ROC's points differ from steps only where a real and a fake share a score."
        )
    return lines if "pool" in asked else [*lines, NO_POOLS]
