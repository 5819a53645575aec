"""Numbers as tables and sentences show them."""

from __future__ import annotations

import math

NONE, UNRESOLVABLE, COARSE = "—", "⊘", "†"  # no number; too few reals to tell it; few reals to tell it


def decimal(value: float, places: int = 2) -> str:
    """A number as the tables show it, or a dash where there is none."""
    return NONE if math.isnan(value) else f"{value:.{places}f}"


def signed(value: float) -> str:
    """Two decimals with a true minus; nought has no sign."""
    return decimal(round(value, 2) + 0.0).replace("-", "−") if not math.isnan(value) else decimal(value)
