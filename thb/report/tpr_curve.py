"""Figure 2b: fakes caught against reals accused, down to what the number of test reals can tell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thb.cells.trials import draws, tested
from thb.core import metrics
from thb.core.errors import DataError, ParamsError, unknown
from thb.report import dots, means, style, tables, vouched
from thb.report.exhibit import Exhibit
from thb.report.load import Results, open_results
from thb.report.shifts import SHIFTS, Mean
from thb.report.tables import decimal, text
from thb.splits import protocols

COLUMNS = ["detector", "fpr", "allowed", "n_real", "resolvable", "value", "lo", "hi", "printed"]
LOWEST = 1e-5  # where the paper's axis ends
LEVELS = (1e-5, 1e-4, 1e-3, 1e-2, 0.1)  # the table's columns; the paper names the first four
APART = 1.12  # between printed points of one rate, as a factor
STEPS = 40  # rates between the lowest that can be told and 1
TITLE = "Fakes caught against reals accused"
DEFAULT = ("tall", "df_adapter")  # the two that the paper draws


def build(
    detectors: Sequence[str] = DEFAULT, protocols: Sequence[str] = SHIFTS, palette: str = style.PALETTE
) -> Exhibit:
    """The exhibit of some detectors; protocols are averaged, and generators within them."""
    results = open_results()
    style.palette(palette)
    rows = curves(results, detectors, protocols)
    if rows.empty:
        return _without_scores(results, rows)
    return Exhibit(
        title=TITLE,
        html=_html(results, rows, protocols),
        rows=rows,
        drawing=_draw(results, rows, palette),
        alt=f"Step curves of mean TPR against FPR on a logarithmic axis, with bands: "
        f"{', '.join(rows['detector'].unique())}. Hollow diamonds are the printed means. Shaded on the left: "
        f"rates that {int(rows['n_real'].min())} reals cannot tell.",
    )


def curves(results: Results, detectors: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """COLUMNS: a row a detector and false-positive rate, down to rates that cannot be told, which say so."""
    for kind, asked, known in (
        ("detector", detectors, results.params.detectors),
        ("protocol", names, results.params.protocols),
    ):
        if odd := [name for name in asked if name not in known] or ([] if asked else ["(none)"]):
            raise ParamsError(unknown(kind, odd[0], known))
    rows = [row for detector in detectors for row in _curve(results, detector, names)]
    if not rows and not results.absent:
        raise DataError(f"none of {', '.join(detectors)} has a score under {', '.join(names)}; run `dvc repro`")
    return pd.DataFrame(rows, columns=COLUMNS)


def _without_scores(results: Results, rows: pd.DataFrame) -> Exhibit:
    """The exhibit where the clips at hand allow none of its fits."""
    none = "No curve: no fit that it reads has scores."
    return Exhibit(TITLE, tables.notes(results.said_absent()), rows, style.message(none), none)


def _curve(results: Results, detector: str, names: Sequence[str]) -> Iterator[dict]:
    """One detector's rows; none where nothing was scored."""
    params = results.params
    trials = [counts for counts in _counts(results, detector, names) if counts]
    if not trials:
        return
    reals = min(int(counts.n_real[0]) for fits in trials for counts in fits)
    for fpr in _rates(reals):
        value = np.mean([_rate(fits, fpr, params.metrics.roc) for fits in trials], axis=0)
        allowed = metrics.allowed_false_positives(fpr, reals)
        mean = means.within(value, params.metrics.confidence)
        yield {
            "detector": params.detectors[detector].printed or detector,
            "fpr": fpr,
            "allowed": allowed,
            "n_real": reals,
            "resolvable": metrics.is_resolvable(fpr, reals),
            "value": mean.value,
            "lo": mean.lo,
            "hi": mean.hi,
            "printed": _printed(results, detector, names, fpr),
        }


def _counts(results: Results, detector: str, names: Sequence[str]) -> Iterator[list[metrics.Counts]]:
    """For each trial its fits' counts, in every draw; an empty list where none of its fakes was scored."""
    for trial in protocols.trials(results.params, list(names)):
        parts = [
            tested(
                vouched.scores(results.paths, results.params, detector, fit),
                results.params.protocols[trial.protocol],
                trial.generator,
            )
            for fit in trial.fits
        ]
        yield [_count(results, reals, fakes) for reals, fakes in parts if len(fakes)]


def _count(results: Results, reals: pd.DataFrame, fakes: pd.DataFrame) -> metrics.Counts:
    both, weights = pd.concat([reals, fakes]), draws(results.params.metrics, reals, fakes)
    return metrics.count(both["label"].to_numpy(), both["score"].to_numpy(), weights)


def _rate(fits: Sequence[metrics.Counts], fpr: float, roc: str) -> np.ndarray:
    """float [1 + bootstrap]: TPR of one trial, its fits averaged."""
    return np.mean([metrics.tpr_at_fpr_of(counts, fpr, roc) for counts in fits], axis=0)


def _rates(reals: int) -> list[float]:
    """Where the curve is read: whole numbers of accused reals, evenly on a log axis, and the table's levels."""
    accused = np.unique(np.geomspace(1, reals, STEPS).round())
    return sorted({*(float(k / reals) for k in accused), *LEVELS})


def _printed(results: Results, detector: str, names: Sequence[str], fpr: float) -> float:
    """The paper's mean over these protocols at a rate that it printed."""
    name = next((m for m, alpha in results.params.metrics.fpr.items() if math.isclose(alpha, fpr)), None)
    entry = results.params.detectors[detector].printed
    if name is None or entry is None:
        return float("nan")
    return float(np.mean([results.printed_cell(p, entry, g, name) for p in names for g in results.generators(p)]))


def bound(n_real: int, confidence: float) -> float:
    """The false-positive rate that zero accused of n reals still leaves possible; about 3/n at 95 %."""
    return 1 - (1 - confidence) ** (1 / n_real)


def sentences(results: Results, rows: pd.DataFrame | None = None) -> list[str]:
    """What the reals can tell, and how each detector fares on the way there."""
    rows = curves(results, _default(results), SHIFTS) if rows is None else rows
    if rows.empty:
        return results.said_absent()
    reals, confidence = int(rows["n_real"].min()), results.params.metrics.confidence
    first = results.params.metrics.fpr[means.headline(results)]
    return [
        f"{reals} test reals can tell no false-positive rate below 1 in {reals} ({100 / reals:.2g} %): there not one "
        "real may be accused, and the curve would be a flat line set by a single clip, the highest-scoring real.",
        f"Even a threshold that accuses none of them may accuse up to {100 * bound(reals, confidence):.2g} % of all "
        f"reals ({confidence:.0%} bound, about 3/{reals}).",
        *(_fall(own, first) for _, own in rows.groupby("detector", sort=False)),
    ]


def _default(results: Results) -> list[str]:
    """The two that the paper draws, or all detectors where params.yaml has neither."""
    return [d for d in DEFAULT if d in results.params.detectors] or [e.key for e in results.tested]


def _fall(own: pd.DataFrame, fpr: float) -> str:
    """One detector from the rate `fpr` down to the lowest that can be told."""
    told = own[own["resolvable"].astype(bool)]
    first, at = told.iloc[0], told.iloc[(told["fpr"] - fpr).abs().argmin()]
    theirs = own[own["printed"].notna()].sort_values("fpr", ascending=False)
    printed = ", ".join(f"{decimal(row['printed'])} at {100 * row['fpr']:g} %" for _, row in theirs.iterrows())
    return (
        f"{text(own['detector'].iloc[0])} catches {_mean(at)} of fakes at an FPR of {100 * at['fpr']:.2g} % and "
        f"{_mean(first)} at {100 * first['fpr']:.2g} %" + (f"; printed: {printed}." if printed else ".")
    )


def _mean(row: pd.Series) -> Mean:
    return Mean(row["value"], row["lo"], row["hi"])


def _html(results: Results, rows: pd.DataFrame, names: Sequence[str]) -> str:
    levels = [a for a in LEVELS if a in set(rows["fpr"])]
    heads = ["Detector", "", *(f"{100 * a:g} %" for a in levels)]
    bodies = [_body(own.set_index("fpr"), levels) for _, own in rows.groupby("detector", sort=False)]
    return "\n".join(
        [
            tables.interval_switch("curve", results.params.metrics.confidence),
            tables.table(
                f"Mean TPR at a false-positive rate of at most … <small>· over {', '.join(names)} and "
                "their generators</small>",
                heads,
                bodies,
            ),
            tables.notes([*sentences(results, rows), _accused(rows, levels)]),
        ]
    )


def _body(own: pd.DataFrame, levels: Sequence[float]) -> str:
    """One detector: reals that may be accused, ours, the printed."""
    accused = [f"<td>{int(own.loc[a, 'allowed'])} of {int(own.loc[a, 'n_real'])}</td>" for a in levels]
    ours = [tables.number({**own.loc[a], "n_fake": 1}, False, False) for a in levels]
    lines = [
        tables.row(text(own["detector"].iloc[0]), ['<td class="which">reproduced</td>', *ours]),
        tables.row("", ['<td class="which">reals accused</td>', *accused], "printed"),
    ]
    if own["printed"].notna().any():
        theirs = [tables.printed(own.loc[a, "printed"], False, False) for a in levels]
        lines.append(tables.row("", ['<td class="which">printed</td>', *theirs], "printed"))
    return tables.body(lines)


def _accused(rows: pd.DataFrame, levels: Sequence[float]) -> str:
    off = [a for a in levels if not rows[rows["fpr"] == a]["resolvable"].all()]
    return (
        f"{tables.UNRESOLVABLE}: not one real may be accused at this rate, so nothing can be told. "
        f"To tell {100 * min(off):g} %, {math.ceil(1 / min(off)):,} reals would be needed."
        if off
        else "Every rate of the table can be told."
    )


def _draw(results: Results, rows: pd.DataFrame, palette: str) -> Figure:
    by_name = dots.colours(results.entrants, palette)
    colour = {label: by_name[label] for label in rows["detector"].unique()}
    with style.look():
        figure, (ax,) = style.panels([3.6])
        _unknown(ax, int(rows["n_real"].min()))
        for i, (label, own) in enumerate(rows.groupby("detector", sort=False)):
            _line(ax, own, colour[label])
            _points(ax, own[own["printed"].notna()], colour[label], APART ** (i - (len(colour) - 1) / 2))
        ax.set(
            xscale="log",
            xlim=(LOWEST / 1.3, 1),
            ylim=(-0.03, 1.03),
            ylabel="mean TPR (share of fakes, 0 to 1)",
            xlabel="FPR (share of reals accused, logarithmic)",
            title="Fakes caught against reals accused",
        )
        style.powers(ax.xaxis)
        ax.grid(axis="y")
        figure.legend(handles=_legend(colour), loc="outside lower center", ncols=3, columnspacing=1.2)
    return figure


def _unknown(ax: Axes, reals: int) -> None:
    """Shade what the reals cannot tell and say why."""
    ax.axvspan(LOWEST / 2, 1 / reals, color=style.RULE, alpha=0.6, lw=0)
    ax.axvline(1 / reals, color=style.GREY, lw=0.9, ls=(0, (2, 2)))
    words = (
        f"cannot be told with {reals} reals:\nnone may be accused.\n0 accused of {reals} still\n"
        f"allows a rate of about\n3/{reals} = {3 / reals:.2g}"
    )
    ax.text(LOWEST * 1.1, 0.03, words, fontsize=8, color=style.INK, va="bottom")


def _line(ax: Axes, own: pd.DataFrame, colour: str) -> None:
    """A step curve with its band, where it can be told."""
    told = own[own["resolvable"].astype(bool)]
    ax.fill_between(told["fpr"], told["lo"], told["hi"], step="post", color=colour, alpha=0.18, lw=0)
    ax.step(told["fpr"], told["value"], where="post", color=colour, lw=1.5)


def _points(ax: Axes, own: pd.DataFrame, colour: str, aside: float) -> None:
    """The printed means, crossed where the reals here are too few for their rate."""
    ax.plot(own["fpr"] * aside, own["printed"], color=colour, lw=0.9, ls=(0, (3, 2)), **dots.PRINTED)
    off = own[~own["resolvable"].astype(bool)]
    ax.plot(off["fpr"] * aside, off["printed"], color=colour, ls="none", marker="x", ms=9, mew=0.9)


def _legend(colour: dict[str, str]) -> list[Line2D]:
    ink = {"color": style.INK, "ls": "none"}
    return [
        *(Line2D([], [], color=c, lw=1.8, label=f"{name}, with band") for name, c in colour.items()),
        Line2D([], [], label="printed", **ink, **dots.PRINTED),
        Line2D([], [], label="printed, not checkable here", marker="x", ms=7, mew=0.9, **ink),
    ]
