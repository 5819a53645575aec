"""What a claim can say of the paper's classes of performance, as `thb.cells.claims.on_cells` has the other checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from thb.cells.answers import Truth, all_of
from thb.cells.claims.cells import Cells, Estimate, Said, listing, negate, reaches, register
from thb.cells.classes import CLASSES
from thb.core.errors import check_known

CHECKS: dict[str, Callable[..., Said]] = {}


@register(CHECKS)
def classes(cells: Cells, metric: str, by: str, at: str, count: int, rest: Sequence[str], **chosen) -> Said:
    """So many means are in one class, and the others between two classes."""
    found = cells.by(by, metric, chosen)
    inside = {name: reached(one, at) for name, one in found.items()}
    others = [one for name, one in found.items() if not inside[name]]
    sure = None if None in inside.values() else list(inside.values()).count(True) == count
    low, high = rest
    spread = [truth for one in others for truth in (reached(one, low), _not_above(one, high))]
    return Said(all_of([sure, *spread]), listing(found))


def _not_above(one: Estimate, level: str) -> Truth:
    names = list(CLASSES)
    better = names[: names.index(level)]
    return negate(reached(one, better[-1])) if better else True


def reached(one: Estimate, level: str) -> Truth:
    """Whether it stands in this class or a better one, rounded to two decimals first as the classes are."""
    check_known("class in claims.yaml", [level], CLASSES)
    rounded = Estimate(*(round(v, 2) for v in (one.value, one.lo, one.hi)), exact=one.exact)
    return reaches(rounded, CLASSES[level])


@register(CHECKS)
def joint(cells: Cells, metric: str, by: str, at: str, are: Sequence[str], **chosen) -> Said:
    """Where every chosen detector stands in a class: there and nowhere else."""
    grids = {one["detector"]: cells.by(by, metric, {**chosen, **one}) for one in cells.each("detector", chosen)}
    names = cells.choose(by, chosen)
    inside = {name: all_of(reached(found[name], at) for found in grids.values()) for name in names}
    truths = [truth if name in are else negate(truth) for name, truth in inside.items()]
    return Said(all_of(truths), "; ".join(f"{who}: {listing(found)}" for who, found in grids.items()))
