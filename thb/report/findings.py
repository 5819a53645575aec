"""Which findings of the paper show here too, each judged by the numbers and said in words they choose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thb.errors import DataError
from thb.metrics import AUC
from thb.report import ablation_table, dots, generator_means, means, shifts, style, tables
from thb.report.exhibit import Exhibit
from thb.report.results import Results, open_results
from thb.report.shifts import FAILS, HOLDS, OPEN, SHIFTS
from thb.report.tables import decimal, text

SWAPS = "ffpp"
CSS = {HOLDS: "holds", FAILS: "fails", OPEN: "unknown"}


@dataclass(frozen=True)
class Finding:
    finding: str
    printed: str
    here: str
    verdict: str


def build(metrics: Sequence[str] = ()) -> Exhibit:
    """The exhibit; metrics default to AUC and the first TPR at a fixed FPR."""
    results = open_results()
    chosen = [results.check_metric(m) for m in metrics or headline(results)]
    found = findings(results, chosen)
    rows = pd.DataFrame([asdict(f) for f in found])
    return Exhibit(
        title="Which findings held",
        html=_html(results, found, chosen),
        rows=rows,
        drawing=_draw(results, chosen),
        alt=f"Lines over protocols P1, P2 and P3: mean {' and '.join(chosen)} of each detector, reproduced "
        "with intervals (solid) and printed (dashed).",
    )


def headline(results: Results) -> list[str]:
    return [AUC, next(iter(results.params.metrics.fpr))]


def findings(results: Results, metrics: Sequence[str]) -> list[Finding]:
    """Every finding, in the order of the paper."""
    if not results.tested:
        raise DataError("params.yaml names no detector apart from controls; there is nothing to find out")
    out = [_fall(results, m, "P1", after) for m in metrics for after in ("P2", "P3")]
    return [*out, *(_hardest(results, m) for m in metrics), *_swaps(results), *_controls(results)]


def _fall(results: Results, metric: str, before: str, after: str) -> Finding:
    a, b = (
        shifts.over_detectors(shifts.mean(results, p, e, metric) for e in results.tested)
        for p in (before, after)
    )
    theirs = [shifts.printed_over_detectors(results, p, metric) for p in (before, after)]
    return Finding(
        f"Mean {metric} over detectors is lower in {after} than in {before}",
        f"{theirs[0]} to {theirs[1]}",
        f"{a} to {b}",
        shifts.falls(a, b),
    )


def _hardest(results: Results, metric: str) -> Finding:
    rows = generator_means.by_generator(results, SHIFTS, metric)
    rows = rows[rows["protocol"] == generator_means.ALL].set_index("generator")
    ours = {g: means.known(row) for g, row in rows.iterrows()}
    named = shifts.hardest(rows["printed"].to_dict())
    return Finding(
        f"The same two generators are hardest by mean {metric} over protocols",
        _names(results, named),
        _names(results, shifts.hardest({g: m.value for g, m in ours.items()})) or "too few clips",
        shifts.are_lowest(named, ours),
    )


def _names(results: Results, generators: Sequence[str]) -> str:
    return ", ".join(results.label(g) for g in generators)


def _swaps(results: Results) -> list[Finding]:
    """Detectors trained on face swaps: near perfect there, much less so on talking heads."""
    swaps = results.params.of_role("swap")
    if SWAPS not in results.params.protocols or not swaps:
        return []
    on_swaps, on_heads = (
        float(np.mean([shifts.own_cell(results, SWAPS, e, g, AUC) for e in results.tested for g in sources]))
        for sources in (swaps, results.params.generators)
    )
    verdict = HOLDS if on_heads < on_swaps else FAILS
    return [
        Finding(
            "A detector trained on face swaps knows face swaps better than talking heads (AUC)",
            "said in words, without a table",
            f"{decimal(on_swaps)} on swaps, {decimal(on_heads)} on heads",
            OPEN if math.isnan(on_swaps + on_heads) else verdict,
        )
    ]


def _controls(results: Results) -> list[Finding]:
    """A control must stay below the detectors for their numbers to mean anything."""
    out = []
    for control in (e for e in results.entrants if e.control):
        own = shifts.mean(results, "P1", control, AUC)
        best = max((shifts.mean(results, "P1", e, AUC) for e in results.tested), key=lambda m: m.value)
        out.append(
            Finding(
                f"The control {control.label}{control.aside} stays below the best detector (P1, mean AUC)",
                "not in the paper",
                f"{own} against {best}",
                shifts.falls(best, own),
            )
        )
    return out


def _html(results: Results, found: Sequence[Finding], metrics: Sequence[str]) -> str:
    bodies = [
        tables.body(
            [
                tables.row(
                    f'<span class="wrap">{text(f.finding)}</span>',
                    [
                        *(f'<td class="text">{text(cell)}</td>' for cell in (f.printed, f.here)),
                        f'<td class="{CSS[f.verdict]}">{f.verdict}</td>',
                    ],
                )
            ]
        )
        for f in found
    ]
    said = [shifts.fall_sentence(results, e, m, "P1", "P3") for e in results.tested for m in metrics]
    rule = (
        "A fall, or an order of generators, holds when no intervals that it compares overlap; where they do, or "
        "the clips are too few, it cannot be told. The mean over detectors carries the mean interval."
    )
    return tables.table(
        "Findings <small>· the shape is compared, not the height</small>",
        ["Finding", "Printed", "Reproduced", "Here it"],
        bodies,
        sortable=False,
    ) + tables.notes([*said, rule])


def _draw(results: Results, metrics: Sequence[str]) -> Figure:
    with style.look():
        figure, axes = style.panels([2.3] * len(metrics))
        for ax, metric in zip(axes, metrics, strict=True):
            _panel(ax, results, metric)
        handles = dots.legend(results.entrants)
        figure.legend(handles=handles, loc="outside lower center", ncols=3, columnspacing=1.2)
    return figure


def _panel(ax: Axes, results: Results, metric: str) -> None:
    colour = dots.colours(results.entrants)
    for i, entrant in enumerate(results.entrants):
        x = np.arange(len(SHIFTS)) + (i - len(results.entrants) / 2) * 0.05
        if entrant.printed:
            theirs = [results.printed_mean(p, entrant.printed, metric) for p in SHIFTS]
            ax.plot(x, theirs, color=colour[entrant.label], lw=1, ls=(0, (3, 2)), **dots.PRINTED)
        if entrant.key:
            ours = [shifts.mean(results, p, entrant, metric) for p in SHIFTS]
            ax.vlines(x, [m.lo for m in ours], [m.hi for m in ours], color=colour[entrant.label], lw=1.3)
            ax.plot(x, [m.value for m in ours], color=colour[entrant.label], lw=1.3, **dots.OURS)
    ax.set(ylim=(-0.03, 1.03), title=f"Mean {metric} over generators", ylabel=f"{metric} (share, 0 to 1)")
    ax.set_xticks(range(len(SHIFTS)), SHIFTS)
    ax.grid(axis="y")


def ablation_sentences(results: Results) -> list[str]:
    """What the control corpora said, for the pages that only quote it."""
    rows = ablation_table.ablation(results, AUC)
    return ablation_table.sentences(results, rows, AUC)
