"""HTML for numbers: one number, one row of them, one table that scrolls in its own box and can be sorted."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from thb.report.table import best_of, level  # noqa: F401
from thb.report.words import NONE, UNRESOLVABLE, decimal, text

_TEXT = ' class="text"'


def without_tags(words: str) -> str:
    """What a reader hears of HTML: the text alone, as an alt text needs it."""
    return html.unescape(re.sub(r"<[^>]+>", "", words))


def name(label: str) -> str:
    """A name that may break between its words (AniPortrait|Audio) but not at its hyphen."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "<wbr>", text(label).replace("-", "\u2011"))


def clip(name: str) -> str:
    """A clip's id, which may break between its parts: a phone has no room for the whole."""
    broken = re.sub(r"(--|/)(?=.)", r"\1<wbr>", text(name))
    return f'<span class="wrap">{broken}</span>'


def number(row: Mapping, classed: bool, best: bool) -> str:
    """<td> of one of our numbers: value, class, interval on demand; ⊘ where it cannot be resolved."""
    if not row["n_fake"]:
        return f'<td class="unknown" title="no score here">{NONE}</td>'
    if not row["resolvable"]:
        return (
            f'<td class="unknown" title="not resolvable: {int(row["n_real"])} test reals are too few '
            f'for this false-positive rate">{UNRESOLVABLE}</td>'
        )
    interval = f"{decimal(row['lo'])}–{decimal(row['hi'])}"
    clips = f"{int(row['n_real'])} reals, {int(row['n_fake'])} fakes"
    return _valued(
        row["value"],
        classed,
        best,
        f"{row['value']:.4f}, interval {interval}, {clips}",
        f'<span class="ci">{interval}</span>',
    )


def printed(value: float, classed: bool, best: bool) -> str:
    """<td> of one of the paper's numbers."""
    if math.isnan(value):
        return f'<td class="unknown" title="the paper has no such number">{NONE}</td>'
    return _valued(value, classed, best, "printed in the paper", "")


def _valued(value: float, classed: bool, best: bool, hover: str, below: str) -> str:
    one = level(value) if classed else None
    css = " ".join(filter(None, ("best" if best else "", f"classed {one.css}" if one else "")))
    symbol = f' <span aria-label="{one.name}">{one.symbol}</span>' if one else ""
    hover = f"{one.name}: {hover}" if one else hover
    return (
        f'<td class="{css}" data-value="{value:.6g}" title="{text(hover)}">'
        f'<span class="n">{decimal(value)}</span>{symbol}{below}</td>'
    )


def is_best(value: float, best: float) -> bool:
    return not math.isnan(value) and round(value, 2) == best


def table(
    caption: str,
    heads: Sequence[str],
    bodies: Iterable[str],
    sortable: bool = True,
    words: Collection[str] = (),
) -> str:
    """One table in a box of its own; `caption` and `heads` are HTML, `words` the heads of text columns."""
    cells = "".join(f'<th scope="col"{_TEXT if head in words else ""}>{head}</th>' for head in heads)
    css = ' class="sortable"' if sortable else ""
    return (
        f'<div class="thb-scroll" tabindex="0" role="region" aria-label="table"><table{css}>'
        f"<caption>{caption}</caption>\n<thead><tr>{cells}</tr></thead>\n{''.join(bodies)}</table></div>"
    )


def folded(summary: str, content: str, opened: bool = False) -> str:
    """Long tables behind a line that opens them; both are HTML."""
    return f"<details{' open' if opened else ''}><summary>{summary}</summary>{content}</details>"


def body(rows: Iterable[str], css: str = "") -> str:
    """One <tbody>; sorting moves bodies, so rows that belong together stay together."""
    opening = f'<tbody class="{css}">' if css else "<tbody>"
    return f"{opening}{''.join(rows)}</tbody>\n"


def row(first: str, cells: Iterable[str], css: str = "") -> str:
    opening = f'<tr class="{css}">' if css else "<tr>"
    return f'{opening}<th scope="row">{first}</th>{"".join(cells)}</tr>'


def plain(value: object) -> str:
    """<td> of anything: numbers sort as numbers, nan is a dash, text is left-aligned."""
    if isinstance(value, str):
        return f'<td class="text">{text(value) or NONE}</td>'
    if value is None or math.isnan(value):
        return f'<td class="unknown">{NONE}</td>'
    return f'<td data-value="{value:.6g}">{value:,.6g}</td>'


def word(value: str, css: str = "") -> str:
    """<td> of a word or two that stay on one line."""
    shown = f'<span class="{css}">{text(value)}</span>' if css else text(value)
    return f'<td class="which">{shown}</td>'


def notes(lines: Iterable[str]) -> str:
    return f'<ul class="thb-notes">{"".join(f"<li>{line}</li>" for line in lines)}</ul>'


def interval_switch(name: str, confidence: float) -> str:
    """A check box that shows the intervals of the tables after it; no script needed."""
    return (
        f'<input type="checkbox" class="ci-on" id="ci-{text(name)}"> '
        f'<label class="ci-on" for="ci-{text(name)}">show {confidence:.0%} intervals</label>'
    )
