"""What is asked of the cells: whether one thing lies above another, and which cells each side is a mean of."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise, product

from thb.core import metrics
from thb.core.params import Params

MEAN = "mean"  # over all of an axis, as `averaged` and SHIFTS name them
SHIFTS = ("P1", "P2", "P3")  # the paper's protocols, from the mildest shift to the hardest
PROTOCOL, DETECTOR, GENERATOR, METRIC = "protocol", "detector", "generator", "metric"  # what both sides differ in
CELL = "cell"  # they differ in protocol and generator both
LEVEL = "mean"  # a mean by itself, compared with nothing
Cell = tuple[str, str, str]  # protocol, detector, generator


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


def pairs(params: Params, asked: Question) -> list[Pair]:
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


def family(asked: Question, apart: Collection[str] = ()) -> Hashable:
    """What is corrected together with a question; None for a level, which claims nothing.

    A question about a detector of `apart` stands with others about it alone, so that it moves no other verdict.
    """
    if asked.kind == LEVEL:
        return None
    own = tuple(name for name in (asked.first, asked.second, asked.detector) if name in apart)
    return asked.kind, asked.metric, asked.protocol, asked.detector == MEAN, asked.generator == MEAN, own
