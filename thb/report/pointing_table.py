"""What the book's pages say of maps and faults; the exhibit itself is notebooks/pointing_table.ipynb."""

from __future__ import annotations

import pandas as pd

from thb.cells.heat import CENTRE, CHANCE, SANITY, pointing
from thb.report import cams, tables
from thb.report.load import MEAN, Results


def sentences(results: Results) -> list[str]:
    """Per network: whether it points at faults under P1 and P3, and whether its map depends on what it learnt."""
    rows = pointing(results.params, cams.heat(), cams.sanity(), ["P1", "P3"])
    return [_said(str(detector), own) for detector, own in rows.groupby("detector", sort=False)] or [cams.NONE_HERE]


def _said(detector: str, own: pd.DataFrame) -> str:
    (check,) = own[own["measure"] == SANITY].to_dict("records")
    likeness = f"{tables.decimal(check['value'])} ({tables.decimal(check['lo'])} to {tables.decimal(check['hi'])})"
    return (
        f"{tables.text(cams.label(detector))} {_pointed(own)}. To the maps of random weights its "
        f"own have a likeness of {likeness}: <b>{check['verdict']}</b>."
    )


def _pointed(rows: pd.DataFrame) -> str:
    mean = rows[rows["generator"] == MEAN].set_index(["protocol", "measure"])
    parts = [
        f"{mean.loc[(p, CENTRE), 'value']:.0%} of frames in {p} (centre {mean.loc[(p, CENTRE), 'baseline']:.0%}, "
        f"chance {mean.loc[(p, CHANCE), 'baseline']:.0%}: <b>{mean.loc[(p, CENTRE), 'verdict']}</b>)"
        for p in dict.fromkeys(mean.index.get_level_values("protocol"))
        if mean.loc[(p, CENTRE), "clips"]
    ]
    return f"points at a fault in {' and '.join(parts)}" if parts else "cannot be checked against faults here"
