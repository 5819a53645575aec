"""The paper's first question: what training on face swaps is worth on talking heads."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thb.cells.comparisons import OPEN
from thb.core.errors import DataError
from thb.report import findings, means, style, tables
from thb.report.exhibit import Exhibit
from thb.report.findings import SWAPS
from thb.report.load import MEAN, Results, open_results
from thb.report.shifts import Mean
from thb.report.tables import decimal, text
from thb.report.verdicts import by_machine, mark, say

OWN = "P1"  # the fit trained on talking heads is tested as P1 tests it
KINDS = {  # column -> what it is
    "swaps": "trained on swaps, tested on swaps",
    "heads": "trained on swaps, tested on heads",
    "own": "trained on heads, tested on heads",
    "lost": "swaps − heads, both trained on swaps",
    "gained": "trained on heads − trained on swaps, both tested on heads",
}
SHOWN = ("swaps", "heads", "own")
HEADS = ["Detector", "Swaps → swaps", "Swaps → heads", "Heads → heads", "Lost", "Interval", "Gained", "Interval "]
COLUMNS = [
    "detector",
    "control",
    "metric",
    "n_real",
    "n_swap",
    "n_head",
    "resolvable",
    *(f"{kind}{end}" for kind in KINDS for end in ("", "_lo", "_hi")),
    "lost_told",
    "gained_told",
]


def build(metrics: Sequence[str] = (), palette: str = style.PALETTE) -> Exhibit:
    """The exhibit; metrics default to AUC and the first rate at a fixed false-positive rate."""
    results = open_results()
    style.palette(palette)
    rows = swaps(results, metrics or findings.headline(results))
    return Exhibit(
        title="Face swaps against talking heads",
        html=_html(results, rows),
        rows=rows.assign(**{kind: [by_machine([one]) for one in rows[kind]] for kind in ("lost_told", "gained_told")}),
        drawing=_draw(results, rows, palette),
        alt=f"Dots with intervals, a line a detector: mean {' and '.join(rows['metric'].unique())} of the fit on face "
        "swaps tested on swaps and on talking heads, and of the fit on talking heads tested on talking heads.",
    )


def swaps(results: Results, metrics: Sequence[str]) -> pd.DataFrame:
    """COLUMNS: every detector and control, and the mean over detectors; differences are paired."""
    for metric in metrics:
        results.check_metric(metric)
    if SWAPS not in results.params.protocols or not results.params.of_role("swap"):
        raise DataError(f"params.yaml has no protocol {SWAPS!r} or no source of role swap: there is nothing to compare")
    found = {e.label: _drawn(results, e.key) for e in results.entrants if e.key}
    keys = {e.label: e.key for e in results.entrants if e.key} | {MEAN: MEAN}
    controls = {e.label for e in results.entrants if e.control}
    found[MEAN] = {kind: means.average([found[e.label][kind] for e in results.averaged]) for kind in SHOWN}
    return pd.DataFrame(
        [
            _row(results, label, keys[label], label in controls, metric, parts)
            for metric in metrics
            for label, parts in found.items()
        ],
        columns=COLUMNS,
    )


def _drawn(results: Results, detector: str) -> dict[str, means.Drawn | None]:
    """One detector's three means, each over its generators."""
    heads, swapped = list(results.params.generators), results.params.of_role("swap")
    asked = {"swaps": (SWAPS, swapped), "heads": (SWAPS, heads), "own": (OWN, heads)}
    return {kind: means.drawn(results, detector, *where) for kind, where in asked.items()}


def _row(results: Results, label: str, key: str, control: bool, metric: str, parts: dict) -> dict:
    confidence = results.params.metrics.confidence
    numbers = {kind: part.mean(metric, confidence) if part else Mean(math.nan) for kind, part in parts.items()}
    told = {
        "lost": results.verdicts.easier(metric, "swap", "generator", SWAPS, key),
        "gained": results.verdicts.falls(metric, OWN, SWAPS, key),
    }
    numbers |= {kind: Mean(one.difference, one.lo, one.hi) for kind, one in told.items()}
    flat = {
        f"{kind}{end}": value
        for kind, m in numbers.items()
        for end, value in (("", m.value), ("_lo", m.lo), ("_hi", m.hi))
    }
    scored = [part for part in parts.values() if part]
    return {
        "detector": label,
        "control": control,
        "metric": metric,
        **flat,
        "n_real": min((part.n_real for part in scored), default=0),
        "n_swap": parts["swaps"].n_fake if parts["swaps"] else 0,
        "n_head": parts["heads"].n_fake if parts["heads"] else 0,
        "resolvable": bool(scored) and all(metric in part.resolved for part in scored),
        **{f"{kind}_told": one for kind, one in told.items()},
    }


def sentences(results: Results, rows: pd.DataFrame | None = None) -> list[str]:
    """What was lost between swaps and heads, and what training on heads gave back."""
    rows = swaps(results, findings.headline(results)) if rows is None else rows
    return [line for metric, own in rows.groupby("metric", sort=False) for line in _said(own, metric)]


def _said(rows: pd.DataFrame, metric: str) -> list[str]:
    """One metric: the mean over detectors, then how many of them stand for it."""
    mean = rows[rows["detector"] == MEAN].iloc[0]
    if math.isnan(mean["lost"] + mean["gained"]):
        return [f"What training on face swaps is worth on talking heads cannot be told by {text(metric)} here."]
    own = rows[(rows["detector"] != MEAN) & ~rows["control"].astype(bool)]
    lost, gained = mean["lost_told"], mean["gained_told"]
    return [
        f"Trained on face swaps, detectors reach a mean {text(metric)} of {decimal(lost.first_value)} on swaps and "
        f"{decimal(lost.second_value)} on talking heads: {say(lost, 'a loss of', 'a gain of', f'a loss {OPEN},')} "
        f"{lost.size}{text(lost.without)}. Trained on talking heads they reach {decimal(gained.first_value)} on "
        f"those: {say(gained, 'a gain of', 'a loss of', f'a gain {OPEN},')} {gained.size}{text(gained.without)}.",
        f"By {text(metric)}, {_counted(own, 'lost', 'lose')} from swaps to heads, "
        f"{_counted(own, 'gained', 'gain')} by training on heads.",
    ]


def _counted(own: pd.DataFrame, kind: str, verb: str) -> str:
    """'3 of 4 detectors lose (TALL by 0.20 (0.10 to 0.30), …)', each marked, those that cannot be told too."""
    known = {row["detector"]: row[f"{kind}_told"] for _, row in own.iterrows() if row[f"{kind}_told"].known}
    above = [mark(f"{text(d)} by {one.size}", [one]) for d, one in known.items() if one.above]
    others = [say(one, "", f"not {text(d)}", f"of {text(d)} it {OPEN}") for d, one in known.items() if not one.above]
    return (
        f"{len(above)} of {len(known)} detectors {verb}"
        + (f" ({', '.join(above)})" if above else "")
        + (f" ({', '.join(others)})" if others else "")
    )


def _html(results: Results, rows: pd.DataFrame) -> str:
    parts = [_table(own, metric) for metric, own in rows.groupby("metric", sort=False)]
    return "\n".join(
        [
            tables.interval_switch("swaps", results.params.metrics.confidence),
            *parts,
            tables.notes(_notes(rows, sentences(results, rows))),
        ]
    )


def _table(rows: pd.DataFrame, metric: str) -> str:
    bodies = [
        tables.body(
            [tables.row(_name(row), [*_levels(row), *_differences(row)])],
            "total" if row["detector"] == MEAN else "control" if row["control"] else "",
        )
        for row in rows.to_dict("records")
    ]
    return tables.table(
        f"{text(metric)} <small>· mean over generators; trained on → tested on</small>",
        HEADS,
        bodies,
        words={"Interval", "Interval "},
    )


def _name(row: dict) -> str:
    if row["detector"] == MEAN:
        return "Mean of detectors"
    return text(row["detector"]) + (" <small>(control)</small>" if row["control"] else "")


def _levels(row: dict) -> list[str]:
    """<td>s of the three means."""
    fakes = {"swaps": row["n_swap"], "heads": row["n_head"], "own": row["n_head"]}
    return [
        tables.number(
            {
                "value": row[kind],
                "lo": row[f"{kind}_lo"],
                "hi": row[f"{kind}_hi"],
                "n_fake": fakes[kind],
                "n_real": row["n_real"],
                "resolvable": not math.isnan(row[kind]),
            },
            False,
            False,
        )
        for kind in SHOWN
    ]


def _differences(row: dict) -> list[str]:
    cells = []
    for kind in ("lost", "gained"):
        told = row[f"{kind}_told"]
        shown = say(told, *(f"<b>{decimal(told.difference)}</b>",) * 2, decimal(told.difference))
        cells += [
            f'<td data-value="{told.difference:.6g}">{shown}</td>' if told.known else tables.plain(math.nan),
            tables.plain(told.interval),
        ]
    return cells


def _notes(rows: pd.DataFrame, said: Sequence[str]) -> list[str]:
    return [
        *said,
        f"Lost: {KINDS['lost']}. Gained: {KINDS['gained']}. Both differences are taken draw by draw over "
        "the same resampled clips, so their intervals are paired; controls are not in the mean. Bold: the interval "
        "leaves out zero.",
        f"Every test has the same {int(rows['n_real'].min())} reals. The paper takes it as known that detectors "
        "are near perfect on face swaps; it prints no number for them, nor for such a fit on talking heads.",
        *(
            [f"{tables.UNRESOLVABLE}: the reals are too few for this false-positive rate."]
            if not rows["resolvable"].all()
            else []
        ),
    ]


def _draw(results: Results, rows: pd.DataFrame, palette: str) -> Figure:
    names = list(rows["metric"].unique())
    with style.look():
        figure, axes = style.panels([0.42 * rows["detector"].nunique() + 0.75] * len(names))
        for ax, metric in zip(axes, names, strict=True):
            _panel(ax, rows[rows["metric"] == metric].reset_index(drop=True), metric, style.palette(palette))
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=1)
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, metric: str, colours: Sequence[str]) -> None:
    for i, kind in enumerate(SHOWN):
        y = np.arange(len(rows)) + (i - 1) * 0.22
        ax.hlines(y, rows[f"{kind}_lo"], rows[f"{kind}_hi"], color=colours[i], lw=1.3)
        ax.plot(rows[kind], y, "^os"[i], color=colours[i], ms=4.6, ls="none", label=KINDS[kind])
    ax.set_yticks(range(len(rows)), ["Mean" if d == MEAN else d for d in rows["detector"]])
    ax.set(ylim=(len(rows) - 0.5, -0.5), title=f"Mean {metric} over generators")
    style.share_axis(ax, metric, rows[[f"{kind}_lo" for kind in SHOWN]].min().min())
