"""What each choice that the paper leaves open does to the headline numbers, on the same resampled clips."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from thb.cells import choices
from thb.cells.bench import Bench, Measured, Results, mean
from thb.cells.choices import Choice, Question
from thb.cells.classes import CLASSES
from thb.cells.comparisons import INCONCLUSIVE, judge
from thb.cells.questions import MEAN, averaged
from thb.core import metrics
from thb.core.errors import check_known
from thb.core.metrics import AUC
from thb.core.params import Params
from thb.splits import otherwise

NAN = float("nan")
MOVES, STILL, SAME = "moves", "does not move beyond its interval", "is what is used"
UNMOVED = "does not move"  # of counts, which have no interval
OTHER = "needs other fits"
BOUND, OTHER_FITS = "class_bound", "other_fits"  # the questions that no choice of clips answers
ACCUSED = "FPR at {}"  # the share of test reals above a threshold, by the name of its metric
AS_SET = "as params.yaml has it"
# A row, and what stands there where nothing is known.
ROW: dict[str, Any] = {
    "question": "",
    "choice": "",
    "default": "",
    "key": "",
    "detector": "",
    "protocol": "",
    "metric": "",
    "value": NAN,
    "default_value": NAN,
    "difference": NAN,
    "lo": NAN,
    "hi": NAN,
    "n_real": 0,
    "n_fake": 0,
    "resolvable": metrics.UNTOLD,
    "verdict": INCONCLUSIVE,
}


def effects(
    results: Results, metric: str = "", detectors: Sequence[str] = (), questions: Sequence[str] = ()
) -> pd.DataFrame:
    """The columns of ROW: question x choice x protocol x metric x (detector, mean over them).

    Without arguments of AUC and the first TPR, the detectors of the paper, and every question. Raises ParamsError
    for a name that is not known.
    """
    params, asked = results.params, choices.questions(results.params)
    wanted = _known("question", questions, (*asked, BOUND, OTHER_FITS))
    shown = headline(params, metric)
    chosen = detectors or [one.key for one in results.entrants if one.key in averaged(params)]
    chosen = _known("detector", chosen, params.detectors)
    labels = {one.key: one.label for one in results.entrants if one.key in chosen}
    bench, found = Bench(results, shown), [asked[name] for name in wanted if name in asked]
    if "threshold" in wanted:
        found.append(_accusing(asked["threshold"]))
    rows = [row for question in found for row in _answers(bench, question, labels) or _untrained(params, question)]
    if BOUND in wanted:
        rows += [row for name in shown if name in params.metrics.fpr for row in _bounds(results, name, labels)]
    if OTHER_FITS in wanted:
        rows += [
            ROW | {"question": OTHER_FITS, "choice": what, "key": key, "verdict": OTHER}
            for what, key in choices.other_fits(params).items()
        ]
    return pd.DataFrame(rows, columns=list(ROW))


def headline(params: Params, metric: str = "") -> list[str]:
    """The metric asked for, or AUC and the first TPR; raises ParamsError for one that is not known."""
    rates = list(params.metrics.fpr)
    return _known("metric", [metric] if metric else [AUC, rates[0]], (AUC, *rates))


def _known(kind: str, asked: Sequence[str], known: Collection[str]) -> list[str]:
    """What is asked for, or all that is known if nothing is."""
    check_known(kind, asked, known)
    return list(asked or known)


# ---- questions that another choice of clips or pooling answers ----------------------------------------


def _answers(bench: Bench, question: Question, labels: dict[str, str]) -> list[dict]:
    """Each choice against what is used, by protocol and metric."""
    return [
        row
        for protocol in question.protocols
        for metric in (name for name in bench.shown if name in question.metrics)
        for choice in question.choices
        for row in _choice(bench, question, choice, protocol, metric, labels)
    ]


def _untrained(params: Params, question: Question) -> list[dict]:
    """What makes the fits that an answer needs and that are not here, for one network."""
    return [
        ROW
        | {
            "question": OTHER_FITS,
            "choice": question.short,
            "key": otherwise.command(otherwise.trained(params)[0], choice.trained),
            "verdict": OTHER,
        }
        for choice in question.choices
        if choice.trained
    ]


def _choice(
    bench: Bench, question: Question, choice: Choice, protocol: str, metric: str, labels: dict[str, str]
) -> Iterator[dict]:
    """A row a detector, and their mean; none if the choice is what is used for everybody.

    Of a choice that needs other fits, they are the detectors that have them.
    """
    sides = {key: [c.filled(bench.params, protocol, key) for c in (question.base, choice)] for key in labels}
    pairs = {key: [bench.measure(key, protocol, metric, c) for c in both] for key, both in sides.items()}
    pairs = {key: pair for key, pair in pairs.items() if pair[0] and (pair[1] or not choice.trained)}
    used = {key: sides[key][0] for key in pairs}
    if all(sides[key][1] == one for key, one in used.items()):
        return
    says = {
        key: next((c.says for c in question.choices if c.filled(bench.params, protocol, key) == one), AS_SET)
        for key, one in used.items()
    }
    row = ROW | {
        "question": question.name,
        "choice": choice.says,
        "key": question.key,
        "protocol": protocol,
        "metric": question.called.format(metric),
    }
    for key, pair in pairs.items():
        own = row | {"detector": labels[key], "default": says[key]} | _compared(bench, *pair)
        yield own | ({"verdict": SAME} if sides[key][1] == used[key] else {})
    both = map(mean, zip(*pairs.values(), strict=True))
    yield row | {"detector": MEAN, "default": "; ".join(sorted(set(says.values())))} | _compared(bench, *both)


def _compared(bench: Bench, before: Measured | None, after: Measured | None) -> dict:
    """Both values, their paired difference, and whether it stands out of its interval."""
    if before is None or after is None:
        return {"default_value": before.value if before else NAN}
    apart = after.replicates - before.replicates
    lo, hi = metrics.interval(apart[1:], bench.params.metrics.confidence)
    told = metrics.weakest([before.resolvable, after.resolvable])
    moved = STILL if judge(lo, hi) == INCONCLUSIVE else MOVES
    return {
        "default_value": before.value,
        "value": after.value,
        "difference": float(apart[0]),
        "lo": lo,
        "hi": hi,
        "n_real": after.n_real,
        "n_fake": after.n_fake,
        "resolvable": told,
        "verdict": moved if told and not math.isnan(lo) else INCONCLUSIVE,
    }


def _accusing(question: Question) -> Question:
    """The same thresholds, asked how many test reals they accuse; that share is told whatever they rest on."""
    return replace(
        question,
        called=ACCUSED,
        base=Choice(accused=True),
        choices=tuple(replace(choice, accused=True) for choice in question.choices),
    )


# ---- the bound of a class ------------------------------------------------------------------------------


def _bounds(results: Results, metric: str, labels: dict[str, str]) -> Iterator[dict]:
    """Cells that are excellent if its bound belongs to the class, or not; printed and reproduced."""
    best = max(CLASSES.values())
    for protocol in (name for name, p in results.params.protocols.items() if p.printed):
        table = results.table(protocol)
        cells = table.loc[(table["metric"] == metric) & (table["generator"] != MEAN)]
        for column, whose in (("printed", "printed"), ("value", "reproduced")):
            told = cells.loc[cells[column].notna() & (cells["resolvable"].astype(bool) | (column == "printed"))]
            shown = {label: told.loc[told["detector"] == label, column].round(2) for label in labels.values()}
            counts = {
                label: (int((own >= best).sum()), int((own > best).sum())) for label, own in shown.items() if len(own)
            }
            if counts:
                counts[MEAN] = tuple(np.mean(list(counts.values()), axis=0))
            for label, (before, after) in counts.items():
                yield ROW | {
                    "question": BOUND,
                    "choice": f"above {best}",
                    "default": f"{best} and above",
                    "detector": label,
                    "protocol": protocol,
                    "metric": f"excellent {metric} cells, {whose}",
                    "value": after,
                    "default_value": before,
                    "difference": after - before,
                    "resolvable": metrics.FIRM,
                    "verdict": MOVES if after != before else UNMOVED,
                }
