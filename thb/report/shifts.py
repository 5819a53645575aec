"""How the numbers move between protocols: the arithmetic and the words behind the findings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from thb.report.results import Entrant, Results
from thb.report.tables import decimal, text

HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be told"
SHIFTS = ("P1", "P2", "P3")      # the paper's protocols, from the mildest shift to the hardest


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


def over_detectors(means: Iterable[Mean]) -> Mean:
    """The mean of means; its interval is the mean interval, which is wider than the true one."""
    values = np.array([[m.value, m.lo, m.hi] for m in means])
    return Mean(*values.mean(axis=0)) if len(values) else Mean(float("nan"))


def printed_over_detectors(results: Results, protocol: str, metric: str) -> Mean:
    """The mean over all detectors that the paper printed."""
    return Mean(
        float(
            np.mean(
                [results.printed_mean(protocol, e.printed, metric) for e in results.entrants if e.printed]
            )
        )
    )


def apart(a: Mean, b: Mean) -> bool:
    """Whether two intervals do not overlap."""
    return a.hi < b.lo or b.hi < a.lo


def falls(before: Mean, after: Mean) -> str:
    """The verdict on 'after is below before': open where intervals overlap or a number is missing."""
    if math.isnan(before.value) or math.isnan(after.value) or not apart(before, after):
        return OPEN
    return HOLDS if after.value < before.value else FAILS


def fall_sentence(results: Results, entrant: Entrant, metric: str, before: str, after: str) -> str:
    """One detector, two protocols, in words that the numbers choose."""
    a, b = (mean(results, protocol, entrant, metric) for protocol in (before, after))
    if math.isnan(a.value) or math.isnan(b.value):
        return f"{text(entrant.label)}: too few clips to tell {text(metric)} in {before} and {after}."
    word = "is below" if b.value < a.value else "is not below"
    overlap = "the intervals do not overlap" if apart(a, b) else "the intervals overlap"
    return f"{text(entrant.label)}: {after} {word} {before}: mean {text(metric)} {b} against {a}; {overlap}."


def hardest(scores: dict[str, float], n: int = 2) -> list[str]:
    """The n generators with the lowest numbers, lowest first; empty if any number is missing."""
    if any(math.isnan(v) for v in scores.values()):
        return []
    return sorted(scores, key=scores.__getitem__)[:n]


def are_lowest(named: Sequence[str], means: Mapping[str, Mean]) -> str:
    """The verdict on 'these are the lowest': open where intervals overlap too much, or a number is missing."""
    if any(math.isnan(m.value) for m in means.values()) or not set(named) <= set(means):
        return OPEN
    others = [mean for name, mean in means.items() if name not in named]
    if all(means[name].hi < other.lo for name in named for other in others):
        return HOLDS
    below = max(sum(other.hi < means[name].lo for other in others) for name in named)
    return FAILS if below >= len(named) else OPEN


def own_cell(results: Results, protocol: str, entrant: Entrant, generator: str, metric: str) -> float:
    """One cell of ours, nan where it cannot be resolved."""
    cells = results.cells
    row = cells[
        (cells["protocol"] == protocol)
        & (cells["detector"] == entrant.key)
        & (cells["generator"] == generator)
        & (cells["metric"] == metric)
    ].iloc[0]
    return float(row["value"]) if row["resolvable"] and row["n_fake"] else float("nan")
