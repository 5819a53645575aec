"""Do maps point at the faults that are there? Against the centre, chance, and a network that learnt nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from thb.report import cams, pointing_dots, tables
from thb.report.exhibit import Exhibit
from thb.report.load import MEAN, Results, open_results
from thb.report.pointing_dots import CENTRE, CHANCE

PROTOCOLS = ("P1", "P3")
SANITY_FIT, SANITY = "all", "sanity"  # the fit whose maps are compared with those of random weights
HEAT = "heat on faults, area"
# measure -> (column of clips.csv, the column that it must beat)
AGAINST = {
    CENTRE: ("pointed", "centre_pointed"),
    CHANCE: ("pointed", "random_pointed"),
    HEAT: ("fault_mass", "fault_area"),
}
COLUMNS = [
    "detector",
    "protocol",
    "generator",
    "measure",
    "value",
    "lo",
    "hi",
    "baseline",
    "difference",
    "difference_lo",
    "difference_hi",
    "clips",
    "without",
    "verdict",
]
BETTER, NOT_BETTER, UNKNOWN = "better than both", "not better than both", "cannot be told"
CHANGES, HARDLY, ALIKE = "the map changes", "the map hardly changes", 0.5
NO_TRUTH = (
    "Where a fault lies is known only where clips were rendered; published clips come without such masks, so "
    "nothing can be pointed at."
)


def build(detectors: Sequence[str] = (), protocols: Sequence[str] = ()) -> Exhibit:
    """The exhibit of these networks (none named: all) under these protocols (none named: P1 and P3)."""
    results = open_results()
    asked = cams.networks(results, detectors)
    rows = pointing(results, asked, cams.explained_protocols(results, protocols or PROTOCOLS))
    return Exhibit(
        title="Do the maps point at the faults?",
        html=_html(results, rows, asked),
        rows=rows,
        drawing=pointing_dots.draw(results, rows[rows["measure"].isin([CENTRE, CHANCE]) & (rows["clips"] > 0)]),
        alt=_alt(results, rows),
    )


# ── Numbers ──────────────────────────────────────────────────────────────────────────────────────


def pointing(results: Results, detectors: Sequence[str], protocols: Sequence[str]) -> pd.DataFrame:
    """COLUMNS: detector x protocol x (generator, mean) x measure, and the sanity check of each detector."""
    rows = []
    for detector in cams.at_hand(results, detectors):
        clips = cams.clips(results, detector)
        for protocol in protocols:
            rows += _judged(_of_protocol(results, clips, detector, protocol))
        rows.append(_sanity(results, clips, detector))
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_protocol(results: Results, clips: pd.DataFrame, detector: str, protocol: str) -> Iterator[dict]:
    """A row per generator and measure, and per measure of the mean over generators."""
    own = {g: cams.fakes(results, clips, protocol, g) for g in results.generators(protocol)}
    for measure, columns in AGAINST.items():
        found = {g: _measured(results, fakes, columns) for g, fakes in own.items()}
        known = [m["replicates"] for m in found.values() if m["clips"]] or [m["replicates"] for m in found.values()]
        found[MEAN] = {
            "replicates": np.mean(known, axis=0),
            **{k: sum(m[k] for m in found.values()) for k in ("clips", "without")},
        }
        for generator, measured in found.items():
            yield {
                "detector": detector,
                "protocol": protocol,
                "generator": generator,
                "measure": measure,
                **_compared(results, measured),
            }


def _measured(results: Results, fakes: pd.DataFrame, columns: tuple[str, str]) -> dict:
    """Replicates [1 + bootstrap, (value, baseline)] over the clips where both are known."""
    known = fakes[fakes[list(columns)].notna().all(axis=1)]
    return {
        "replicates": cams.replicates(results, known, columns),
        "clips": len(known),
        "without": len(fakes) - len(known),
    }


def _compared(results: Results, measured: dict) -> dict:
    value, baseline = measured["replicates"].T
    row = dict(zip(("value", "lo", "hi"), cams.bounds(results, value), strict=True))
    ends = ("difference", "difference_lo", "difference_hi")
    row |= dict(zip(ends, cams.bounds(results, value - baseline), strict=True))
    return {**row, "baseline": float(baseline[0]), "clips": measured["clips"], "without": measured["without"]}


def _judged(rows: Iterator[dict]) -> list[dict]:
    """The rows with their verdict: pointing must beat both of its baselines, heat its one."""
    rows = list(rows)
    ends = {(r["generator"], r["measure"]): r["difference_lo"] for r in rows}
    return [
        row
        | {
            "verdict": verdict(
                [ends[row["generator"], m] for m in ((HEAT,) if row["measure"] == HEAT else (CENTRE, CHANCE))],
                row["measure"] == HEAT,
            )
        }
        for row in rows
    ]


def verdict(lowest: Sequence[float], heat: bool = False) -> str:
    """Better where every difference's whole interval lies above 0."""
    if np.isnan(lowest).any():
        return UNKNOWN
    if heat:
        return "more than their area" if min(lowest) > 0 else "no more than their area"
    return BETTER if min(lowest) > 0 else NOT_BETTER


def _sanity(results: Results, clips: pd.DataFrame, detector: str) -> dict:
    """How alike maps are before and after training: mean |rank correlation|, constant maps left out."""
    checked = cams.sanity(results, detector)
    people = clips.loc[clips["fit"] == SANITY_FIT, ["clip", "portrait", "video"]]
    joined = checked.merge(people, on="clip", how="left").fillna({"portrait": "", "video": ""})
    known = joined[joined["empty"] == 0].assign(alike=lambda rows: rows["rank_correlation"].abs())
    value, lo, hi = cams.bounds(results, cams.replicates(results, known, ["alike"])[:, 0])
    return {
        "detector": detector,
        "protocol": "",
        "generator": "",
        "measure": SANITY,
        "value": value,
        "lo": lo,
        "hi": hi,
        "clips": len(known),
        "without": len(joined) - len(known),
        "verdict": changed(hi),
    }


def changed(hi: float) -> str:
    """The map changes if the whole interval of likeness lies below ALIKE."""
    return UNKNOWN if np.isnan(hi) else CHANGES if hi < ALIKE else HARDLY


# ── Words ────────────────────────────────────────────────────────────────────────────────────────


def _html(results: Results, rows: pd.DataFrame, asked: Sequence[str]) -> str:
    absent = [tables.text(line) for line in cams.absent(results, asked)]
    if rows.empty:
        return "".join(f"<p>{line}</p>" for line in absent)
    sanity, pointed = (rows[(rows["measure"] == SANITY) == wanted] for wanted in (True, False))
    truth = pointed[_has_faults(pointed)]
    parts = (
        [f"<p>{NO_TRUTH}</p>"]
        if truth.empty
        else [
            tables.interval_switch("pointing", results.params.metrics.confidence),
            *(_table(results, detector, own) for detector, own in truth.groupby("detector", sort=False)),
        ]
    )
    return "\n".join([*parts, _sanity_table(results, sanity), tables.notes([*_notes(truth), *absent])])


def _has_faults(rows: pd.DataFrame) -> pd.Series:
    """Mask of the rows of generators that have a clip with a fault to point at."""
    known = rows["clips"].where(rows["measure"] == CENTRE, 0)
    return known.groupby([rows[k] for k in ("detector", "protocol", "generator")]).transform("max") > 0


def _table(results: Results, detector: str, rows: pd.DataFrame) -> str:
    bodies = [
        tables.body([_row(results, generator, own.set_index("measure"))], "total" if generator == MEAN else "")
        for protocol, part in rows.groupby("protocol", sort=False)
        for generator, own in part.groupby("generator", sort=False)
    ]
    heads = [
        "Generator",
        "Protocol",
        "Points at a fault",
        "Centre",
        "Chance",
        "Verdict",
        "Heat on faults",
        "Their area",
        "Heat has",
        "Clips",
    ]
    return tables.table(
        f"{tables.text(cams.label(results, detector))} <small>· shares of frames that have a fault, "
        "and of heat</small>",
        heads,
        bodies,
        words={"Protocol", "Verdict", "Heat has"},
    )


def _row(results: Results, generator: str, own: pd.DataFrame) -> str:
    centre, chance, heat = own.loc[CENTRE], own.loc[CHANCE], own.loc[HEAT]
    return tables.row(
        tables.name(results.label(generator)),
        [
            tables.plain(centre["protocol"]),
            _number(centre),
            _baseline(centre),
            _baseline(chance),
            tables.plain(centre["verdict"]),
            _number(heat, 3),
            _baseline(heat, 3),
            tables.plain(heat["verdict"]),
            f'<td data-value="{centre["clips"]}">{centre["clips"]}</td>',
        ],
    )


def _number(row: dict | pd.Series, places: int = 2) -> str:
    """<td> of a measured share, its interval on demand."""
    interval = f"{tables.decimal(row['lo'], places)}–{tables.decimal(row['hi'], places)}"
    return (
        f'<td data-value="{row["value"]:.6g}" title="interval {interval}"><span class="n">'
        f'{tables.decimal(row["value"], places)}</span><span class="ci">{interval}</span></td>'
    )


def _baseline(row: pd.Series, places: int = 2) -> str:
    """<td> of what it must beat, with the interval of the difference on hover."""
    hover = f"difference {row['difference_lo']:+.3f} to {row['difference_hi']:+.3f}"
    return f'<td data-value="{row["baseline"]:.6g}" title="{hover}">{tables.decimal(row["baseline"], places)}</td>'


def _sanity_table(results: Results, rows: pd.DataFrame) -> str:
    caption = "Sanity check <small>· trained map against that of the same network with random weights</small>"
    bodies = [
        tables.body(
            [
                tables.row(
                    tables.text(cams.label(results, row["detector"])),
                    [
                        _number(row),
                        tables.plain(row["verdict"]),
                        *(f'<td data-value="{row[k]}">{row[k]}</td>' for k in ("clips", "without")),
                    ],
                )
            ]
        )
        for row in rows.to_dict("records")
    ]
    return tables.table(caption, ["Detector", "Likeness", "Verdict", "Clips", "Empty"], bodies, words={"Verdict"})


def _notes(truth: pd.DataFrame) -> list[str]:
    lines = [
        "Likeness: the mean size of the rank correlation of both maps, 0 unlike, 1 alike. The map changes if the whole "
        f"interval lies below {ALIKE:g}; a map that does not change says nothing of what was learnt. Empty: a map that "
        "is the same everywhere has no ranks.",
    ]
    if truth.empty:
        return lines
    without = int(truth[(truth["measure"] == CENTRE) & (truth["generator"] == MEAN)]["without"].sum())
    return [
        "A frame counts if a fault is in its picture. Points at a fault: the hottest place of the map lies on one. "
        "Centre: so does the middle of the picture. Chance: so would a place drawn blindly, which is the faults' share "
        "of the picture.",
        f"{BETTER.capitalize()}: the intervals of both differences lie above nought, people resampled. Heat on faults "
        "is set against the faults' area in the same way.",
        f"{without} clips of those explained show no fault that can be seen, and are not counted."
        if without
        else "Every fake that was explained shows a fault.",
        *lines,
    ]


def _alt(results: Results, rows: pd.DataFrame) -> str:
    said = tables.without_tags(" ".join(_said(results, rows)))
    return (
        "Dots with intervals: how often the hottest place of a map lies on a fault, per generator; hollow "
        f"diamonds: the centre, hollow squares: chance; one panel a detector. {said or cams.NONE_HERE}"
    )


def sentences(results: Results) -> list[str]:
    """Per network: whether it points at faults under P1 and P3, and whether its map depends on what it learnt."""
    return list(_said(results, pointing(results, results.params.explained, PROTOCOLS))) or [cams.NONE_HERE]


def _said(results: Results, rows: pd.DataFrame) -> Iterator[str]:
    for detector, own in rows.groupby("detector", sort=False):
        (check,) = own[own["measure"] == SANITY].to_dict("records")
        likeness = f"{tables.decimal(check['value'])} ({tables.decimal(check['lo'])} to {tables.decimal(check['hi'])})"
        yield (
            f"{tables.text(cams.label(results, str(detector)))} {_pointed(own)}. To the maps of random weights its "
            f"own have a likeness of {likeness}: <b>{check['verdict']}</b>."
        )


def _pointed(rows: pd.DataFrame) -> str:
    mean = rows[(rows["generator"] == MEAN) & _has_faults(rows)].set_index(["protocol", "measure"])
    parts = [
        f"{mean.loc[(p, CENTRE), 'value']:.0%} of frames in {p} (centre {mean.loc[(p, CENTRE), 'baseline']:.0%}, "
        f"chance {mean.loc[(p, CHANCE), 'baseline']:.0%}: <b>{mean.loc[(p, CENTRE), 'verdict']}</b>)"
        for p in dict.fromkeys(mean.index.get_level_values("protocol"))
    ]
    return f"points at a fault in {' and '.join(parts)}" if parts else "cannot be checked against faults here"
