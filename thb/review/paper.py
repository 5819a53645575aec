"""verify --paper: the cells at hand against those that the paper printed, by protocol and metric."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from scipy.stats import binom

from thb.cells.claims.cells import HALF
from thb.cells.columns import CELL, CELL_COLUMNS
from thb.cells.printed import printed_cells
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import read_csv
from thb.report.queries import rank_correlation
from thb.review.verify import AGREES, DIFFERS, EXACT, NOT_COMPARABLE, UNCHECKED, Check

SURE = 0.999  # how seldom chance alone may put as many printed cells outside


def check(paths: Paths, params: Params) -> Check:
    """How many printed cells lie in our interval: a verdict on the published clips, information on any other.

    Raises DataError if cells.csv or the printed tables are missing.
    """
    cells = read_csv(paths.cells, CELL_COLUMNS)
    cells = cells.loc[cells["printed"].notna()].reset_index(drop=True)
    told = cells.loc[(cells["n_fake"] > 0) & (cells["resolvable"] != "") & cells["value"].notna()]
    inside = told["printed"].between(told["lo"] - HALF - EXACT, told["hi"] + HALF + EXACT)
    told = told.assign(inside=inside, apart=told["value"] - told["printed"])
    table = list(_table(paths, params, told))
    n = len(told)
    outside = n - sum(inside)
    allowed = int(binom.ppf(SURE, n, 1 - params.metrics.confidence)) if n else 0
    said = (
        f"{n - outside} of {n} within the interval, of {sum(row['printed'] for row in table)} printed cells; "
        f"rank correlation {rank_correlation(told):.2f}"
    )
    if params.active.corpus == "mini":
        return Check("the paper", NOT_COMPARABLE, f"{said}; rendered clips: for information", [], table)
    if not n:
        return Check("the paper", UNCHECKED, "no printed cell has a number here", [], table)
    said += f"; chance alone, cell by cell, leaves up to {allowed} outside"
    lines = [
        f"{' '.join(row[key] for key in CELL)}: {row['value']:.4g} [{row['lo']:.4g}, {row['hi']:.4g}] here, "
        f"printed {row['printed']:g}"
        for row in told.loc[~inside].sort_values("apart", key=abs, ascending=False).to_dict("records")
    ]
    apart = outside > allowed
    return Check("the paper", DIFFERS if apart else AGREES, said, lines if apart else [], table)


def _table(paths: Paths, params: Params, told: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """A row a protocol and metric that the paper prints, whether or not a cell of it is told here."""
    printed = pd.DataFrame.from_records(list(printed_cells(paths.published)), columns=CELL)
    for name, protocol in params.protocols.items():
        generators = [params.sources[key].printed for key in params.of_role(*protocol.fakes)]
        of = printed.loc[(printed["protocol"] == protocol.printed) & printed["generator"].isin(generators)]
        for metric, theirs in of.groupby(by="metric", sort=False):
            own = told.loc[(told["protocol"] == name) & (told["metric"] == metric)]
            yield {"protocol": name, "metric": metric, "printed": len(theirs), **_summary(own)}


def _summary(own: pd.DataFrame) -> dict[str, Any]:
    furthest = own.sort_values("apart", key=abs, ascending=False).head(1)
    return {
        "both": len(own),
        "inside": sum(own["inside"]),
        "rank correlation": _plain(rank_correlation(own)),
        "mean difference": _plain(own["apart"].mean()),
        "furthest": next((_named(row) for row in furthest.to_dict("records")), ""),
    }


def _named(row: dict[Any, Any]) -> str:
    return f"{row['detector']} {row['generator']} {row['value']:.2f}, printed {row['printed']:g}"


def _plain(value: Any) -> float | None:
    """Two decimals; none where there is no number, which JSON has no word for."""
    return None if pd.isna(value) else round(float(value), 2)
