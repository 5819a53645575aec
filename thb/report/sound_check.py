"""Does a detector that hears use the sound? The same clips scored with their own and with each other's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thb.cells import trials
from thb.cells.comparisons import ABOVE, compare, judge
from thb.core import metrics
from thb.core.errors import ParamsError, unknown
from thb.core.params import Params
from thb.fits.score_files import SHUFFLED_SOUND
from thb.report import style, tables, vouched
from thb.report.exhibit import Exhibit
from thb.report.load import MEAN, Results, open_results

COLUMNS = [
    "generator",
    "driven_by",
    "own",
    "own_lo",
    "own_hi",
    "shuffled",
    "shuffled_lo",
    "shuffled_hi",
    "fall",
    "fall_lo",
    "fall_hi",
    "n_real",
    "n_fake",
]
PROTOCOL = "P1"  # the fit whose sound is shuffled is tested as P1 tests it
DRIVEN = {"audio": "sound", "video": "a video", "": ""}
USES, NOT_SEEN = "it uses the sound", "no use of the sound can be told"


def build(detector: str = "lipfd") -> Exhibit:
    """The exhibit of one detector named under `sound_checks`."""
    results = open_results()
    rows = falls(results, detector)
    name = results.params.detectors[detector].printed or detector
    return Exhibit(
        title=f"Does {name} listen?",
        html=_html(results, rows, name),
        rows=rows,
        drawing=_draw(results, rows, name),
        alt=f"Dots with intervals: AUC of {name} on each generator, with each clip's own sound and with another's.",
    )


def falls(results: Results, detector: str) -> pd.DataFrame:
    """COLUMNS: every generator that has sound, and the mean over those that sound drives; differences are paired."""
    params = results.params
    if detector not in params.sound_checks:
        raise ParamsError(unknown("detector under sound_checks", detector, params.sound_checks))
    fit = params.protocols[PROTOCOL].fit
    own = vouched.scores(results.paths, params, detector, fit)
    other = vouched.other_scores(results.paths, params, detector, fit, SHUFFLED_SOUND)
    measured = {g: _measured(params, own, other, g) for g in results.generators(PROTOCOL)}
    measured = {g: m for g, m in measured.items() if m is not None}
    driven = [g for g in measured if params.sources[g].driven_by == "audio"]
    if driven:
        measured[MEAN] = _mean([measured[g] for g in driven])
    return pd.DataFrame([_row(params, g, m) for g, m in measured.items()], columns=COLUMNS)


def _measured(params: Params, own: pd.DataFrame, other: pd.DataFrame, generator: str) -> dict | None:
    """Replicates of both AUCs over the same draws; nothing where no clip of the generator was scored."""
    reals, fakes = trials.tested(own, params.protocols[PROTOCOL], generator)
    if fakes.empty:
        return None
    rows, weights = pd.concat([reals, fakes]), trials.draws(params.metrics, reals, fakes)
    labels = rows["label"].to_numpy()
    values = [
        metrics.auc_of(metrics.count(labels, table.set_index("clip")["score"].loc[rows["clip"]], weights))
        for table in (own, other)
    ]
    return {"replicates": np.stack(values), "n_real": len(reals), "n_fake": len(fakes)}


def _mean(measured: list[dict]) -> dict:
    return {
        "replicates": np.mean([m["replicates"] for m in measured], axis=0),
        "n_real": measured[0]["n_real"],
        "n_fake": sum(m["n_fake"] for m in measured),
    }


def _row(params: Params, generator: str, measured: dict) -> dict:
    own, shuffled = measured["replicates"]
    fall = compare(own, shuffled, params.metrics.confidence)
    row = {
        "generator": generator,
        "n_real": measured["n_real"],
        "n_fake": measured["n_fake"],
        "driven_by": "audio" if generator == MEAN else params.sources[generator].driven_by or "",
    }
    for name, values in (("own", own), ("shuffled", shuffled)):
        lo, hi = metrics.interval(values[1:], params.metrics.confidence)
        row |= {name: values[0], f"{name}_lo": lo, f"{name}_hi": hi}
    return row | {"fall": fall.difference, "fall_lo": fall.lo, "fall_hi": fall.hi}


def verdict(rows: pd.DataFrame) -> str:
    """Judged by the mean over the generators that sound drives: whether its whole interval lies above 0."""
    mean = rows[rows["generator"] == MEAN]
    return USES if len(mean) and judge(mean["fall_lo"].iloc[0], mean["fall_hi"].iloc[0]) == ABOVE else NOT_SEEN


def sentences(rows: pd.DataFrame, name: str) -> Iterator[str]:
    """What the exchange of sound did; nothing where no generator that sound drives was scored."""
    mean = rows[rows["generator"] == MEAN]
    for row in mean.to_dict("records"):
        yield (
            f"On generators that sound drives, {tables.text(name)}'s mean AUC goes from "
            f"{tables.decimal(row['own'])} with each clip's own sound to {tables.decimal(row['shuffled'])} with "
            f"another's: a fall of {tables.decimal(row['fall'], 3)} ({tables.decimal(row['fall_lo'], 3)} to "
            f"{tables.decimal(row['fall_hi'], 3)}), so <b>{verdict(rows)}</b>."
        )


def _html(results: Results, rows: pd.DataFrame, name: str) -> str:
    how = (
        "Sound is exchanged between clips of one source, reals too, so its codec and loudness stay what they "
        "were and only the match between lips and voice is lost. Weights are the same in both columns."
    )
    bodies = [
        tables.body([_table_row(results, row)], "total" if row["generator"] == MEAN else "")
        for row in rows.to_dict("records")
    ]
    heads = ["Generator", "Driven by", "Own sound", "Another's", "Fall", "Interval"]
    table = tables.table(
        f"{tables.text(name)} <small>· AUC, {PROTOCOL}</small>", heads, bodies, words={"Driven by", "Interval"}
    )
    return table + tables.notes([*sentences(rows, name), how])


def _table_row(results: Results, row: dict) -> str:
    label = "Mean, driven by sound" if row["generator"] == MEAN else results.label(row["generator"])
    return tables.row(
        tables.name(label),
        [
            tables.plain(DRIVEN[row["driven_by"]]),
            *(_number(row[k]) for k in ("own", "shuffled", "fall")),
            tables.plain(f"{row['fall_lo']:.3f} to {row['fall_hi']:.3f}"),
        ],
    )


def _number(value: float) -> str:
    """<td> with as many places as a small fall needs."""
    return f'<td data-value="{value:.6g}">{tables.decimal(value, 3)}</td>'


def _draw(results: Results, rows: pd.DataFrame, name: str) -> Figure:
    with style.look():
        if rows.empty:
            return style.message("No clip with sound was scored.")
        figure, (ax,) = style.panels([0.42 * len(rows) + 0.8])
        _panel(ax, results, rows, name)
        figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _panel(ax: Axes, results: Results, rows: pd.DataFrame, name: str) -> None:
    for i, (kind, words) in enumerate((("own", "each clip's own sound"), ("shuffled", "another clip's sound"))):
        y = np.arange(len(rows)) + (i - 0.5) * 0.3
        ax.hlines(y, rows[f"{kind}_lo"], rows[f"{kind}_hi"], color=style.COLOURS[i], lw=1.3)
        ax.plot(rows[kind], y, "os"[i], color=style.COLOURS[i], ms=4.6, label=words)
    labels = ["Mean, driven by sound" if g == MEAN else results.label(g) for g in rows["generator"]]
    ax.set_yticks(range(len(rows)), labels)
    ax.invert_yaxis()
    ax.set_title(f"{name}, AUC")
    style.share_axis(ax, metrics.AUC, rows[["own_lo", "shuffled_lo"]].min().min())
