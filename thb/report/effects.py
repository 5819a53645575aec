"""What each open choice does to each headline number: values, paired differences and verdicts, as rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from thb.cells.comparisons import OPEN, Compared, compare
from thb.core.errors import ParamsError, unknown
from thb.core.metrics import AUC
from thb.report import choices, classes
from thb.report.bench import Bench, Measured
from thb.report.choices import Choice, Question
from thb.report.load import MEAN, Entrant, Results

COLUMNS = [
    "question",
    "choice",
    "default",
    "key",
    "detector",
    "protocol",
    "metric",
    "value",
    "default_value",
    "difference",
    "lo",
    "hi",
    "n_real",
    "n_fake",
    "resolvable",
    "verdict",
]
MOVES, STILL, SAME = "moves", "does not move beyond its interval", "is what is used"
UNMOVED = "does not move"  # of counts, which have no interval
OTHER = "needs other fits"
BOUND, OTHER_FITS = "class_bound", "other_fits"  # the questions that no choice of clips answers
AS_SET = "as params.yaml has it"
NAN = float("nan")


def effects(
    results: Results, metric: str = "", detectors: Sequence[str] = (), questions: Sequence[str] = ()
) -> pd.DataFrame:
    """COLUMNS: question x choice x protocol x metric x (detector, mean over them).

    Without arguments of AUC and the first TPR, every detector but the controls, and every question.
    """
    asked = choices.questions(results.params)
    wanted = _known("question", questions, (*asked, BOUND, OTHER_FITS))
    shown, entrants = headline(results, metric), _entrants(results, detectors)
    bench, rows = Bench(results, shown), []
    for name in wanted:
        if name in asked:
            rows += _answers(bench, asked[name], shown, entrants)
    if "threshold" in wanted:
        rows += _accused(bench, asked["threshold"], shown, entrants)
    if BOUND in wanted:
        rows += [row for m in shown if m in results.params.metrics.fpr for row in _bounds(results, m, entrants)]
    if OTHER_FITS in wanted:
        rows += list(_other_fits(results))
    return pd.DataFrame(rows, columns=COLUMNS)


def headline(results: Results, metric: str = "") -> list[str]:
    """The metric asked for, or AUC and the first TPR."""
    rates = list(results.params.metrics.fpr)
    return _known("metric", [metric] if metric else [AUC, rates[0]], (AUC, *rates))


def _entrants(results: Results, detectors: Sequence[str]) -> list[Entrant]:
    keys = _known("detector", detectors or [e.key for e in results.tested], results.params.detectors)
    return [e for e in results.entrants if e.key in keys]


def _known(kind: str, asked: Sequence[str], known: Sequence[str]) -> list[str]:
    """What is asked for, or all that is known if nothing is."""
    for name in asked:
        if name not in known:
            raise ParamsError(unknown(kind, name, known))
    return list(asked or known)


# ---- questions that another choice of clips or pooling answers ----------------------------------------


def _answers(bench: Bench, question: Question, shown: Sequence[str], entrants: Sequence[Entrant]) -> list[dict]:
    return [
        row
        for protocol in question.protocols
        for metric in shown
        if metric in question.metrics
        for choice in question.choices
        for row in _choice(bench, question, choice, protocol, metric, entrants)
    ]


def _choice(
    bench: Bench,
    question: Question,
    choice: Choice,
    protocol: str,
    metric: str,
    entrants: Sequence[Entrant],
    called: str = "",
) -> Iterator[dict]:
    """One choice against the default: a row a detector, and their mean; none if it is everybody's default."""
    filled = {e: [c.filled(bench.params, protocol, e.key) for c in (question.base, choice)] for e in entrants}
    pairs = {e: tuple(bench.measure(e.key, protocol, metric, c) for c in both) for e, both in filled.items()}
    pairs = {e: pair for e, pair in pairs.items() if pair[0]}
    if all(filled[e][0] == filled[e][1] for e in pairs):
        return
    head = {
        "question": question.name,
        "choice": choice.says,
        "key": question.key,
        "protocol": protocol,
        "metric": called or metric,
    }
    for entrant, pair in pairs.items():
        default = _says(question, filled[entrant][0], bench, protocol, entrant)
        own = head | {"detector": entrant.label, "default": default} | _compared(bench, *pair)
        yield own | ({"verdict": SAME} if filled[entrant][0] == filled[entrant][1] else {})
    defaults = {_says(question, filled[e][0], bench, protocol, e) for e in pairs}
    yield head | {"detector": MEAN, "default": "; ".join(sorted(defaults))} | _compared(bench, *_mean(pairs.values()))


def _says(question: Question, default: Choice, bench: Bench, protocol: str, entrant: Entrant) -> str:
    """The default in the words of the choice that equals it."""
    same = (c.says for c in question.choices if c.filled(bench.params, protocol, entrant.key) == default)
    return next(same, AS_SET)


def _mean(pairs: Iterable[tuple]) -> tuple[Measured | None, ...]:
    """The mean over detectors, before and after; None if one of them has no such number."""
    columns = list(zip(*pairs, strict=True))
    return tuple(
        None
        if None in column
        else Measured(
            np.mean([m.replicates for m in column], axis=0),
            min(m.n_real for m in column),
            max(m.n_fake for m in column),
            all(m.resolvable for m in column),
        )
        for column in columns
    )


def _compared(bench: Bench, before: Measured | None, after: Measured | None) -> dict:
    """Both values, their paired difference, and whether it stands out of its interval."""
    if before is None or after is None:
        return {
            "default_value": before.value if before else NAN,
            "value": NAN,
            "difference": NAN,
            "lo": NAN,
            "hi": NAN,
            "n_real": 0,
            "n_fake": 0,
            "resolvable": False,
            "verdict": OPEN,
        }
    apart = compare(after.replicates, before.replicates, bench.params.metrics.confidence)
    told = before.resolvable and after.resolvable
    return {
        "default_value": before.value,
        "value": after.value,
        "difference": apart.difference,
        "lo": apart.lo,
        "hi": apart.hi,
        "n_real": after.n_real,
        "n_fake": after.n_fake,
        "resolvable": told,
        "verdict": _verdict(told, apart),
    }


def _verdict(told: bool, apart: Compared) -> str:
    if not told or math.isnan(apart.lo):
        return OPEN
    return STILL if apart.verdict == OPEN else MOVES


def _accused(bench: Bench, question: Question, shown: Sequence[str], entrants: Sequence[Entrant]) -> list[dict]:
    """How many test reals each threshold accuses; the share is told whatever the threshold rests on."""
    at = replace(question, base=Choice(accused=True), choices=tuple(replace(c, accused=True) for c in question.choices))
    return [
        row
        for protocol in at.protocols
        for metric in shown
        if metric in at.metrics
        for choice in at.choices
        for row in _choice(bench, at, choice, protocol, metric, entrants, accused_name(metric))
    ]


def accused_name(metric: str) -> str:
    return f"FPR at {metric}"


# ---- the bound of a class ------------------------------------------------------------------------------


def excellent_name(metric: str, whose: str) -> str:
    return f"excellent {metric} cells, {whose}"


def _bounds(results: Results, metric: str, entrants: Sequence[Entrant]) -> Iterator[dict]:
    """Cells that are excellent if its bound belongs to the class, or not; printed and reproduced."""
    best = classes.LEVELS[0]
    for protocol in (name for name, p in results.params.protocols.items() if p.printed):
        table = results.table(protocol)
        cells = table[(table["metric"] == metric) & (table["generator"] != MEAN)]
        for whose in ("printed", "value"):
            found = {e.label: _excellent(cells[cells["detector"] == e.label], whose) for e in entrants}
            found = {label: counts for label, counts in found.items() if counts}
            if found:
                found[MEAN] = tuple(np.mean(list(found.values()), axis=0))
            name = excellent_name(metric, "printed" if whose == "printed" else "reproduced")
            for label, (before, after) in found.items():
                yield {
                    "question": BOUND,
                    "choice": f"above {best.at_least}",
                    "default": f"{best.at_least} and above",
                    "key": "",
                    "detector": label,
                    "protocol": protocol,
                    "metric": name,
                    "value": after,
                    "default_value": before,
                    "difference": after - before,
                    "lo": NAN,
                    "hi": NAN,
                    "n_real": 0,
                    "n_fake": 0,
                    "resolvable": True,
                    "verdict": MOVES if after != before else UNMOVED,
                }


def _excellent(cells: pd.DataFrame, column: str) -> tuple[int, int] | None:
    """Cells at or above the bound, and those above it, as tables show them; None if no cell can be told."""
    known = cells[column].notna() & (cells["resolvable"].astype(bool) | (column == "printed"))
    if not known.any():
        return None
    shown, bound = cells.loc[known, column].round(2), classes.LEVELS[0].at_least
    return int((shown >= bound).sum()), int((shown > bound).sum())


def _other_fits(results: Results) -> Iterator[dict]:
    """What is open and needs other fits: no number, but where to change it."""
    empty = dict.fromkeys(("value", "default_value", "difference", "lo", "hi"), NAN)
    for what, key in choices.other_fits(results.params).items():
        yield empty | {
            "question": OTHER_FITS,
            "choice": what,
            "default": "",
            "key": key,
            "detector": "",
            "protocol": "",
            "metric": "",
            "n_real": 0,
            "n_fake": 0,
            "resolvable": False,
            "verdict": OTHER,
        }
