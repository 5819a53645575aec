"""Means over some of a protocol's generators, which `evaluate` has no cell for, from the same resampled clips."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from thb.cells.comparisons import MEAN, averaged
from thb.cells.curves import Scores
from thb.cells.trials import Replicates, measure, resolvable
from thb.core import metrics
from thb.core.errors import DataError, check_known
from thb.core.params import Params
from thb.splits import protocols

COLUMNS = ["detector", "kind", "metric", "value", "lo", "hi", "n_real", "n_fake", "resolvable"]
Asked = Mapping[str, tuple[str, Collection[str]]]  # kind of mean -> protocol, generators


@dataclass(frozen=True)
class Resampled:
    """A mean over trials: float [1 + bootstrap] a metric, the value first; what can be resolved; the clips."""

    replicates: Replicates
    resolved: frozenset[str]
    n_real: int
    n_fake: int

    def row(self, metric: str, confidence: float) -> dict:
        """Its numbers by one metric; nan where too few clips tell it."""
        told, values = metric in self.resolved, self.replicates[metric]
        lo, hi = metrics.interval(values[1:], confidence) if told else (np.nan, np.nan)
        value = float(values[0]) if told else np.nan
        return {"value": value, "lo": lo, "hi": hi, "n_real": self.n_real, "n_fake": self.n_fake, "resolvable": told}


def role_means(params: Params, scores: Scores, asked: Asked, names: Sequence[str]) -> pd.DataFrame:
    """COLUMNS: a row a metric, detector (MEAN: of the paper's) and kind of mean; nan and 0 clips without a score.

    Raises ParamsError for a protocol or metric that is not known, DataError if a mean is over no generator.
    """
    known = [metrics.AUC, *params.metrics.fpr, metrics.BRIER, metrics.EER]
    check_known("metric", names, known)
    if empty := [protocol for protocol, generators in asked.values() if not generators]:
        raise DataError(f"params.yaml has no source that {empty[0]} could be tested on: there is nothing to compare")
    found = {
        detector: {kind: mean_over(params, scores, detector, *where) for kind, where in asked.items()}
        for detector in params.detectors
    }
    found[MEAN] = {kind: _average([found[detector][kind] for detector in averaged(params)]) for kind in asked}
    nothing = dict.fromkeys(("value", "lo", "hi"), np.nan) | {"n_real": 0, "n_fake": 0, "resolvable": False}
    rows = [
        {"detector": detector, "kind": kind, "metric": metric}
        | (part.row(metric, params.metrics.confidence) if part else nothing)
        for metric in names
        for detector, parts in found.items()
        for kind, part in parts.items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def mean_over(
    params: Params, scores: Scores, detector: str, protocol: str, generators: Collection[str]
) -> Resampled | None:
    """One detector's mean over generators, resampled as every cell is, so that two such means are paired.

    None where no clip of them was scored.
    """
    measured = [
        measure(params, trial, [scores(detector, fit) for fit in trial.fits])
        for trial in protocols.trials(params, [protocol])
        if trial.generator in generators
    ]
    parts = [
        Resampled(
            one["replicates"],
            frozenset(m for m in one["replicates"] if resolvable(params, m, one["n_real"], one["n_fake"])),
            one["n_real"],
            one["n_fake"],
        )
        for one in measured
        if one["n_fake"]
    ]
    return _average(parts, n_fake=sum(part.n_fake for part in parts))


def _average(parts: Sequence[Resampled | None], n_fake: int | None = None) -> Resampled | None:
    """Their mean, resample by resample; those without a score are not in it."""
    known = [part for part in parts if part]
    if not known:
        return None
    return Resampled(
        {m: np.mean([part.replicates[m] for part in known], axis=0) for m in known[0].replicates},
        frozenset.intersection(*(part.resolved for part in known)),
        min(part.n_real for part in known),
        max(part.n_fake for part in known) if n_fake is None else n_fake,
    )
