"""How the numbers move between protocols: the arithmetic and the words behind the findings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from thb.cells.comparisons import OPEN, SHIFTS
from thb.report.load import Entrant, Results
from thb.report.tables import decimal, text
from thb.report.verdicts import FAILS, HOLDS, Told, say

__all__ = [
    "FAILS",
    "HOLDS",
    "OPEN",
    "SHIFTS",
    "Mean",
    "fall_sentence",
    "fell",
    "hardest",
    "mean",
    "printed_over_detectors",
]


@dataclass(frozen=True)
class Mean:
    """A mean over generators with its interval; nan where there is none."""

    value: float
    lo: float = float("nan")
    hi: float = float("nan")

    def __str__(self) -> str:
        inside = "" if math.isnan(self.lo) else f" ({decimal(self.lo)}–{decimal(self.hi)})"
        return decimal(self.value) + inside


def mean(results: Results, protocol: str, entrant: Entrant, metric: str) -> Mean:
    """Our mean of one detector, or nan where the clips are too few to tell the metric."""
    cells = results.cells
    own = cells[
        (cells["protocol"] == protocol)
        & (cells["detector"] == entrant.key)
        & (cells["metric"] == metric)
        & (cells["n_fake"] > 0)
    ]
    if own.empty or not own["resolvable"].all():
        return Mean(float("nan"))
    return Mean(**results.mean(protocol, entrant.key, metric))


def printed_over_detectors(results: Results, protocol: str, metric: str) -> Mean:
    """The mean over all detectors that the paper printed."""
    return Mean(
        float(np.mean([results.printed_mean(protocol, e.printed, metric) for e in results.entrants if e.printed]))
    )


def fell(told: Told) -> str:
    """HTML: 'fell by 0.09 (0.07 to 0.11)', or what else the answer is to 'is the first above the second'."""
    by = f": by {told.shown}" if told.known else ", as there is no number on one side at least"
    return say(told, f"fell by {told.size}", f"rose by {told.size}", f"{OPEN} to have fallen{by}") + text(told.without)


def fall_sentence(results: Results, entrant: Entrant, metric: str, before: str, after: str) -> str:
    """One detector, two protocols, in words that the comparison chooses."""
    told = results.verdicts.falls(metric, before, after, entrant.key)
    values = f" of {decimal(told.first_value)} in {before} and {decimal(told.second_value)} in {after}"
    return f"{text(entrant.label)}: its mean {text(metric)}{values if told.known else ''} {fell(told)}."


def hardest(scores: dict[str, float], n: int = 2) -> list[str]:
    """The n generators with the lowest numbers, lowest first; empty if any number is missing."""
    if any(math.isnan(v) for v in scores.values()):
        return []
    return sorted(scores, key=scores.__getitem__)[:n]
