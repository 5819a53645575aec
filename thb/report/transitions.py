"""What the book's pages say of sure hits that become misses; the exhibit itself is notebooks/transitions.ipynb."""

from __future__ import annotations

from functools import partial

import pandas as pd

from thb.cells import transitions as counted
from thb.report import tables, vouched
from thb.report.load import MEAN, Results

BEFORE, AFTER, SURE, THRESHOLD = *counted.PRINTED, 0.5


def sentences(results: Results) -> list[str]:
    """How many sure hits every detector loses, which generators cost most, and what was printed of it."""
    rows = transitions(results)
    own = rows[(rows["generator"] == MEAN) & ~rows["control"] & (rows["sure_hits"] > 0)]
    lost = "; ".join(f"{tables.text(r['detector'])} {_share(r)}" for r in own.to_dict("records"))
    lines = [
        f"Of the fakes that score {SURE:g} or more in {BEFORE}, these fall below {THRESHOLD:g} in {AFTER}: {lost}."
        if lost
        else f"No network scores any fake {SURE:g} or more in {BEFORE}, so none can be lost in {AFTER}."
    ]
    return [*lines, *_hardest(results, rows)]


def _hardest(results: Results, rows: pd.DataFrame) -> list[str]:
    """The printed detector's worst generator here and in print."""
    lines = []
    for detector, own in rows[rows["generator"] != MEAN].groupby("detector", sort=False):
        printed = own.dropna(subset=["printed_drop_percent"])
        if printed.empty:
            continue
        first = printed.loc[printed["printed_drop_percent"].idxmax()]
        lines.append(
            f"The paper counted this for {tables.text(detector)} on {len(printed)} generators and found "
            f"{tables.text(results.label(first['generator']))} the worst ({first['printed_misses']:.0f} of "
            f"{first['printed_sure_hits']:.0f}). Here {tables.text(detector)} loses {_share(first)} there"
            f"{_worst_here(results, own)}."
        )
    return lines


def _worst_here(results: Results, own: pd.DataFrame) -> str:
    known = own.dropna(subset=["drop_percent"])
    if not known["drop_percent"].gt(0).any():
        return ""
    worst = known.loc[known["drop_percent"].idxmax()]
    return f"; most is lost on {tables.text(results.label(worst['generator']))}: {_share(worst)}"


def _share(row: dict | pd.Series) -> str:
    """'8 of 14 (57 %, 33 to 79)', or what there is to say instead."""
    if not row["sure_hits"]:
        return "none, as it is sure of none"
    return (
        f"{row['misses']:.0f} of {row['sure_hits']} ({row['drop_percent']:.0f} %, {row['lo']:.0f} to {row['hi']:.0f})"
    )


def transitions(results: Results) -> pd.DataFrame:
    """Every detector's rows, as in counted.COLUMNS."""
    scores = partial(vouched.scores, results.paths, results.params)
    rows = [
        counted.lost(results.params, e.key and partial(scores, e.key), BEFORE, AFTER, SURE, THRESHOLD).assign(
            detector=e.label, control=e.control
        )
        for e in results.entrants
    ]
    printed = counted.printed(results.params, results.paths.published, BEFORE, AFTER, SURE)
    return pd.concat(rows).merge(printed, how="left", on=["detector", "generator"])
