"""A choice, measured: the headline number that it gives, on draws that every choice shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import get_args

import numpy as np
import pandas as pd

from thb.cells.trials import FAKE_SEED, REAL_SEED, resolvable
from thb.core import metrics
from thb.core.metrics import AUC
from thb.core.params_schema import Split
from thb.core.tables import OK
from thb.report import vouched
from thb.report.choices import FAKES, HIGHEST, LOWEST, Choice
from thb.report.load import Results
from thb.splits import protocols
from thb.splits.protocols import Trial

STEP, LINEAR = "step", "linear"


@dataclass(frozen=True)
class Measured:
    """A number and its replicates, float [1 + bootstrap]; the first is the number itself."""

    replicates: np.ndarray
    n_real: int
    n_fake: int
    resolvable: bool

    @property
    def value(self) -> float:
        return float(self.replicates[0])


@dataclass(frozen=True)
class Counted:
    """One generator, scored by one fit: (metric, roc) -> replicates, and how many fakes each draw holds."""

    rates: dict[tuple[str, str], np.ndarray]
    fakes: np.ndarray
    n_real: int
    n_fake: int


class Bench:
    """Measures choices on one clone's scores, and remembers what several of them share."""

    def __init__(self, results: Results, shown: Sequence[str]) -> None:
        self.results, self.params, self.shown = results, results.params, shown
        self._table = lru_cache(maxsize=None)(self._read)
        self._counted = lru_cache(maxsize=None)(self._count)
        self._drawn = lru_cache(maxsize=64)(self._draw)

    def measure(self, detector: str, protocol: str, metric: str, choice: Choice) -> Measured | None:
        """One detector's mean under one protocol; None where nothing is scored so."""
        asked = choice.filled(self.params, protocol, detector)
        if asked.pool and not self.has_pools(detector):
            return None
        trials = protocols.trials(self.params, [protocol])
        parts = [part for trial in trials if (part := self._spoken(detector, trial, metric, asked)) is not None]
        return self._over_generators(parts, metric, asked) if parts else None

    def has_pools(self, detector: str) -> bool:
        return self.results.paths.pools(detector).is_file()

    def _spoken(self, detector: str, trial: Trial, metric: str, choice: Choice) -> tuple[np.ndarray, Counted] | None:
        """One generator's replicates, of the fit or fits that the choice lets speak."""
        of = "" if choice.accused else trial.generator  # the reals are the same for every generator
        counted = [self._counted(detector, fit, trial.protocol, of, choice.counted) for fit in trial.fits]
        if None in counted:
            return None
        rates = np.stack([c.rates[metric, choice.roc] for c in counted])
        ends = {LOWEST: np.argmin, HIGHEST: np.argmax}
        spoken = rates[ends[choice.fit](rates[:, 0])] if choice.fit in ends else rates.mean(axis=0)
        return spoken, counted[0]

    def _over_generators(self, parts: Sequence[tuple[np.ndarray, Counted]], metric: str, choice: Choice) -> Measured:
        """The mean of generators. Counting each fake once is the same as weighting them by their fakes."""
        rates, weights = np.stack([r for r, _ in parts]), np.stack([c.fakes for _, c in parts])
        weights = weights if choice.mean_over == FAKES else np.ones_like(weights)
        counted = [c for _, c in parts]
        told = choice.accused or all(resolvable(self.params, metric, c.n_real, c.n_fake) for c in counted)
        return Measured(
            (rates * weights).sum(axis=0) / weights.sum(axis=0),
            min(c.n_real for c in counted),
            0 if choice.accused else sum(c.n_fake for c in counted),
            told,
        )

    def _count(self, detector: str, fit: str, protocol: str, generator: str, choice: Choice) -> Counted | None:
        """Replicates of one generator under one fit; None without clips on both sides."""
        table = self._table(detector, fit, choice.pool)
        real, fake = (mask.to_numpy() for mask in self._sides(table, protocol, generator, choice))
        if not (real.any() and fake.any()):
            return None
        usual, is_real = self.params.protocols[protocol], (table["role"] == "real").to_numpy()
        weights = [
            self._draws(table, real, is_real, usual.reals, REAL_SEED),
            self._draws(table, fake, is_real, usual.reals, REAL_SEED)
            if choice.accused
            else self._draws(table, fake, (table["source"] == generator).to_numpy(), usual.split, FAKE_SEED),
        ]
        scores, labels = table["score"].to_numpy(), np.repeat([0, 1], [real.sum(), fake.sum()])
        counts = metrics.count(labels, np.concatenate([scores[real], scores[fake]]), np.hstack(weights))
        return Counted(self._rates(counts), counts.n_fake, int(real.sum()), int(fake.sum()))

    def _sides(self, table: pd.DataFrame, protocol: str, generator: str, choice: Choice) -> tuple[pd.Series, pd.Series]:
        """Masks of what sets the threshold, and of what is counted above it."""
        usual = self.params.protocols[protocol]
        asked = usual.model_copy(update={"reals": list(choice.reals), "split": list(choice.split)})
        real = protocols.reals(table, asked)
        real = real & (table["source"] == choice.source) if choice.source else real
        return real, protocols.reals(table, usual) if choice.accused else protocols.fakes(table, asked, generator)

    def _rates(self, counts: metrics.Counts) -> dict[tuple[str, str], np.ndarray]:
        area = metrics.auc_of(counts)
        return {(AUC, STEP): area, (AUC, LINEAR): area} | {
            (name, roc): metrics.tpr_at_fpr_of(counts, self.params.metrics.fpr[name], roc)
            for name in self.shown
            if name != AUC
            for roc in (STEP, LINEAR)
        }

    def _draws(
        self, table: pd.DataFrame, asked: np.ndarray, kind: np.ndarray, usual: Sequence[str], seed: int
    ) -> np.ndarray:
        """int [1 + bootstrap, clips asked]: how often each clip is drawn, all of them of one kind.

        Clips of the splits that the protocol tests by default are drawn together, as `evaluate` draws them,
        those of every other split apart: so clips that two choices share are drawn alike in both.
        """
        split, identity = table["split"].to_numpy(), table["identity"].to_numpy()
        drawn = np.zeros((1 + self.params.metrics.bootstrap, asked.sum()), dtype=int)
        apart = [[name] for name in get_args(Split) if name not in usual]
        for i, splits in enumerate([usual, *apart]):
            part = kind & np.isin(split, splits)
            if (part & asked).any():
                drawn[:, part[asked]] = self._drawn(tuple(identity[part]), seed + 2 * i)[:, asked[part]]
        return drawn

    def _draw(self, identities: tuple[str, ...], seed: int) -> np.ndarray:
        m = self.params.metrics
        return metrics.draws(np.array(identities), m.bootstrap, m.seed + seed)

    def _read(self, detector: str, fit: str, pool: str) -> pd.DataFrame:
        """The scored clips of one fit; `pool` takes another column for the score."""
        paths, params = self.results.paths, self.results.params
        table = (
            vouched.pools(paths, params, detector).rename(columns={pool: "score"})
            if pool
            else vouched.scores(paths, params, detector, fit)
        )
        scored = table[table["status"] == OK].reset_index(drop=True)
        often_compared = dict.fromkeys(("source", "role", "split"), object)  # quicker so than as text columns
        return scored.astype(often_compared).assign(identity=protocols.identity(scored).astype(object))
