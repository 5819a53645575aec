"""The boards as lines of text, and what an entry's authors may show: its result as JSON, and a badge."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from thb.core.decimals import NONE, UNRESOLVABLE, decimal
from thb.core.errors import printable
from thb.core.tables import write_atomic, write_json
from thb.leaderboard import editions
from thb.leaderboard.board import DETECTOR, Board
from thb.leaderboard.judge import Judged

RESULT, BADGE = "result.json", "badge.svg"
_TEMPLATE = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
    Path(__file__).with_suffix(".svg.j2").read_text(encoding="utf-8")
)


def places(row: Mapping[str, Any]) -> str:
    """'2' or '1–3': the places that a detector may hold; '' of what does not rank."""
    if math.isnan(row["first"]):
        return ""
    first, last = int(row["first"]), int(row["last"])
    return str(first) if first == last else f"{first}–{last}"


def lines(board: Board) -> Iterator[str]:
    """Both boards, and below them what does not rank and why."""
    found, judge = board.detectors(), board.judge
    version = judge.evaluator or f"of no stated version ({editions.code_of(judge.params)})"
    n = len(judge.editions.present(board.edition))
    order = board.protocols[-1]
    yield f"edition {board.edition}, evaluator {version}: mean {board.metric} over {n} generators, by {order}"
    ranked = [rows for _, rows in found.groupby("entry", sort=False) if not rows["state"].iloc[0]]
    yield from _grid(
        ["place", "detector", *board.protocols, "scored", "entry", ""],
        [[*_line(rows), rows["entry"].iloc[0], standing(rows.iloc[0].to_dict())] for rows in ranked],
    )
    yield ""
    yield f"generators, by the most that a detector finds ({board.metric})"
    yield from _grid(
        ["generator", *board.protocols, "found best by", "in", "out"],
        [_generator(rows) for _, rows in board.generators().groupby("generator", sort=False)],
    )
    aside = [told(one) for one in board.entries if one.state]
    yield from (["", *aside] if aside else [])


def _line(rows: pd.DataFrame) -> list[str]:
    last = rows.iloc[-1]
    return [
        places(last.to_dict()),
        last["label"],
        *map(_value, rows.to_dict("records")),
        f"{last['scored'] / last['of']:.0%}",
    ]


def standing(row: Mapping[str, Any]) -> str:
    """'claimed', 'verified', or 'control, verified'."""
    kind, checked = row["kind"], _checked(row["verified"])
    return checked if kind == DETECTOR else f"{kind}, {checked}" if row["verified"] else kind


def _checked(verified: bool) -> str:
    return "verified" if verified else "claimed"


def _generator(rows: pd.DataFrame) -> list[str]:
    last = rows.iloc[-1]
    shown = [last["label"], *map(_value, rows.to_dict("records")), last["best"] or NONE]
    return [*shown, last["taken_in"], last["retired"] or NONE]


def _value(row: Mapping[str, Any]) -> str:
    if not row["n_fake"]:
        return NONE
    return f"{decimal(row['value'])} ({decimal(row['lo'])}–{decimal(row['hi'])})" if row["resolvable"] else UNRESOLVABLE


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Words in columns, two blanks apart."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        yield "  ".join(printable(word).ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()


def told(one: Judged) -> str:
    """An entry's state in one line."""
    if one.state:
        return printable(f"{one.name} is {one.state}: {one.why}")
    return f"{one.name} is in order: {one.scored:,} of {one.of:,} clips scored, {_checked(one.verified)}"


def result(board: Board, one: Judged) -> dict[str, Any]:
    """What an entry came to, for its authors."""
    numbers = {
        row["protocol"]: {"value": row["value"], "lo": row["lo"], "hi": row["hi"], "place": places(row) or None}
        for row in board.detectors().to_dict("records")
        if row["entry"] == one.name and row["n_fake"] and row["resolvable"]
    }
    entry = one.entry
    return {
        "entry": one.name,
        "edition": board.edition,
        "evaluator": {"version": board.judge.evaluator, "code": editions.code_of(board.judge.params)},
        "clips": entry.clips if entry else None,
        "scores": {score.file: score.sha256 for score in entry.scores} if entry else {},
        "state": one.state or "in order",
        "why": one.why,
        "verified": one.verified,
        "scored": one.scored,
        "of": one.of,
        "metric": board.metric,
        "protocols": numbers,
    }


def write(board: Board, one: Judged, folder: Path) -> list[Path]:
    """Write RESULT and BADGE; the files."""
    said = result(board, one)
    write_json(said, folder / RESULT)
    best = said["protocols"].get(board.protocols[-1])
    right = one.state or (f"{board.protocols[-1]} {board.metric} {decimal(best['value'])}" if best else "no number")
    if best and best["place"]:
        right += f", place {best['place']}"
    left = f"TalkingHeadBench {board.edition}"
    widths = [round(6.5 * len(words)) + 14 for words in (left, right)]
    svg = _TEMPLATE.render(left=left, right=printable(right), widths=widths, good=not one.state)
    write_atomic(folder / BADGE, lambda part: part.write_text(svg, encoding="utf-8"))
    return [folder / RESULT, folder / BADGE]
