"""Table 8: fakes that a detector was sure of under one protocol and misses under another, of the same clips."""

from __future__ import annotations

import math

import pandas as pd

from thb.report import style, tables, transition_dots
from thb.report.exhibit import Exhibit
from thb.report.load import MEAN, Entrant, Results, open_results
from thb.report.transition_counts import AFTER, BEFORE, PRINTED, SURE, THRESHOLD, is_score, transitions


def build(
    before: str = BEFORE,
    after: str = AFTER,
    sure: float = SURE,
    threshold: float | str = THRESHOLD,
    palette: str = style.PALETTE,
) -> Exhibit:
    """The exhibit; `threshold` is a score, or the name of a rate (T1) whose own threshold then decides."""
    style.palette(palette)
    results = open_results()
    rows = transitions(results, before, after, sure, threshold)
    return Exhibit(
        title=f"Sure hits in {before} that are missed in {after}",
        html=_html(results, rows),
        rows=rows,
        drawing=transition_dots.draw(results, rows, palette),
        alt=f"Dots with intervals, a row a generator and a colour a detector: per cent of the fakes scored {sure:g} or "
        f"more in {before} that fall below the threshold in {after}. Hollow diamonds are printed.",
    )


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


def _html(results: Results, rows: pd.DataFrame) -> str:
    before, after, sure, threshold = rows[["before", "after", "sure", "threshold"]].iloc[0]
    limit = f"{threshold:g}" if is_score(threshold) else f"the detector's own {threshold} threshold on the test reals"
    caption = (
        f"Sure hits lost <small>· per cent of the fakes scored {sure:g} or more in {before} that score below "
        f"{tables.text(limit)} in {after}; lower is better</small>"
    )
    generators = list(dict.fromkeys(rows["generator"]))
    heads = ["Detector", "", *(tables.name("All" if g == MEAN else results.label(g)) for g in generators)]
    bodies = [_body(e, rows[rows["detector"] == e.label]) for e in results.entrants]
    confidence = results.params.metrics.confidence
    return "\n".join(
        [
            tables.interval_switch("transitions", confidence),
            tables.table(caption, heads, bodies),
            tables.notes(_notes(rows)),
        ]
    )


def _body(entrant: Entrant, rows: pd.DataFrame) -> str:
    label = tables.text(entrant.label) + (" <small>(control)</small>" if entrant.control else "")
    cells = rows.to_dict("records")
    lines = [tables.row(label, ['<td class="which">reproduced</td>', *map(_ours, cells)])]
    if rows["printed_drop_percent"].notna().any():
        lines.append(tables.row("", ['<td class="which">printed</td>', *map(_theirs, cells)], "printed"))
    return tables.body(lines, "control" if entrant.control else "")


def _ours(cell: dict) -> str:
    """<td>: the drop and its counts; a dash with the reason where there is none."""
    if cell["n_fake"] and not cell["resolvable"]:
        return f'<td class="unknown" title="too few test reals for this threshold">{tables.UNRESOLVABLE}</td>'
    if not cell["sure_hits"]:
        return (
            f'<td class="unknown" title="none of {cell["n_fake"]} fakes scores {cell["sure"]:g} or more">'
            f"{tables.NONE} <small>0/{cell['n_fake']}</small></td>"
        )
    interval = f"{cell['lo']:.0f}–{cell['hi']:.0f}"
    hover = f"{cell['misses']:.0f} of {cell['sure_hits']} sure hits, {cell['people']} people, interval {interval}"
    return (
        f'<td data-value="{cell["drop_percent"]:.6g}" title="{hover}">{cell["drop_percent"]:.1f} '
        f'<small>{cell["misses"]:.0f}/{cell["sure_hits"]}</small><span class="ci">{interval}</span></td>'
    )


def _theirs(cell: dict) -> str:
    if math.isnan(cell["printed_drop_percent"]):
        return f'<td class="unknown" title="the paper has no such number">{tables.NONE}</td>'
    return (
        f'<td data-value="{cell["printed_drop_percent"]:.6g}">{cell["printed_drop_percent"]:.2f} '
        f"<small>{cell['printed_misses']:.0f}/{cell['printed_sure_hits']:.0f}</small></td>"
    )


def _notes(rows: pd.DataFrame) -> list[str]:
    lines = [
        "Small: misses of sure hits. The interval is Wilson's with each person counted once, since clips of one "
        "person are not independent.",
        "A probability above a fixed score means different things to different detectors, so the counts of sure "
        f"hits differ; {tables.NONE} stands where there is none, with the number of fakes tested.",
    ]
    if rows["printed_drop_percent"].notna().any():
        return [*lines, f"The paper names no threshold for a miss and prints {_printed_for(rows)} only."]
    return [
        *lines,
        f"The paper prints such counts only from {PRINTED[0]} to {PRINTED[1]} at {PRINTED[2]:g}, so none "
        "stand beside these.",
    ]


def _printed_for(rows: pd.DataFrame) -> str:
    """'TALL on 3 generators'."""
    own = rows[(rows["generator"] != MEAN) & rows["printed_drop_percent"].notna()]
    return " and ".join(f"{tables.text(d)} on {len(g)} generators" for d, g in own.groupby("detector", sort=False))
