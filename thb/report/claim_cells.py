"""Cells as claims ask for them: means with intervals, and comparisons that may stay open."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from thb.errors import ParamsError, unknown
from thb.report.results import Results
from thb.report.shifts import SHIFTS
from thb.report.tables import UNRESOLVABLE, decimal

AXES = ("protocol", "detector", "generator")
SLACK = 1e-9  # of float arithmetic, far below what is printed
Truth = bool | None  # None: cannot be told
Key = tuple[str, str, str, str]  # protocol, detector, generator, metric, as the paper names them
Chosen = Mapping[str, str | Sequence[str]]  # axis -> the names taken along it


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; a printed one is taken as exact."""

    value: float
    lo: float
    hi: float
    exact: bool = False

    @classmethod
    def printed(cls, value: float) -> Estimate:
        return cls(value, value, value, exact=True)

    @property
    def unknown(self) -> bool:
        return math.isnan(self.value)

    def minus(self, other: Estimate) -> Estimate:
        """The difference; its interval is as wide as the two allow."""
        both = self.exact and other.exact
        return Estimate(self.value - other.value, self.lo - other.hi, self.hi - other.lo, both)

    def __str__(self) -> str:
        if self.unknown:
            return UNRESOLVABLE
        if self.exact:
            return decimal(self.value + SLACK, 3).removesuffix("0")  # 0.4875 is 0.488, whatever its last bit
        return f"{decimal(self.value)} ({decimal(self.lo)}–{decimal(self.hi)})"


NOTHING = Estimate(math.nan, math.nan, math.nan)


def less(a: Estimate, b: Estimate) -> Truth:
    """Whether a is below b: open where intervals overlap."""
    if a.unknown or b.unknown:
        return None
    if a.hi < b.lo - SLACK:
        return True
    return False if b.hi < a.lo - SLACK or (a.exact and b.exact) else None


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


def all_of(truths: Iterable[Truth]) -> Truth:
    """False if one is, else open if one is."""
    found = list(truths)
    return False if False in found else None if None in found else True


def most_of(truths: Iterable[Truth]) -> Truth:
    """Whether more than half are true, whatever the open ones turn out to be."""
    found = list(truths)
    if 2 * found.count(True) > len(found):
        return True
    return None if 2 * (found.count(True) + found.count(None)) > len(found) else False


@dataclass(frozen=True)
class Cells:
    """known: every cell; every: what an axis means when a claim is silent; names: all it may say; wholes: below."""

    known: Mapping[Key, Estimate]
    every: Mapping[str, Sequence[str]]
    names: Mapping[str, Sequence[str]]
    wholes: Mapping[tuple[str, str, str], Estimate]  # (protocol, detector, metric): means whose interval is known

    def mean(self, metric: str, chosen: Chosen) -> Estimate:
        """Over the selection; unknown if one cell is. Bounds are averaged, which is wider than the true interval."""
        protocols, detectors, generators = (self.choose(axis, chosen) for axis in AXES)
        values = [one for p, d in product(protocols, detectors) for one in self._row(p, d, generators, metric)]
        if not values or any(one.unknown for one in values):
            return NOTHING
        exact = all(one.exact for one in values)
        return Estimate(*np.mean([[v.value, v.lo, v.hi] for v in values], axis=0).tolist(), exact=exact)

    def _row(self, protocol: str, detector: str, generators: Sequence[str], metric: str) -> list[Estimate]:
        whole = self.wholes.get((protocol, detector, metric))
        if whole and set(generators) == set(self.every["generator"]):
            return [whole]
        return [self.known.get((protocol, detector, g, metric), NOTHING) for g in generators]

    def choose(self, axis: str, chosen: Chosen) -> list[str]:
        wanted = chosen.get(axis, self.every[axis])
        wanted = [wanted] if isinstance(wanted, str) else list(wanted)
        if odd := [name for name in wanted if name not in self.names[axis]]:
            raise ParamsError(unknown(f"{axis} in claims.yaml", odd[0], self.names[axis]))
        return wanted

    def each(self, axes: str | Sequence[str], chosen: Chosen) -> list[dict[str, str]]:
        """Every single choice along these axes within the selection; one empty choice for no axis."""
        axes = [axes] if isinstance(axes, str) else list(axes)
        if odd := [axis for axis in axes if axis not in AXES]:
            raise ParamsError(unknown("axis in claims.yaml", odd[0], AXES))
        return [dict(zip(axes, names, strict=True)) for names in product(*(self.choose(a, chosen) for a in axes))]

    def by(self, axes: str | Sequence[str], metric: str, chosen: Chosen) -> dict[str, Estimate]:
        """'P1' or 'P1 Hallo' -> the mean there, for each choice along the axes."""
        return {" ".join(one.values()): self.mean(metric, {**chosen, **one}) for one in self.each(axes, chosen)}


def printed_cells(results: Results) -> Cells:
    """What stands in the paper's tables."""
    known = {key: Estimate.printed(value) for key, value in results.printed.items()}
    return Cells(known, *_axes(results), {})


def own_cells(results: Results) -> Cells:
    """What was computed here, under the paper's names; what cannot be resolved stays unknown."""
    known, wholes = {}, {}
    for row in results.cells.to_dict("records"):
        protocol, detector = results.params.protocols[row["protocol"]], results.params.detectors[row["detector"]]
        generator = results.params.sources[row["generator"]].printed
        if protocol.printed and detector.printed and row["n_fake"] and row["resolvable"]:
            key = (protocol.printed, detector.printed, generator, row["metric"])
            known[key] = Estimate(row["value"], row["lo"], row["hi"])
            if row["protocol"] in SHIFTS:
                wholes[key[:2] + key[3:]] = Estimate(**results.mean(row["protocol"], row["detector"], row["metric"]))
    every, names = _axes(results)
    complete = {w: e for w, e in wholes.items() if all((*w[:2], g, w[2]) in known for g in every["generator"])}
    return Cells(known, every, names, complete)


def _axes(results: Results) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """What a silent axis means (the six generators, the paper's detectors, P1 to P3), and all names of each."""
    names = {axis: list(dict.fromkeys(key[i] for key in results.printed)) for i, axis in enumerate(AXES)}
    generators = [results.params.sources[g].printed for g in results.params.generators]
    return {**names, "generator": generators}, names
