"""Does one thing lie above another? Every such question is answered here once, and every page reads the answer.

Both sides of a question are means over the same cells but for what is compared (a protocol, a detector, a
generator), resampled alike: the difference is taken resample by resample, and is inconclusive where its interval
holds zero. Each such mean stands here by itself too, with the interval of the same resamples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, islice, pairwise, product

import numpy as np
import pandas as pd

from thb.cells.trials import Evaluated, resolvable
from thb.core import metrics
from thb.core.params import Params
from thb.core.tables import COMPARISON_COLUMNS

ABOVE, BELOW, INCONCLUSIVE = (
    "above",
    "below",
    "cannot be told",
)  # the first, seen from the second; INCONCLUSIVE: inconclusive
MEAN = "mean"  # over all of an axis, as `averaged` and SHIFTS name them
SHIFTS = ("P1", "P2", "P3")  # the paper's protocols, from the mildest shift to the hardest
PROTOCOL, DETECTOR, GENERATOR, CELL, METRIC = "protocol", "detector", "generator", "protocol and generator", "metric"
LEVEL = "mean"  # a mean by itself, compared with nothing
NAN = float("nan")
BLOCK = 512  # questions whose intervals are taken at once
Cell = tuple[str, str, str]  # protocol, detector, generator
Replicates = Mapping[Cell, np.ndarray]  # float [1 + bootstrap] of one metric, where enough clips resolve it


@dataclass(frozen=True)
class Question:
    """Is `first` above `second`? Both are names along the axis `kind`, whose own field is empty.

    Of a level, which is compared with nothing, both are empty.
    """

    kind: str
    metric: str
    first: str
    second: str
    protocol: str = ""
    detector: str = ""
    generator: str = ""


@dataclass(frozen=True)
class Compared:
    """Both values, first less second with its interval, and the verdict."""

    first_value: float
    second_value: float
    difference: float
    lo: float
    hi: float
    verdict: str


UNKNOWN = Compared(NAN, NAN, NAN, NAN, NAN, INCONCLUSIVE)


def compare(first: np.ndarray, second: np.ndarray, confidence: float) -> Compared:
    """Two sides resampled alike, float [1 + resamples], the values themselves first."""
    return compare_all([(first, second)], confidence)[0]


def compare_all(sides: Sequence[tuple[np.ndarray, np.ndarray]], confidence: float) -> list[Compared]:
    """The same of many pairs of sides at once."""
    if not sides:
        return []
    apart = np.stack([first - second for first, second in sides])
    return [
        Compared(float(first[0]), float(second[0]), float(difference), lo, hi, judge(lo, hi))
        for (first, second), difference, (lo, hi) in zip(
            sides, apart[:, 0], metrics.intervals(apart[:, 1:], confidence), strict=True
        )
    ]


def judge(lo: float, hi: float) -> str:
    """The verdict on the interval of a difference: inconclusive where it holds zero, or where there is none."""
    return ABOVE if lo > 0 else BELOW if hi < 0 else INCONCLUSIVE


def averaged(params: Params) -> list[str]:
    """The detectors that a mean over detectors is taken over: the paper's."""
    return [name for name, entry in params.detectors.items() if entry.printed and not entry.control]


def step(before: str, after: str) -> str:
    """The name, among metrics, of the loss from one rate to a stricter one."""
    return f"{before} to {after}"


# ── What is asked ────────────────────────────────────────────────────────────────────────────────


def questions(params: Params) -> Iterator[Question]:
    """Every question once; in the opposite order it has the opposite answer."""
    names = [metrics.AUC, *params.metrics.fpr, metrics.BRIER, metrics.EER]
    steps = [step(*pair) for pair in pairwise(params.metrics.fpr)]
    for metric in names:
        yield from _levels(params, metric)
        yield from _between_protocols(params, metric)
        yield from _between_detectors(params, metric)
        yield from _between_generators(params, metric)
    for metric in (metrics.AUC, *params.metrics.fpr):
        yield from _between_cells(params, metric)
    for metric in steps:
        yield from _between_generators(params, metric)
    yield from _between_metrics(params)


def _levels(params: Params, metric: str) -> Iterator[Question]:
    """Every mean: over generators, detectors, protocols, or several of them."""
    for protocol, detector in product(_protocols(params), _detectors(params)):
        for generator in (*_tested(params, protocol), MEAN):
            if MEAN in (protocol, detector, generator):
                yield Question(LEVEL, metric, "", "", protocol, detector, generator)


def _between_protocols(params: Params, metric: str) -> Iterator[Question]:
    for first, second in combinations(params.protocols, 2):
        if shared := _shared(params, first, second):
            for detector, generator in product(_detectors(params), [*shared, MEAN]):
                yield Question(PROTOCOL, metric, first, second, detector=detector, generator=generator)


def _between_detectors(params: Params, metric: str) -> Iterator[Question]:
    for (first, second), protocol in product(combinations(params.detectors, 2), _protocols(params)):
        for generator in (*_tested(params, protocol), MEAN):
            yield Question(DETECTOR, metric, first, second, protocol=protocol, generator=generator)


def _between_generators(params: Params, metric: str) -> Iterator[Question]:
    """Generators in pairs; where a protocol tests several roles, these too, each as the mean of its sources."""
    for protocol, detector in product(_protocols(params), _detectors(params)):
        roles = [] if protocol == MEAN else params.protocols[protocol].fakes
        for first, second in (*combinations(_tested(params, protocol), 2), *combinations(roles, 2)):
            yield Question(GENERATOR, metric, first, second, protocol=protocol, detector=detector)


def _between_cells(params: Params, metric: str) -> Iterator[Question]:
    """One detector's cells of the paper's protocols that differ in protocol and generator both."""
    cells = [(p, g) for p in _shifts(params) for g in _tested(params, p)]
    for detector, (one, other) in product(params.detectors, combinations(cells, 2)):
        if one[0] != other[0] and one[1] != other[1]:
            yield Question(CELL, metric, " ".join(one), " ".join(other), detector=detector)


def _between_metrics(params: Params) -> Iterator[Question]:
    """A rate and the next stricter one."""
    for (first, second), protocol, detector in product(
        pairwise(params.metrics.fpr), _protocols(params), _detectors(params)
    ):
        for generator in (*_tested(params, protocol), MEAN):
            yield Question(METRIC, "", first, second, protocol, detector, generator)


def _detectors(params: Params) -> list[str]:
    return [*params.detectors, MEAN]


def _protocols(params: Params) -> list[str]:
    return [*params.protocols, MEAN]


def _shifts(params: Params) -> list[str]:
    return [name for name in SHIFTS if name in params.protocols]


def _tested(params: Params, protocol: str) -> list[str]:
    """The sources that a protocol tests; of the mean over protocols, those that all of them test."""
    if protocol == MEAN:
        return _shared(params, *_shifts(params))
    return params.of_role(*params.protocols[protocol].fakes)


def _shared(params: Params, *names: str) -> list[str]:
    tested = [params.of_role(*params.protocols[name].fakes) for name in names]
    return [source for source in tested[0] if all(source in other for other in tested)] if tested else []


# ── What is compared ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Pair:
    """What both sides have in common, and each side's cells."""

    detector: str
    common: str  # names of the protocol and generator, where a mean is taken over them
    first: tuple[Cell, ...]
    second: tuple[Cell, ...]


def _pairs(params: Params, asked: Question) -> list[Pair]:
    """The parts of both sides that belong together; a mean is over all of them."""
    return [
        _pair(params, asked, protocol, detector, generator)
        for detector in (averaged(params) if asked.detector == MEAN else [asked.detector])
        for protocol in (_shifts(params) if asked.protocol == MEAN else [asked.protocol])
        for generator in (_generators(params, asked) if asked.generator == MEAN else [asked.generator])
    ]


def _generators(params: Params, asked: Question) -> list[str]:
    """The generators that a mean is taken over: those that both sides test."""
    return _shared(params, asked.first, asked.second) if asked.kind == PROTOCOL else _tested(params, asked.protocol)


def _pair(params: Params, asked: Question, protocol: str, detector: str, generator: str) -> Pair:
    common = " ".join(name for name, mean in ((protocol, asked.protocol), (generator, asked.generator)) if mean == MEAN)
    own = detector if asked.detector == MEAN else ""
    first, second = (
        _cells(params, asked, name, (protocol, detector, generator)) for name in (asked.first, asked.second)
    )
    return Pair(own, common, first, second)


def _cells(params: Params, asked: Question, name: str, common: Cell) -> tuple[Cell, ...]:
    """The cells that one side's name stands for, given what both sides have in common."""
    protocol, detector, generator = common
    if asked.kind == PROTOCOL:
        return ((name, detector, generator),)
    if asked.kind == DETECTOR:
        return ((protocol, name, generator),)
    if asked.kind == GENERATOR:
        return tuple((protocol, detector, s) for s in ([name] if name in params.sources else params.of_role(name)))
    if asked.kind == CELL:
        return ((name.split()[0], detector, name.split()[1]),)
    return (common,)  # two metrics of the same cell, or the cell by itself


def answer(params: Params, asked: Question, first: Replicates, second: Replicates) -> tuple[Compared, str]:
    """The answer, and what both sides leave out because one of them has no number there, by name."""
    both, left_out = _both(params, asked, first, second)
    return _told(asked, compare(*both, params.metrics.confidence) if both else UNKNOWN), left_out


def _both(
    params: Params, asked: Question, first: Replicates, second: Replicates
) -> tuple[tuple[np.ndarray, np.ndarray] | None, str]:
    """Both sides, None where no part of them is known, and what they leave out; a level's other side is zero."""
    pairs = _pairs(params, asked)
    known: set[Pair] = set()
    by_detector: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for pair in pairs:
        one = _known(first, pair.first)
        other = [np.zeros_like(values) for values in one] if asked.kind == LEVEL else _known(second, pair.second)
        if one and other:
            known.add(pair)
            by_detector.setdefault(pair.detector, []).append((_average(one), _average(other)))
    if not known:
        return None, ""
    a, b = (_average([_average([part[i] for part in parts]) for parts in by_detector.values()]) for i in (0, 1))
    return (a, b), "; ".join(_left_out(pairs, known, set(by_detector)))


def _told(asked: Question, found: Compared) -> Compared:
    """What is written of it: a level has no other side, and no verdict."""
    return replace(found, second_value=NAN, verdict="") if asked.kind == LEVEL else found


def _known(replicates: Replicates, cells: Sequence[Cell]) -> list[np.ndarray]:
    return [replicates[cell] for cell in cells if cell in replicates]


def _average(values: Sequence[np.ndarray]) -> np.ndarray:
    """Resample by resample. A mean of detectors is one of their means, so that each counts the same."""
    return values[0] if len(values) == 1 else np.mean(values, axis=0)


def _left_out(pairs: Sequence[Pair], known: set[Pair], detectors: set[str]) -> Iterator[str]:
    """Detectors without any part; then what is missing of all the others, or of some."""
    yield from dict.fromkeys(pair.detector for pair in pairs if pair.detector not in detectors)
    missing = [pair for pair in pairs if pair.detector in detectors and pair not in known]
    for common in dict.fromkeys(pair.common for pair in missing):
        of = [pair.detector for pair in missing if pair.common == common]
        yield from [common] if len(of) == len(detectors) else [f"{one} {common}" for one in of]


def table(params: Params, evaluated: Iterable[Evaluated]) -> pd.DataFrame:
    """COMPARISON_COLUMNS, a row a question, of what `measure` found for every trial and detector."""
    found, every = list(evaluated), questions(params)
    replicates = cache(lambda metric: _replicates(params, found, metric))
    rows: list[dict[str, object]] = []
    while block := list(islice(every, BLOCK)):
        of = [(q.first, q.second) if q.kind == METRIC else (q.metric, q.metric) for q in block]
        gathered = [_both(params, q, *map(replicates, sides)) for q, sides in zip(block, of, strict=True)]
        compared = iter(compare_all([both for both, _ in gathered if both], params.metrics.confidence))
        for asked, (both, left_out) in zip(block, gathered, strict=True):
            told = _told(asked, next(compared) if both else UNKNOWN)
            rows.append({"question": asked.kind, **vars(asked), **vars(told), "left_out": left_out})
    return pd.DataFrame(rows, columns=COMPARISON_COLUMNS)


def _replicates(params: Params, found: Iterable[Evaluated], metric: str) -> Replicates:
    """Every cell's replicates of one metric, where enough clips resolve it; of a step, the difference of its rates."""
    name, _, stricter = metric.partition(" to ")
    names = [name, stricter] if stricter else [name]
    return {
        (trial.protocol, detector, trial.generator): by[name] - by[stricter] if stricter else by[name]
        for trial, detector, measured in found
        if all(resolvable(params, each, measured["n_real"], measured["n_fake"]) for each in names)
        for by in [measured["replicates"]]
    }


def opposite(found: Compared) -> Compared:
    """The same with its sides exchanged."""
    return Compared(
        first_value=found.second_value,
        second_value=found.first_value,
        difference=-found.difference,
        lo=-found.hi,
        hi=-found.lo,
        verdict={ABOVE: BELOW, BELOW: ABOVE, INCONCLUSIVE: INCONCLUSIVE}[found.verdict],
    )
