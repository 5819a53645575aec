"""Fakes caught against reals accused, from scores, down to what the number of test reals can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from thb.cells.trials import resamples, tested
from thb.core import metrics
from thb.core.errors import DataError, ParamsError, unknown
from thb.core.params import Params
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
    trials = [counts for counts in _counts(params, scores, detector, names) if counts]
    if not trials:
        return
    reals = min(int(counts.n_real[0]) for fits in trials for counts in fits)
    fakes = sum(int(fits[0].n_fake[0]) for fits in trials)
    accused = np.unique(np.geomspace(1, reals, STEPS).round())  # whole numbers of reals, evenly on a log axis
    for fpr in sorted({*(float(k / reals) for k in accused), *levels}):
        replicates = np.mean([_rate(fits, fpr, params.metrics.roc) for fits in trials], axis=0)
        lo, hi = metrics.interval(replicates[1:], params.metrics.confidence)
        yield {
            "detector": params.detectors[detector].printed or detector,
            "fpr": fpr,
            "allowed": metrics.allowed_false_positives(fpr, reals),
            "n_real": reals,
            "n_fake": fakes,
            "resolvable": metrics.is_resolvable(fpr, reals),
            "value": float(replicates[0]),
            "lo": lo,
            "hi": hi,
        }


def _counts(params: Params, scores: Scores, detector: str, names: Sequence[str]) -> Iterator[list[metrics.Counts]]:
    """For each trial its fits' counts, in every resample; an empty list where none of its fakes was scored."""
    for trial in protocols.trials(params, list(names)):
        protocol = params.protocols[trial.protocol]
        parts = [tested(scores(detector, fit), protocol, trial.generator) for fit in trial.fits]
        yield [_count(params, reals, fakes) for reals, fakes in parts if len(fakes)]


def _count(params: Params, reals: pd.DataFrame, fakes: pd.DataFrame) -> metrics.Counts:
    both, weights = pd.concat([reals, fakes]), resamples(params.metrics, reals, fakes)
    return metrics.count(both["label"].to_numpy(), both["score"].to_numpy(), weights)


def _rate(fits: Sequence[metrics.Counts], fpr: float, roc: str) -> np.ndarray:
    """float [1 + bootstrap]: TPR of one trial, its fits averaged."""
    return np.mean([metrics.tpr_at_fpr_of(counts, fpr, roc) for counts in fits], axis=0)
