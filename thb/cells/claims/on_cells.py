"""What a claim can say of cells: each check returns whether it is so, and the numbers that tell.

A check's keyword arguments are those of claims.yaml; `chosen` selects cells by protocol, detector and generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

from thb.cells.answers import Told, Truth, all_of
from thb.cells.claims import on_classes
from thb.cells.claims.cells import (
    HALF,
    SLACK,
    Cells,
    Difference,
    Estimate,
    Said,
    exceeds,
    listing,
    most_of,
    negate,
    reaches,
    register,
)
from thb.core.errors import check_known

EXTREMES = ("lowest", "highest")
CHECKS: dict[str, Callable[..., Said]] = {}


@register(CHECKS)
def means(cells: Cells, metric: str, by: str, stated: Mapping[str, float], within: float = HALF, **chosen) -> Said:
    """Means are as stated."""
    found = cells.by(by, metric, {**chosen, by: list(stated)})
    return Said(all_of(_is(found[name], value, within) for name, value in stated.items()), listing(found))


@register(CHECKS)
def best(cells: Cells, metric: str, by: str, stated: Mapping[str, float], within: float = HALF, **chosen) -> Said:
    """The best detector's means are as stated."""
    found = {}
    for name in stated:
        rivals = cells.by("detector", metric, {**chosen, by: name})
        known = {who: one for who, one in rivals.items() if not one.unknown} or rivals
        who = max(known, key=lambda rival: known[rival].value)
        found[f"{name}, {who}"] = known[who]
    truths = [_is(one, value, within) for one, value in zip(found.values(), stated.values(), strict=True)]
    return Said(all_of(truths), listing(found))


def _is(one: Estimate, stated: float, within: float) -> Truth:
    if one.unknown or math.isnan(one.lo):
        return None
    return one.lo - within - SLACK <= stated <= one.hi + within + SLACK


@register(CHECKS)
def falls(cells: Cells, metrics: Sequence[str], each: str | Sequence[str] = (), **chosen) -> Said:
    """Each metric's mean is lower in every protocol than in the one before."""
    said, told = {}, []
    for metric in metrics:
        for one in cells.each(each, chosen):
            steps = list(cells.by("protocol", metric, {**chosen, **one}).values())
            lower = [cells.less(after, before) for before, after in pairwise(steps)]
            line = f"{' '.join((*one.values(), metric))} {steps[0]}{_steps(steps[1:], lower)}"
            said[line] = all_of(step.below for step in lower)
            told += _told(lower)
    return Said(all_of(said.values()), _telling(said, "; "), told)


@register(CHECKS)
def tightens(cells: Cells, metrics: Sequence[str], **chosen) -> Said:
    """Each metric's mean is below that of the one before it."""
    steps = [cells.mean(metric, chosen) for metric in metrics]
    lower = [cells.less(after, before) for before, after in pairwise(steps)]
    said = [f"{metric} {one}" for metric, one in zip(metrics, steps, strict=True)]
    return Said(all_of(step.below for step in lower), f"{said[0]}{_steps(said[1:], lower)}", _told(lower))


def _steps(after: Sequence[object], lower: Sequence[Difference]) -> str:
    """' → 0.82 (0.78–0.86), 0.09 (0.07 to 0.11) lower → …'."""
    return "".join(
        f" → {one}{found.aside}{' lower' if found.aside else ''}" for one, found in zip(after, lower, strict=True)
    )


def _told(found: Iterable[Difference]) -> list[Told]:
    return [told for one in found for told in one.told]


@register(CHECKS)
def bound(
    cells: Cells,
    metric: str,
    by: str | Sequence[str],
    most: bool = False,
    at_least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    **chosen,
) -> Said:
    """Means are on the stated side of a bound: all of them, or most."""
    found = cells.by(by, metric, chosen)
    said = {f"{name} {one}": _between(one, at_least, above, below) for name, one in found.items()}
    if most:
        return Said(most_of(said.values()), f"{', '.join(said)}: {_so(said)}")
    return Said(all_of(said.values()), _telling(said, ", "))


def _telling(said: Mapping[str, Truth], between: str) -> str:
    """All lines; where some refute the claim, those alone, and how many do not."""
    off = [line for line, truth in said.items() if truth is False]
    if not off or len(said) == 1:
        return between.join(said)
    return f"{between.join(off)}; {_so(said)}"


def _so(said: Mapping[str, Truth]) -> str:
    return f"so for {list(said.values()).count(True)} of {len(said)}"


def _between(one: Estimate, at_least: float, above: float, below: float) -> Truth:
    return all_of([reaches(one, at_least), exceeds(one, above), negate(reaches(one, below))])


@register(CHECKS)
def extreme(
    cells: Cells,
    metric: str,
    by: str | Sequence[str],
    which: str,
    are: Sequence[str],
    each: str | Sequence[str] = (),
    **chosen,
) -> Said:
    """The lowest or highest means are those named, in every choice along `each`."""
    grids = [cells.by(by, metric, {**chosen, **one}) for one in cells.each(each, chosen)]
    outdone = [_outdo(cells, found, which, are) for found in grids]
    truths, told = [truth for truth, _ in outdone], _told(d for _, found in outdone for d in found.values())
    if len(grids) > 1:
        return Said(all_of(truths), f"{', '.join(are)} {which} in {truths.count(True)} of {len(truths)} cells", told)
    return Said(truths[0], _against(grids[0], which, are, outdone[0][1]), told)


@register(CHECKS)
def drops_most(cells: Cells, before: str, after: str, by: str, are: Sequence[str], **chosen) -> Said:
    """From one metric to another, the largest losses are those named."""
    found = _losses(cells, cells.by(by, before, chosen), cells.by(by, after, chosen))
    lost = {name: one.size for name, one in found.items()}
    order, (truth, outdone) = sorted(lost, key=lambda name: -lost[name].value), _outdo(cells, lost, "highest", are)
    return Said(
        truth,
        "lost: " + listing({name: lost[name] for name in order}),
        [*_told(found.values()), *_told(outdone.values())],
    )


@register(CHECKS)
def loses(
    cells: Cells,
    before: str,
    after: str,
    by: str,
    more_than: float = -math.inf,
    at_most: float = math.inf,
    most: bool = False,
    **chosen,
) -> Said:
    """What is lost from one metric to a stricter one is on the stated side of a bound: for all, or most."""
    found = _losses(cells, *(cells.by(by, metric, chosen) for metric in (before, after)))
    lost = {name: one.size for name, one in found.items()}
    truths = [all_of([exceeds(one, more_than), negate(exceeds(one, at_most))]) for one in lost.values()]
    return Said((most_of if most else all_of)(truths), "lost: " + listing(lost), _told(found.values()))


@register(CHECKS)
def drops_but(
    cells: Cells, metric: str, before: str, after: str, more_than: float, all_but: str = "", **chosen
) -> Said:
    """From one protocol to another every detector loses more than stated, one apart if one is named, which does not."""
    found = _losses(cells, *(cells.by("detector", metric, {**chosen, "protocol": p}) for p in (before, after)))
    lost = {name: one.size for name, one in found.items()}
    truths = {name: exceeds(one, more_than) for name, one in lost.items()}
    truths |= {name: negate(truths[name]) for name in [all_but] if name}
    return Said(all_of(truths.values()), "lost: " + listing(lost), _told(found.values()))


def _losses(cells: Cells, before: Mapping[str, Estimate], after: Mapping[str, Estimate]) -> dict[str, Difference]:
    return {name: cells.loss(one, after[name]) for name, one in before.items()}


def _outdo(
    cells: Cells, found: Mapping[str, Estimate], which: str, are: Sequence[str]
) -> tuple[Truth, dict[tuple[str, str], Difference]]:
    """Whether each of those named outdoes each rival; and by how much, by both names."""
    check_known("extreme in claims.yaml", [which], EXTREMES)
    check_known("name in claims.yaml", are, found)
    ends = {
        (name, other): (found[name], rival) if which == "lowest" else (rival, found[name])
        for name in are
        for other, rival in found.items()
        if other not in are
    }
    apart = {names: cells.less(*both) for names, both in ends.items()}
    return all_of(one.below for one in apart.values()), apart


def _against(
    found: Mapping[str, Estimate], which: str, are: Sequence[str], apart: Mapping[tuple[str, str], Difference]
) -> str:
    rivals = {name: one for name, one in found.items() if name not in are and not one.unknown}
    named = listing({name: found[name] for name in are})
    if not rivals:
        return named
    sign = 1 if which == "lowest" else -1
    nearest = min(rivals, key=lambda name: sign * rivals[name].value)
    last = max(are, key=lambda name: sign * found[name].value)
    aside = apart[last, nearest].aside
    return f"{named}; next: {nearest} {rivals[nearest]}{f'{aside} from {last}' if aside else ''}"


@register(CHECKS)
def shortfall(cells: Cells, metric: str, by: str, of: str, more_than: float, **chosen) -> Said:
    """One name alone makes up more than the stated share of what a mean lacks to 1."""
    lack = {name: one.lacking() for name, one in cells.by(by, metric, chosen).items()}
    own, rest = lack.pop(of), list(lack.values())
    parts = [(own.value, [r.value for r in rest]), (own.lo, [r.hi for r in rest]), (own.hi, [r.lo for r in rest])]
    one = Estimate(*(_share(part, others) for part, others in parts), exact=own.exact)
    mean, without = cells.mean(metric, chosen), cells.mean(metric, {**chosen, by: list(lack)})
    return Said(exceeds(one, more_than), f"mean {mean}, without {of} {without}; {of} makes up {one} of the shortfall")


def _share(part: float, others: Sequence[float]) -> float:
    whole = part + sum(others)
    return part / whole if whole else math.nan


@register(CHECKS)
def majority(cells: Cells, metric: str, above: float, are: Sequence[str], **chosen) -> Said:
    """Most detectors exceed a bound for the named (protocol, generator) pairs only."""
    truths, counts, over = [], {}, []
    for one in cells.each(("protocol", "generator"), chosen):
        over = [exceeds(e, above) for e in cells.by("detector", metric, {**chosen, **one}).values()]
        name = " ".join(one.values())
        counts[name] = over.count(True)
        truths.append(most_of(over) if name in are else negate(most_of(over)))
    return Said(
        all_of(truths), f"at most {max(counts.values())} of {len(over)} detectors exceed {above:g} on any generator"
    )


@register(CHECKS)
def fractions(cells: Cells, metrics: Sequence[str], n: int, **chosen) -> Said:
    """Each printed share is one that n clips can give."""
    can, said = {round(k / n, 2) for k in range(n + 1)}, {}
    for metric in metrics:
        for name, one in cells.by(("protocol", "detector"), metric, chosen).items():
            if not one.unknown:
                said[f"{name} {metric}"] = (round(one.value * n), one.value)
    odd = [f"{name} {value:.2f}" for name, (_, value) in said.items() if value not in can]
    shares = dict.fromkeys(f"{value:.2f} = {k}/{n}" for k, value in said.values())
    return Said((None if not said else not odd), f"no count of {n}: {', '.join(odd)}" if odd else ", ".join(shares))


@register(CHECKS)
def same_class(cells: Cells, metric: str, bound: float, detector: str, protocol: str) -> Said:
    """At least a bound and above it name the same cells."""
    every = [
        one
        for d in cells.every["detector"]
        for one in cells.by(("protocol", "generator"), metric, {"detector": d}).values()
    ]
    at = sum(abs(one.value - bound) < SLACK for one in every)
    own = cells.by("generator", metric, {"detector": detector, "protocol": protocol}).values()
    loose, strict = ([test(one, bound) for one in own].count(True) for test in (reaches, exceeds))
    return Said(
        at == 0,
        (
            f"{at} of {len(every)} cells are exactly {bound:g}; {detector} in {protocol} has {loose} of "
            f"{len(own)} with ≥, {strict} with >"
        ),
    )


CHECKS |= on_classes.CHECKS
