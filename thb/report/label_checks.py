"""Fits on labels that say nothing: their AUC on true labels, drawing by drawing, and whether it is chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t

from thb.core import metrics
from thb.core.tables import OK, drawn_columns
from thb.fits.score_files import SHUFFLED_LABELS
from thb.report import vouched
from thb.report.load import MEAN, Results
from thb.report.shifts import Mean
from thb.report.style import CHANCE
from thb.report.tables import decimal, text
from thb.splits import protocols

PROTOCOL = "P1"  # fits on drawn labels are tested as P1 tests a fit on true ones
IS_CHANCE, IS_NOT = "chance", "not chance"
NONE_HERE = "No fit on labels that say nothing has been scored here."


@dataclass(frozen=True)
class Check:
    """One detector: generator (and MEAN) -> the AUC of each fit, float64 [draws]."""

    detector: str
    aucs: dict[str, np.ndarray]
    n_real: int
    n_fake: dict[str, int]
    confidence: float

    @property
    def fits(self) -> int:
        return len(self.aucs[MEAN])

    def mean(self, generator: str = MEAN) -> Mean:
        """Over the fits, with Student's interval: a fit is drawn, its test clips are what they are."""
        values = self.aucs[generator]
        reach = t.ppf((1 + self.confidence) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
        return Mean(float(values.mean()), float(max(0, values.mean() - reach)), float(min(1, values.mean() + reach)))

    @property
    def verdict(self) -> str:
        mean = self.mean()
        return IS_CHANCE if mean.lo <= CHANCE <= mean.hi else IS_NOT


def checks(results: Results) -> list[Check]:
    """Every detector under `label_checks` whose scores are at hand and hold a fake of some generator."""
    found = [
        _check(results, detector)
        for detector in results.params.label_checks
        if results.paths.drawn(detector, _fit(results)).is_file()
    ]
    return [check for check in found if check is not None]


def absent(results: Results) -> list[str]:
    """Detectors under `label_checks` that have no scores here."""
    there = {check.detector for check in checks(results)}
    return [detector for detector in results.params.label_checks if detector not in there]


def _fit(results: Results) -> str:
    return results.protocol(PROTOCOL).fit


def _check(results: Results, detector: str) -> Check | None:
    columns = drawn_columns(results.params.label_check(detector))
    rows = vouched.other_scores(results.paths, results.params, detector, _fit(results), SHUFFLED_LABELS)
    rows, protocol = rows[rows["status"] == OK], results.protocol(PROTOCOL)
    reals = rows[protocols.reals(rows, protocol)]
    fakes = {g: rows[protocols.fakes(rows, protocol, g)] for g in results.generators(PROTOCOL)}
    fakes = {g: clips for g, clips in fakes.items() if len(clips)}
    if reals.empty or not fakes:
        return None
    aucs = {g: np.array([_auc(reals, clips, column) for column in columns]) for g, clips in fakes.items()}
    return Check(
        detector,
        {**aucs, MEAN: np.mean(list(aucs.values()), axis=0)},
        len(reals),
        {**(n := {g: len(clips) for g, clips in fakes.items()}), MEAN: sum(n.values())},
        results.params.metrics.confidence,
    )


def _auc(reals: pd.DataFrame, fakes: pd.DataFrame, column: str) -> float:
    both = pd.concat([reals, fakes])
    return metrics.auc(both["label"].to_numpy(), both[column].to_numpy())


def sentences(results: Results) -> list[str]:
    """What each check said; the first fit's own number shows why one fit would not do."""
    told = list(_told(results))
    return told or [NONE_HERE]


def _told(results: Results) -> Iterator[str]:
    for check in checks(results):
        label = text(results.params.detectors[check.detector].printed or check.detector)
        meaning = "" if check.verdict == IS_CHANCE else ", so something true reaches the fit"
        lowest, highest = check.aucs[MEAN].min(), check.aucs[MEAN].max()
        yield (
            f"{check.fits} fits of {label} on labels that say nothing have a mean AUC of {check.mean()}: "
            f"<b>{check.verdict}</b>{meaning}. Single fits reach from {decimal(lowest)} to {decimal(highest)}."
        )
