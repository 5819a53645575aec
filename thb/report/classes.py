"""The paper's five classes of performance (its section 4.1), as word, symbol and colour."""

from __future__ import annotations

import re
from dataclasses import dataclass

from thb.report.css import CSS


@dataclass(frozen=True)
class Level:
    name: str
    at_least: float
    symbol: str  # a disc that empties: readable without colour

    @property
    def css(self) -> str:
        return f"thb-{self.name.lower()}"

    @property
    def colour(self) -> str:
        """Its colour on white, as the tables have it."""
        return re.search(rf"--{self.css}: (#\w+);", CSS).group(1)


LEVELS = (
    Level("Excellent", 0.99, "●"),
    Level("Good", 0.95, "◕"),
    Level("Reasonable", 0.85, "◑"),
    Level("Fair", 0.75, "◔"),
    Level("Poor", 0.0, "○"),
)


def level(value: float) -> Level:
    """The class of a rate in [0, 1], taken as printed: rounded to two decimals first, bounds included."""
    return next(one for one in LEVELS if round(value, 2) >= one.at_least)


def legend() -> str:
    """HTML: every class with its symbol and bounds."""
    uppers = ["", *(f"–{one.at_least:.2f}" for one in LEVELS[:-1])]
    chips = [
        f'<span class="thb-chip {one.css}">{one.symbol} {one.name} {_bounds(one, upper)}</span>'
        for one, upper in zip(LEVELS, uppers, strict=True)
    ]
    return f'<p class="thb-legend">{" ".join(chips)}</p>'


def _bounds(one: Level, upper: str) -> str:
    if not upper:
        return f"≥ {one.at_least:.2f}"
    return f"&lt; {upper[1:]}" if one is LEVELS[-1] else f"{one.at_least:.2f}{upper}"
