"""The paper's fourth question: what remains hard when neither identity nor generator was seen."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from thb.report import classes, means, protocol_table, style, tables
from thb.report.classes import LEVELS
from thb.report.exhibit import Exhibit
from thb.report.hard_cells import UNTOLD, best, counts, hard, lowest_best, shown
from thb.report.load import MEAN, Entrant, Results, open_results
from thb.report.shifts import FAILS, HOLDS, OPEN
from thb.report.tables import decimal, text
from thb.report.verdicts import VERDICTS, by_machine, mark, say

BEFORE, PROTOCOL = "P1", "P3"  # the mildest shift and the hardest


def build(protocol: str = PROTOCOL, before: str = BEFORE, metric: str = "T1") -> Exhibit:
    """The exhibit of one rate: classes and best detectors under `protocol`, falls since `before`."""
    results = open_results()
    rows = hard(results, protocol, before, metric)
    return Exhibit(
        title=f"What remains hard in {protocol}",
        html=_html(results, rows, protocol, before, metric),
        rows=rows.drop(columns="told").assign(rests_on=[by_machine([told]) if told else "" for told in rows["told"]]),
        drawing=_draw(results, rows, protocol, metric),
        alt=f"Stacked bars, two a detector, reproduced and printed: on how many generators its {metric} in {protocol} "
        f"is {', '.join(level.name.lower() for level in LEVELS)}.",
    )


# ---- in words -----------------------------------------------------------------------------------------


def sentences(results: Results, rows: pd.DataFrame | None = None, metric: str = "") -> list[str]:
    """Classes reached, the generator that is hard for all, and whose mean fell; printed and here."""
    metric = metric or means.headline(results)
    rows = hard(results, PROTOCOL, BEFORE, metric) if rows is None else rows
    rows = rows[~rows["control"].astype(bool)]
    own, mean = rows[rows["generator"] != MEAN], rows[rows["generator"] == MEAN]
    said = [
        _reached(own, "printed_class", "Printed", metric),
        _reached(own, "class", "Here", metric),
        _hardest(results, shown(own), metric),
    ]
    return [*filter(None, said), _fell(mean, metric)]


def _reached(own: pd.DataFrame, column: str, word: str, metric: str) -> str:
    """How many cells are in the highest and in the lowest class; '' where none can be told."""
    known, top, low = own[own[column] != ""], LEVELS[0].name, LEVELS[-1].name
    if known.empty:
        return ""
    each = {d: counts(known, d, column)[top] for d in known["detector"].unique()}
    named = ", ".join(f"{text(d)} {n}" for d, n in each.items() if n)
    return (
        f"{word}, {text(metric)} in {own['protocol'].iloc[0]} is {top.lower()} in {sum(each.values())} of "
        f"{len(known)} cells{f' ({named})' if named else ''} and {low.lower()} in {(known[column] == low).sum()}."
    )


def _hardest(results: Results, own: pd.DataFrame, metric: str) -> str:
    found = {word: lowest_best(own, column) for word, column in (("printed", "printed"), ("here", "shown"))}
    said = [
        f"{word} {decimal(one[1])} on {text(results.label(one[0]))} ({text(one[2])})"
        for word, one in found.items()
        if one
    ]
    return f"Where even the best detector does worst, {text(metric)} is {'; '.join(said)}." if said else ""


def _fell(mean: pd.DataFrame, metric: str) -> str:
    told = {row["detector"]: row["told"] for _, row in mean.iterrows() if row["told"] and row["told"].known}
    if not told:
        return f"Whose mean {text(metric)} fell here cannot be told: there is no number to compare."
    words = {HOLDS: "fell for", FAILS: "rose for", OPEN: f"{OPEN} to have fallen for"}
    said = {
        word: [
            mark(f"{text(d)} ({one.shown}{text(one.without)})", [one])
            for d, one in told.items()
            if VERDICTS[one.above] == verdict
        ]
        for verdict, word in words.items()
    }
    counts = "; ".join(f"{word} {len(names)}: {', '.join(names)}" for word, names in said.items() if names)
    return f"Of {len(told)} detectors, mean {text(metric)} here {counts}."


# ---- in tables ----------------------------------------------------------------------------------------


def _html(results: Results, rows: pd.DataFrame, protocol: str, before: str, metric: str) -> str:
    return "\n".join(
        [
            tables.interval_switch("hard", results.params.metrics.confidence),
            _class_table(results, rows, f"{text(metric)} in {protocol}"),
            classes.legend(),
            _best_table(results, rows, f"{text(metric)} in {protocol}"),
            _fall_table(results, rows, protocol, before, metric),
            tables.notes(
                [
                    *sentences(results, rows, metric),
                    "A class is taken of a number as printed, with two decimals.",
                    *protocol_table.unresolvable(results, rows, [metric]),
                ]
            ),
        ]
    )


def _class_table(results: Results, rows: pd.DataFrame, where: str) -> str:
    heads = ["Detector", "", *(f"{level.symbol} {level.name}" for level in LEVELS), UNTOLD]
    bodies = [_body(e, _counted(rows, e, "class"), _counted(rows, e, "printed_class")) for e in results.entrants]
    return tables.table(f"Generators by class <small>· {where}</small>", heads, bodies)


def _counted(rows: pd.DataFrame, entrant: Entrant, column: str) -> list[str]:
    return [tables.plain(n) for n in counts(rows, entrant.label, column).values()]


def _body(entrant: Entrant, ours: list[str], theirs: list[str]) -> str:
    """One detector: our cells above the printed ones, whichever there are."""
    name = text(entrant.label) + (" <small>(control)</small>" if entrant.control else "")
    lines = []
    for word, cells, there in (("reproduced", ours, entrant.key), ("printed", theirs, entrant.printed)):
        if there:
            lines.append(
                tables.row(
                    "" if lines else name, [f'<td class="which">{word}</td>', *cells], "printed" if lines else ""
                )
            )
    return tables.body(lines, "control" if entrant.control else "")


def _best_table(results: Results, rows: pd.DataFrame, where: str) -> str:
    own = shown(rows[(rows["generator"] != MEAN) & ~rows["control"].astype(bool)])
    bodies = [
        tables.body(
            [tables.row(tables.name(results.label(generator)), [*_winner(part, "shown"), *_winner(part, "printed")])]
        )
        for generator, part in own.groupby("generator", sort=False)
    ]
    heads = ["Generator", "Best here", "Reproduced", "Best printed", "Printed"]
    return tables.table(
        f"Best detector by generator <small>· {where}</small>", heads, bodies, words={"Best here", "Best printed"}
    )


def _winner(part: pd.DataFrame, column: str) -> list[str]:
    """<td>s: who, and the number with its class."""
    if part[column].isna().all():
        return [
            tables.plain(""),
            tables.number(part.iloc[0], False, False) if column == "shown" else tables.printed(math.nan, False, False),
        ]
    row = part.loc[part[column].idxmax()]
    number = tables.printed(row["printed"], True, False) if column == "printed" else tables.number(row, True, False)
    return [tables.plain(best(part, column)), number]


def _fall_table(results: Results, rows: pd.DataFrame, protocol: str, before: str, metric: str) -> str:
    mean = rows[rows["generator"] == MEAN].set_index("detector")
    heads = ["Detector", "", before, protocol, "Fall", "Interval of the fall", "Fell?"]
    bodies = [_body(e, _our_fall(mean.loc[e.label]), _printed_fall(mean.loc[e.label])) for e in results.entrants]
    return tables.table(
        f"Falls from {before} to {protocol} <small>· mean {text(metric)} over generators</small>",
        heads,
        bodies,
        words={"Interval of the fall", "Fell?"},
    )


def _our_fall(mean: pd.Series) -> list[str]:
    if not mean["told"] or not mean["told"].known:
        return [*(tables.number(mean, False, False) for _ in range(3)), tables.plain(""), tables.plain(OPEN)]
    told = mean["told"]
    fell = say(told, "yes", "no, it rose", OPEN)
    return [
        *(_two(mean[key]) for key in ("before", "after", "fall")),
        tables.plain(told.interval),
        f'<td class="text">{fell}{text(told.without)}</td>',
    ]


def _printed_fall(mean: pd.Series) -> list[str]:
    return [
        *(_two(mean[key]) for key in ("printed_before", "printed", "printed_fall")),
        tables.plain(""),
        tables.plain(""),
    ]


def _two(value: float) -> str:
    return tables.plain(value) if math.isnan(value) else f'<td data-value="{value:.6g}">{decimal(value)}</td>'


# ---- drawn --------------------------------------------------------------------------------------------


def _draw(results: Results, rows: pd.DataFrame, protocol: str, metric: str) -> Figure:
    bars = [
        (f"{e.label}, {word}", counts(rows, e.label, column))
        for e in results.entrants
        if not e.control
        for word, column, key in (("reproduced", "class", e.key), ("printed", "printed_class", e.printed))
        if key
    ]
    with style.look():
        figure, (ax,) = style.panels([0.3 * len(bars) + 1.0])
        _bars(ax, bars)
        ax.set(title=f"{metric} in {protocol}, by class", xlabel="generators (number)")
        handles = [Patch(fc=level.colour, ec=style.GREY, label=f"{level.symbol} {level.name}") for level in LEVELS]
        handles.append(Patch(fc="white", ec=style.GREY, label=UNTOLD))
        figure.legend(handles=handles, loc="outside lower center", ncols=3, columnspacing=1.2)
    return figure


def _bars(ax: Axes, bars: Sequence[tuple[str, dict[str, int]]]) -> None:
    """A bar a line, a stretch a class with its symbol and its count."""
    look = {level.name: (level.colour, level.symbol) for level in LEVELS} | {UNTOLD: ("white", tables.UNRESOLVABLE)}
    for y, (_, found) in enumerate(bars):
        left = 0
        for name, n in ((name, n) for name, n in found.items() if n):
            ax.barh(y, n, left=left, height=0.72, fc=look[name][0], ec=style.GREY, lw=0.6)
            ax.text(left + n / 2, y, f"{look[name][1]} {n}", ha="center", va="center")
            left += n
    ax.set_yticks(range(len(bars)), [name for name, _ in bars])
    ax.set_ylim(len(bars) - 0.5, -0.5)
    ax.xaxis.get_major_locator().set_params(integer=True)
