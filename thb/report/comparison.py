"""Every printed cell beside the reproduced one: how far apart they are, and what that allows to be said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import spearmanr

from thb.cells.printed import CELLS, LATER, printed_cells
from thb.core.errors import ParamsError, unknown
from thb.core.metrics import AUC
from thb.report import dots, style, tables
from thb.report.exhibit import Exhibit
from thb.report.load import Results, open_results

REFERENCES = {"v1": CELLS, "later": LATER}
INSIDE, OUTSIDE, UNRESOLVED, ABSENT = "inside the interval", "outside", "not resolvable", "not reproduced"
ELSEWHERE = "not comparable (another corpus)"
VERDICTS = (INSIDE, OUTSIDE, ELSEWHERE, UNRESOLVED, ABSENT)
CSS = {INSIDE: "holds", OUTSIDE: "fails"}
HALF = 0.005  # half of the last printed place: a printed number stands for all that round to it
FEWEST = 3  # cells below which ranks say nothing
COLUMNS = [
    "protocol",
    "detector",
    "generator",
    "metric",
    "printed",
    "value",
    "lo",
    "hi",
    "n_real",
    "n_fake",
    "resolvable",
    "difference",
    "verdict",
]
PANEL = 2.75  # inches
MARKERS = "osD^vPX"
EQUAL = {"color": style.GREY, "lw": 0.9, "ls": (0, (4, 3))}


def build(reference: str = "v1", metrics: Sequence[str] = (), protocols: Sequence[str] = ()) -> Exhibit:
    """The exhibit; metrics and protocols default to all that the reference has."""
    results = open_results()
    rows = compare(results, reference, metrics, protocols)
    drawn = ", ".join(dict.fromkeys(told(rows)["metric"])) or "no metric"
    return Exhibit(
        title="Printed against reproduced",
        html=_html(results, rows, reference),
        rows=rows,
        drawing=_draw(results, rows),
        alt=f"Scatter, a panel each for {drawn}: printed number across, reproduced number up, a mark a cell and a "
        "colour a detector; on the dashed line the two are equal.",
    )


def compare(
    results: Results, reference: str = "v1", metrics: Sequence[str] = (), protocols: Sequence[str] = ()
) -> pd.DataFrame:
    """COLUMNS, a row a printed cell, ours beside it where there is one."""
    theirs = _reference(results, reference)
    shown = _known("metric", metrics, dict.fromkeys(key[3] for key in theirs))
    chosen = _known("protocol", protocols, _protocols(results, theirs))
    ours = results.cells.set_index(["protocol", "detector", "generator", "metric"]).to_dict("index")
    rows = [row for protocol in chosen for row in _protocol_rows(results, ours, theirs, protocol, shown)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _reference(results: Results, reference: str) -> dict[tuple[str, str, str, str], float]:
    if reference not in REFERENCES:
        raise ParamsError(unknown("reference", reference, REFERENCES))
    return printed_cells(results.paths.published, REFERENCES[reference])


def _known(kind: str, wanted: Sequence[str], known: Iterable[str]) -> list[str]:
    """What was asked for, all that is known if nothing was."""
    known = list(known)
    if odd := [name for name in wanted if name not in known]:
        raise ParamsError(unknown(kind, odd[0], known))
    return list(wanted) or known


def _protocols(results: Results, theirs: dict) -> list[str]:
    """Our protocols for which the reference has a cell."""
    printed = {(protocol, generator) for protocol, _, generator, _ in theirs}
    return [
        name
        for name, protocol in results.params.protocols.items()
        if any((protocol.printed, results.label(g)) in printed for g in results.generators(name))
    ]


def _protocol_rows(results: Results, ours: dict, theirs: dict, protocol: str, metrics: Sequence[str]) -> list:
    keys = {entry.printed: key for key, entry in results.params.detectors.items() if entry.printed}
    printed = results.params.protocols[protocol].printed
    return [
        _row(results, ours, (protocol, keys.get(detector), g, metric), detector, theirs[key])
        for detector in dict.fromkeys(key[1] for key in theirs)
        for g in results.generators(protocol)
        for metric in metrics
        if (key := (printed, detector, results.label(g), metric)) in theirs
    ]


def _row(results: Results, ours: dict, key: tuple, detector: str, printed: float) -> dict:
    nan = float("nan")
    row = {
        "protocol": key[0],
        "detector": detector,
        "generator": key[2],
        "metric": key[3],
        "printed": printed,
        "value": nan,
        "lo": nan,
        "hi": nan,
        "n_real": 0,
        "n_fake": 0,
        "resolvable": False,
    }
    if key in ours:
        row |= {c: ours[key][c] for c in ("value", "lo", "hi", "n_real", "n_fake", "resolvable")}
    known = row["n_fake"] and row["resolvable"]
    row["difference"] = row["value"] - printed if known else nan
    return row | {"verdict": verdict(row, results.params.active.corpus == "mini")}


def verdict(row: dict, another_corpus: bool) -> str:
    """What one cell allows to be said."""
    if not row["n_fake"]:
        return ABSENT
    if not row["resolvable"]:
        return UNRESOLVED
    if another_corpus:
        return ELSEWHERE
    return INSIDE if row["lo"] - HALF <= row["printed"] <= row["hi"] + HALF else OUTSIDE


def told(rows: pd.DataFrame) -> pd.DataFrame:
    """The cells that have both numbers."""
    return rows[rows["difference"].notna()]


def ranks(rows: pd.DataFrame) -> pd.DataFrame:
    """metric, n, rho, mean difference and mean distance: whether the same cells are high, whatever their height."""
    out = []
    for metric, group in rows.groupby("metric", sort=False):
        both = told(group)
        varied = len(both) >= FEWEST and both["printed"].nunique() > 1 and both["value"].nunique() > 1
        rho = float(spearmanr(both["printed"], both["value"]).statistic) if varied else math.nan
        out.append([metric, len(both), rho, both["difference"].mean(), both["difference"].abs().mean()])
    return pd.DataFrame(out, columns=["metric", "n", "rho", "difference", "distance"])


def sentences(results: Results) -> list[str]:
    """How the first version's cells compare, counted."""
    rows = compare(results)
    counts = rows["verdict"].value_counts()
    listed = ", ".join(f"{counts[v]} {v}" for v in VERDICTS if v in counts)
    lines = [f"Of {len(rows)} printed cells, {len(told(rows))} have a number of ours beside them: {listed}."]
    return lines + [_rank_sentence(rank) for rank in ranks(rows).to_dict("records")]


def _rank_sentence(rank: dict) -> str:
    if math.isnan(rank["rho"]):
        return f"{tables.text(rank['metric'])}: too few cells with both numbers to compare their ranks ({rank['n']})."
    way = "higher" if rank["difference"] > 0 else "lower"
    return (
        f"{tables.text(rank['metric'])}: rank correlation {signed(rank['rho'])} between printed and reproduced "
        f"over {rank['n']} cells, ours {abs(rank['difference']):.2f} {way} on average."
    )


def _html(results: Results, rows: pd.DataFrame, reference: str) -> str:
    parts = [_protocol_table(results, group, name) for name, group in rows.groupby("protocol", sort=False)]
    return "\n".join([_summary(rows), *parts, tables.notes(_notes(results, rows, reference))])


def _summary(rows: pd.DataFrame) -> str:
    """One line a metric: verdicts counted, and how the two orders agree."""
    present = [v for v in VERDICTS if v in set(rows["verdict"])]
    heads = ["Metric", "Cells", *present, "Both numbers", "Rank correlation", "Mean difference", "Mean distance"]
    bodies = []
    for rank in ranks(rows).to_dict("records"):
        own = rows[rows["metric"] == rank["metric"]]["verdict"]
        counts = [tables.plain(int((own == v).sum())) for v in present]
        bodies.append(
            tables.body(
                [
                    tables.row(
                        tables.text(rank["metric"]),
                        [
                            tables.plain(len(own)),
                            *counts,
                            tables.plain(rank["n"]),
                            _signed(rank["rho"]),
                            _signed(rank["difference"]),
                            tables.printed(rank["distance"], False, False),
                        ],
                    )
                ]
            )
        )
    return tables.table(f"In all <small>· {len(rows)} printed cells</small>", heads, bodies)


def _protocol_table(results: Results, rows: pd.DataFrame, protocol: str) -> str:
    title = results.protocol(protocol).title
    summary = f"<b>{tables.text(title if '_' in protocol else f'{title} ({protocol})')}</b> {len(rows)} cells"
    heads = ["Detector", "Generator", "Metric", "Printed", "Reproduced", "Interval", "Difference", "Verdict"]
    bodies = [tables.body([_table_row(results, row)]) for row in rows.to_dict("records")]
    return tables.folded(
        summary,
        tables.table(
            "Cells <small>· a row each</small>", heads, bodies, words={"Generator", "Metric", "Interval", "Verdict"}
        ),
    )


def _table_row(results: Results, row: dict) -> str:
    shown = row["n_fake"] and row["resolvable"]
    interval = f"{tables.decimal(row['lo'])}–{tables.decimal(row['hi'])}" if shown else tables.NONE
    return tables.row(
        tables.text(row["detector"]),
        [
            f'<td class="which">{tables.name(results.label(row["generator"]))}</td>',
            f'<td class="which">{tables.text(row["metric"])}</td>',
            tables.printed(row["printed"], False, False),
            tables.number(row, False, False).replace(f'<span class="ci">{interval}</span>', ""),
            f'<td class="which">{interval}</td>',
            _signed(row["difference"]),
            f'<td class="text {CSS.get(row["verdict"], "unknown")}">{row["verdict"]}</td>',
        ],
    )


def _signed(value: float) -> str:
    return tables.plain(value) if math.isnan(value) else f'<td data-value="{value:.6g}">{signed(value)}</td>'


def signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _notes(results: Results, rows: pd.DataFrame, reference: str) -> list[str]:
    lines = [
        "A printed number stands for all that round to it: it is inside when any of those lies in our interval. "
        "Difference: reproduced less printed.",
        "The rank correlation (Spearman's, equal numbers sharing a rank) says whether the same cells are high in both. "
        "The cells share reals and detectors, so it carries no interval here, only the number of cells.",
    ]
    if results.params.active.corpus == "mini":
        lines.append(
            "These clips are rendered and the networks small: no height can be compared with the paper's, so "
            "no verdict is given; differences and ranks are shown all the same."
        )
    if blank := [m for m in dict.fromkeys(rows["metric"]) if m not in set(told(rows)["metric"])]:
        lines.append(f"Not drawn: {', '.join(map(tables.text, blank))}, where no cell has both numbers.")
    if absent := sorted(set(rows[rows["verdict"] == ABSENT]["detector"])):
        lines.append(f"Not reproduced here: cells of {', '.join(map(tables.text, absent))}.")
    return lines + (oddities(results) if reference == "later" else [])


def oddities(results: Results) -> list[str]:
    """What a reader must know of the later version's table, found in its numbers."""
    first, later = (_reference(results, name) for name in REFERENCES)
    shared = first.keys() & later.keys()
    changed = sum(first[key] != later[key] for key in shared)
    new = [d for d in dict.fromkeys(key[1] for key in later) if d not in {key[1] for key in first}]
    lost = dict.fromkeys(key[2] for key in first if key not in later)
    fine = [f"{' '.join(key)} {value:g}" for key, value in later.items() if abs(round(value, 2) - value) > 1e-9]
    low = [f"{' '.join(key[:3])} {value:.2f}" for key, value in later.items() if key[3] == AUC and value < style.CHANCE]
    return [
        tables.text(line)
        for line in (
            f"The later version repeats {len(shared)} cells of the first; {changed or 'none'} of them changed. It adds "
            f"{', '.join(new)} and has no cell for {', '.join(lost)}.",
            "Printed to more than two decimals, unlike its neighbours, so perhaps a slip: "
            f"{', '.join(fine) or 'none'}.",
            f"Printed below chance: {', '.join(low) or 'none'}.",
        )
    ]


def _draw(results: Results, rows: pd.DataFrame) -> Figure:
    both = told(rows)
    metrics = list(dict.fromkeys(both["metric"]))
    if not metrics:
        return style.message("No cell has both numbers.")
    known = dots.colours(results.entrants)
    colours = {detector: known[detector] for detector in dict.fromkeys(both["detector"])}
    with style.look():
        columns = min(2, len(metrics))
        lines = math.ceil(len(metrics) / columns)
        figure = Figure(figsize=(style.WIDTH, lines * PANEL + 0.4), layout="constrained", facecolor="white")
        axes = figure.subplots(lines, columns, squeeze=False).ravel()
        for ax, metric in zip(axes, metrics, strict=False):
            _panel(ax, both[both["metric"] == metric], metric, colours)
        for ax in axes[len(metrics) :]:
            ax.axis("off")
        figure.legend(handles=_legend(colours), loc="outside lower center", ncols=5, columnspacing=1.2)
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, metric: str, colours: Mapping[str, str]) -> None:
    for marker, (detector, colour) in zip(MARKERS, colours.items(), strict=False):
        own = rows[rows["detector"] == detector]
        ax.vlines(own["printed"], own["lo"], own["hi"], color=colour, lw=0.7, alpha=0.35)
        ax.plot(own["printed"], own["value"], marker, color=colour, ms=4, alpha=0.8, mew=0)
    start, end = _span(rows)
    ax.plot([start, end], [start, end], **EQUAL, zorder=0)
    margin = 0.02 * (end - start)
    ax.set(
        xlim=(start - margin, end + margin),
        ylim=(start - margin, end + margin),
        aspect="equal",
        title=metric,
        xlabel=f"{metric} printed (share)",
        ylabel=f"{metric} reproduced (share)",
    )
    ticks = np.arange(start, end + 0.01, 0.1 if end - start < 0.7 else 0.2)
    ax.set(xticks=ticks, yticks=ticks)
    ax.grid()


def _span(rows: pd.DataFrame) -> tuple[float, float]:
    """Where the axes begin and end: the fifths of the range that hold every number and interval."""
    shown = rows[["printed", "lo", "hi"]]
    return math.floor(5 * shown.min().min()) / 5, math.ceil(5 * shown.max().max()) / 5


def _legend(colours: Mapping[str, str]) -> list[Line2D]:
    marks = [
        Line2D([], [], color=colour, marker=marker, ls="none", ms=5, label=detector)
        for marker, (detector, colour) in zip(MARKERS, colours.items(), strict=False)
    ]
    return [*marks, Line2D([], [], label="equal", **EQUAL)]
