"""The lines of the claims that pages of the book quote."""

from __future__ import annotations

import html

import pandas as pd

from thb.cells.claims.ledger import ELSEWHERE, JUDGED, PAPER_ONLY, ledger
from thb.cells.comparisons import OPEN
from thb.report import tables
from thb.report.load import Results
from thb.report.verdicts import FAILS, HOLDS

MARKS = {HOLDS: "✔", FAILS: "✘", OPEN: "?", ELSEWHERE: "·", PAPER_ONLY: "·"}
PAGE = "../_executed/claims"  # the ledger, seen from a page of the book's folders
NO_CLAIM = "The paper makes no claim here that a number could contradict."


def _rows(results: Results) -> pd.DataFrame:
    return ledger(results.params, results.paths, results.cells, results.verdicts)


def sentences(results: Results) -> list[str]:
    """How the ledger comes out, counted."""
    rows = _rows(results)
    odd = tables.text(", ".join(sorted(rows.loc[rows["verdict"] == FAILS, "id"])))
    qualified = (rows["verdict"] == HOLDS) & (rows["qualifier"] != "")
    shapes = rows.loc[rows["here"].isin(JUDGED), "here"]
    return [
        f"Of {len(rows)} claims recomputed from the paper's own tables, {_count(rows['verdict'])}; "
        f"{qualified.sum()} of those that hold do so in one reading but not in another.",
        f"Not borne out by the tables: {odd}." if odd else "The tables bear out every claim that they can tell.",
        f"{len(shapes)} claims can be put to the cells computed here: {_count(shapes)}.",
    ]


def _count(verdicts: pd.Series) -> str:
    words = ((HOLDS, "hold"), (FAILS, "do not hold"), (OPEN, "cannot be told"))
    return ", ".join(f"{(verdicts == verdict).sum()} {word}" for verdict, word in words)


def inline(results: Results, section: str, page: str = PAGE) -> str:
    """Markdown bullets for a section's page: its claims, each with verdict, numbers and a link to the ledger."""
    rows = _rows(results)
    return "\n".join(_bullet(row, page) for _, row in rows[rows["section"] == section].iterrows()) or NO_CLAIM


def _bullet(row: pd.Series, page: str) -> str:
    numbers = "; ".join(filter(None, (row["recomputed"], row["qualifier"])))
    said = tables.text(f"{row['claim']} Recomputed: {numbers}.")
    parts = [f"- {MARKS[row['verdict']]} **{row['verdict']}** · {said}"]
    if row["here"] in JUDGED:
        more = f"; {tables.text(row['here_qualifier'])}" if row["here_qualifier"] else ""
        told = f'<span class="thb-told" data-told="{html.escape(row["here_rests_on"])}">'
        parts.append(f"On the clips here: {told}{MARKS[row['here']]} {row['here']}</span>{more}.")
    return " ".join([*parts, f"[{tables.text(row['id'])}]({page})"])
