"""One choice that the paper leaves open, measured on the scores of a clone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import pandas as pd

from thb.cells.choices import FAKES, HIGHEST, LOWEST, Choice
from thb.cells.trials import drawn_as, resolvable
from thb.core import metrics
from thb.core.metrics import AUC
from thb.core.params import Params
from thb.core.tables import OK
from thb.splits import protocols
from thb.splits.protocols import Trial

STEP, LINEAR = "step", "linear"


class Results(Protocol):
    """What is read: thb.report.load.Results is one."""

    @property
    def params(self) -> Params: ...

    @property
    def entrants(self) -> Sequence[Any]: ...

    def scores(self, detector: str, fit: str) -> pd.DataFrame: ...

    def scores_under(self, choice: str, detector: str) -> tuple[pd.DataFrame, dict[str, Any]] | None: ...

    def pools(self, detector: str) -> pd.DataFrame | None: ...

    def table(self, protocol: str) -> pd.DataFrame: ...


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


def mean(measured: Sequence[Measured | None]) -> Measured | None:
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


Which = tuple[
    str, str, str, str
]  # a detector, its fit, how its units are pooled, and under which choice it was trained


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
        which = detector, fit, choice.pool, choice.trained
        table = self._table(*which)
        if table is None:
            return None
        sides = self._sides(which, protocol, generator, choice)
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

    def _read(self, detector: str, fit: str, pool: str, trained: str) -> Scored | None:
        """The scored clips of one fit; `pool` takes another column for the score, None where no unit was kept.

        None, too, where the fit was not `trained` so.
        """
        if trained:
            found = self.results.scores_under(trained, detector)
            table = found and found[0]
        else:
            table = self.results.pools(detector) if pool else self.results.scores(detector, fit)
        if table is None:
            return None
        table = table.rename(columns={pool: "score"}) if pool else table
        scored = table.loc[table["status"] == OK].reset_index(drop=True)
        rows = scored.astype(dict.fromkeys(("source", "role", "split"), object))  # compared quicker than text columns
        score, source = (rows[name].to_numpy() for name in ("score", "source"))
        return Scored(rows, score, source, drawn_as(scored))
