"""Intervals that cover, of single numbers and of what is summed of them.

Clips of one person are alike, so clips are counted by what they are worth: each person's clips are summed first
(Obuchowski's variance), and a binomial interval is given as many clips as would vary as much if all were apart.
`benchmarks/coverage.py` measures how often each interval holds the truth.

- AUC    the union of a DeLong interval on the logit scale and of Newcombe's, which needs no variance: the first
         knows the scores, the second stays wide where nearly all fakes are above nearly all reals.
- a share of fakes, caught or (EER) missed   the envelope of the bootstrap and of Clopper and Pearson's interval.
- Brier  the union of the bootstrap and of an interval by its variance, on the logit scale.
- sums and differences   the distances from each number to the ends of its interval, added as standard deviations are,
         with the correlations of the resamples (Zou and Donner's recovery of variances).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from thb.core.metrics import Side

Ends = tuple[float, float]
STEPS = 50  # halvings on the way to an end: more than a float has bits that matter


@dataclass(frozen=True)
class Sample:
    """What each clip of one class says of a number that is their mean: values float [n], and whose clips they are."""

    values: np.ndarray
    people: np.ndarray

    @cached_property
    def _clusters(self) -> tuple[np.ndarray, np.ndarray]:
        """A person's clips, and the sum of what they say beyond the mean."""
        _, place, clips = np.unique(self.people, return_inverse=True, return_counts=True)
        return clips, np.bincount(place, self.values - self.values.mean())

    @property
    def n_people(self) -> int:
        return len(self._clusters[0])

    @cached_property
    def variance(self) -> float:
        """Of the mean, people being what is drawn; 0 where a single person says nothing about others."""
        (_, beyond), people = self._clusters, self.n_people
        return float(beyond @ beyond) / len(self.values) ** 2 * people / max(people - 1, 1)

    @cached_property
    def worth(self) -> float:
        """How many clips of people apart would vary as much: no more than there are, no fewer than if all clips of a
        person were the same; these, where the clips do not vary."""
        n, (clips, _) = len(self.values), self._clusters
        fewest = n * n / float(clips @ clips)
        apart = float(self.values.var()) / max(n - 1, 1)
        return float(np.clip(n * apart / self.variance, fewest, n)) if self.variance > 0 else fewest


def auc_ends(value: float, reals: Sample, fakes: Sample, confidence: float) -> Ends:
    """Of an AUC; the samples say of each clip how often it is on the right side of the other class."""
    t = _quantile([reals, fakes], [1.0, 1.0], confidence)
    return _union(_on_logits(value, [reals, fakes], [1.0, 1.0], t), _newcombe(value, reals.worth, fakes.worth, t))


def brier_ends(value: float, resampled: np.ndarray, reals: Sample, fakes: Sample, confidence: float) -> Ends:
    """Of a mean over the clips of both classes, of which the samples say how far each is off, squared."""
    n = np.array([len(reals.values), len(fakes.values)])
    t = _quantile([reals, fakes], n / n.sum(), confidence)
    return _union(_on_logits(value, [reals, fakes], n / n.sum(), t), _percentiles(value, resampled, fakes, confidence))


def _quantile(samples: Sequence[Sample], shares: Sequence[float] | np.ndarray, confidence: float) -> float:
    """Student's, with the degrees of freedom that Welch gives a sum of means, each taken this often."""
    parts = np.array([one.variance for one in samples]) * np.square(shares)
    freedom = np.maximum([one.n_people - 1 for one in samples], 1)
    whole = parts.sum()
    df = whole**2 / (parts**2 / freedom).sum() if whole > 0 else freedom.min()
    return float(special.stdtrit(df, (1 + confidence) / 2))


def _on_logits(value: float, samples: Sequence[Sample], shares: Sequence[float] | np.ndarray, t: float) -> Ends:
    """t standard deviations of a sum of means to either side, on the logit scale; nothing where it has none."""
    variance = float(np.square(shares) @ [one.variance for one in samples])
    if not (variance > 0 and 0 < value < 1):
        return value, value
    lo, hi = special.expit(special.logit(value) + t * np.sqrt(variance) / (value * (1 - value)) * np.array([-1, 1]))
    return float(lo), float(hi)


def _union(*ends: Ends) -> Ends:
    return min(lo for lo, _ in ends), max(hi for _, hi in ends)


def _percentiles(value: float, resampled: np.ndarray, fewest: Sample, confidence: float) -> Ends:
    """The bootstrap's, as far out as Student's quantile for so few people is beyond the normal one (Hesterberg)."""
    if not len(resampled):
        return value, value
    people = fewest.n_people
    t = special.stdtrit(max(people - 1, 1), (1 + confidence) / 2) * np.sqrt(people / max(people - 1, 1))
    lo, hi = np.quantile(resampled, special.ndtr([-t, t]))
    return float(lo), float(hi)


def _newcombe(value: float, n_real: float, n_fake: float, z: float) -> Ends:
    """His fifth method: the AUCs whose own variance, by Hanley and McNeil's formula, leaves the value z of it away."""
    between = max((n_real + n_fake) / 2 - 1, 0)

    def too_far(auc: float) -> bool:
        spread = auc * (1 - auc) * (1 + between * ((1 - auc) / (2 - auc) + auc / (1 + auc))) / (n_real * n_fake)
        return abs(value - auc) > z * np.sqrt(spread)

    return _end(too_far, 0.0, value), _end(too_far, 1.0, value)


def _end(too_far: Callable[[float], bool], outside: float, inside: float) -> float:
    for _ in range(STEPS):
        middle = (outside + inside) / 2
        outside, inside = (middle, inside) if too_far(middle) else (outside, middle)
    return inside


def share_ends(value: float, resampled: np.ndarray, samples: Sequence[Sample], confidence: float) -> Ends:
    """Of a share of one class's clips, or of the rate at which two classes err alike: half of either's luck.

    The samples say which clips are counted; `resampled` float [B] has the luck of the threshold too. Few people tell a
    variance badly: what their clips are worth is lowered as Korn and Graubard do.
    """
    fewest = min(samples, key=lambda one: one.n_people)
    freedom = np.maximum([len(fewest.values) - 1, fewest.n_people - 1], 1)
    known, guessed = special.stdtrit(freedom, (1 + confidence) / 2)
    worth = len(samples) ** 2 / sum(1 / one.worth for one in samples) * (known / guessed) ** 2
    hits, tail = value * worth, (1 - confidence) / 2
    lo = special.betaincinv(hits, worth - hits + 1, tail) if value > 0 else 0.0
    hi = special.betaincinv(hits + 1, worth - hits, 1 - tail) if value < 1 else 1.0
    return _union((float(lo), float(hi)), _percentiles(value, resampled, fewest, confidence))


def on_the_right_side(real: Side, fake: Side) -> tuple[np.ndarray, np.ndarray]:
    """Of each real the share of fakes above it, of each fake that of reals below it, ties counting half: the clips in
    the order in which they were given."""

    def beaten(one: Side, other: Side) -> np.ndarray:
        below = len(other.scores) - (other.beyond(one.scores) + other.at_or_above(one.scores)) / 2
        return _as_given(one, below / len(other.scores))

    return 1 - beaten(real, fake), beaten(fake, real)


def off(real: Side, fake: Side) -> tuple[np.ndarray, np.ndarray]:
    """The square by which each clip's score misses its label, in the order in which they were given."""
    return _as_given(real, real.scores**2), _as_given(fake, (1 - fake.scores) ** 2)


def caught(of: Side, threshold: float) -> np.ndarray:
    """1 for each clip that reaches the threshold, 0 for others, in the order in which they were given."""
    return _as_given(of, (of.scores >= threshold).astype(float))


def _as_given(of: Side, values: np.ndarray) -> np.ndarray:
    given = np.empty_like(values)
    given[of.order] = values
    return given


@dataclass(frozen=True)
class Estimates:
    """Numbers with their intervals, float [C], the correlation of their luck, float [C, C], and the luck of training.

    `trained`, float [C, seeds], holds each number as every training gave it; of one training it says nothing.
    """

    values: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    correlation: np.ndarray
    trained: np.ndarray
    confidence: float

    @classmethod
    def of(
        cls,
        values: Sequence[float],
        ends: Sequence[Ends],
        resampled: Sequence[np.ndarray],
        trained: Sequence[np.ndarray] = (),
        confidence: float = np.nan,
    ) -> Estimates:
        """`resampled` [C, B]; a number that does not move in them goes with no other. `trained` may be left out."""
        moved = np.array(resampled, dtype=float)
        moved = moved.reshape(len(values), moved.shape[-1])
        moved = moved - moved.sum(axis=1, keepdims=True) / max(moved.shape[1], 1)
        length = np.sqrt(np.einsum("cb,cb->c", moved, moved))
        moved /= np.where(length > 1e-12, length, np.inf)[:, None]
        correlation = moved @ moved.T
        np.fill_diagonal(correlation, 1)
        lo, hi = np.array(ends, dtype=float).reshape(-1, 2).T
        alone = np.array(values, dtype=float)
        by_seed = np.array(trained, dtype=float) if len(trained) else alone[:, None]
        return cls(alone, lo, hi, correlation, by_seed, confidence)

    def sums(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Value, lo and hi, float [Q] each, of sums with these weights [Q, C]; both lucks are in the ends."""
        down, up = self.values - self.lo, self.hi - self.values
        value, luck = weights @ self.values, of_training(weights @ self.trained, self.confidence)
        return (
            value,
            value - np.hypot(self._spread(weights * np.where(weights > 0, down, up)), luck),
            value + np.hypot(self._spread(weights * np.where(weights > 0, up, down)), luck),
        )

    def _spread(self, parts: np.ndarray) -> np.ndarray:
        return np.sqrt(np.maximum(np.einsum("qc,qc->q", parts @ self.correlation, parts), 0))


def of_training(by_seed: np.ndarray, confidence: float) -> np.ndarray:
    """How far a number [..., seeds] may lie from its mean over trainings, by Student; 0 where one alone is known."""
    seeds = by_seed.shape[-1]
    if seeds < 2:
        return np.zeros(by_seed.shape[:-1])
    return by_seed.std(axis=-1, ddof=1) * special.stdtrit(seeds - 1, (1 + confidence) / 2)


def widened(value: float, ends: Ends, by_seed: np.ndarray, confidence: float) -> Ends:
    """An interval of the luck of clips [lo, hi] of a share with the luck of training added."""
    luck = float(of_training(by_seed, confidence))
    lo, hi = value - np.hypot(value - ends[0], luck), value + np.hypot(ends[1] - value, luck)
    return max(float(lo), min(0.0, ends[0])), min(float(hi), max(1.0, ends[1]))


def p_value(difference: float, lo: float, hi: float, confidence: float) -> float:
    """The two-sided chance of such a difference were there none, by the distance from it to the end towards zero."""
    reach = difference - lo if difference > 0 else hi - difference
    if np.isnan(difference) or difference == 0 or not reach:
        return float("nan") if np.isnan(difference) else float(difference == 0)
    return float(2 * special.ndtr(special.ndtri((1 - confidence) / 2) * abs(difference) / reach))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Each p-value of a family [n], raised so that one error at most is made in all of it; nan stays nan, uncounted."""
    order = np.argsort(p_values)[: np.count_nonzero(~np.isnan(p_values))]
    raised = np.full(len(p_values), np.nan)
    raised[order] = np.minimum(np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1)), 1)
    return raised
