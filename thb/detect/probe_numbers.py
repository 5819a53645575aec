"""What the scores of a probed folder say: numbers with intervals, among files alike, and beside known generators."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from thb.cells import containers
from thb.cells.trials import Scored, measure, resolvable
from thb.core import metrics
from thb.core.metrics import AUC
from thb.core.params import Params
from thb.core.params_schema import Source
from thb.core.tables import ERROR, OK
from thb.splits.protocols import Trial

FIT, PROTOCOL = "all", "P1"  # whose fit and test reals these are
CHANCE = 0.5  # the AUC of a coin
CLOSE = 0.05  # half an interval of an AUC that says something
ALL, ALIKE = "all", "alike"  # pairs of a real and a fake: every one, or those in the same kind of file
FOUND, MISSED, OPEN = "found", "taken for real", "cannot be told"


@dataclass(frozen=True)
class Probed:
    """A probed folder: its clips and the reals, a row each with a column of scores a detector."""

    name: str
    fakes: pd.DataFrame
    reals: pd.DataFrame
    known: pd.DataFrame  # the test clips of the benchmark's generators, likewise
    is_network: dict[str, bool]  # of each detector, in the order in which they are told
    own_reals: str  # the folder that they are from; '' for the benchmark's
    finder: str

    @property
    def detectors(self) -> list[str]:
        """All of them, the controls last."""
        return list(self.is_network)

    @property
    def networks(self) -> list[str]:
        return [name for name, network in self.is_network.items() if network]

    def scores(self, detector: str) -> pd.DataFrame:
        """Both classes as a score file has them."""
        rows = pd.concat([self.reals, self.fakes], ignore_index=True)
        there = (rows["status"] == OK) & rows[detector].notna()
        return rows.assign(score=rows[detector], status=np.where(there, OK, ERROR))

    def params(self, params: Params) -> Params:
        """Settings in which the probed folder is the one generator."""
        reals = {name: params.sources[name] for name in params.of_role("real")}
        if self.own_reals:
            reals = {self.reals["source"].iloc[0]: Source(role="real", folder="real/own", printed="own reals")}
        own = Source(role="generator", folder="fake/probed", printed=self.name)
        return params.model_copy(update={"sources": {self.name: own, **reals}})

    def threshold(self, params: Params, detector: str) -> float:
        """The score from which on at most the first false-positive rate of the reals is called fake."""
        scored = Scored(params.metrics, self.scores(detector))
        sides = scored.sides(params.protocols[PROTOCOL], self.name)
        alpha = next(iter(params.metrics.fpr.values()))
        return metrics.threshold_of(sides[0].side, sides[1].side, alpha) if sides else math.inf

    def easiest_first(self) -> list[str]:
        """The usable clips, by the mean share of reals that they lie above, over the networks."""
        usable = self.fakes.loc[self.fakes["status"] == OK]
        reals = {name: np.sort(self.reals[name].dropna()) for name in self.networks}
        above = [np.searchsorted(reals[name], usable[name]) / max(len(reals[name]), 1) for name in self.networks]
        mean = np.nanmean(np.where(usable[self.networks].notna().T, above, np.nan), axis=0)
        return usable["clip"].iloc[np.argsort(-mean, kind="stable")].tolist()


def numbers(params: Params, found: Probed) -> pd.DataFrame:
    """A row a detector and metric: value, lo, hi, counts, how well it is resolved; and AUC among files alike.

    `pairs`: ALL, or ALIKE, where a fake is held only against reals with its frame rate, size and codecs.
    """
    own, trial = found.params(params), Trial(PROTOCOL, found.name, (FIT,))
    rows = []
    for name in found.detectors:
        one = measure(own, trial, [Scored(params.metrics, found.scores(name))])
        for metric in (AUC, *params.metrics.fpr):
            lo, hi = one["ends"][metric]
            rows.append(
                {
                    "detector": name,
                    "metric": metric,
                    "pairs": ALL,
                    "value": float(one["replicates"][metric][0]),
                    "lo": float(lo),
                    "hi": float(hi),
                    "n_real": one["n_real"],
                    "n_fake": one["n_fake"],
                    "resolvable": resolvable(params, metric, one["n_real"], one["n_fake"]),
                }
            )
    every = pd.concat([found.reals, found.fakes], ignore_index=True)
    every = every.loc[every["status"] == OK]
    kinds = dict(zip(every["clip"], containers.kinds_of(every), strict=True))
    listed = own.model_copy(update={"detectors": {name: params.detectors[name] for name in found.detectors}})
    alike = containers.matched(listed, lambda name, _: found.scores(name), kinds, [PROTOCOL])
    alike = alike.loc[alike["generator"] == found.name].assign(pairs=ALIKE)
    return pd.concat([pd.DataFrame(rows), alike[list(rows[0])]], ignore_index=True)


def known_numbers(params: Params, found: Probed) -> pd.DataFrame:
    """AUC on every known generator, read as the probed folder was: a row each, a column a network, and `seen`.

    `seen` says whether the networks were trained on clips of it.
    """
    rows, reals = {}, {name: found.reals[name].dropna().to_numpy() for name in found.networks}
    for generator, own in found.known.groupby("source", sort=False):
        fakes = {name: own[name].dropna().to_numpy() for name in found.networks}
        rows[generator] = {name: auc(reals[name], fakes[name]) for name in found.networks}
    trained_on = params.of_role(*params.protocols[PROTOCOL].fakes)
    return pd.DataFrame(rows).T.assign(seen=[name in trained_on for name in rows])


def auc(reals: np.ndarray, fakes: np.ndarray) -> float:
    """nan where one side is empty."""
    labels = np.r_[np.zeros(len(reals)), np.ones(len(fakes))]
    return metrics.auc(labels, np.r_[reals, fakes]) if len(reals) and len(fakes) else math.nan


def nearest(known: pd.DataFrame, own: Mapping[str, float]) -> tuple[str, float]:
    """The known generator whose AUCs lie nearest to these, over the networks that have both, and how far on average."""
    table = known[list(own)].to_numpy(float)
    apart = np.nanmean(np.where(np.isnan(table), np.nan, abs(table - list(own.values()))), axis=1)
    return str(known.index[np.nanargmin(apart)]), float(np.nanmin(apart))


def verdict(lo: float, hi: float) -> str:
    """What the interval of an AUC says of one detector."""
    return FOUND if lo > CHANCE else MISSED if hi < CHANCE else OPEN


def needed(n: int, lo: float, hi: float) -> int:
    """How many clips would narrow this interval to CLOSE on either side, as the root of their number does."""
    return max(n, math.ceil(n * ((hi - lo) / 2 / CLOSE) ** 2))
