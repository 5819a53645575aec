"""The paper's five classes of performance (its section 4.1), as word, symbol and colour."""

from __future__ import annotations

from thb.report.table import LEVELS, Level, level  # noqa: F401


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
