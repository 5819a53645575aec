"""Paragraphs of the book that the numbers write: each function returns Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable

from thb.core.metrics import AUC
from thb.report import ablation_table, findings, settings_table, shifts, sound_check
from thb.report.load import Results
from thb.report.tables import text
from thb.report.verdicts import mark


def about_clips(results: Results) -> str:
    if results.params.active.corpus == "mini":
        return (
            "Every clip behind these numbers was drawn on the machine that built this book. Nobody in them "
            "exists, no generator of the paper was run, and **no number here can be compared with the "
            "paper's**; what can be compared is whether the same things are hard."
        )
    return (
        "These numbers rest on the published clips and on the builder's own copies of the real videos; "
        "clips that could not be had are counted in `results/coverage.csv`."
    )


def about_shifts(results: Results) -> str:
    return bullets(shifts.fall_sentence(results, e, AUC, "P1", "P3") for e in results.tested)


def about_controls(results: Results) -> str:
    return bullets(
        f"The control {text(e.label + e.aside)} reaches mean {AUC} "
        f"{shifts.mean(results, 'P1', e, AUC)} in P1 and {shifts.mean(results, 'P3', e, AUC)} in P3."
        for e in results.entrants
        if e.control
    )


def about_ablations(results: Results) -> str:
    rows = ablation_table.ablation(results, AUC)
    if rows.empty:
        return ablation_table.NONE_HERE
    return bullets(ablation_table.sentences(results, rows[~rows["control"].astype(bool)], AUC))


def about_sizes(results: Results) -> str:
    """A line a detector: how large it is here, how much of it was run as published."""
    chosen = list(results.params.detectors)
    rows, sizes = settings_table.settings(results, chosen), settings_table.parameters(results, chosen)
    labels = {d: results.params.detectors[d].printed or d for d in chosen}
    return bullets(f"{text(labels[d])}: {settings_table.summary(results, rows, sizes, d)}." for d in chosen)


def about_sound(results: Results) -> str:
    """Whether each detector that hears uses what it hears."""
    lines = []
    for detector in results.params.sound_checks:
        name = results.params.detectors[detector].printed or detector
        lines += sound_check.sentences(sound_check.falls(results, detector), name)
    return bullets(lines)


def about_resolution(results: Results) -> str:
    """What the number of test reals allows to be said."""
    reals = int(results.cells["n_real"].max())
    lines = []
    for name, alpha in results.params.metrics.fpr.items():
        allowed, needed = math.floor(alpha * reals + 1e-9), math.ceil(1 / alpha)
        enough = (
            f"allows {allowed} false positive{'s' if allowed != 1 else ''}"
            if allowed
            else f"allows none: {needed:,} reals would be needed, so {name} is marked as not resolvable"
        )
        lines.append(f"{name} on {reals} real clips {enough}.")
    return bullets(lines)


def found(results: Results) -> str:
    """The verdicts in one list, for the home page."""
    judged = findings.findings(results, findings.headline(results))
    marks = {shifts.HOLDS: "✔", shifts.FAILS: "✘", shifts.OPEN: "?"}
    return bullets(
        f"{marks[f.verdict]} {mark(f'**{f.verdict}**', f.told)} · {text(f.finding)}: {text(f.here)}." for f in judged
    )


def bullets(lines: Iterable[str]) -> str:
    """A Markdown list, a line each."""
    return "\n".join(f"- {line}" for line in lines)
