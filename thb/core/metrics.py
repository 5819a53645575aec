"""What a score is worth: pure functions of (label, score), with intervals.

Labels are 0 (real) or 1 (fake); a higher score means more fake; a clip is called fake when its
score is at or above a threshold. One definition of each number:

- AUC    the chance that a fake scores above a real, ties counting half.
- TPR@FPR=a   the share of fakes called fake at the lowest threshold that calls at most floor(a*N)
         of the N reals fake. With roc="linear" the ROC is read between its points instead.
- Brier  the mean of (score - label)^2 over all clips.
- EER    where the false-positive and false-negative rates cross on the ROC drawn with straight lines.

Every number is computed from weighted counts, so that a bootstrap is the same arithmetic on
resampled weights, a row a resample.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from thb.core.errors import DataError

AUC, BRIER, EER = "AUC", "Brier", "EER"


@dataclass(frozen=True)
class Operating:
    """A TPR at a fixed FPR, its threshold, and the clips that it is based on."""

    value: float
    threshold: float  # clips at or above it are called fake
    allowed: int  # false positives allowed: floor(alpha * n_real)
    n_real: int
    resolvable: bool  # n_real >= 1/alpha: at least one false positive is allowed


@dataclass(frozen=True)
class Counts:
    """Clips at or above each threshold.

    thresholds float [G] ascending, the distinct scores; real and fake float [B, G+1], the last
    column 0: a row a resample.
    """

    thresholds: np.ndarray
    real: np.ndarray
    fake: np.ndarray

    @property
    def n_real(self) -> np.ndarray:
        return self.real[:, 0]

    @property
    def n_fake(self) -> np.ndarray:
        return self.fake[:, 0]


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    return float(auc_of(count(labels, scores))[0])


def tpr_at_fpr(labels: np.ndarray, scores: np.ndarray, alpha: float, roc: str = "step") -> Operating:
    counts = count(labels, scores)
    n_real = int(counts.n_real[0])
    allowed = allowed_false_positives(alpha, n_real)
    above = int((counts.real[0] > allowed).sum())
    threshold = counts.thresholds[above] if above < len(counts.thresholds) else np.inf
    value = float(tpr_at_fpr_of(counts, alpha, roc)[0])
    return Operating(value, float(threshold), allowed, n_real, is_resolvable(alpha, n_real))


def allowed_false_positives(alpha: float, n_real: int) -> int:
    """floor(alpha * n), safe against 0.29 * 100 = 28.999..."""
    return int(np.floor(alpha * n_real + 1e-9))


def is_resolvable(alpha: float, n_real: int) -> bool:
    return allowed_false_positives(alpha, n_real) >= 1


# ── Counts ───────────────────────────────────────────────────────────────────────────────────────


def count(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> Counts:
    """Tail counts of clips [n]; `weights` [B, n] says how often each clip counts (default: once)."""
    labels, scores = _checked(labels, scores)
    weights = np.ones((1, len(scores))) if weights is None else weights
    thresholds, place = np.unique(scores, return_inverse=True)
    return Counts(
        thresholds,
        _tails(weights, place, labels == 0, len(thresholds)),
        _tails(weights, place, labels == 1, len(thresholds)),
    )


def _checked(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=float)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise DataError(f"labels {labels.shape} and scores {scores.shape} must be two lists of one length")
    if bad := set(np.unique(labels)) - {0, 1}:
        raise DataError(f"label {min(bad)} is neither 0 (real) nor 1 (fake)")
    if not np.isfinite(scores).all():
        raise DataError(
            f"score {scores[~np.isfinite(scores)][0]} of clip {int((~np.isfinite(scores)).argmax())} "
            "is not a finite number"
        )
    for label, name in ((0, "real"), (1, "fake")):
        if not (labels == label).any():
            raise DataError(f"no {name} clip among {len(labels)}: a rate needs both")
    return labels, scores


def _tails(weights: np.ndarray, place: np.ndarray, chosen: np.ndarray, n_thresholds: int) -> np.ndarray:
    """float [B, G+1]: the counted clips of one class at or above each threshold."""
    own = np.flatnonzero(chosen)
    falling = own[np.argsort(-place[own], kind="stable")]
    highest_k = np.zeros((len(weights), len(own) + 1))  # clips among the k highest, for each k
    np.cumsum(weights[:, falling], axis=1, out=highest_k[:, 1:])
    above = np.searchsorted(-place[falling], -np.arange(n_thresholds + 1), side="right")
    return highest_k[:, above]


# ── The same numbers for every resample: float [B] ───────────────────────────────────────────────


def auc_of(counts: Counts) -> np.ndarray:
    # the trapezoids (r - r') (f + f') / 2, multiplied out: two of their four products telescope to one
    pairs = counts.n_real * counts.n_fake
    ahead = np.einsum("bg,bg->b", counts.real[:, :-1], counts.fake[:, 1:])
    behind = np.einsum("bg,bg->b", counts.real[:, 1:], counts.fake[:, :-1])
    return (pairs + ahead - behind) / (2 * pairs)


def tpr_at_fpr_of(counts: Counts, alpha: float, roc: str = "step") -> np.ndarray:
    if roc not in ("step", "linear"):
        raise DataError(f"unknown roc {roc!r}; known: step, linear")
    budget = alpha * counts.n_real + 1e-9
    first = (counts.real > budget[:, None]).sum(axis=1)
    rows = np.arange(len(first))
    fakes = counts.fake[rows, first]
    if roc == "linear":
        before = np.maximum(first - 1, 0)
        gap = counts.real[rows, before] - counts.real[rows, first]
        share = np.divide(budget - counts.real[rows, first], gap, out=np.zeros_like(budget), where=gap > 0)
        fakes = fakes + share * (counts.fake[rows, before] - fakes)
    return fakes / counts.n_fake


def brier_of(counts: Counts) -> np.ndarray:
    real, fake = -np.diff(counts.real, axis=1), -np.diff(counts.fake, axis=1)
    squares = real @ counts.thresholds**2 + fake @ (1 - counts.thresholds) ** 2
    return squares / (counts.n_real + counts.n_fake)


def eer_of(counts: Counts) -> np.ndarray:
    fpr = counts.real / counts.n_real[:, None]
    gap = fpr - (1 - counts.fake / counts.n_fake[:, None])  # falls from 1 to -1
    after = (gap > 0).sum(axis=1)
    rows = np.arange(len(after))
    left, right = gap[rows, after - 1], gap[rows, after]
    return fpr[rows, after - 1] + left / (left - right) * (fpr[rows, after] - fpr[rows, after - 1])


def all_of(counts: Counts, fpr: Mapping[str, float], roc: str) -> dict[str, np.ndarray]:
    """Every metric by name, in the order in which tables show them."""
    rates = {name: tpr_at_fpr_of(counts, alpha, roc) for name, alpha in fpr.items()}
    return {AUC: auc_of(counts), **rates, BRIER: brier_of(counts), EER: eer_of(counts)}


# ── Bootstrap ────────────────────────────────────────────────────────────────────────────────────


def resample(identities: np.ndarray, n: int, seed: int) -> np.ndarray:
    """int [n, clips]: how often each clip comes up when identities are resampled with replacement.

    The resamples depend on the identities and the seed alone, so the same reals are resampled alike
    for every detector and generator, and differences between cells are paired.
    """
    names, place = np.unique(np.asarray(identities, dtype=str), return_inverse=True)
    rng = np.random.default_rng([seed, len(names)])
    return rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n)[:, place]


def resamples(identities: np.ndarray, n: int, seed: int) -> np.ndarray:
    """int [1 + n, clips]: every clip once, then n resamples by identity."""
    resampled = resample(identities, n, seed)
    return np.vstack([np.ones((1, len(identities)), dtype=resampled.dtype), resampled])


def interval(replicates: np.ndarray, confidence: float) -> tuple[float, float]:
    """The percentile interval of a metric's replicates; (nan, nan) where there are none."""
    return intervals(replicates[None], confidence)[0]


def intervals(replicates: np.ndarray, confidence: float) -> list[tuple[float, float]]:
    """The same of several at once [n, B]: most of the time would go into asking for each by itself."""
    if not replicates.shape[1]:
        return [(float("nan"), float("nan"))] * len(replicates)
    tail = (1 - confidence) / 2
    los, his = np.quantile(replicates, [tail, 1 - tail], axis=1)
    return list(zip(los.tolist(), his.tolist(), strict=True))
