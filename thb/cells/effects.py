"""What each choice that the paper leaves open does to the headline numbers, on the same resampled clips."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import pandas as pd

from thb.cells import choices
from thb.cells.choices import FAKES, HIGHEST, LOWEST, Choice, Question
from thb.cells.classes import CLASSES
from thb.cells.comparisons import INCONCLUSIVE, judge
from thb.cells.questions import MEAN, averaged
from thb.cells.trials import drawn_as, resolvable
from thb.core import metrics
from thb.core.errors import check_known
from thb.core.metrics import AUC
from thb.core.params import Params
from thb.core.tables import OK
from thb.splits import protocols
from thb.splits.protocols import Trial

NAN = float("nan")
MOVES, STILL, SAME = "moves", "does not move beyond its interval", "is what is used"
UNMOVED = "does not move"  # of counts, which have no interval
OTHER = "needs other fits"
BOUND, OTHER_FITS = "class_bound", "other_fits"  # the questions that no choice of clips answers
ACCUSED = "FPR at {}"  # the share of test reals above a threshold, by the name of its metric
AS_SET = "as params.yaml has it"
STEP, LINEAR = "step", "linear"
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


class Results(Protocol):
    """What is read: thb.report.load.Results is one."""

    @property
    def params(self) -> Params: ...

    @property
    def entrants(self) -> Sequence[Any]: ...

    def scores(self, detector: str, fit: str) -> pd.DataFrame: ...

    def pools(self, detector: str) -> pd.DataFrame | None: ...

    def table(self, protocol: str) -> pd.DataFrame: ...


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
    rows = [row for question in found for row in _answers(bench, question, labels)]
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


def _answers(bench: Bench, question: Question, labels: dict[str, str]) -> Iterator[dict]:
    """Each choice against what is used, by protocol and metric."""
    for protocol in question.protocols:
        for metric in (name for name in bench.shown if name in question.metrics):
            for choice in question.choices:
                yield from _choice(bench, question, choice, protocol, metric, labels)


def _choice(
    bench: Bench, question: Question, choice: Choice, protocol: str, metric: str, labels: dict[str, str]
) -> Iterator[dict]:
    """A row a detector, and their mean; none if the choice is what is used for everybody."""
    sides = {key: [c.filled(bench.params, protocol, key) for c in (question.base, choice)] for key in labels}
    pairs = {key: [bench.measure(key, protocol, metric, c) for c in both] for key, both in sides.items()}
    pairs = {key: pair for key, pair in pairs.items() if pair[0]}
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
    mean = map(_mean, zip(*pairs.values(), strict=True))
    yield row | {"detector": MEAN, "default": "; ".join(sorted(set(says.values())))} | _compared(bench, *mean)


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


# ---- one choice, measured ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """A number and its replicates, float [1 + bootstrap]; the first is the number itself."""

    replicates: np.ndarray
    n_real: int
    n_fake: int
    resolvable: str

    @property
    def value(self) -> float:
        return float(self.replicates[0])


def _mean(measured: Sequence[Measured | None]) -> Measured | None:
    """The mean over detectors; None if one of them has no such number."""
    known = [one for one in measured if one is not None]
    if len(known) < len(measured):
        return None
    return Measured(
        np.mean([one.replicates for one in known], axis=0),
        min(one.n_real for one in known),
        max(one.n_fake for one in known),
        metrics.weakest([one.resolvable for one in known]),
    )


@dataclass(frozen=True)
class Counted:
    """One generator, scored by one fit: (metric, roc) -> replicates, and how many fakes each draw holds."""

    rates: dict[tuple[str, str], np.ndarray]
    fakes: np.ndarray
    n_real: int
    n_fake: int


Which = tuple[str, str, str]  # a detector, its fit, and how its units are pooled


@dataclass(frozen=True)
class Scored:
    """The scored clips of one fit, and what is often looked at of them by itself; arrays [clips]."""

    rows: pd.DataFrame
    score: np.ndarray
    source: np.ndarray
    drawn_as: np.ndarray


class Bench:
    """Measures choices on one clone's scores, and remembers what several of them share."""

    def __init__(self, results: Results, shown: Sequence[str]) -> None:
        self.results, self.params, self.shown = results, results.params, shown
        self._table = lru_cache(maxsize=None)(self._read)
        self._reals = lru_cache(maxsize=None)(self._mask_reals)
        self._fakes = lru_cache(maxsize=None)(self._mask_fakes)
        self._counted = lru_cache(maxsize=None)(self._count)

    def measure(self, detector: str, protocol: str, metric: str, choice: Choice) -> Measured | None:
        """One detector's mean over generators under one protocol; None where nothing is scored so.

        Counting each fake once is the same as weighting the generators by their fakes.
        """
        asked = choice.filled(self.params, protocol, detector)
        spoken = [self._spoken(detector, trial, metric, asked) for trial in protocols.trials(self.params, [protocol])]
        parts = [part for part in spoken if part is not None]
        if not parts:
            return None
        rates, weights = np.stack([r for r, _ in parts]), np.stack([c.fakes for _, c in parts])
        weights = weights if asked.mean_over == FAKES else np.ones_like(weights)
        counted = [c for _, c in parts]
        return Measured(
            (rates * weights).sum(axis=0) / weights.sum(axis=0),
            min(c.n_real for c in counted),
            0 if asked.accused else sum(c.n_fake for c in counted),
            metrics.FIRM
            if asked.accused
            else metrics.weakest([resolvable(self.params, metric, c.n_real, c.n_fake) for c in counted]),
        )

    def _spoken(self, detector: str, trial: Trial, metric: str, choice: Choice) -> tuple[np.ndarray, Counted] | None:
        """One generator's replicates, of the fit or fits that the choice lets speak."""
        of = "" if choice.accused else trial.generator  # the reals are the same for every generator
        found = [self._counted(detector, fit, trial.protocol, of, choice.counted) for fit in trial.fits]
        counted = [one for one in found if one is not None]
        if len(counted) < len(found):
            return None
        rates = np.stack([c.rates[metric, choice.roc] for c in counted])
        ends = {LOWEST: np.argmin, HIGHEST: np.argmax}
        return rates[ends[choice.fit](rates[:, 0])] if choice.fit in ends else rates.mean(axis=0), counted[0]

    def _count(self, detector: str, fit: str, protocol: str, generator: str, choice: Choice) -> Counted | None:
        """Replicates of one generator under one fit; None without clips on both sides."""
        table = self._table(detector, fit, choice.pool)
        if table is None:
            return None
        sides = self._sides((detector, fit, choice.pool), protocol, generator, choice)
        if not all(mask.any() for mask in sides):
            return None
        m = self.params.metrics
        real, fake = (
            metrics.side(table.score[mask], metrics.resamples(table.drawn_as[mask], m.bootstrap, m.seed))
            for mask in sides
        )
        area = metrics.auc_of(real, fake)
        rates = {(AUC, roc): area for roc in (STEP, LINEAR)} | {
            (name, roc): metrics.tpr_at_fpr_of(real, fake, self.params.metrics.fpr[name], roc)
            for name in self.shown
            if name != AUC
            for roc in (STEP, LINEAR)
        }
        return Counted(rates, fake.total, len(real.scores), len(fake.scores))

    def _sides(self, of: Which, protocol: str, generator: str, choice: Choice) -> tuple[np.ndarray, np.ndarray]:
        """Masks of what sets the threshold, and of what is counted above it."""
        real = self._reals(of, protocol, choice.reals)
        if choice.source:
            real = real & (self._scored(of).source == choice.source)
        if choice.accused:
            return real, self._reals(of, protocol, tuple(self.params.protocols[protocol].reals))
        return real, self._fakes(of, protocol, choice.split, generator)

    def _scored(self, of: Which) -> Scored:
        """The clips of a fit that is known to have scores."""
        table = self._table(*of)
        assert table is not None
        return table

    def _mask_reals(self, of: Which, protocol: str, splits: tuple[str, ...]) -> np.ndarray:
        """Of the reals that the protocol tests, were they of these splits."""
        asked = self.params.protocols[protocol].model_copy(update={"reals": list(splits)})
        return protocols.reals(self._scored(of).rows, asked).to_numpy()

    def _mask_fakes(self, of: Which, protocol: str, splits: tuple[str, ...], generator: str) -> np.ndarray:
        """Of one generator's fakes that the protocol tests, were they of these splits."""
        asked = self.params.protocols[protocol].model_copy(update={"split": list(splits)})
        return protocols.fakes(self._scored(of).rows, asked, generator).to_numpy()

    def _read(self, detector: str, fit: str, pool: str) -> Scored | None:
        """The scored clips of one fit; `pool` takes another column for the score, None where no unit was kept."""
        table = self.results.pools(detector) if pool else self.results.scores(detector, fit)
        if table is None:
            return None
        table = table.rename(columns={pool: "score"}) if pool else table
        scored = table.loc[table["status"] == OK].reset_index(drop=True)
        rows = scored.astype(dict.fromkeys(("source", "role", "split"), object))  # compared quicker than text columns
        score, source = (rows[name].to_numpy() for name in ("score", "source"))
        return Scored(rows, score, source, drawn_as(scored))
