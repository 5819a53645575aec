"""Which findings of the paper show here too, each judged by the numbers and said in words they choose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thb.core.errors import DataError
from thb.core.metrics import AUC
from thb.report import ablation_table, dots, generator_means, means, shifts, style, tables
from thb.report.exhibit import Exhibit
from thb.report.load import Results, open_results
from thb.report.shifts import FAILS, HOLDS, OPEN, SHIFTS
from thb.report.tables import decimal, text
from thb.report.verdicts import VERDICTS, Told, by_machine, mark

SWAPS = "ffpp"
NO_NUMBER = "no number to compare"
CSS = {HOLDS: "holds", FAILS: "fails", OPEN: "unknown"}


@dataclass(frozen=True)
class Finding:
    finding: str
    printed: str
    here: str
    verdict: str
    told: tuple[Told, ...] = ()  # what the verdict rests on


def build(metrics: Sequence[str] = ()) -> Exhibit:
    """The exhibit; metrics default to AUC and the first TPR at a fixed FPR."""
    results = open_results()
    chosen = [results.check_metric(m) for m in metrics or headline(results)]
    found = findings(results, chosen)
    rows = pd.DataFrame(
        [
            {
                "finding": f.finding,
                "printed": f.printed,
                "here": f.here,
                "verdict": f.verdict,
                "rests_on": by_machine(f.told),
            }
            for f in found
        ]
    )
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
    told = results.verdicts.falls(metric, before, after)
    theirs = [shifts.printed_over_detectors(results, p, metric) for p in (before, after)]
    return Finding(
        f"Mean {metric} over detectors is lower in {after} than in {before}",
        f"{theirs[0]} to {theirs[1]}",
        _shown(told, "fall"),
        VERDICTS[told.above],
        (told,),
    )


def _shown(told: Told, what: str, first: str = "", second: str = "") -> str:
    """'0.88 to 0.81, a fall of 0.07 (0.04 to 0.10)', or that there is no number."""
    if not told.known:
        return NO_NUMBER
    return (
        f"{decimal(told.first_value)}{first} to {decimal(told.second_value)}{second}, "
        f"a {what} of {told.shown}{told.without}"
    )


def _hardest(results: Results, metric: str) -> Finding:
    rows = generator_means.by_generator(results, SHIFTS, metric)
    rows = rows[rows["protocol"] == generator_means.ALL].set_index("generator")
    ours, named = generator_means.scored(rows), shifts.hardest(rows["printed"].to_dict())
    truth, told = results.verdicts.lowest(metric, named, [g for g in ours.index if g not in named])
    return Finding(
        f"The same two generators are hardest by mean {metric} over protocols",
        _names(results, named),
        _names(results, shifts.hardest(ours.to_dict())) or NO_NUMBER,
        VERDICTS[truth] if told else OPEN,
        tuple(told),
    )


def _names(results: Results, generators: Sequence[str]) -> str:
    return ", ".join(results.label(g) for g in generators)


def _swaps(results: Results) -> list[Finding]:
    """Detectors trained on face swaps: near perfect there, much less so on talking heads."""
    if SWAPS not in results.params.protocols or not results.params.of_role("swap"):
        return []
    told = results.verdicts.easier(AUC, "swap", "generator", SWAPS)
    return [
        Finding(
            "A detector trained on face swaps knows face swaps better than talking heads (AUC)",
            "said in words, without a table",
            _shown(told, "loss", " on swaps", " on heads"),
            VERDICTS[told.above],
            (told,),
        )
    ]


def _controls(results: Results) -> list[Finding]:
    """A control must stay below the detectors for their numbers to mean anything."""
    out = []
    reached = {e: shifts.mean(results, "P1", e, AUC).value for e in results.tested}
    scored = {e: value for e, value in reached.items() if not math.isnan(value)}
    for control in (e for e in results.entrants if e.control):
        told = [results.verdicts.better(AUC, max(scored, key=scored.get).key, control.key, "P1")] if scored else []
        known = [one for one in told if one.known]
        out.append(
            Finding(
                f"The control {control.label}{control.aside} stays below the best detector (P1, mean AUC)",
                "not in the paper",
                f"{decimal(known[0].second_value)} against {decimal(known[0].first_value)}, the best less the control "
                f"{known[0].shown}{known[0].without}"
                if known
                else NO_NUMBER,
                VERDICTS[told[0].above] if told else OPEN,
                tuple(told),
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
                        f'<td class="{CSS[f.verdict]}">{mark(f.verdict, f.told)}</td>',
                    ],
                )
            ]
        )
        for f in found
    ]
    said = [shifts.fall_sentence(results, e, m, "P1", "P3") for e in results.tested for m in metrics]
    rule = (
        "A fall, or an order, holds where the interval of the paired difference leaves out zero; where it does not, or "
        "the clips are too few, nothing can be told. An order of several holds where each of its pairs does."
    )
    return tables.table(
        "Findings <small>· the shape is compared, not the height</small>",
        ["Finding", "Printed", "Reproduced", "Here it"],
        bodies,
        sortable=False,
    ) + tables.notes([*said, rule, *means.left_out(results, SHIFTS)])


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
