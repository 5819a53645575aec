"""What one trial is worth: each metric of its protocol's clips, its interval, and its resamples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import pandas as pd

from thb.core import intervals, metrics
from thb.core.errors import DataError
from thb.core.intervals import Ends, Estimates, Sample
from thb.core.metrics import AUC, EER, Side
from thb.core.params import Metrics, Params, Protocol
from thb.core.tables import OK
from thb.splits import protocols
from thb.splits.protocols import Trial

Replicates = dict[str, np.ndarray]  # metric -> float [1 + bootstrap]; the first is the value itself


class Measured(TypedDict):
    """One trial's numbers."""

    n_real: int
    n_fake: int
    replicates: Replicates
    ends: dict[str, Ends]  # metric -> the interval, of the luck of clips
    trained: dict[str, np.ndarray]  # metric -> float [seeds], its value by each training, the reported one first
    per_fit: dict[str, list[float]]  # metric -> the value of each fit by itself


Evaluated = tuple[Trial, str, Measured]  # a trial, a detector, and its numbers there


@dataclass(frozen=True)
class Clips:
    """The scored clips of one class: names, whom they show, and their scores with a weight a resample."""

    names: np.ndarray
    people: np.ndarray
    side: Side


class Scored:
    """The scores of one fit; what is summed of its reals is kept for every generator tested against them."""

    def __init__(self, m: Metrics, table: pd.DataFrame) -> None:
        self.metrics, self.table = m, table
        self._reals: dict[tuple[str, ...], Clips] = {}

    def sides(self, protocol: Protocol, generator: str) -> tuple[Clips, Clips] | None:
        """Reals and fakes; None where nothing was scored of one of them (no audio, say)."""
        reals, fakes = tested(self.table, protocol, generator)
        if fakes.empty or reals.empty:
            return None
        which = tuple(protocol.reals)
        if which not in self._reals:
            self._reals[which] = clips(self.metrics, reals)
        return self._reals[which], clips(self.metrics, fakes)


def clips(m: Metrics, rows: pd.DataFrame) -> Clips:
    """The clips of one class, which are resampled by person: reals and fakes apart."""
    people = drawn_as(rows)
    weights = metrics.resamples(people, m.bootstrap, m.seed)
    return Clips(rows["clip"].to_numpy(object), people, metrics.side(rows["score"].to_numpy(float), weights))


def drawn_as(rows: pd.DataFrame) -> np.ndarray:
    """By whom each clip is resampled, text [clips]: the person it shows, as a real or as a fake."""
    return np.char.add(rows["label"].to_numpy().astype(str), protocols.identity(rows).to_numpy(str))


def measure(params: Params, trial: Trial, fits: Sequence[Scored]) -> Measured:
    """Counts, intervals and replicates of one trial; several fits are averaged, and their range is kept."""
    protocol, m = params.protocols[trial.protocol], params.metrics
    found = [fit.sides(protocol, trial.generator) for fit in fits]
    if None in found:
        blank = nothing(params)
        blank["n_real"], blank["n_fake"] = map(len, tested(fits[0].table, protocol, trial.generator))
        return blank
    parts = [both for both in found if both]
    per_fit = [metrics.all_of(real.side, fake.side, m.fpr, m.roc) for real, fake in parts]
    mean = {name: np.mean([one[name] for one in per_fit], axis=0) for name in per_fit[0]}
    return {
        "n_real": len(parts[0][0].names),
        "n_fake": len(parts[0][1].names),
        "replicates": mean,
        "ends": {name: ends(m, name, values, parts) for name, values in mean.items()},
        "trained": {name: values[:1] for name, values in mean.items()},
        "per_fit": {name: [float(one[name][0]) for one in per_fit] for name in mean},
    }


def ends(m: Metrics, name: str, replicates: np.ndarray, parts: Sequence[tuple[Clips, Clips]]) -> Ends:
    """The interval of one metric, its fits averaged."""
    if name in m.fpr or name == EER:
        return share_ends(m, replicates, parts, m.fpr.get(name))
    clipwise = intervals.on_the_right_side if name == AUC else intervals.off
    said = [clipwise(real.side, fake.side) for real, fake in parts]
    reals, fakes = (sample([both[i] for both in parts], [one[i] for one in said]) for i in (0, 1))
    if name == AUC:
        return intervals.auc_ends(float(replicates[0]), reals, fakes, m.confidence)
    return intervals.brier_ends(float(replicates[0]), replicates[1:], reals, fakes, m.confidence)


def share_ends(m: Metrics, replicates: np.ndarray, parts: Sequence[tuple[Clips, Clips]], alpha: float | None) -> Ends:
    """The interval of the share of fakes caught at a false-positive rate, or, without one, of the EER."""
    limits = [
        metrics.crossing(real.side, fake.side) if alpha is None else metrics.threshold_of(real.side, fake.side, alpha)
        for real, fake in parts
    ]
    erring = [[real for real, _ in parts]] if alpha is None else []
    samples = [
        sample(of, [intervals.caught(one.side, limit) for one, limit in zip(of, limits, strict=True)])
        for of in ([fake for _, fake in parts], *erring)
    ]
    return intervals.share_ends(float(replicates[0]), replicates[1:], samples, m.confidence)


def sample(of: Sequence[Clips], values: Sequence[np.ndarray]) -> Sample:
    """What each clip says, averaged over the fits that scored it."""
    if len(of) == 1:
        return Sample(values[0], of[0].people)
    names, people = (np.concatenate([vars(one)[what].astype(str) for one in of]) for what in ("names", "people"))
    _, first, place = np.unique(names, return_index=True, return_inverse=True)
    return Sample(np.bincount(place, np.concatenate(values)) / np.bincount(place), people[first])


def tested(table: pd.DataFrame, protocol: Protocol, generator: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The scored reals and fakes of one trial; both empty if the table is, as that of a fit that was left out."""
    scored = table.loc[table["status"] == OK]
    reals = scored.loc[protocols.reals(scored, protocol)]
    fakes = scored.loc[protocols.fakes(scored, protocol, generator)]
    if reals.empty and len(table):
        raise DataError(f"no scored real clip in splits {', '.join(protocol.reals)}: nothing to set a threshold on")
    return reals, fakes


def estimates(params: Params, numbers: Sequence[tuple[Measured, str]]) -> Estimates:
    """Trials, each by one metric, with how their luck goes together."""
    return Estimates.of(
        [float(one["replicates"][metric][0]) for one, metric in numbers],
        [one["ends"][metric] for one, metric in numbers],
        [one["replicates"][metric][1:] for one, metric in numbers],
        [one["trained"][metric] for one, metric in numbers],
        params.metrics.confidence,
    )


def mean_of(params: Params, measured: Sequence[Measured], metric: str) -> tuple[float, float, float]:
    """Value, lo and hi of the plain mean of these trials."""
    return weighted_mean(params, [(one, metric) for one in measured], np.full(len(measured), 1 / len(measured)))


def weighted_mean(
    params: Params, numbers: Sequence[tuple[Measured, str]], weights: np.ndarray
) -> tuple[float, float, float]:
    """Value, lo and hi of a mean of trials with these weights, of sum 1; like each of them it lies between 0 and 1."""
    value, lo, hi = (float(one[0]) for one in estimates(params, numbers).sums(weights[None]))
    return value, max(lo, 0.0), min(hi, 1.0)


def nothing(params: Params) -> Measured:
    """What `measure` gives of a trial whose fit is absent: no clip, and no number."""
    m, nan = params.metrics, float("nan")
    names = (metrics.AUC, *m.fpr, metrics.BRIER, metrics.EER)
    return {
        "n_real": 0,
        "n_fake": 0,
        "replicates": {name: np.full(1 + m.bootstrap, nan) for name in names},
        "ends": dict.fromkeys(names, (nan, nan)),
        "trained": {name: np.full(1, nan) for name in names},
        "per_fit": {name: [nan] for name in names},
    }


def resolvable(params: Params, metric: str, n_real: int, n_fake: int) -> str:
    """How well the clips resolve the metric: FIRM, COARSE or UNTOLD of thb.core.metrics."""
    if not n_fake:
        return metrics.UNTOLD
    return metrics.resolved(params.metrics.fpr[metric], n_real) if metric in params.metrics.fpr else metrics.FIRM
