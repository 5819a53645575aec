"""The rule by which generators go and come (section 4.5), on any table of cells: printed, or computed here.

One goes when most detectors find nearly all of it, one comes when less of it is found than of those present; both
cannot be told where the test reals are too few, or where intervals overlap.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from thb.cells.answers import Truth
from thb.cells.claims.cells import NOTHING, Estimate, exceeds
from thb.leaderboard.editions import Editions

RETIRE, TAKE_IN = "retire", "take in"
SAID = {RETIRE: {True: "goes", False: "stays"}, TAKE_IN: {True: "comes", False: "not harder"}}
OPEN = "cannot be told"
# A row a rule, generator and protocol: of how many it is so, of how many that is open, of how many in all, and of how
# many at least it has to be; `value`, the mean over the detectors. `verdict` is of all protocols together.
COLUMNS = ["rule", "generator", "protocol", "value", "n_true", "n_open", "n_of", "n_needed", "verdict"]
# protocol, detector, generator -> a number by each metric; what is not known is left out
Numbers = Mapping[tuple[str, str, str, str], Estimate]


def table(rules: Editions, numbers: Numbers, present: Collection[str], candidates: Collection[str]) -> pd.DataFrame:
    """COLUMNS of what the rule says of the generators present, and of those that might come.

    `numbers` are by protocol, detector, generator and metric, in the names that `present` and `candidates` share. A
    candidate is compared with those present under each protocol that tests it, by the detectors that scored it.
    """
    rows = [
        *(row for one in present for row in _retire(rules, numbers, one)),
        *(row for one in candidates for row in _take_in(rules, numbers, one, present)),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _retire(rules: Editions, numbers: Numbers, generator: str) -> list[dict[str, Any]]:
    metric, above = rules.retire.metric, rules.retire.above
    rows = []
    for protocol in _protocols(numbers, generator):
        own = _by_detector(numbers, protocol, generator, metric)
        needed = math.floor(rules.retire.most_of * len(own)) + 1
        rows.append(_row(RETIRE, generator, protocol, own, [exceeds(one, above) for one in own.values()], needed))
    return _judged(rows)


def _take_in(rules: Editions, numbers: Numbers, generator: str, present: Collection[str]) -> list[dict[str, Any]]:
    metric = rules.take_in.metric
    rows = []
    for protocol in _protocols(numbers, generator):
        own = _by_detector(numbers, protocol, generator, metric)
        of = {one: _by_detector(numbers, protocol, one, metric) for one in present}
        others = [[there[d] for d in own] for there in of.values() if set(own) <= set(there)]
        truths = [_below(list(own.values()), there) for there in others]
        rows.append(_row(TAKE_IN, generator, protocol, own, truths, math.ceil(rules.take_in.less_than * len(others))))
    return _judged(rows)


def _row(
    rule: str, generator: str, protocol: str, own: Mapping[str, Estimate], truths: Sequence[Truth], needed: int
) -> dict[str, Any]:
    values = [one.value for one in own.values()]
    counts = {"n_true": truths.count(True), "n_open": truths.count(None), "n_of": len(truths), "n_needed": needed}
    where = {"rule": rule, "generator": generator, "protocol": protocol}
    return {**where, "value": float(np.mean(values)) if values else math.nan, **counts}


def _judged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with what is so under any of the protocols: open where it may be so under one."""
    sure = any(row["n_true"] >= row["n_needed"] > 0 for row in rows)
    open_ = any(row["n_true"] + row["n_open"] >= row["n_needed"] > 0 for row in rows)
    return [{**row, "verdict": OPEN if open_ and not sure else SAID[row["rule"]][sure]} for row in rows]


def _below(one: Sequence[Estimate], other: Sequence[Estimate]) -> Truth:
    """Whether the mean of the first lies below that of the second: open where the means of their intervals overlap."""
    (_, low, high), (_, other_low, other_high) = (_mean(estimates) for estimates in (one, other))
    if any(math.isnan(end) for end in (low, high, other_low, other_high)):
        return None
    return True if high < other_low else False if low >= other_high else None


def _mean(estimates: Iterable[Estimate]) -> tuple[float, float, float]:
    """Mean value and mean ends: wider than the interval of the mean is, whatever goes together with what."""
    value, lo, hi = np.mean([(one.value, one.lo, one.hi) for one in estimates], axis=0)
    return float(value), float(lo), float(hi)


def _protocols(numbers: Numbers, generator: str) -> list[str]:
    return list(dict.fromkeys(protocol for protocol, _, of, _ in numbers if of == generator))


def _by_detector(numbers: Numbers, protocol: str, generator: str, metric: str) -> dict[str, Estimate]:
    detectors = dict.fromkeys(d for p, d, g, _ in numbers if (p, g) == (protocol, generator))
    return {detector: numbers.get((protocol, detector, generator, metric), NOTHING) for detector in detectors}


def printed(cells: Mapping[tuple[str, str, str, str], float]) -> Numbers:
    """Printed cells, taken as exact."""
    return {key: Estimate.printed(value) for key, value in cells.items()}


def computed(rows: pd.DataFrame) -> Numbers:
    """Cells computed here (protocol, detector, generator, metric, value, lo, hi, n_fake, resolvable), those scored."""
    return {
        (row["protocol"], row["detector"], row["generator"], row["metric"]): (
            Estimate(row["value"], row["lo"], row["hi"]) if row["resolvable"] else NOTHING
        )
        for row in rows.to_dict("records")
        if row["n_fake"]
    }


def ranks(numbers: Numbers, generators: Collection[str], protocol: str, metric: str) -> pd.DataFrame:
    """detector, value, rank by the mean over these generators, the best first; equal means share the better rank.

    Detectors that lack one of the cells are left out.
    """
    means = {}
    for detector in dict.fromkeys(d for p, d, _, _ in numbers if p == protocol):
        own = [numbers.get((protocol, detector, one, metric), NOTHING).value for one in generators]
        if own and not any(math.isnan(value) for value in own):
            means[detector] = round(float(np.mean(own)), 10)
    rows = pd.DataFrame({"detector": list(means), "value": list(means.values())})
    rank = rows["value"].rank(method="min", ascending=False).astype(int)
    return rows.assign(rank=rank).sort_values("rank", kind="stable").reset_index(drop=True)
