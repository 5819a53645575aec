"""Answers to 'does this lie above that', read from comparisons.csv."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from thb.cells import comparisons
from thb.cells.comparisons import ABOVE, BELOW, INCONCLUSIVE
from thb.cells.questions import CELL, DETECTOR, GENERATOR, LEVEL, MEAN, METRIC, PROTOCOL, SHIFTS
from thb.core.decimals import NONE, signed
from thb.core.errors import DataError
from thb.core.intervals import p_value

HOLDS, FAILS = "holds", "does not hold"  # of a finding or a claim; both words stand beside INCONCLUSIVE
Truth = bool | None  # None: cannot be told
VERDICTS = {True: HOLDS, False: FAILS, None: INCONCLUSIVE}
AXES = {
    PROTOCOL: ("protocol",),
    DETECTOR: ("detector",),
    GENERATOR: ("generator",),
    METRIC: ("metric",),
    CELL: ("protocol", "generator"),
    LEVEL: (),
}
KEYS = ("protocol", "detector", "generator", "metric", "first", "second")


@dataclass(frozen=True)
class Told:
    """The answer to one question as it was asked; `question` is the same whichever side is named first."""

    question: str
    turned: bool  # whether it was asked the other way round
    first: str
    second: str
    first_value: float
    second_value: float
    difference: float  # first less second
    lo: float
    hi: float
    p: float
    p_holm: float  # heeding all that are asked alike, as the verdict does
    left_out: str  # names without a number on one side, as a reader knows them
    verdict: str  # ABOVE, BELOW or INCONCLUSIVE: where the first lies

    @property
    def above(self) -> Truth:
        """Whether the first lies above the second."""
        return {ABOVE: True, BELOW: False, INCONCLUSIVE: None}[self.verdict]

    @property
    def known(self) -> bool:
        return not math.isnan(self.difference)

    @property
    def interval(self) -> str:
        """'0.02 to 0.10', a dash where there is none."""
        return f"{signed(self.lo)} to {signed(self.hi)}" if self.known else NONE

    @property
    def shown(self) -> str:
        """'0.06 (0.02 to 0.10)': first less second."""
        return f"{signed(self.difference)} ({self.interval})"

    @property
    def size(self) -> str:
        """The same of how far the two lie apart, whichever is above."""
        return (
            replace(self, difference=-self.difference, lo=-self.hi, hi=-self.lo).shown
            if self.difference < 0
            else (self.shown)
        )

    @property
    def chances(self) -> str:
        """'p 0.004, 0.03 after Holm': of so large a difference were there none; '' where there is no number."""
        return f"p {self.p:.1g}, {self.p_holm:.1g} after Holm" if self.known and not math.isnan(self.p) else ""

    @property
    def without(self) -> str:
        """', without LipFD' where something is left out of a mean."""
        return f", without {self.left_out}" if self.left_out else ""

    def plainly(self) -> tuple[str, str, str, str]:
        """The question as the file asks it, its verdict there and the interval's ends: no two pages differ in them."""
        verdict = {ABOVE: BELOW, BELOW: ABOVE}.get(self.verdict, INCONCLUSIVE) if self.turned else self.verdict
        lo, hi = (-self.hi, -self.lo) if self.turned else (self.lo, self.hi)
        return self.question, verdict, f"{lo + 0:.6g}", f"{hi + 0:.6g}"


def by_machine(told: Iterable[Told]) -> str:
    """The same answers for a column of rows: JSON, a list each of question, verdict and the interval's ends."""
    return json.dumps([one.plainly() for one in told], ensure_ascii=False)


def all_of(truths: Iterable[Truth]) -> Truth:
    """False if one is, else open if one is."""
    found = list(truths)
    return False if False in found else None if None in found else True


class Verdicts:
    """The answers of one clone, by question."""

    def __init__(self, rows: pd.DataFrame, labels: Mapping[str, str], confidence: float) -> None:
        """COMPARISON_COLUMNS, what tables call each name, and the confidence of the intervals."""
        text = [c for c in rows.columns if rows[c].dtype == object or c in (*KEYS, "left_out", "question")]
        rows = rows.astype(dict.fromkeys(text, object)).fillna(dict.fromkeys(text, ""))
        other = (rows["first_value"] - rows["difference"]).where(rows["question"] != LEVEL)  # which has no second
        rows = rows.assign(second_value=other)
        self._rows = {(row["question"], *(row[key] for key in KEYS)): row for row in rows.to_dict("records")}
        self._labels, self._confidence = labels, confidence
        self._keys = {label: key for key, label in labels.items()}

    def ask(self, kind: str, first: str, second: str, **common: str) -> Told:
        """Where `first` lies seen from `second`; what both have in common is `mean` where it is not said.

        Detectors and generators go by their names in params.yaml or by those that tables show. Raises DataError if
        `evaluate` compared no such two.
        """
        free = {"protocol": MEAN, "detector": MEAN, "generator": MEAN, "metric": "", **common}
        first, second = self._keys.get(first, first), self._keys.get(second, second)
        head = (kind, *("" if key in AXES[kind] else self._keys.get(free[key], free[key]) for key in KEYS[:4]))
        for sides, turned in (((first, second), False), ((second, first), True)):
            if row := self._rows.get((*head, *sides)):
                return self.tell(row, turned)
        raise DataError(
            f"comparisons.csv does not compare {first} with {second} by "
            f"{', '.join(filter(None, head))}; run `dvc repro`"
        )

    def tell(self, row: Mapping, turned: bool = False) -> Told:
        """The answer that one row of comparisons.csv holds."""
        of_level = row["question"] == LEVEL  # which claims nothing
        p = math.nan if of_level else p_value(row["difference"], row["lo"], row["hi"], self._confidence)
        found = comparisons.Compared(*({**row, "p": p}[k] for k in comparisons.Compared.__dataclass_fields__))
        found = comparisons.opposite(found) if turned else found
        sides = (row["second"], row["first"]) if turned else (row["first"], row["second"])
        question = " · ".join(filter(None, (row["question"], *(row[key] for key in KEYS))))
        return Told(question, turned, *sides, left_out=self._named(row["left_out"]), **vars(found))

    def _named(self, left_out: str) -> str:
        """'LipFD, Hallo' for 'lipfd; hallo'."""
        return ", ".join(
            " ".join(self._labels.get(word, word) for word in one.split()) for one in left_out.split("; ") if one
        )

    def level(self, metric: str, protocol: str = MEAN, detector: str = MEAN, generator: str = MEAN) -> Told:
        """A mean by itself; `difference` is its value."""
        return self.ask(LEVEL, "", "", protocol=protocol, detector=detector, generator=generator, metric=metric)

    def falls(self, metric: str, before: str, after: str, detector: str = MEAN, generator: str = MEAN) -> Told:
        """Does it fall from one protocol to another?"""
        return self.ask(PROTOCOL, before, after, detector=detector, generator=generator, metric=metric)

    def better(self, metric: str, one: str, other: str, protocol: str = MEAN, generator: str = MEAN) -> Told:
        """Does one detector reach more than another?"""
        return self.ask(DETECTOR, one, other, protocol=protocol, generator=generator, metric=metric)

    def easier(self, metric: str, one: str, other: str, protocol: str = MEAN, detector: str = MEAN) -> Told:
        """Is one generator above another?"""
        return self.ask(GENERATOR, one, other, protocol=protocol, detector=detector, metric=metric)

    def lowest(self, metric: str, named: Sequence[str], others: Iterable[str]) -> tuple[Truth, list[Told]]:
        """Whether the named generators all lie below all the others, by the mean over detectors and protocols."""
        told = [self.easier(metric, other, name) for name in named for other in others]
        return all_of(one.above for one in told), told


def pooled(protocols: Sequence[str]) -> str:
    """What comparisons.csv calls these protocols taken together; '' where it has no such mean."""
    if tuple(protocols) == SHIFTS:
        return MEAN
    return protocols[0] if len(protocols) == 1 else ""
