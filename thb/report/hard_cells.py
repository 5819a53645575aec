"""What remains hard, as rows: classes reached, the best of each generator, and which means fell."""

from __future__ import annotations

import math

import pandas as pd

from thb.cells.comparisons import OPEN
from thb.core.errors import DataError, ParamsError, unknown
from thb.report import classes, means, tables
from thb.report.classes import LEVELS
from thb.report.load import MEAN, MEASURED, Results
from thb.report.verdicts import VERDICTS

FALLS = ["before", "after", "fall", "fall_lo", "fall_hi", "fell", "told", "printed_before", "printed_fall"]
COLUMNS = ["protocol", *MEASURED, "class", "printed", "printed_class", *FALLS]
UNTOLD = f"{tables.UNRESOLVABLE} not told"


def hard(results: Results, protocol: str, before: str, metric: str) -> pd.DataFrame:
    """COLUMNS: every entrant on each generator and their mean, with its fall since `before` on what both tested."""
    if metric not in results.params.metrics.fpr:
        raise ParamsError(unknown("metric that has classes", metric, results.params.metrics.fpr))
    if not set(results.generators(protocol)) <= set(results.generators(before)):
        raise DataError(f"{before} does not test the generators of {protocol}: no fall can be told")
    if before == protocol:
        raise DataError(f"nothing can fall from {before} to {protocol}; choose two protocols")
    after, earlier = (_with_means(results, name, metric) for name in (protocol, before))
    keys = ["detector", "generator"]
    old = earlier.set_index(keys).loc[pd.MultiIndex.from_frame(after[keys])]
    out = after.assign(
        printed_before=old["printed"].to_numpy(), printed_class=[_class(value) for value in after["printed"]]
    )
    out["class"] = [_class(means.known(row).value) for _, row in after.iterrows()]
    out = out.assign(printed_fall=out["printed_before"] - out["printed"])
    return out.assign(**_falls(results, out, protocol, before, metric))[COLUMNS]


def _with_means(results: Results, protocol: str, metric: str) -> pd.DataFrame:
    """The cells in the paper's order, and each entrant's mean after them."""
    table = results.table(protocol)
    whole = table[(table["generator"] == MEAN) & (table["metric"] == metric)]
    return pd.concat([means.cells(results, [protocol], metric), whole], ignore_index=True)


def _falls(results: Results, rows: pd.DataFrame, protocol: str, before: str, metric: str) -> dict[str, list]:
    """What comparisons.csv says of each row's fall; nan where it cannot be told, or nothing was run."""
    keys = {e.label: e.key for e in results.entrants if e.key}
    told = [
        results.verdicts.falls(metric, before, protocol, keys[row["detector"]], row["generator"])
        if row["detector"] in keys
        else None
        for _, row in rows.iterrows()
    ]
    numbers = {"fall": "difference", "fall_lo": "lo", "fall_hi": "hi", "before": "first_value", "after": "second_value"}
    return {
        **{column: [getattr(one, name) if one else math.nan for one in told] for column, name in numbers.items()},
        "fell": [VERDICTS[one.above] if one else OPEN for one in told],
        "told": told,
    }


def _class(value: float) -> str:
    return "" if math.isnan(value) else classes.level(value).name


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
