"""Small tables of the prose: rows of a file, chosen and named by the page itself in Markdown.

    ```{rows} fig2a
    :where: detector == "All detectors"
    :columns: protocol = Protocol; value = here; printed = printed
    ```

The argument is an exhibit (its CSV), a CSV below the root of the clone, or a table of `thb.book.computed`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from docutils import nodes
from docutils.parsers.rst import directives
from markupsafe import Markup
from sphinx.util.docutils import SphinxDirective

from thb.book import computed
from thb.cells.answers import FAILS, HOLDS, KEYS
from thb.cells.claims.ledger import JUDGED
from thb.core.decimals import NONE, UNRESOLVABLE, decimal, signed
from thb.core.errors import DataError, ThbError, unknown
from thb.core.metrics import UNTOLD
from thb.core.paths import find_root
from thb.core.words import text
from thb.report.cell import Cell, answer, plain, verdict
from thb.report.load import MEAN, Results, open_results
from thb.report.table import as_html, table
from thb.report.verdicts import mark_of

RESTS_ON = {"verdict": "rests_on", "here": "here_rests_on"}  # column -> the answers it rests on
NUMBERED = ("n_", "count", "clips", "fits", "here", "people", "misses", "sure_hits")  # columns of whole numbers


class Rows(SphinxDirective):
    """`{rows}`: see this module's docstring; `where` is a pandas query, `across` puts a column's values side by side,
    `count` counts the rows by what the first column says, `words` says a verdict in the page's own words, `sortable`
    lets a reader sort by any column.

    With `markup` addresses are links and what stands between backticks is code: for files that are written by hand. In
    any other a value is nothing but words.
    """

    required_arguments = 1
    option_spec = {
        "where": directives.unchanged,
        "columns": directives.unchanged_required,
        "across": directives.unchanged,
        "count": directives.flag,
        "markup": directives.flag,
        "sortable": directives.flag,
        "words": directives.unchanged,
        "caption": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        results = open_results(find_root(Path(self.env.srcdir)))
        named = {key: self.options.get(key, "") for key in ("where", "across", "caption")}
        given = {key: pairs(self.options.get(key, "")) for key in ("columns", "words")}
        try:
            count, markup, sortable = (flag in self.options for flag in ("count", "markup", "sortable"))
            source = self.arguments[0]
            html = render(results, source, **given, **named, count=count, markup=markup, sortable=sortable)
        except ThbError as fault:
            raise self.error(str(fault)) from None
        return [nodes.raw("", html, format="html")]


def pairs(option: str) -> dict[str, str]:
    """'a = A; b' as {'a': 'A', 'b': 'b'}."""
    parts = (part.split(" = ", 1) for part in re.split(r"\s*;\s*", option.strip()) if part)
    return {key.strip(): (head[0].strip() if head else key.strip()) for key, *head in parts}


def render(
    results: Results,
    source: str,
    columns: Mapping[str, str],
    *,
    where: str = "",
    across: str = "",
    count: bool = False,
    markup: bool = False,
    sortable: bool = False,
    words: Mapping[str, str] | None = None,
    caption: str = "",
) -> str:
    """The HTML of one table, with the file that it was read from shown on hover.

    Raises DataError if the file is missing, has no such column, or no row is left.
    """
    rows, name = read(results, source)
    rows = rows.query(where) if where else rows
    if odd := [one for one in (*columns, across) if one and one not in rows]:
        raise DataError(unknown(f"column of {name}", odd[0], rows.columns))
    if rows.empty:
        return f'<p class="from-file" title="from {text(name)}">{NONE} no such rows here.</p>'
    labels = {
        key: entry.printed or key for key, entry in {**results.params.detectors, **results.params.sources}.items()
    } | {MEAN: "Mean"}
    shown = _counted(rows, columns) if count else _chosen(results, rows, columns, across, words or {}, labels, markup)
    html = as_html(table(shown, caption, sortable=sortable))
    return f'<div class="thb from-file" title="from {text(name)}">{html}</div>'


def read(results: Results, source: str) -> tuple[pd.DataFrame, str]:
    """The rows of a source, and the name of the file that they stand in."""
    if source in computed.TABLES:
        return computed.TABLES[source](results)
    root = results.paths.root
    path = root / source if source.endswith(".csv") else results.paths.executed / f"{source}.csv"
    if not path.is_file():
        raise DataError(f"missing {results.paths.relative(path)}; run `dvc repro`")
    rows = pd.read_csv(path, dtype={"section": str, "year": str, "fits": "Int64"}, keep_default_na=True)
    if "resolvable" in rows:
        rows["resolvable"] = rows["resolvable"].astype(object).fillna(UNTOLD)
    if path == results.paths.comparisons:
        words = [*KEYS, "left_out"]
        rows[words] = rows[words].astype(object).fillna("")
        rows["second_value"] = rows["first_value"] - rows["difference"]
    return rows, results.paths.relative(path)


def _counted(rows: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """How many rows say what, for each of the columns; where claims are judged, only verdicts on them."""
    counts = {head: Counter(rows[column]) for column, head in columns.items()}
    said = list(dict.fromkeys(word for column in columns for word in rows[column].dropna()))
    judged = {HOLDS, FAILS} & set(said)  # that something cannot be told is said of much else
    order = [word for word in JUDGED if word in said] if judged else said
    return pd.DataFrame({head: [found[word] for word in order] for head, found in counts.items()}, order)


def _chosen(
    results: Results,
    rows: pd.DataFrame,
    columns: Mapping[str, str],
    across: str,
    words: Mapping[str, str],
    labels: Mapping[str, str],
    markup: bool,
) -> pd.DataFrame:
    first, *others = columns
    heads = [words.get(str(value), labels.get(str(value), str(value))) for value in rows[first]]
    records = rows.to_dict("records")
    if markup:
        records = [{key: _marked_up(one) if isinstance(one, str) else one for key, one in r.items()} for r in records]
    if not across:
        cells = [[_cell(results, row, column, words, labels) for column in others] for row in records]
        index = pd.Index(heads, name=columns[first])
        return pd.DataFrame(cells, index=index, columns=[columns[column] for column in others], dtype=object)
    (value,) = others
    names = list(dict.fromkeys(rows[across]))
    grid = {head: dict.fromkeys(names, plain(None)) for head in heads}
    for head, row in zip(heads, records, strict=True):
        grid[head][row[across]] = _cell(results, row, value, words, labels)
    cells = [[grid[head][name] for name in names] for head in grid]
    index = pd.Index(list(grid), name=columns[first])
    return pd.DataFrame(cells, index=index, columns=[labels.get(str(n), str(n)) for n in names], dtype=object)


def _cell(results: Results, row: Mapping, column: str, words: Mapping[str, str], labels: Mapping[str, str]) -> Cell:
    value = row[column]
    if column == "verdict" and "question" in row and "first_value" in row:
        told = results.verdicts.tell(row)
        return answer(told, **{key: words[key] for key in ("above", "below") if key in words})
    if isinstance(value, Cell):
        return value
    if isinstance(value, str):
        return _worded(row, column, words.get(value, labels.get(value, value)))
    if isinstance(value, bool) or pd.isna(value):
        return plain(None if pd.isna(value) else bool(value))
    ends = _ends(row, column)
    if column == "value" and not row.get("resolvable", True):
        return Cell(UNRESOLVABLE, css="unknown", hover="not resolvable: too few test reals")
    if column.startswith(NUMBERED) or not isinstance(value, float):
        return plain(int(value))
    number = signed(value) if column in ("change", "difference", "fall", "lost", "gained") else decimal(value)
    return Cell(Markup(f"{number} <small>{ends}</small>" if ends else number), float(value), "told")


def _ends(row: Mapping, column: str) -> str:
    for lo, hi in ((f"{column}_lo", f"{column}_hi"), ("lo", "hi") if column in ("value", "difference") else ("", "")):
        if lo in row and not pd.isna(row[lo]):
            return f"{decimal(row[lo])}–{decimal(row[hi])}".replace("-", "−")
    return ""


def _worded(row: Mapping, column: str, value: str) -> Cell:
    """Words: a verdict in its colour, with the answers it rests on."""
    rests_on = row.get(RESTS_ON.get(column, ""), "")
    if value not in JUDGED:
        return plain(value)
    one = verdict(value)
    return Cell(mark_of(text(value), rests_on) if rests_on else value, css=one.css)


def _marked_up(words: str) -> str:
    """`code` and addresses of the web as HTML; of an odd number of backticks none begins code."""
    parts = words.split("`") if words.count("`") % 2 == 0 else [words]
    html = "".join(f"<code>{text(part)}</code>" if i % 2 else _linked(part) for i, part in enumerate(parts))
    return Markup(html) if html != text(words) else words


def _linked(words: str) -> str:
    parts = re.split(r"(https?://[^\s,;)]+)", words)
    return "".join(
        f'<a href="{text(part)}">{text(part.removeprefix("https://"))}</a>' if i % 2 else _spaced(part)
        for i, part in enumerate(parts)
    )


def _spaced(words: str) -> str:
    """Words beside code or a link, with the space that sets them off."""
    return " " * words.startswith(" ") + text(words) + " " * words.endswith(" ")


class When(SphinxDirective):
    """`{when} mini`: its content is shown if the numbers come from that corpus (mini: rendered, hub: published)."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        corpus = open_results(find_root(Path(self.env.srcdir))).params.active.corpus
        return self.parse_content_to_nodes() if self.arguments[0] == corpus else []
