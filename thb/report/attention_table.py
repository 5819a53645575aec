"""Where the heat lies: each region's share of it, against the share of the picture that the region covers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from thb.cells import comparisons
from thb.core.errors import ParamsError, unknown
from thb.core.tables import REGIONS
from thb.report import attention_dots, cams, tables
from thb.report.exhibit import Exhibit
from thb.report.load import MEAN, Results, open_results

PROTOCOLS = ("P1", "P2", "P3")
BY = ("protocol", "generator")
REALS = "reals"
MEASURES = ("mass", "area", "focus", "difference")
COLUMNS = [
    "detector",
    "protocol",
    "group",
    "region",
    *MEASURES,
    *(f"{m}_{end}" for m in MEASURES for end in ("lo", "hi")),
    "verdict",
    "clips",
    "cold",
]
ABOVE, BELOW, AS_LARGE, UNKNOWN = "above its area", "below its area", "as its area", "cannot be told"
MARKS = {ABOVE: "▲", BELOW: "▼", AS_LARGE: "=", UNKNOWN: tables.NONE}


def build(by: str = "protocol", detectors: Sequence[str] = (), protocols: Sequence[str] = ()) -> Exhibit:
    """By protocol: fakes (mean over generators) and reals; by generator: each. None named: all networks, P1 to P3."""
    results = open_results()
    if by not in BY:
        raise ParamsError(unknown("by", by, BY))
    asked = cams.networks(results, detectors)
    rows = attention(results, by, asked, cams.explained_protocols(results, protocols or PROTOCOLS))
    return Exhibit(
        title=f"Where detectors look, by {by}",
        html=_html(results, rows, asked),
        rows=rows,
        drawing=attention_dots.draw(results, rows),
        alt=_alt(results, rows),
    )


# ── Numbers ──────────────────────────────────────────────────────────────────────────────────────


def attention(results: Results, by: str, detectors: Sequence[str], protocols: Sequence[str]) -> pd.DataFrame:
    """COLUMNS: detector x protocol x (mean of fakes, reals | generator) x region."""
    rows = [
        row
        for detector in cams.at_hand(results, detectors)
        for protocol in protocols
        for group, measured in groups(results, cams.clips(results, detector), protocol, by)
        for row in _rows(results, {"detector": detector, "protocol": protocol, "group": group}, measured)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def groups(results: Results, clips: pd.DataFrame, protocol: str, by: str) -> Iterator[tuple[str, dict]]:
    """(mean or generator or reals, what was measured), each of clips that have any heat."""
    own = {g: _measured(results, cams.fakes(results, clips, protocol, g)) for g in results.generators(protocol)}
    if by == "generator":
        yield from own.items()
        return
    yield MEAN, _averaged(list(own.values()), sum)
    fits = {cams.fit_of(results, protocol, g): g for g in results.generators(protocol)}
    yield REALS, _averaged([_measured(results, cams.reals(results, clips, protocol, g)) for g in fits.values()], max)


def _measured(results: Results, clips: pd.DataFrame) -> dict:
    """Replicates [1 + bootstrap, regions] of mass and area; a clip without heat has no shares and is counted apart."""
    warm = clips[clips[cams.MASS].notna().all(axis=1)]
    values = cams.replicates(results, warm, [*cams.MASS, *cams.AREA])
    return {
        "mass": values[:, : len(REGIONS)],
        "area": values[:, len(REGIONS) :],
        "clips": len(clips),
        "cold": len(clips) - len(warm),
    }


def _averaged(measured: list[dict], count: Callable) -> dict:
    """The mean over generators, whose clips add up, or over fits, which share their clips; none without heat."""
    known = [m for m in measured if m["clips"] > m["cold"]] or measured[:1]
    return {
        **{k: np.mean([m[k] for m in known], axis=0) for k in ("mass", "area")},
        **{k: count(m[k] for m in measured) for k in ("clips", "cold")},
    }


def _rows(results: Results, head: dict, measured: dict) -> Iterator[dict]:
    mass, area = measured["mass"], measured["area"]
    focus = np.divide(mass, area, out=np.full_like(mass, np.nan), where=area > 0)
    for i, region in enumerate(REGIONS):
        row = {**head, "region": region, "clips": measured["clips"], "cold": measured["cold"]}
        for name, values in zip(MEASURES, (mass, area, focus, mass - area), strict=True):
            row |= dict(zip((name, f"{name}_lo", f"{name}_hi"), cams.bounds(results, values[:, i]), strict=True))
        yield row | {"verdict": verdict(row["difference_lo"], row["difference_hi"])}


def verdict(lo: float, hi: float) -> str:
    """Judged by the interval of mass minus area: whether it lies above 0, below it, or holds it."""
    if np.isnan([lo, hi]).any():
        return UNKNOWN
    return {comparisons.ABOVE: ABOVE, comparisons.BELOW: BELOW}.get(comparisons.judge(lo, hi), AS_LARGE)


# ── Words ────────────────────────────────────────────────────────────────────────────────────────


def group_label(results: Results, group: str) -> str:
    return {MEAN: "fakes", REALS: "reals"}.get(group) or results.label(group)


def _html(results: Results, rows: pd.DataFrame, asked: Sequence[str]) -> str:
    absent = [tables.text(line) for line in cams.absent(results, asked)]
    if rows.empty:
        return "".join(f"<p>{line}</p>" for line in absent)
    switch = tables.interval_switch("attention", results.params.metrics.confidence)
    parts = [_table(results, detector, own) for detector, own in rows.groupby("detector", sort=False)]
    return "\n".join([switch, *parts, tables.notes([*_notes(results, rows), *absent])])


def _table(results: Results, detector: str, rows: pd.DataFrame) -> str:
    bodies = [
        tables.body(
            [
                tables.row(
                    str(protocol),
                    [
                        tables.plain(group_label(results, str(group))),
                        *map(_cell, own.to_dict("records")),
                        f'<td data-value="{own["clips"].iloc[0]}">{own["clips"].iloc[0]}</td>',
                    ],
                )
            ]
        )
        for (protocol, group), own in rows.groupby(["protocol", "group"], sort=False)
    ]
    heads = ["Protocol", "Clips of", *(region.capitalize() for region in REGIONS), "Clips"]
    return tables.table(
        f"{tables.text(cams.label(results, detector))} <small>· share of the heat, of the picture below</small>",
        heads,
        bodies,
        words={"Clips of"},
    )


def _cell(row: dict) -> str:
    """<td>: the region's share of the heat, its mark, and below it the share of the picture; intervals on demand."""
    if np.isnan(row["mass"]):
        return f'<td class="unknown" title="no heat anywhere on these clips">{tables.NONE}</td>'
    hover = (
        f"{row['verdict']}; heat over area {row['focus']:.2f} ({row['focus_lo']:.2f} to {row['focus_hi']:.2f}); "
        f"heat minus area {row['difference_lo']:+.3f} to {row['difference_hi']:+.3f}"
    )
    return (
        f'<td data-value="{row["mass"]:.6g}" title="{tables.text(hover)}"><span class="n">{row["mass"]:.2f}</span> '
        f'<span aria-label="{row["verdict"]}">{MARKS[row["verdict"]]}</span><br><small>of {row["area"]:.2f}</small>'
        f'<span class="ci">{row["mass_lo"]:.2f}–{row["mass_hi"]:.2f}</span></td>'
    )


def _notes(results: Results, rows: pd.DataFrame) -> list[str]:
    cold = int(rows.drop_duplicates(["detector", "protocol", "group"])["cold"].sum())
    lines = [
        f"{MARKS[ABOVE]} more heat than the region's share of the picture, {MARKS[BELOW]} less, {MARKS[AS_LARGE]} the "
        "interval of the difference holds nought. Heat spread without any preference would give each region its area.",
        "Fakes: the mean over generators. Reals: the same test reals, under each fit, and their mean. People are "
        "resampled, not clips.",
        *dict.fromkeys(_known(cams.regions(results, d)) for d in dict.fromkeys(rows["detector"])),
    ]
    return [*lines, f"{cold} maps are nought everywhere and have no shares; they are left out."] if cold else lines


def _known(regions: dict) -> str:
    """How regions were told apart, and how well an estimate would have done where the truth is known."""
    agreement = ", ".join(f"{region} {share:.2f}" for region, share in (regions["agreement"] or {}).items())
    if regions["regions"] == "truth":
        return "Regions are known exactly, as the clips were rendered." + (
            f" The estimate that real clips get would agree with them by (intersection over union) {agreement}."
            if agreement
            else ""
        )
    return "Regions are estimated from the face box and five landmarks, and are as coarse as that."


def _alt(results: Results, rows: pd.DataFrame) -> str:
    if rows.empty:
        return cams.NONE_HERE
    names = ", ".join(cams.label(results, d) for d in dict.fromkeys(rows["detector"]))
    means = rows[rows["group"] == MEAN]
    return (
        f"Dots with intervals: the share of heat on {', '.join(REGIONS)}; hollow diamonds: the share of the "
        f"picture. One panel each for {names}. {tables.without_tags(' '.join(_said(results, means)))}"
    )


def sentences(results: Results) -> list[str]:
    """Per network: whether it leans on the background, in P1 and in P3; by generator for the one the paper shows."""
    rows = attention(results, "protocol", results.params.explained, ["P1", "P3"])
    return [*_said(results, rows), *_by_generator(results)] or [cams.NONE_HERE]


def _by_generator(results: Results) -> Iterator[str]:
    """The detector whose maps the paper reads: on which generators its background is hot."""
    detector = results.params.explain.reference
    rows = attention(results, "generator", [detector], ["P1", "P3"])
    backs = rows[(rows["region"] == "background") & rows["mass"].notna()]
    parts = [
        f"in {protocol} "
        + (
            tables.text(", ".join(map(results.label, own.loc[own["verdict"] == ABOVE, "group"])))
            or f"none of {len(own)}"
        )
        for protocol, own in backs.groupby("protocol", sort=False)
    ]
    if parts:
        yield (
            f"Generators on which {tables.text(cams.label(results, detector))} puts more heat on the background "
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
        name = tables.text(cams.label(results, str(detector)))
        yield f"{name}: the background's share of the heat on fakes is {'; '.join(parts)}."
