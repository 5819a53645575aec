"""What remains hard, as rows: classes reached, the best of each generator, and which means fell."""

from __future__ import annotations

import math

import pandas as pd

from thb.errors import DataError, ParamsError, unknown
from thb.report import classes, means, tables
from thb.report.classes import LEVELS
from thb.report.results import MEAN, MEASURED, Results
from thb.report.shifts import FAILS, HOLDS, OPEN

FALLS = ["before", "fall", "fall_lo", "fall_hi", "printed_before", "printed_fall"]
COLUMNS = ["protocol", *MEASURED, "class", "printed", "printed_class", *FALLS]
UNTOLD = f"{tables.UNRESOLVABLE} not told"


def hard(results: Results, protocol: str, before: str, metric: str) -> pd.DataFrame:
    """COLUMNS: every entrant on each generator and their mean, with its fall since `before`."""
    if metric not in results.params.metrics.fpr:
        raise ParamsError(unknown("metric that has classes", metric, results.params.metrics.fpr))
    if not set(results.generators(protocol)) <= set(results.generators(before)):
        raise DataError(f"{before} does not test the generators of {protocol}: no fall can be told")
    after, earlier = (_with_means(results, name, metric) for name in (protocol, before))
    keys = ["detector", "generator"]
    old = shown(earlier).set_index(keys).loc[pd.MultiIndex.from_frame(after[keys])]
    out = after.assign(before=old["shown"].to_numpy(), printed_before=old["printed"].to_numpy(),
                       printed_class=[_class(value) for value in after["printed"]])
    out["class"] = [_class(means.known(row).value) for _, row in after.iterrows()]
    out = out.assign(fall=out["before"] - out["value"], printed_fall=out["printed_before"] - out["printed"])
    return _paired(results, out, protocol, before, metric)[COLUMNS]


def _with_means(results: Results, protocol: str, metric: str) -> pd.DataFrame:
    """The cells in the paper's order, and each entrant's mean after them."""
    table = results.table(protocol)
    whole = table[(table["generator"] == MEAN) & (table["metric"] == metric)]
    return pd.concat([means.cells(results, [protocol], metric), whole], ignore_index=True)


def _paired(results: Results, rows: pd.DataFrame, protocol: str, before: str, metric: str) -> pd.DataFrame:
    """The interval of each mean's fall, draw by draw from the score files; nan where it cannot be told."""
    rows, generators = rows.assign(fall_lo=math.nan, fall_hi=math.nan), results.generators(protocol)
    for entrant in (e for e in results.entrants if e.key):
        drawn = [means.drawn(results, entrant.key, name, generators) for name in (before, protocol)]
        fall = means.difference(*drawn, metric, results.params.metrics.confidence)
        at = (rows["detector"] == entrant.label) & (rows["generator"] == MEAN)
        rows.loc[at, ["fall_lo", "fall_hi"]] = fall.lo, fall.hi
    return rows


def _class(value: float) -> str:
    return "" if math.isnan(value) else classes.level(value).name


def verdict(mean: pd.Series) -> str:
    """Whether a mean fell: open where the interval of its fall holds zero, or there is none."""
    if not (mean["fall_lo"] > 0 or mean["fall_hi"] < 0):
        return OPEN
    return HOLDS if mean["fall_lo"] > 0 else FAILS


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with our numbers in `shown`, nan where they may not be shown."""
    return rows.assign(shown=[means.known(row).value for _, row in rows.iterrows()])


def counts(rows: pd.DataFrame, label: str, column: str) -> dict[str, int]:
    """class -> generators of one detector; those that cannot be told last."""
    own = rows[(rows["detector"] == label) & (rows["generator"] != MEAN)][column]
    return {**{level.name: int((own == level.name).sum()) for level in LEVELS}, UNTOLD: int((own == "").sum())}


def best(own: pd.DataFrame, column: str) -> str:
    """Who has the best number of one generator, as the tables print it: equal prints are equal."""
    top = tables.best_of(own[column])
    return ", ".join(own.loc[[tables.is_best(v, top) for v in own[column]], "detector"])


def lowest_best(own: pd.DataFrame, column: str) -> tuple[str, float, str] | None:
    """(generator, best number, who has it) where even the best does worst; None where there is no number."""
    top = own.groupby("generator", sort=False)[column].max().dropna()
    if top.empty:
        return None
    generator = top.idxmin()
    return generator, float(top[generator]), best(own[own["generator"] == generator], column)
