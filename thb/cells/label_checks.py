"""Fits on shuffled labels: their AUC on true labels, and whether it is chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import t

from thb.cells.questions import MEAN
from thb.core import metrics
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import OK, shuffled_columns
from thb.fits import score_files
from thb.fits.score_files import SHUFFLED_LABELS, ScoreFile
from thb.splits import protocols

PROTOCOL = "P1"  # such a fit is tested as P1 tests a fit on true labels
IS_CHANCE, IS_NOT = "chance", "not chance"
CHANCE = 0.5  # the AUC of a coin
FITS = ["detector", "fit", "generator", "auc", "n_real", "n_fake"]
MEANS = ["detector", "generator", "value", "lo", "hi", "n_real", "n_fake", "fits"]


def fits_on_shuffled_labels(paths: Paths, params: Params) -> pd.DataFrame:
    """FITS: a row a detector, fit and generator (MEAN: of them all), of the detectors whose scores are at hand.

    Raises DataError if scores come from other code, settings or clips than the active ones.
    """
    fit = params.protocols[PROTOCOL].fit
    files = [ScoreFile(paths, params, detector, fit, SHUFFLED_LABELS) for detector in params.label_checks]
    rows = [
        row for file in files if file.path.is_file() for row in _fits(params, file.detector, score_files.read(file))
    ]
    return pd.DataFrame(rows, columns=FITS)


def _fits(params: Params, detector: str, rows: pd.DataFrame) -> list[dict]:
    protocol = params.protocols[PROTOCOL]
    rows = rows.loc[rows["status"] == OK]
    reals = rows.loc[protocols.reals(rows, protocol)]
    tested = {g: rows.loc[protocols.fakes(rows, protocol, g)] for g in params.of_role(*protocol.fakes)}
    fakes = {g: clips for g, clips in tested.items() if len(clips)}
    if reals.empty or not fakes:
        return []
    out, all_fakes = [], sum(map(len, fakes.values()))
    for i, column in enumerate(shuffled_columns(params.label_check(detector)), start=1):
        head = {"detector": detector, "fit": i, "n_real": len(reals)}
        aucs = {g: _auc(pd.concat([reals, clips]), column) for g, clips in fakes.items()}
        out += [head | {"generator": g, "auc": auc, "n_fake": len(fakes[g])} for g, auc in aucs.items()]
        out.append(head | {"generator": MEAN, "auc": np.mean(list(aucs.values())), "n_fake": all_fakes})
    return out


def _auc(clips: pd.DataFrame, column: str) -> float:
    return metrics.auc(clips["label"].to_numpy(), clips[column].to_numpy())


def means_over_fits(fits: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """MEANS: a row a detector and generator, with Student's interval over fits, whose test clips stay what they are."""
    rows = [
        own.iloc[0][["detector", "generator", "n_real", "n_fake"]].to_dict()
        | dict(zip(("value", "lo", "hi"), student(own["auc"].to_numpy(), confidence), strict=True))
        | {"fits": len(own)}
        for _, own in fits.groupby(["detector", "generator"], sort=False)
    ]
    return pd.DataFrame(rows, columns=MEANS)


def student(values: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """The mean of some AUCs with Student's interval, which stays within 0 and 1."""
    mean = float(values.mean())
    reach = t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return mean, float(max(0, mean - reach)), float(min(1, mean + reach))


def verdict(lo: float, hi: float) -> str:
    """Whether an interval of AUC holds chance."""
    return IS_CHANCE if lo <= CHANCE <= hi else IS_NOT
