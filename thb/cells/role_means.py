"""Means over some of a protocol's generators, which `evaluate` has no cell for, from the same resampled clips."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache

import numpy as np
import pandas as pd

from thb.cells.curves import Scores
from thb.cells.questions import MEAN, averaged
from thb.cells.trials import Measured, Scored, measure, resolvable, weighted_mean
from thb.core import metrics
from thb.core.errors import DataError, check_known
from thb.core.params import Params
from thb.splits import protocols

COLUMNS = ["detector", "kind", "metric", "value", "lo", "hi", "n_real", "n_fake", "resolvable"]
Asked = Mapping[str, tuple[str, Collection[str]]]  # kind of mean -> protocol, generators


def role_means(params: Params, scores: Scores, asked: Asked, names: Sequence[str]) -> pd.DataFrame:
    """COLUMNS: a row a metric, detector (MEAN: of the paper's) and kind of mean; nan and 0 clips without a score.

    Raises ParamsError for a protocol or metric that is not known, DataError if a mean is over no generator.
    """
    known = [metrics.AUC, *params.metrics.fpr, metrics.BRIER, metrics.EER]
    check_known("metric", names, known)
    if empty := [protocol for protocol, generators in asked.values() if not generators]:
        raise DataError(f"params.yaml has no source that {empty[0]} could be tested on: there is nothing to compare")
    found = {
        detector: {kind: [scored_trials(params, scores, detector, *where)] for kind, where in asked.items()}
        for detector in params.detectors
    }
    found[MEAN] = {kind: [part for d in averaged(params) for part in found[d][kind]] for kind in asked}
    rows = [
        {"detector": detector, "kind": kind, "metric": metric} | _row(params, parts, metric)
        for metric in names
        for detector, kinds in found.items()
        for kind, parts in kinds.items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def scored_trials(
    params: Params, scores: Scores, detector: str, protocol: str, generators: Collection[str]
) -> list[Measured]:
    """What one detector reaches under a protocol on each of these generators of which a clip was scored."""
    fits = cache(lambda fit: Scored(params.metrics, scores(detector, fit)))
    measured = [
        measure(params, trial, [fits(fit) for fit in trial.fits])
        for trial in protocols.trials(params, [protocol])
        if trial.generator in generators
    ]
    return [one for one in measured if one["n_fake"]]


def _row(params: Params, parts: Sequence[Sequence[Measured]], metric: str) -> dict:
    """The mean of the means of each part, those without a score apart; nan where too few clips tell it."""
    known = [part for part in parts if part]
    every = [one for part in known for one in part]
    told = metrics.weakest([resolvable(params, metric, one["n_real"], one["n_fake"]) for one in every])
    row = dict.fromkeys(("value", "lo", "hi"), np.nan) | {
        "n_real": min((one["n_real"] for one in every), default=0),
        "n_fake": max((sum(one["n_fake"] for one in part) for part in known), default=0),
        "resolvable": told,
    }
    if not told:
        return row
    weights = np.concatenate([np.full(len(part), 1 / len(part) / len(known)) for part in known])
    found = weighted_mean(params, [(one, metric) for one in every], weights)
    return row | dict(zip(("value", "lo", "hi"), found, strict=True))
