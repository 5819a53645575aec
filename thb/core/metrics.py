"""What a score is worth: pure functions of (label, score), with intervals.

Labels are 0 (real) or 1 (fake); a higher score means more fake; a clip is called fake when its
score is at or above a threshold. One definition of each number:

- AUC    the chance that a fake scores above a real, ties counting half.
- TPR@FPR=a   the share of fakes called fake at the lowest threshold that calls at most floor(a*N)
         of the N reals fake. With roc="linear" the ROC is read between its points instead.
- Brier  the mean of (score - label)^2 over all clips.
- EER    where the false-positive and false-negative rates cross on the ROC drawn with straight lines.

Every number is computed from the weights of the k highest clips of either class, a column a resample:
a bootstrap is the same arithmetic on other weights, and what is summed of the reals serves every
generator that is tested against them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy import special

from thb.core.errors import DataError

AUC, BRIER, EER = "AUC", "Brier", "EER"
FIRM, COARSE, UNTOLD = "firm", "coarse", ""  # how well the reals resolve a rate; an empty word is not at all


@dataclass(frozen=True)
class Operating:
    """A TPR at a fixed FPR, its threshold, and the clips that it is based on."""

    value: float
    threshold: float  # clips at or above it are called fake
    allowed: int  # false positives allowed: floor(alpha * n_real)
    n_real: int
    resolvable: str  # FIRM, COARSE or UNTOLD


@dataclass(frozen=True)
class Side:
    """The clips of one class, from the highest score down.

    scores float [n]; order int [n]: where each stood before; above float [1 + n, B]: the weight of the k highest
    clips for every k, a column a resample.
    """

    scores: np.ndarray
    order: np.ndarray
    above: np.ndarray

    @property
    def total(self) -> np.ndarray:
        return self.above[-1]

    def sum_of(self, values: np.ndarray) -> np.ndarray:
        """float [B]: the sum of these values [n], each as often as its clip counts."""
        return -np.diff(values, append=0) @ self.above[1:]

    @cached_property
    def squares(self) -> np.ndarray:
        """float [B]: the sum of the squared scores."""
        return self.sum_of(self.scores**2)

    def at_or_above(self, scores: np.ndarray) -> np.ndarray:
        """int: how many clips reach each of these scores."""
        return np.searchsorted(-self.scores, -scores, side="right")

    def beyond(self, scores: np.ndarray) -> np.ndarray:
        """int: how many clips exceed each of these scores."""
        return np.searchsorted(-self.scores, -scores, side="left")


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    return float(auc_of(*sides(labels, scores))[0])


def tpr_at_fpr(labels: np.ndarray, scores: np.ndarray, alpha: float, roc: str = "step") -> Operating:
    real, fake = sides(labels, scores)
    n_real = len(real.scores)
    allowed = allowed_false_positives(alpha, n_real)
    value = float(tpr_at_fpr_of(real, fake, alpha, roc)[0])
    return Operating(value, threshold_of(real, fake, alpha), allowed, n_real, resolved(alpha, n_real))


def threshold_of(real: Side, fake: Side, alpha: float) -> float:
    """The lowest score of a clip at which at most alpha of the reals are called fake; infinite if there is none."""
    allowed = allowed_false_positives(alpha, len(real.scores))
    every = np.unique(np.concatenate([real.scores, fake.scores]))
    above = int((real.at_or_above(every) > allowed).sum())
    return float(every[above]) if above < len(every) else np.inf


def allowed_false_positives(alpha: float, n_real: int) -> int:
    """floor(alpha * n), safe against 0.29 * 100 = 28.999..."""
    return int(np.floor(alpha * n_real + 1e-9))


def resolved(alpha: float, n_real: int) -> str:
    """FIRM where three false positives are allowed, COARSE where one is, UNTOLD where none is.

    With three over alpha reals, none of them accused bounds the true rate by alpha at 95 %.
    """
    allowed = allowed_false_positives(alpha, n_real)
    return FIRM if allowed >= 3 else COARSE if allowed else UNTOLD


def weakest(words: Sequence[str]) -> str:
    """How well a mean is resolved: as its least resolved part; UNTOLD where it has none."""
    return min(words, key=(UNTOLD, COARSE, FIRM).index, default=UNTOLD)


def true_rate(alpha: float, n_real: int, confidence: float) -> tuple[float, float]:
    """Between which true false-positive rates the threshold lies that n reals set for alpha.

    With k reals allowed it lies just above the (k+1)-th highest of them; the share of all reals above that one has
    the law Beta(k + 1, n - k), whatever the law of the scores.
    """
    allowed, tail = allowed_false_positives(alpha, n_real), (1 - confidence) / 2
    ends = special.betaincinv(allowed + 1, max(n_real - allowed, 1e-9), [tail, 1 - tail])
    return float(ends[0]), float(ends[1])


# ── Sides ────────────────────────────────────────────────────────────────────────────────────────


def sides(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> tuple[Side, Side]:
    """Reals and fakes of clips [n]; `weights` [n, B] says how much each clip counts (default: once)."""
    labels, scores = _checked(labels, scores)
    weights = np.ones((len(scores), 1)) if weights is None else weights
    real, fake = (side(scores[labels == label], weights[labels == label]) for label in (0, 1))
    return real, fake


def side(scores: np.ndarray, weights: Sequence[np.ndarray] | np.ndarray) -> Side:
    """The clips of one class with these scores [n] and weights, n times float [B]; added up without a copy."""
    order = np.argsort(-scores, kind="stable")
    above = np.zeros((1 + len(scores), len(weights[0])))
    for k, clip in enumerate(order):
        np.add(above[k], weights[clip], out=above[k + 1])
    return Side(scores[order], order, above)


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


# ── The same numbers for every resample: float [B] ───────────────────────────────────────────────


def auc_of(real: Side, fake: Side) -> np.ndarray:
    higher, ties_too = real.beyond(fake.scores), real.at_or_above(fake.scores)
    outdone = real.total - real.above[ties_too]  # reals below each fake; those beside it count half
    if (higher != ties_too).any():
        outdone += (real.above[ties_too] - real.above[higher]) / 2
    return np.einsum("nb,nb->b", np.diff(fake.above, axis=0), outdone) / (real.total * fake.total)


def tpr_at_fpr_of(real: Side, fake: Side, alpha: float, roc: str = "step") -> np.ndarray:
    if roc not in ("step", "linear"):
        raise DataError(f"unknown roc {roc!r}; known: step, linear")
    budget = alpha * real.total + 1e-9
    bounds = np.unique(real.scores)[::-1]  # a threshold just above each, from the highest down
    accused = np.r_[0, real.at_or_above(bounds)]  # how many are at or above the first k of them
    low = _last_within(real.above, accused, budget)
    caught = np.r_[fake.beyond(bounds), len(fake.scores)]
    draws = np.arange(len(budget))
    fakes = fake.above[caught[low], draws]
    if roc == "linear":
        after = np.minimum(low + 1, len(bounds))
        here, there = real.above[accused[low], draws], real.above[accused[after], draws]
        share = np.divide(budget - here, there - here, out=np.zeros_like(budget), where=there > here)
        more = np.r_[0, fake.at_or_above(bounds)]
        fakes = fakes + share * (fake.above[more[after], draws] - fakes)
    return fakes / fake.total


def _last_within(above: np.ndarray, places: np.ndarray, budget: np.ndarray) -> np.ndarray:
    """int [B]: the last of these places, which ascend, whose weight is within the budget."""
    looked = 16
    while looked < len(places) and (above[places[looked - 1]] <= budget).any():
        looked *= 2
    return (above[places[:looked]] <= budget).sum(axis=0) - 1


def brier_of(real: Side, fake: Side) -> np.ndarray:
    missed = fake.total - 2 * fake.sum_of(fake.scores) + fake.squares
    return (real.squares + missed) / (real.total + fake.total)


def eer_of(real: Side, fake: Side) -> np.ndarray:
    every = np.unique(np.concatenate([real.scores, fake.scores]))[::-1]
    reals, fakes = (np.r_[0, of.at_or_above(every)] for of in (real, fake))
    draws = np.arange(len(real.total))

    def rates(place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """At the place-th threshold the FPR, and by how much it exceeds the rate of fakes missed."""
        fpr = real.above[reals[place], draws] / real.total
        return fpr, fpr - (1 - fake.above[fakes[place], draws] / fake.total)

    part, portion = 1 / real.total, 1 / fake.total
    before, after = np.zeros(len(draws), int), np.full(len(draws), len(every))  # the gap grows from -1 to 1
    while (after - before > 1).any():
        middle = (before + after) // 2
        positive = real.above[reals[middle], draws] * part + fake.above[fakes[middle], draws] * portion > 1
        before, after = np.where(positive, before, middle), np.where(positive, middle, after)
    (fpr, gap), (fpr_after, gap_after) = rates(before), rates(after)
    return fpr_after + gap_after / (gap_after - gap) * (fpr - fpr_after)


def crossing(real: Side, fake: Side) -> float:
    """The score of a clip at which the shares of reals called fake and of fakes missed lie closest together."""
    every = np.unique(np.concatenate([real.scores, fake.scores]))
    called = [of.at_or_above(every) / len(of.scores) for of in (real, fake)]
    return float(every[np.abs(called[0] - (1 - called[1])).argmin()])


def all_of(real: Side, fake: Side, fpr: Mapping[str, float], roc: str) -> dict[str, np.ndarray]:
    """Every metric by name, in the order in which tables show them."""
    rates = {name: tpr_at_fpr_of(real, fake, alpha, roc) for name, alpha in fpr.items()}
    return {AUC: auc_of(real, fake), **rates, BRIER: brier_of(real, fake), EER: eer_of(real, fake)}


# ── Bootstrap ────────────────────────────────────────────────────────────────────────────────────


def resamples(people: Sequence[str] | np.ndarray, n: int, seed: int) -> list[np.ndarray]:
    """For each clip float [1 + n]: how much it counts, once in the first place, then in n resamples of the people.

    Whoever is shown has weights of the standard exponential law (the Bayesian bootstrap), which depend on the name and
    the seed alone: a person counts alike in every clip, and for every generator, detector and protocol that shows
    them, so that means are as wide and differences as narrow as shared people make them; and none is ever empty.
    """
    return [_weight(name, n, seed) for name in np.asarray(people, dtype=str).tolist()]


@lru_cache(maxsize=2048)
def _weight(name: str, n: int, seed: int) -> np.ndarray:
    drawn = np.random.default_rng([seed, *name.encode()]).standard_exponential(1 + n)
    drawn[0] = 1
    drawn.setflags(write=False)  # shared by all who ask
    return drawn


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
