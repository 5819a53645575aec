"""Fakes caught against reals accused, from scores, down to what the number of test reals can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np
import pandas as pd

from thb.cells.trials import Clips, Scored, share_ends
from thb.core import metrics
from thb.core.errors import DataError, ParamsError, unknown
from thb.core.intervals import Estimates
from thb.core.params import Metrics, Params
from thb.splits import protocols

COLUMNS = ["detector", "fpr", "allowed", "n_real", "n_fake", "resolvable", "value", "lo", "hi"]
STEPS = 40  # rates between the lowest that can be told and 1
Scores = Callable[[str, str], pd.DataFrame]  # of a detector and fit


def curves(
    params: Params, scores: Scores, detectors: Sequence[str], names: Sequence[str], levels: Sequence[float] = ()
) -> pd.DataFrame:
    """COLUMNS: a row a detector and false-positive rate, the mean over protocols and their generators.

    Rates go from the lowest that the reals can tell up to 1; `levels` are read too, even where they cannot be told,
    which `resolvable` says. A detector of which no fake was scored has no row. Raises ParamsError for a detector or
    protocol that is not known, DataError if fits were scored and yet there is no row.
    """
    for kind, asked, known in (("detector", detectors, params.detectors), ("protocol", names, params.protocols)):
        if odd := [name for name in asked if name not in known] or ([] if asked else ["(none)"]):
            raise ParamsError(unknown(kind, odd[0], known))
    rows = [row for detector in detectors for row in _curve(params, scores, detector, names, levels)]
    fits = {fit for trial in protocols.trials(params, list(names)) for fit in trial.fits}
    if not rows and any(len(scores(detector, fit)) for detector in detectors for fit in fits):
        raise DataError(f"none of {', '.join(detectors)} has a score under {', '.join(names)}; run `dvc repro`")
    return pd.DataFrame(rows, columns=COLUMNS)


def largest_rate(n_real: int, confidence: float) -> float:
    """The false-positive rate that none accused of n reals still leaves possible; about 3/n at 95 %."""
    return 1 - (1 - confidence) ** (1 / n_real)


def _curve(
    params: Params, scores: Scores, detector: str, names: Sequence[str], levels: Sequence[float]
) -> Iterator[dict]:
    fits = cache(lambda fit: Scored(params.metrics, scores(detector, fit)))
    trials = [
        parts
        for trial in protocols.trials(params, list(names))
        if (parts := [s for f in trial.fits if (s := fits(f).sides(params.protocols[trial.protocol], trial.generator))])
    ]
    if not trials:
        return
    reals = min(len(real.names) for parts in trials for real, _ in parts)
    fakes = sum(len(parts[0][1].names) for parts in trials)
    accused = np.unique(np.geomspace(1, reals, STEPS).round())  # whole numbers of reals, evenly on a log axis
    for fpr in sorted({*(float(k / reals) for k in accused), *levels}):
        value, lo, hi = _mean_rate(params.metrics, trials, fpr)
        yield {
            "detector": params.detectors[detector].printed or detector,
            "fpr": fpr,
            "allowed": metrics.allowed_false_positives(fpr, reals),
            "n_real": reals,
            "n_fake": fakes,
            "resolvable": metrics.resolved(fpr, reals),
            "value": value,
            "lo": lo,
            "hi": hi,
        }


def _mean_rate(m: Metrics, trials: Sequence[Sequence[tuple[Clips, Clips]]], fpr: float) -> tuple[float, float, float]:
    """Value, lo and hi of the mean over trials of the TPR at this rate, the fits of each averaged."""
    rates = [
        np.mean([metrics.tpr_at_fpr_of(real.side, fake.side, fpr, m.roc) for real, fake in parts], axis=0)
        for parts in trials
    ]
    found = [share_ends(m, one, parts, fpr) for one, parts in zip(rates, trials, strict=True)]
    estimates = Estimates.of([float(one[0]) for one in rates], found, [one[1:] for one in rates])
    value, lo, hi = estimates.sums(np.full((1, len(trials)), 1 / len(trials)))
    return float(value[0]), float(lo[0]), float(hi[0])
