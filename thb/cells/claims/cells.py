"""Cells as claims ask for them: means with intervals, and comparisons that may stay open."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from thb.cells import answers
from thb.cells.answers import Told, Truth, Verdicts
from thb.cells.printed import printed_cells
from thb.cells.questions import MEAN, step
from thb.core.decimals import UNRESOLVABLE, decimal
from thb.core.errors import ParamsError, check_known
from thb.core.params import Params

AXES = ("protocol", "detector", "generator")
SLACK = 1e-9  # of float arithmetic, far below what is printed
HALF = 0.005  # half of the last printed place
Key = tuple[str, str, str, str]  # protocol, detector, generator, metric, as the paper names them
Names = tuple[str, ...]
Chosen = Mapping[str, str | Sequence[str]]  # axis -> the names taken along it


class Said(NamedTuple):
    """What a check found: whether the claim is so, the numbers that tell, and the answers of ours it rests on."""

    truth: Truth
    text: str
    told: Sequence[Told] = ()


def register(checks: dict[str, Callable[..., Said]]) -> Callable[[Callable[..., Said]], Callable[..., Said]]:
    """A decorator that adds a check to those that claims.yaml may name."""

    def add(check: Callable[..., Said]) -> Callable[..., Said]:
        checks[check.__name__] = check
        return check

    return add


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; a printed one is taken as exact. `of`: the names and the metric that it is of."""

    value: float
    lo: float
    hi: float
    exact: bool = False
    of: tuple[Names, ...] = field(default=(), compare=False)

    @classmethod
    def printed(cls, value: float) -> Estimate:
        return cls(value, value, value, exact=True)

    @property
    def unknown(self) -> bool:
        return math.isnan(self.value)

    def lacking(self) -> Estimate:
        """What it lacks to 1."""
        return Estimate(1 - self.value, 1 - self.hi, 1 - self.lo, self.exact)

    def __str__(self) -> str:
        if self.unknown:
            return UNRESOLVABLE
        if self.exact:
            return decimal(self.value + SLACK, 3).removesuffix("0")  # 0.4875 is 0.488, whatever its last bit
        inside = "" if math.isnan(self.lo) else f" ({decimal(self.lo)}–{decimal(self.hi)})"
        return f"{decimal(self.value)}{inside}"


NOTHING = Estimate(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Difference:
    """Whether one number lies below another, by how much with an interval, and the answer that says so."""

    below: Truth
    size: Estimate
    told: tuple[Told, ...] = ()

    @property
    def aside(self) -> str:
        """', 0.09 (0.07 to 0.11)' of ours, to stand beside the numbers; printed ones speak for themselves."""
        return "".join(f", {one.shown}{one.without}" for one in self.told if one.known)


def reaches(one: Estimate, bound: float) -> Truth:
    """Whether it is at least `bound`: open where the interval holds the bound."""
    if one.unknown:
        return None
    if one.lo >= bound - SLACK:
        return True
    return False if one.hi < bound - SLACK else None


def exceeds(one: Estimate, bound: float) -> Truth:
    return negate(reaches(Estimate(-one.value, -one.hi, -one.lo, one.exact), -bound))


def negate(truth: Truth) -> Truth:
    return None if truth is None else not truth


def most_of(truths: Iterable[Truth]) -> Truth:
    """Whether more than half are true, whatever the open ones turn out to be."""
    found = list(truths)
    if 2 * found.count(True) > len(found):
        return True
    return None if 2 * (found.count(True) + found.count(None)) > len(found) else False


def listing(found: Mapping[str, Estimate]) -> str:
    """'TALL 0.91 (0.88–0.93), LipFD 0.62': each name with its number."""
    return ", ".join(f"{name} {one}".strip() for name, one in found.items())


@dataclass(frozen=True)
class Cells:
    """Printed cells under the paper's names: every one that is known, and what a claim may select."""

    known: Mapping[Key, Estimate]
    every: Mapping[str, Sequence[str]]  # axis -> what it means when a claim is silent
    names: Mapping[str, Sequence[str]]  # axis -> all that a claim may say

    @classmethod
    def printed(cls, params: Params, published: Path) -> Cells:
        """What stands in the paper's tables; a silent axis means P1 to P3, its detectors, the six generators.

        A claim may also name protocols and sources of params.yaml that no printed table has.
        """
        known = {key: Estimate.printed(value) for key, value in printed_cells(published).items()}
        names = {axis: list(dict.fromkeys(key[i] for key in known)) for i, axis in enumerate(AXES)}
        every = {**names, "generator": [params.sources[g].printed for g in params.generators]}
        more = {
            "protocol": [name for name, protocol in params.protocols.items() if not protocol.printed],
            "generator": [source.printed for source in params.sources.values()],
        }
        said = {axis: list(dict.fromkeys([*own, *more.get(axis, ())])) for axis, own in names.items()}
        return cls(known, every, said)

    def mean(self, metric: str, chosen: Chosen) -> Estimate:
        """Over the selection; unknown if one cell is."""
        of = self._of(metric, chosen)
        values = [self.known.get(key, NOTHING) for key in product(*of)]
        return replace(_plain_mean(values) if len(values) > 1 else values[0], of=of)

    def less(self, a: Estimate, b: Estimate) -> Difference:
        """Whether a is below b."""
        if a.unknown or b.unknown:
            return Difference(None, NOTHING)
        return Difference(a.value < b.value - SLACK, Estimate.printed(b.value - a.value))

    def loss(self, before: Estimate, after: Estimate) -> Difference:
        """By how much `after` is below `before`; a loss between two metrics can be compared with another."""
        found = self.less(after, before)
        first, second = before.of[-1][0], after.of[-1][0]
        return replace(found, size=replace(found.size, of=(*before.of[:-1], (step(first, second),))))

    def choose(self, axis: str, chosen: Chosen) -> list[str]:
        wanted = chosen.get(axis, self.every[axis])
        wanted = [wanted] if isinstance(wanted, str) else list(wanted)
        check_known(f"{axis} in claims.yaml", wanted, self.names[axis])
        return wanted

    def each(self, axes: str | Sequence[str], chosen: Chosen) -> list[dict[str, str]]:
        """Every single choice along these axes within the selection; one empty choice for no axis."""
        axes = [axes] if isinstance(axes, str) else list(axes)
        check_known("axis in claims.yaml", axes, AXES)
        return [dict(zip(axes, names, strict=True)) for names in product(*(self.choose(a, chosen) for a in axes))]

    def by(self, axes: str | Sequence[str], metric: str, chosen: Chosen) -> dict[str, Estimate]:
        """'P1' or 'P1 Hallo' -> the mean there, for each choice along the axes."""
        return {" ".join(one.values()): self.mean(metric, {**chosen, **one}) for one in self.each(axes, chosen)}

    def _of(self, metric: str, chosen: Chosen) -> tuple[Names, Names, Names, Names]:
        protocols, detectors, generators = (tuple(self.choose(axis, chosen)) for axis in AXES)
        return protocols, detectors, generators, (metric,)


def _plain_mean(values: Sequence[Estimate]) -> Estimate:
    if not values or any(one.unknown for one in values):
        return NOTHING
    return Estimate.printed(float(np.mean([one.value for one in values])))


@dataclass(frozen=True)
class OwnCells(Cells):
    """What was computed here, under the paper's names; means and comparisons are those of comparisons.csv."""

    unscored: Collection[Key]  # cells without a clip, which no mean holds
    answers: Verdicts
    keys: Mapping[str, Mapping[str, str]]  # axis -> the paper's name -> ours
    protocols: Mapping[tuple[str, str], str]  # (the paper's protocol and generator) -> ours
    metrics: Collection[str]

    @classmethod
    def of(cls, params: Params, printed: Cells, cells: pd.DataFrame, answers: Verdicts) -> OwnCells:
        """The cells of the paper's detectors; what cannot be resolved stays unknown."""
        known, unscored, protocols = {}, set(), {}
        for row in cells.to_dict("records"):
            protocol, detector = params.protocols[row["protocol"]].printed, params.detectors[row["detector"]]
            generator = params.sources[row["generator"]].printed
            if not detector.printed:
                continue
            key = (protocol or row["protocol"], detector.printed, generator, row["metric"])
            protocols[key[0], generator] = row["protocol"]
            if not row["n_fake"]:
                unscored.add(key)
            elif row["resolvable"]:
                known[key] = Estimate(row["value"], row["lo"], row["hi"])
        named = {"protocol": {}, "detector": params.detectors, "generator": params.sources}
        keys = {axis: {entry.printed: key for key, entry in of.items() if entry.printed} for axis, of in named.items()}
        metrics = list(dict.fromkeys(cells["metric"]))
        return cls(known, printed.every, printed.names, unscored, answers, keys, protocols, metrics)

    def mean(self, metric: str, chosen: Chosen) -> Estimate:
        """As `evaluate` resampled it; without an interval where it did not, so that no bound is told by it."""
        of = self._of(metric, chosen)
        every = list(product(*of))
        values = [self.known.get(key, NOTHING) for key in every if key not in self.unscored]
        if len(every) == len(values) == 1:
            return replace(values[0], of=of)
        one = replace(_plain_mean(values), lo=math.nan, hi=math.nan, exact=False, of=of)
        partly = any(
            len(names) > 1 and set(names) != set(self.every[axis]) for axis, names in zip(AXES, of[:3], strict=True)
        )
        if one.unknown or partly:
            return one
        place = self._place(one)
        told = self.answers.level(place.pop("metric"), **place)
        return replace(one, value=told.difference, lo=told.lo, hi=told.hi)

    def less(self, a: Estimate, b: Estimate) -> Difference:
        if not self._run(a) or not self._run(b):
            return Difference(None, NOTHING)
        one, other = self._place(b), self._place(a)
        free = {axis: one[axis] for axis in one if one[axis] == other[axis]}
        kinds = [kind for kind, axes in answers.AXES.items() if set(axes) == set(one) - set(free)]
        if not kinds:
            raise ParamsError(
                f"claims.yaml compares {_words(b.of)} with {_words(a.of)}, which differ in more than "
                f"comparisons.csv compares: {', '.join(answers.AXES)}"
            )
        sides = (" ".join(place[axis] for axis in answers.AXES[kinds[0]]) for place in (one, other))
        told = self.answers.ask(kinds[0], *sides, **free)
        return Difference(told.above, Estimate(told.difference, told.lo, told.hi), (told,))

    def _run(self, one: Estimate) -> bool:
        """Whether its detectors are run here, and its rates computed; a mean has some of them at least."""
        _, detectors, _, (metric,) = one.of
        return any(d in self.keys["detector"] for d in detectors) and set(metric.split(" to ")) <= set(self.metrics)

    def _place(self, one: Estimate) -> dict[str, str]:
        """axis -> our name there, `mean` where the number is a mean over all of it."""
        *names, (metric,) = one.of
        found = {axis: self._name(axis, chosen) for axis, chosen in zip(AXES, names, strict=True)}
        protocols = {self.protocols.get((p, g), p) for p in names[0] for g in names[2]}
        return found | {"protocol": MEAN if found["protocol"] == MEAN else protocols.pop(), "metric": metric}

    def _name(self, axis: str, chosen: Sequence[str]) -> str:
        if len(chosen) == 1:
            return self.keys[axis].get(chosen[0], chosen[0])
        if set(chosen) == set(self.every[axis]):
            return MEAN
        raise ParamsError(
            f"claims.yaml compares a mean over {', '.join(chosen)}; comparisons.csv has each {axis} and "
            f"the mean over {', '.join(self.every[axis])}"
        )


def _words(of: Sequence[Sequence[str]]) -> str:
    return " ".join(names[0] if len(names) == 1 else f"[{', '.join(names)}]" for names in of)
