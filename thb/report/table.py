"""Tables: numbers as cells with their class and interval, set by one template."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup

from thb.cells.classes import CLASSES
from thb.cells.comparisons import ABOVE, BELOW, INCONCLUSIVE
from thb.core import metrics
from thb.core.decimals import COARSE, NONE, UNRESOLVABLE, decimal
from thb.core.errors import ParamsError, unknown
from thb.core.words import breakable, corpus_line, text, words
from thb.report.load import LOWER_IS_BETTER, Results, open_results
from thb.report.verdicts import FAILS, HOLDS, Told, mark
from thb.submitted.compared import partly_scored

REPRODUCED, PRINTED = "reproduced", "printed"
SHORT = 24  # letters that stay on one line; a longer row head wraps
# ---- the paper's classes of performance ---------------------------------------------------------------


@dataclass(frozen=True)
class Level:
    """One of the five classes of the paper's section 4.1; its colours stand in table.css."""

    name: str
    at_least: float
    symbol: str  # a disc that empties: readable without colour

    @property
    def css(self) -> str:
        return f"thb-{self.name.lower()}"

    @property
    def colour(self) -> str:
        """Its colour on white, as the tables have it."""
        return re.findall(rf"--{self.css}: (#\w+);", CSS)[0]


LEVELS = tuple(Level(name, start, symbol) for (name, start), symbol in zip(CLASSES.items(), "●◕◑◔○", strict=True))


def level(value: float) -> Level:
    """The class of a rate in [0, 1], taken as printed: rounded to two decimals first, bounds included."""
    return next(one for one in LEVELS if round(value, 2) >= one.at_least)


def class_of(metric: str, values: Iterable[float]) -> list[str]:
    """The name of each value's class, '' where there is no value; raises ParamsError for a metric without classes."""
    if metric not in (rates := open_results().params.metrics.fpr):
        raise ParamsError(unknown("metric that has classes", metric, rates))
    return ["" if math.isnan(value) else level(value).name for value in values]


def _bounds() -> list[tuple[Level, str]]:
    uppers = [None, *(one.at_least for one in LEVELS[:-1])]
    return [(one, _between(one, upper)) for one, upper in zip(LEVELS, uppers, strict=True)]


def _between(one: Level, upper: float | None) -> str:
    if upper is None:
        return f"≥ {one.at_least:.2f}"
    return f"< {upper:.2f}" if one is LEVELS[-1] else f"{one.at_least:.2f}–{upper:.2f}"


# ---- cells --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """One cell: what it shows, what it sorts by (None: the words), and how it looks."""

    shown: str
    sorts: float | None = None
    css: str = ""
    hover: str = ""
    level: Level | None = None
    interval: str = ""
    note: str = ""  # what must be said below the table


UNKNOWN = Cell(NONE, css="unknown")
NO_SCORE, NO_NUMBER = "no score here", "there is no number on one side at least"


def number(row: Mapping, classed: bool = False, best: bool = False) -> Cell:
    """One of our numbers with its interval: a dash where nothing was scored, ⊘ where the clips are too few, † where
    they are few.

    `row` has value, lo, hi, n_real, n_fake and resolvable, and its metric if the false-positive rate that its threshold
    may truly have is to be told; `classed` shows its class, `best` sets it in bold.
    """
    if not row["n_fake"]:
        return Cell(NONE, css="unknown", hover=NO_SCORE)
    if not row["resolvable"]:
        why = f"{int(row['n_real'])} test reals are too few for this false-positive rate"
        return Cell(UNRESOLVABLE, css="unknown", hover=f"not resolvable: {why}")
    interval = f"{decimal(row['lo'])}–{decimal(row['hi'])}"
    clips = f"{int(row['n_real'])} reals, {int(row['n_fake'])} fakes"
    hover, note = f"{row['value']:.4f}, interval {interval}, {clips}", rests_on(row)
    cell = _valued(row["value"], classed, best, f"{hover}; {note}" if note else hover, interval)
    shown = f"{cell.shown}{COARSE}" if row["resolvable"] == metrics.COARSE else cell.shown
    return replace(cell, shown=shown, note=note)


def rests_on(row: Mapping) -> str:
    """How well the reals resolve a rate, and what their threshold may truly accuse; '' of any other metric."""
    params, n = open_results().params, int(row["n_real"])
    alpha = params.metrics.fpr.get(row.get("metric", ""))
    if alpha is None:
        return ""
    lo, hi = (f"{100 * end:.2g}" for end in metrics.true_rate(alpha, n, params.metrics.confidence))
    mark = f" ({COARSE})" if row["resolvable"] == metrics.COARSE else ""
    return (
        f"{row['metric']} on {n} reals is {row['resolvable']}{mark}: the true rate at its threshold is {lo} to {hi} %"
    )


def printed(value: float, classed: bool = False, best: bool = False) -> Cell:
    """One of the paper's numbers."""
    if math.isnan(value):
        return Cell(NONE, css="unknown", hover="the paper has no such number")
    return _valued(value, classed, best, "printed in the paper", "")


def _valued(value: float, classed: bool, best: bool, hover: str, interval: str) -> Cell:
    one = level(value) if classed else None
    css = " ".join(filter(None, ("best" if best else "", f"classed {one.css}" if one else "")))
    return Cell(decimal(value), value, css, f"{one.name}: {hover}" if one else hover, one, interval)


def plain(value: object) -> Cell:
    """Anything: numbers sort as numbers, nan is a dash, words are left-aligned and short ones stay on one line."""
    if isinstance(value, Cell):
        return value
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if isinstance(value, str):
        css = "which" if len(value) <= SHORT and not isinstance(value, Markup) else "text"
        return Cell(value, css=css) if value else Cell(NONE, css="which unknown")
    if value is None or pd.isna(value):  # pyright: ignore[reportGeneralTypeIssues]
        return UNKNOWN
    value = float(value)  # pyright: ignore[reportArgumentType]
    return Cell(f"{value:,.0f}" if value.is_integer() else f"{value:,.6g}".replace("-", "−"), value)


def fixed(value: float, places: int = 2) -> Cell:
    """A number with so many decimals; a dash for nan."""
    return UNKNOWN if math.isnan(value) else Cell(decimal(value, places), value)


def against(
    value: float, whole: float, mark: str = "", *, places: int = 2, hover: str = "", interval: str = ""
) -> Cell:
    """A share with a mark beside it, and below it what it is to be compared with: '0.31 ▲ of 0.24'; a dash for nan."""
    if math.isnan(value):
        return Cell(NONE, css="unknown", hover=hover)
    shown = f"{text(f'{decimal(value, places)} {mark}')}<br><small>of {decimal(whole, places)}</small>"
    return Cell(Markup(shown), value, hover=hover, interval=interval)


def answer(told: Told, above: str = ABOVE, below: str = BELOW) -> Cell:
    """The answer to a comparison, in these words, and the difference behind it: 'below by 0.06 (0.02 to 0.10)'."""
    word = text({ABOVE: above, BELOW: below, INCONCLUSIVE: INCONCLUSIVE}[told.verdict])
    if not told.known:
        return Cell(mark(word, [told]), css="told unknown", hover=NO_NUMBER)
    by = told.shown if told.verdict == INCONCLUSIVE else f"by {told.size}"
    return Cell(mark(f"{word} <small>{by}{text(told.without)}</small>", [told]), told.difference, "told", told.chances)


def difference(value: float, lo: float, hi: float, told: bool | None = None) -> Cell:
    """'+0.035' above its interval, bold where `told`, or where the interval leaves out zero; a dash for no number."""
    if math.isnan(value):
        return UNKNOWN
    shown, *ends = (f"{round(one, 3) + 0.0:.3f}".replace("-", "−") for one in (value, lo, hi))
    shown = f"+{shown}" if round(value, 3) > 0 else shown
    shown = f"<b>{shown}</b>" if (lo > 0 or hi < 0 if told is None else told) else shown
    between = "" if math.isnan(lo) else f"<small>{' to '.join(ends)}</small>"
    return Cell(Markup(shown + between), value, "told")


def verdict(word: str, good: bool | None = None, aside: str = "") -> Cell:
    """A verdict in its colour: holds, does not hold, or another word that is good or not; `aside` stands below it."""
    good = {HOLDS: True, FAILS: False}.get(word, good)
    shown = Markup(f"{text(word)}<small>{text(aside)}</small>") if aside else word
    colour = {True: " holds", False: " fails", None: ""}[good]
    return Cell(shown, css=f"{'text told' if aside else 'which'}{colour}")


# ---- tables -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Head:
    shown: str
    text: bool


@dataclass(frozen=True)
class Row:
    head: str
    aside: str
    cells: list[Cell]
    css: str


@dataclass(frozen=True)
class Body:
    """Rows that belong together and stay together when the table is sorted."""

    rows: list[Row]
    css: str


@dataclass(frozen=True)
class Table:
    """A table ready to be set; `folded`: the line that opens it."""

    caption: str
    heads: list[Head]
    bodies: list[Body]
    sortable: bool
    folded: str

    @property
    def cells(self) -> list[Cell]:
        return [cell for body in self.bodies for row in body.rows for cell in row.cells]


def beside(rows: pd.DataFrame, across: str, by: str = "detector", best: bool = True) -> pd.DataFrame:
    """Printed numbers below the reproduced ones: a frame of cells for `table`, a line each for every `by`.

    `rows` are those of one metric, as `cells` gives them. Metrics at a fixed false-positive rate show their class.
    With `best` the best of a column is bold, the controls apart; printed and reproduced are ranked separately.
    """
    results = open_results()
    (metric,) = rows["metric"].unique()
    classed, names, lines = metric in results.params.metrics.fpr, list(dict.fromkeys(rows[across])), {}
    top = {name: _best(rows.loc[(rows[across] == name) & ~rows["control"].astype(bool)], metric) for name in names}
    for label, own in rows.groupby(by, sort=False):
        own = own.set_index(across).reindex(names).fillna({"control": False, "n_fake": 0})  # one may lack a name
        bold, each = best and not any(own["control"]), list(zip(names, own.to_dict("records"), strict=True))
        lines[label, REPRODUCED] = [
            number(row, classed, bold and is_best(_known(row), top[name][0])) for name, row in each
        ]
        if any(own["printed"].notna()):
            lines[label, PRINTED] = [
                printed(row["printed"], classed, bold and is_best(row["printed"], top[name][1])) for name, row in each
            ]
    labels = [results.label(name) if across == "generator" else name.replace("_", " ") for name in names]
    frame = pd.DataFrame.from_dict(lines, orient="index", columns=labels)
    frame.index = pd.MultiIndex.from_tuples(lines, names=[by.capitalize(), ""])
    return frame


def _known(row: Mapping) -> float:
    """Our value if it may be shown as a number."""
    return row["value"] if row["n_fake"] and row["resolvable"] else float("nan")


def _best(column: pd.DataFrame, metric: str) -> tuple[float, float]:
    ours = [_known(row) for row in column.to_dict("records")]
    return best_of(ours, metric not in LOWER_IS_BETTER), best_of(column["printed"], metric not in LOWER_IS_BETTER)


def best_of(values: Iterable[float], higher: bool = True) -> float:
    """The best of a column as the table shows it (two decimals: equal prints are equal); nan if none."""
    shown = [round(value, 2) for value in values if not math.isnan(value)]
    return (max if higher else min)(shown) if shown else float("nan")


def is_best(value: float, best: float) -> bool:
    """Whether a value is printed like the best of its column."""
    return not math.isnan(value) and round(value, 2) == best


def table(
    frame: pd.DataFrame,
    caption: str = "",
    *,
    sortable: bool = True,
    totals: Sequence[str] = (),
    folded: str = "",
) -> Table:
    """A frame as a table: its index heads the rows, its values are cells, numbers or words.

    Rows with the same first index level stay together; a second level is shown beside it. A row head that names a
    control is marked as one and stays below the others, as do the `totals`.
    """
    controls = {entrant.label for entrant in open_results().entrants if entrant.control}
    values = [[plain(value) for value in row] for row in frame.itertuples(index=False)]
    both = frame.index.nlevels == 2
    heads = [str(key[0]) if both else str(key) for key in frame.index]
    seconds = [str(key[1]) if both else "" for key in frame.index]
    bodies: list[Body] = []
    for i, (head, second, cells) in enumerate(zip(heads, seconds, values, strict=True)):
        goes_on = both and i > 0 and heads[i - 1] == head
        css = "total" if head in totals else "printed" if goes_on and second == PRINTED else ""
        shown = [Cell(second, css="which"), *cells] if both else cells
        row = Row("" if goes_on else _row_head(head), "control" if head in controls and not goes_on else "", shown, css)
        if goes_on:
            bodies[-1].rows.append(row)
        else:
            bodies.append(Body([row], "control" if head in controls else ""))
    columns = [str(name or "") for name in frame.index.names] + [str(name) for name in frame.columns]
    worded = [
        [cell.sorts is None and cell.shown not in (NONE, UNRESOLVABLE) and "told" not in cell.css for cell in column]
        for column in (zip(*values, strict=True) if values else [()] * frame.shape[1])
    ]
    texts = [False, *([True] if both else []), *(any(column) for column in worded)]
    top = [Head(shown, is_text) for shown, is_text in zip(columns, texts, strict=True)]
    return Table(caption, top, bodies, sortable, folded)


def _row_head(label: str) -> Markup:
    return Markup(f'<span class="wrap">{text(label)}</span>') if len(label) > SHORT else words(label)


# ---- showing ------------------------------------------------------------------------------------------


class Shown:
    """Something a notebook displays: its content by MIME type, and facts that the book reads beside it."""

    def __init__(self, data: dict[str, str], facts: dict[str, str]) -> None:
        self.data, self.facts = data, facts

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        return self.data, {"thb": self.facts}


def show(*tables: Table, title: str = "", notes: Sequence[str] = ()) -> Shown:
    """Tables one below the other, with a switch for intervals, the classes, and a line on ⊘ or absent scores if any.

    `title` becomes the heading of the page in the book; notes are sentences (`Markup`: HTML) below the tables.
    """
    results = open_results()
    params = results.params
    cells = [cell for one in tables for cell in one.cells]
    unresolved = [f"{UNRESOLVABLE} not resolvable: the test reals are too few for so low a false-positive rate."]
    page = _TEMPLATE.render(
        css=CSS,
        tables=tables,
        id=hashlib.sha256("".join(one.caption for one in tables).encode()).hexdigest()[:8],
        confidence=params.metrics.confidence if any(cell.interval for cell in cells) else None,
        levels=_bounds() if any(cell.level for cell in cells) else [],
        notes=[
            *notes,
            *(f"{note}." for note in dict.fromkeys(cell.note for cell in cells if cell.note)),
            *(unresolved if any(cell.shown == UNRESOLVABLE for cell in cells) else []),
            *_absent(results, cells),
            *_partly_scored(results, tables),
        ],
        corpus=corpus_line(params),
    )
    plainly = "\n\n".join(_plainly(one) for one in tables)
    return Shown({"text/html": page, "text/plain": plainly}, {"title": title} if title else {})


def as_html(one: Table) -> Markup:
    """One table by itself, for a page that has the style already."""
    return Markup(_TEMPLATE.module.whole(one))  # pyright: ignore[reportAttributeAccessIssue]


def _absent(results: Results, cells: Sequence[Cell]) -> list[str]:
    """Why fits have no numbers, where cells lack them or there is no cell at all."""
    lacking = not cells or any(cell.hover in (NO_SCORE, NO_NUMBER) for cell in cells)
    return results.said_absent() if lacking and results.paths.metrics.is_file() else []


def _partly_scored(results: Results, tables: Sequence[Table]) -> list[str]:
    """Of each submitted detector that these tables show: which fits it was scored on in part only."""
    shown = {row.head for one in tables for body in one.bodies for row in body.rows}
    return [line for label, line in partly_scored(results.paths, results.params).items() if _row_head(label) in shown]


def _plainly(one: Table) -> str:
    lines = [[row.head, *(cell.shown for cell in row.cells)] for body in one.bodies for row in body.rows]
    return f"{one.caption}\n{pd.DataFrame(lines, columns=[head.shown for head in one.heads]).to_string(index=False)}"


_HERE = Path(__file__).parent
CSS = (_HERE / "table.css").read_text(encoding="utf-8").strip()
_ENVIRONMENT = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False)
_ENVIRONMENT.filters |= {"words": words, "breakable": breakable}
_TEMPLATE = _ENVIRONMENT.from_string((_HERE / "table.html.j2").read_text(encoding="utf-8"))
