"""Cells of a table: numbers with their class and interval, verdicts, words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from thb.cells.classes import CLASSES
from thb.cells.comparisons import ABOVE, BELOW, INCONCLUSIVE
from thb.core import metrics
from thb.core.decimals import COARSE, NONE, UNRESOLVABLE, decimal
from thb.core.errors import ParamsError, unknown
from thb.core.words import text
from thb.report.load import open_results
from thb.report.verdicts import FAILS, HOLDS, Told, mark

CSS = Path(__file__).with_name("table.css").read_text(encoding="utf-8").strip()
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


def bounds() -> list[tuple[Level, str]]:
    """Each class with the rates it spans, in words."""
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
