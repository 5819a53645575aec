"""What one trial is worth: each metric of its protocol's clips, and of bootstrap resamples of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypedDict

import numpy as np
import pandas as pd

from thb.core import metrics
from thb.core.errors import DataError
from thb.core.params import Metrics, Params, Protocol
from thb.core.tables import OK
from thb.splits import protocols
from thb.splits.protocols import Trial

Replicates = dict[str, np.ndarray]  # metric -> float [1 + bootstrap]; the first is the value itself
REAL_SEED, FAKE_SEED = 0, 1  # reals and fakes are resampled apart


class Measured(TypedDict):
    """One trial's numbers."""

    n_real: int
    n_fake: int
    replicates: Replicates
    per_fit: dict[str, list[float]]  # metric -> the value of each fit by itself


Evaluated = tuple[Trial, str, Measured]  # a trial, a detector, and its numbers there


def measure(params: Params, trial: Trial, tables: Sequence[pd.DataFrame]) -> Measured:
    """Counts and replicates of one trial; several fits are averaged, and their range is kept."""
    protocol = params.protocols[trial.protocol]
    sides = [tested(table, protocol, trial.generator) for table in tables]
    per_fit = [replicates(params, reals, fakes) for reals, fakes in sides]
    n_real, n_fake = map(len, sides[0])
    names = per_fit[0].keys()
    return {
        "n_real": n_real,
        "n_fake": n_fake,
        "replicates": {m: np.mean([r[m] for r in per_fit], axis=0) for m in names},
        "per_fit": {m: [float(r[m][0]) for r in per_fit] for m in names},
    }


def tested(table: pd.DataFrame, protocol: Protocol, generator: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The scored reals and fakes of one trial; both empty if the table is, as that of a fit that was left out."""
    scored = table.loc[table["status"] == OK]
    reals = scored.loc[protocols.reals(scored, protocol)]
    fakes = scored.loc[protocols.fakes(scored, protocol, generator)]
    if reals.empty and len(table):
        raise DataError(f"no scored real clip in splits {', '.join(protocol.reals)}: nothing to set a threshold on")
    return reals, fakes


def resamples(m: Metrics, reals: pd.DataFrame, fakes: pd.DataFrame) -> np.ndarray:
    """int [1 + bootstrap, reals + fakes]: how often each clip is resampled, the reals' columns first."""
    return np.hstack(
        [
            _resamples(tuple(protocols.identity(part)), m.bootstrap, m.seed + seed)
            for part, seed in ((reals, REAL_SEED), (fakes, FAKE_SEED))
        ]
    )


@lru_cache(maxsize=16)
def _resamples(identities: tuple[str, ...], n: int, seed: int) -> np.ndarray:
    """Drawn once for all detectors and fits that are tested on the same clips."""
    return metrics.resamples(np.array(identities), n, seed)


def replicates(params: Params, reals: pd.DataFrame, fakes: pd.DataFrame) -> Replicates:
    """Each metric's value, then its bootstrap replicates; nan where nothing was scored (no audio, say)."""
    m = params.metrics
    if fakes.empty or reals.empty:
        return _blank(m)
    both = pd.concat([reals, fakes])
    counts = metrics.count(both["label"].to_numpy(), both["score"].to_numpy(), resamples(m, reals, fakes))
    return metrics.all_of(counts, m.fpr, m.roc)


def nothing(params: Params) -> Measured:
    """What `measure` gives of a trial whose fit is absent: no clip, and no number."""
    blank = _blank(params.metrics)
    return {"n_real": 0, "n_fake": 0, "replicates": blank, "per_fit": {name: [float("nan")] for name in blank}}


def _blank(m: Metrics) -> Replicates:
    return {name: np.full(1 + m.bootstrap, np.nan) for name in (metrics.AUC, *m.fpr, metrics.BRIER, metrics.EER)}


def resolvable(params: Params, metric: str, n_real: int, n_fake: int) -> bool:
    """Whether there are enough clips to resolve the metric."""
    if not n_fake:
        return False
    return metric not in params.metrics.fpr or metrics.is_resolvable(params.metrics.fpr[metric], n_real)
