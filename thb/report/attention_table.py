"""What the book's pages say of where detectors look; the exhibit itself is notebooks/attention_table.ipynb."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from thb.cells.heat import MORE, attention
from thb.report import cams, tables
from thb.report.load import MEAN, Results


def sentences(results: Results) -> list[str]:
    """Per network: whether it leans on the background, in P1 and in P3; by generator for the one the paper shows."""
    rows = attention(results.params, cams.heat(), ["P1", "P3"])
    return [*_said(results, rows), *_by_generator(results)] or [cams.NONE_HERE]


def _by_generator(results: Results) -> Iterator[str]:
    """The detector whose maps the paper reads: on which generators its background is hot."""
    detector = results.params.explain.reference
    rows = attention(results.params, cams.heat([detector]), ["P1", "P3"], "generator")
    backs = rows[(rows["region"] == "background") & rows["mass"].notna()]
    parts = [
        f"in {protocol} "
        + (
            tables.text(", ".join(map(results.label, own.loc[own["verdict"] == MORE, "group"])))
            or f"none of {len(own)}"
        )
        for protocol, own in backs.groupby("protocol", sort=False)
    ]
    if parts:
        yield (
            f"Generators on which {tables.text(cams.label(detector))} puts more heat on the background "
            f"than its share of the picture: {'; '.join(parts)}."
        )


def _said(results: Results, rows: pd.DataFrame) -> Iterator[str]:
    """A sentence a detector on the background's share of its heat on the mean of fakes."""
    fakes = rows[(rows["group"] == MEAN) & (rows["region"] == "background") & rows["mass"].notna()]
    for detector, own in fakes.groupby("detector", sort=False):
        parts = [
            f"{row['mass']:.0%} ({row['mass_lo']:.0%} to {row['mass_hi']:.0%}) in {row['protocol']}, of "
            f"{row['area']:.0%} of the picture: <b>{row['verdict']}</b>"
            for row in own.to_dict("records")
        ]
        name = tables.text(cams.label(str(detector)))
        yield f"{name}: the background's share of the heat on fakes is {'; '.join(parts)}."
