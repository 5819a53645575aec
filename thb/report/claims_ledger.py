"""The ledger: every claim of the paper with its verdict, and the lines that its pages quote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thb.cells.comparisons import OPEN, SHIFTS
from thb.core.errors import ParamsError, unknown
from thb.report import means, style, tables
from thb.report.claims import MARKS, SECTIONS, Judged, Ruling, rulings
from thb.report.exhibit import Exhibit
from thb.report.load import Results, open_results
from thb.report.verdicts import FAILS, HOLDS, by_machine, mark

VERDICTS = (HOLDS, FAILS, OPEN)
CSS = {HOLDS: "holds", FAILS: "fails"}
COLOURS = {HOLDS: style.COLOURS[0], FAILS: style.COLOURS[1], OPEN: style.GREY}
COLUMNS = [
    "id",
    "section",
    "where",
    "claim",
    "recomputed",
    "verdict",
    "qualifier",
    "here",
    "here_recomputed",
    "here_qualifier",
    "here_rests_on",
]
PAGE = "../_executed/claims"  # the ledger, seen from a page of the book's folders
NO_CLAIM = "The paper makes no claim here that a number could contradict."
RECOMPUTED, HERE = "Recomputed from the printed tables", "On the clips here"
BAR = 0.22  # inches a section


def build(section: str = "", verdict: str = "") -> Exhibit:
    """The exhibit; a section or a verdict on the printed tables keeps those claims only."""
    results = open_results()
    chosen = choose(rulings(results), section, verdict)
    return Exhibit(
        title="Claims ledger",
        html=_html(results, chosen),
        rows=rows(chosen),
        drawing=_draw(chosen),
        alt="Stacked bars, one a section of the paper: how many of its claims hold, do not hold or cannot be told; "
        "above judged by the paper's own tables, below by the cells computed here.",
    )


def choose(found: Iterable[Ruling], section: str = "", verdict: str = "") -> list[Ruling]:
    for kind, value, known in (("section", section, SECTIONS), ("verdict", verdict, VERDICTS)):
        if value and value not in known:
            raise ParamsError(unknown(kind, value, known))
    return [r for r in found if section in ("", r.claim.section) and verdict in ("", r.printed.verdict)]


def rows(found: Iterable[Ruling]) -> pd.DataFrame:
    """COLUMNS, a row a claim."""
    table = [
        [
            r.claim.id,
            r.claim.section,
            r.claim.where,
            r.claim.claim,
            r.printed.text,
            r.printed.verdict,
            r.printed.qualifier,
            r.here.verdict,
            r.here.text,
            r.here.qualifier,
            by_machine(r.here.told),
        ]
        for r in found
    ]
    return pd.DataFrame(table, columns=COLUMNS)


def sentences(results: Results) -> list[str]:
    """How the ledger comes out, counted."""
    found = rulings(results)
    held = [r for r in found if r.printed.verdict == HOLDS]
    shapes = [r for r in found if r.here.verdict in VERDICTS]
    odd = tables.text(", ".join(sorted(r.claim.id for r in found if r.printed.verdict == FAILS)))
    return [
        f"Of {len(found)} claims recomputed from the paper's own tables, {_count(r.printed for r in found)}; "
        f"{sum(bool(r.printed.qualifier) for r in held)} of those that hold do so in one reading but not in another.",
        f"Not borne out by the tables: {odd}." if odd else "The tables bear out every claim that they can tell.",
        f"{len(shapes)} claims can be put to the cells computed here: {_count(r.here for r in shapes)}.",
    ]


def _count(judged: Iterable[Judged]) -> str:
    verdicts = [one.verdict for one in judged]
    words = ((HOLDS, "hold"), (FAILS, "do not hold"), (OPEN, "cannot be told"))
    return ", ".join(f"{verdicts.count(verdict)} {word}" for verdict, word in words)


def inline(results: Results, section: str, page: str = PAGE) -> str:
    """Markdown bullets for a section's page: its claims, each with verdict, numbers and a link to the ledger."""
    found = choose(rulings(results), section)
    return "\n".join(_bullet(ruling, page) for ruling in found) or NO_CLAIM


def _bullet(ruling: Ruling, page: str) -> str:
    judged, here = ruling.printed, ruling.here
    numbers = "; ".join(filter(None, (judged.text, judged.qualifier)))
    said = tables.text(f"{ruling.claim.claim} Recomputed: {numbers}.")
    parts = [f"- {MARKS[judged.verdict]} **{judged.verdict}** · {said}"]
    if here.verdict in VERDICTS:
        more = f"; {tables.text(here.qualifier)}" if here.qualifier else ""
        parts.append(f"On the clips here: {mark(_marked(here), here.told)}{more}.")
    return " ".join([*parts, f"[{tables.text(ruling.claim.id)}]({page})"])


def _html(results: Results, found: Sequence[Ruling]) -> str:
    table = tables.table(
        f"{len(found)} claims <small>· in the order of the paper's sections; a header sorts</small>",
        ["Id", "Verdict", "Claim", RECOMPUTED, HERE, "Where"],
        [_body(ruling) for ruling in found],
        words={"Verdict", "Claim", RECOMPUTED, HERE, "Where"},
    )
    return table + tables.notes(_notes(results))


def _body(ruling: Ruling) -> str:
    claim, judged, here = ruling.claim, ruling.printed, ruling.here
    cells = [
        f'<td class="text {CSS.get(judged.verdict, "unknown")}">{_marked(judged)}</td>',
        _cell(tables.text(claim.claim)),
        _cell(tables.text(judged.text), tables.text(judged.qualifier)),
        _cell(
            f'<span class="{CSS.get(here.verdict, "unknown")}">{mark(_marked(here), here.told)}</span>',
            tables.text("; ".join(filter(None, (here.text, here.qualifier)))),
        ),
        tables.plain(claim.where),
    ]
    return tables.body([tables.row(tables.text(claim.id), cells)])


def _cell(words: str, below: str = "") -> str:
    small = f"<br><small>{below}</small>" if below else ""
    return f'<td class="text"><span class="wrap">{words}{small}</span></td>'


def _marked(judged: Judged) -> str:
    return f"{MARKS[judged.verdict]} {judged.verdict}"


def _notes(results: Results) -> list[str]:
    lines = [
        "The claims are told in our words; <code>paper/claims.yaml</code> names the check of each. A stated number "
        "holds when the recomputed one rounds to it; small print tells a reading that comes out otherwise.",
        "Of cells computed here, an order holds where the interval of the paired difference lies above zero, fails "
        f"where it lies below, and cannot be told otherwise, nor where all cells are {tables.UNRESOLVABLE}. A bound is "
        "held against the interval of the number, which of a mean is that of the mean itself.",
        *means.left_out(results, SHIFTS),
    ]
    if results.params.active.corpus == "mini":
        lines.append(
            "These clips are rendered, so only claims about the shape of results are put to them; where a "
            "claim mixes shape and numbers, its shape alone."
        )
    return lines


def _draw(found: Sequence[Ruling]) -> Figure:
    sections = list(dict.fromkeys(r.claim.section for r in found))
    panels = [
        (title, counts(found, side))
        for title, side in (("By the paper's own tables", "printed"), ("By the cells computed here", "here"))
    ]
    panels = [(title, table) for title, table in panels if not table.empty]
    with style.look():
        if not panels:
            return style.message("No claim of this choice.")
        figure, axes = style.panels([BAR * len(table) + 0.75 for _, table in panels])
        widest = max(len([r for r in found if r.claim.section == s]) for s in sections)
        for ax, (title, table) in zip(axes, panels, strict=True):
            _bars(ax, table, title, widest)
        handles = [axes[0].barh([0], [0], color=COLOURS[v], label=f"{MARKS[v]} {v}") for v in VERDICTS]
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def counts(found: Sequence[Ruling], side: str) -> pd.DataFrame:
    """section x verdict -> number of claims, of those that can be judged on this side."""
    judged = [(r.claim.section, getattr(r, side).verdict) for r in found if getattr(r, side).verdict in VERDICTS]
    sections = list(dict.fromkeys(section for section, _ in judged))
    return pd.DataFrame([[judged.count((s, v)) for v in VERDICTS] for s in sections], sections, VERDICTS, dtype=int)


def _bars(ax: Axes, table: pd.DataFrame, title: str, widest: int) -> None:
    y, left = list(range(len(table))), pd.Series(0, index=table.index)
    for verdict in VERDICTS:
        ax.barh(y, table[verdict], left=left, color=COLOURS[verdict], height=0.72)
        for i, section in enumerate(table.index):
            if n := table[verdict][section]:
                ax.text(
                    left[section] + n / 2,
                    i,
                    f"{MARKS[verdict]} {n}",
                    color="white",
                    ha="center",
                    va="center",
                    fontsize=8,
                    fontweight="bold",
                )
        left = left + table[verdict]
    ax.set(xlabel="claims (count)", title=title, xlim=(0, widest + 0.2))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_yticks(y, [_place(section) for section in table.index])
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.grid(axis="x")


def _place(section: str) -> str:
    if section.isalpha():
        return f"Appendix {section}" if len(section) == 1 else section.capitalize()
    return f"Section {section}"
