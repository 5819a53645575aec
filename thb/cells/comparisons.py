"""Does one thing lie above another? Every such question is answered here once, and every page reads the answer.

Both sides of a question are means over the same cells but for what is compared (a protocol, a detector, a
generator). The interval of their difference is made of the cells' own intervals and of how their luck goes together,
people being resampled alike in all of them. A verdict is corrected by Holm's method for all that is asked alike: a
family is the questions of one kind by one metric under one protocol, at one level of averaging, and where one such
family is judged, the chance that it holds a wrong verdict is at most one less the confidence. Each mean stands here
by itself too.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd

from thb.cells.columns import COMPARISON_COLUMNS
from thb.cells.questions import LEVEL, METRIC, Cell, Pair, Question, family, pairs, questions
from thb.cells.trials import Evaluated, estimates, resolvable
from thb.core import intervals
from thb.core.intervals import Estimates
from thb.core.params import Params
from thb.submitted.compared import outside

ABOVE, BELOW, INCONCLUSIVE = "above", "below", "cannot be told"  # the first, seen from the second
NAN = float("nan")
BLOCK = 512  # questions whose intervals are taken at once
Weights = dict[int, float]  # of a mean: which of the numbers at hand, and how much of it
Known = Mapping[Cell, Weights]  # the cells of one metric, where enough clips resolve it


@dataclass(frozen=True)
class Compared:
    """Both values, first less second with its interval, its p-value and that after Holm, and the verdict."""

    first_value: float
    second_value: float
    difference: float
    lo: float
    hi: float
    p: float
    p_holm: float
    verdict: str


UNKNOWN = Compared(NAN, NAN, NAN, NAN, NAN, NAN, NAN, INCONCLUSIVE)


def judge(lo: float, hi: float) -> str:
    """The verdict on the interval of a difference: inconclusive where it holds zero, or where there is none."""
    return ABOVE if lo > 0 else BELOW if hi < 0 else INCONCLUSIVE


def _sides(params: Params, asked: Question, first: Known, second: Known) -> tuple[tuple[Weights, Weights] | None, str]:
    """What each side is a mean of, None where no part is known on both, and what both leave out; a level has one."""
    every = pairs(params, asked)
    known: set[Pair] = set()
    by_detector: dict[str, list[tuple[Weights, Weights]]] = {}
    for pair in every:
        one, other = _known(first, pair.first), _known(second, pair.second)
        if one and other:
            known.add(pair)
            other = [{}] if asked.kind == LEVEL else other
            by_detector.setdefault(pair.detector, []).append((_mean(one), _mean(other)))
    if not known:
        return None, ""
    a, b = (_mean([_mean([part[i] for part in parts]) for parts in by_detector.values()]) for i in (0, 1))
    return (a, b), "; ".join(_left_out(every, known, set(by_detector)))


def _known(cells: Known, wanted: Sequence[Cell]) -> list[Weights]:
    return [cells[cell] for cell in wanted if cell in cells]


def _mean(parts: Sequence[Weights]) -> Weights:
    """Of means, each counting the same: a mean of detectors is one of their means."""
    if len(parts) == 1:
        return parts[0]
    out: Weights = {}
    for part in parts:
        for number, weight in part.items():
            out[number] = out.get(number, 0.0) + weight / len(parts)
    return out


def _left_out(every: Sequence[Pair], known: set[Pair], detectors: set[str]) -> Iterator[str]:
    """Detectors without any part; then what is missing of all the others, or of some."""
    yield from dict.fromkeys(pair.detector for pair in every if pair.detector not in detectors)
    missing = [pair for pair in every if pair.detector in detectors and pair not in known]
    for common in dict.fromkeys(pair.common for pair in missing):
        of = [pair.detector for pair in missing if pair.common == common]
        yield from [common] if len(of) == len(detectors) else [f"{one} {common}" for one in of]


def table(params: Params, evaluated: Iterable[Evaluated]) -> pd.DataFrame:
    """COMPARISON_COLUMNS, a row a question, of what `measure` found for every trial and detector."""
    numbers = [
        ((trial.protocol, detector, trial.generator), metric, one)
        for trial, detector, one in evaluated
        for metric in one["replicates"]
        if resolvable(params, metric, one["n_real"], one["n_fake"])
    ]
    every_number = estimates(params, [(one, metric) for _, metric, one in numbers])
    places = {(metric, cell): i for i, (cell, metric, _) in enumerate(numbers)}
    known = cache(lambda metric: _cells_of(metric, places))
    every = list(questions(params))
    of = [(q.first, q.second) if q.kind == METRIC else (q.metric, q.metric) for q in every]
    sides = [_sides(params, q, *map(known, names)) for q, names in zip(every, of, strict=True)]
    found = iter(_compared(every_number, [both for both, _ in sides if both], params.metrics.confidence))
    told = [next(found) if both else UNKNOWN for both, _ in sides]
    judged = _judged(every, told, params.metrics.confidence, outside(params))
    rows = [
        {"question": asked.kind, **vars(asked), **vars(one), "left_out": left_out}
        for asked, one, (_, left_out) in zip(every, judged, sides, strict=True)
    ]
    return pd.DataFrame(rows, columns=COMPARISON_COLUMNS)


def _cells_of(metric: str, places: Mapping[tuple[str, Cell], int]) -> Known:
    """Where every cell's number by one metric stands; of a step, the difference of its two rates."""
    name, _, stricter = metric.partition(" to ")
    own = {cell: i for (known, cell), i in places.items() if known == name}
    if not stricter:
        return {cell: {i: 1.0} for cell, i in own.items()}
    return {cell: {i: 1.0, places[stricter, cell]: -1.0} for cell, i in own.items() if (stricter, cell) in places}


def _compared(numbers: Estimates, sides: Sequence[tuple[Weights, Weights]], confidence: float) -> Iterator[Compared]:
    """Both sides and their difference, with its interval and p-value; the verdict is that of the interval."""
    for start in range(0, len(sides), BLOCK):
        block = sides[start : start + BLOCK]
        weights = np.zeros((2, len(block), len(numbers.values)))
        for row, both in enumerate(block):
            for side, of in enumerate(both):
                weights[side, row, list(of)] = list(of.values())
        apart = numbers.sums(weights[0] - weights[1])
        values = weights @ numbers.values
        for first, second, difference, lo, hi in zip(*values.tolist(), *(end.tolist() for end in apart), strict=True):
            p = intervals.p_value(difference, lo, hi, confidence)
            yield Compared(first, second, difference, lo, hi, p, NAN, judge(lo, hi))


def _judged(
    asked: Sequence[Question], found: Sequence[Compared], confidence: float, apart: Collection[str] = ()
) -> list[Compared]:
    """The same with the verdict that is left after Holm's correction over each family; of a level, one number."""
    families: dict[Hashable, list[int]] = {}
    for i, one in enumerate(asked):
        families.setdefault(family(one, apart), []).append(i)
    out = list(found)
    for key, places in families.items():
        for i, p in zip(places, intervals.holm(np.array([found[i].p for i in places])), strict=True):
            if key is None:
                out[i] = replace(found[i], first_value=NAN, second_value=NAN, p=NAN, verdict="")
            else:
                told = found[i].verdict if p < 1 - confidence else INCONCLUSIVE
                out[i] = replace(found[i], p_holm=float(p), verdict=told)
    return out


def opposite(found: Compared) -> Compared:
    """The same with its sides exchanged."""
    return Compared(
        first_value=found.second_value,
        second_value=found.first_value,
        difference=-found.difference,
        lo=-found.hi,
        hi=-found.lo,
        p=found.p,
        p_holm=found.p_holm,
        verdict={ABOVE: BELOW, BELOW: ABOVE, INCONCLUSIVE: INCONCLUSIVE}[found.verdict],
    )
