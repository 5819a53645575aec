"""Tables of cells, set by one template."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup

from thb.core.decimals import NONE, UNRESOLVABLE
from thb.core.words import breakable, corpus_line, text, words
from thb.report.cell import CSS, NO_NUMBER, NO_SCORE, SHORT, Cell, bounds, number, plain, printed
from thb.report.load import LOWER_IS_BETTER, Results, open_results
from thb.submitted.compared import partly_scored

REPRODUCED, PRINTED = "reproduced", "printed"

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
        levels=bounds() if any(cell.level for cell in cells) else [],
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


_ENVIRONMENT = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False)
_ENVIRONMENT.filters |= {"words": words, "breakable": breakable}
_TEMPLATE = _ENVIRONMENT.from_string(Path(__file__).with_name("table.html.j2").read_text(encoding="utf-8"))
