"""Means over several protocols, detectors or generators: ours with an interval, the paper's beside them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from thb.core.errors import DataError, ParamsError, unknown
from thb.core.metrics import weakest
from thb.core.words import text
from thb.report.load import MEAN, Results, open_results
from thb.report.verdicts import VERDICTS, pooled

ALL = "All detectors"
NUMBERS = ["value", "lo", "hi"]
TOGETHER = (
    "The interval of a mean over {over} is that of the mean itself, all of it drawn from the same resampled "
    "clips. It is known for one protocol and for the mean over the paper's."
)


def cells(results: Results, names: Sequence[str], metric: str) -> pd.DataFrame:
    """Every cell of these protocols, controls too, in the order in which the paper prints generators."""
    if not names:
        raise ParamsError(unknown("protocols", "(none)", results.params.protocols))
    results.check_metric(metric)
    rows = pd.concat([results.table(name) for name in names], ignore_index=True)
    rows = rows.loc[(rows["metric"] == metric) & (rows["generator"] != MEAN)]
    order = paper_order(results)
    return rows.sort_values("generator", key=lambda g: g.map(order.index), kind="stable").reset_index(drop=True)


def cells_across(protocols: Sequence[str], metric: str) -> pd.DataFrame:
    """Every cell of several protocols by one metric, as `cells` has them of one, in the paper's order of generators."""
    return cells(open_results(), protocols, metric)


def mean_of(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """A row for each group of `by`, of protocol, detector, control and generator: the mean over what is not named.

    `rows` are those of `cells_across`. A mean over detectors is of the paper's. Value and interval are those of the
    mean itself, as evaluate resampled it, which is known for one protocol and for the paper's three; of others there
    is the value alone. The printed mean stands beside it.
    """
    results, out = open_results(), []
    rows = rows if "detector" in by else of_the_paper(results, rows)
    keys = {e.label: e.key for e in results.entrants} | {MEAN: MEAN}
    for _, own in rows.groupby(list(by), sort=False):
        head = own.loc[:, list(by)].iloc[0].to_dict()
        detector, generator = keys[head.get("detector", MEAN)], head.get("generator", MEAN)
        metric, protocols = own["metric"].iloc[0], list(dict.fromkeys(own["protocol"]))
        together = drawn_together(results, metric, protocols, detector, generator) if detector else {}
        out.append(head | {"metric": metric} | over(results, own) | together)
    frame = pd.DataFrame(out, columns=[*by, "metric", *NUMBERS, "n_real", "n_fake", "resolvable", "printed"])
    places = {name: {value: i for i, value in enumerate(dict.fromkeys(rows[name]))} for name in by}
    return frame.sort_values(list(by), key=lambda column: column.map(places[str(column.name)]), ignore_index=True)


def falls(metric: str, before: str, after: str) -> pd.DataFrame:
    """A row a detector and generator (their mean, too) of `after`: both values and the fall, ours and printed.

    `told` is the answer behind our fall; None for a detector that this package does not run. Raises DataError if
    `before` does not test the same generators, or is the same protocol.
    """
    results = open_results()
    if not set(results.generators(after)) <= set(results.generators(before)):
        raise DataError(f"{before} does not test the generators of {after}: no fall can be told")
    if before == after:
        raise DataError(f"nothing can fall from {before} to {after}; choose two protocols")
    keys = {e.label: e.key for e in results.entrants}
    tables = [results.table(name) for name in (before, after)]
    rows = [table.loc[table["metric"] == metric].set_index(["detector", "generator"]) for table in tables]
    printed = [rows[0].loc[rows[1].index, "printed"].to_numpy(), rows[1]["printed"].to_numpy()]
    numbers = {"before": "first_value", "after": "second_value", "fall": "difference", "fall_lo": "lo", "fall_hi": "hi"}
    out = []
    for detector, generator in rows[1].index.to_list():
        key = keys[detector]
        told = results.verdicts.falls(metric, before, after, key, generator) if key else None
        head = {"detector": detector, "generator": generator}
        ours = {column: getattr(told, name, float("nan")) for column, name in numbers.items()}
        out.append(head | ours | {"fell": VERDICTS[told.above if told else None], "told": told})
    return pd.DataFrame(out).assign(printed_before=printed[0], printed_fall=printed[0] - printed[1])


def unscored(protocols: Sequence[str]) -> list[str]:
    """A sentence that names what means over these protocols leave out, as no clip of it was scored; none if nothing.

    That is detectors of a mean over detectors, and generators of a detector.
    """
    results = open_results()
    cells = results.cells
    own = cells.loc[cells["protocol"].isin(protocols) & cells["detector"].isin([e.key for e in results.averaged])]
    scored = own.groupby(["protocol", "detector", "generator"], sort=False)["n_fake"].max() > 0
    if scored.all():
        return []
    names = {e.key: e.label for e in results.averaged}
    gone = [d for d in names if not scored.xs(d, level="detector").any()]
    parts = [text(names[d]) for d in gone]
    for (d, g), of in scored.groupby(level=["detector", "generator"], sort=False):
        if d not in gone and not of.all():
            where = ", ".join(of.index.get_level_values("protocol")[~of])
            parts.append(f"{text(names[d])} on {text(results.label(g))} in {where}")
    return [f"Left out of the means, as no clip was scored: {'; '.join(parts)}."]


def paper_order(results: Results) -> list[str]:
    """Sources as the paper's result tables list them, then the others."""
    keys = {source.printed: name for name, source in results.params.sources.items()}
    listed = [keys[g] for g in dict.fromkeys(key[2] for key in results.printed) if g in keys]
    return [*listed, *(s for s in results.params.sources if s not in listed)]


def of_the_paper(results: Results, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of which a mean over detectors is one: no control, and none but the paper's."""
    return rows.loc[rows["detector"].isin([e.label for e in results.entrants if e.printed and not e.control])]


def over(results: Results, rows: pd.DataFrame) -> dict:
    """What a table shows of the mean of these cells; those without a score are not in it."""
    scored = rows.loc[rows["n_fake"] > 0]
    theirs = rows.loc[rows["detector"].isin([e.label for e in results.entrants if e.printed]), "printed"]
    split = scored["protocol"].map(lambda p: results.params.protocols[p].split).map(tuple)
    fakes = scored.groupby([split, "generator"])["n_fake"].max().sum()  # P1 and P3 test the same ones
    return {
        **scored[NUMBERS].mean().to_dict(),
        "n_real": int(scored["n_real"].max()) if len(scored) else 0,
        "n_fake": int(fakes),
        "resolvable": weakest(list(scored["resolvable"])),
        "printed": float(theirs.mean(skipna=False)) if len(theirs) else float("nan"),
    }


def drawn_together(results: Results, metric: str, protocols: Sequence[str], detector: str, generator: str) -> dict:
    """Value and interval of a mean, as evaluate drew it; no interval where it has no such mean. A cell has its own."""
    protocol = pooled(protocols)
    if protocol and MEAN not in (protocol, detector, generator):
        return {}
    told = results.verdicts.level(metric, protocol, detector, generator) if protocol else None
    if not told or not told.known:
        return {"lo": float("nan"), "hi": float("nan")}
    return {"value": told.difference, "lo": told.lo, "hi": told.hi}
