"""Intervals against other formulas, other code, and simulated clips whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from thb.core import intervals, metrics
from thb.core.intervals import Estimates, Sample

RNG = 7


def sample(values: np.ndarray, people: np.ndarray | None = None) -> Sample:
    return Sample(np.asarray(values, float), np.arange(len(values)) if people is None else people)


def pairwise(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """float [reals, fakes]: 1 where the fake is above, 1/2 where they tie."""
    return np.array([[1.0 if f > r else 0.5 if f == r else 0.0 for f in fake] for r in real])


def delong_by_pairs(one: np.ndarray, other: np.ndarray) -> float:
    """The covariance of two AUCs of the same clips by DeLong's sums over every pair, one number at a time."""
    (m, n), total = one.shape, 0.0
    for axis, clips in ((1, m), (0, n)):
        means = [table.mean(axis=axis) for table in (one, other)]
        whole = [table.mean() for table in (one, other)]
        total += sum((means[0][i] - whole[0]) * (means[1][i] - whole[1]) for i in range(clips)) / (clips - 1) / clips
    return total


def ties(seed: int, n_real: int = 60, n_fake: int = 25) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.round(rng.normal(0, 1, n_real), 1), np.round(rng.normal(1, 1.5, n_fake), 1)


def said(real: np.ndarray, fake: np.ndarray) -> tuple[Sample, Sample]:
    both = metrics.side(real, np.ones((len(real), 1))), metrics.side(fake, np.ones((len(fake), 1)))
    of_reals, of_fakes = intervals.on_the_right_side(*both)
    return sample(of_reals), sample(of_fakes)


# ---- the variance of an AUC ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_variance_of_an_auc_is_delongs_ties_included(seed):
    real, fake = ties(seed)
    of_reals, of_fakes = said(real, fake)
    table = pairwise(real, fake)
    assert of_reals.values == pytest.approx(table.mean(axis=1))
    assert of_fakes.values == pytest.approx(table.mean(axis=0))
    assert of_reals.variance + of_fakes.variance == pytest.approx(delong_by_pairs(table, table))


def test_resampled_aucs_spread_and_go_together_as_delong_says():
    """Two detectors on the same clips: the bootstrap behind every comparison against a formula that draws nothing."""
    rng = np.random.default_rng(3)
    shared = rng.normal(size=150)
    scores = [np.round(shared + rng.normal(size=150) + 1.2 * (np.arange(150) >= 90), 1) for _ in range(2)]
    weights = metrics.resamples(np.arange(150), 20_000, seed=4)
    drawn = [metrics.auc_of(metrics.side(s[:90], weights[:90]), metrics.side(s[90:], weights[90:]))[1:] for s in scores]
    tables = [pairwise(s[:90], s[90:]) for s in scores]
    found = np.cov(drawn)
    wanted = [[delong_by_pairs(a, b) for b in tables] for a in tables]
    assert found == pytest.approx(np.array(wanted), rel=0.06)


def test_clips_of_one_person_are_worth_fewer_and_no_fewer_than_people():
    values = np.repeat([0.2, 0.9, 0.4, 0.7], 3)
    people = np.repeat(list("abcd"), 3)
    assert sample(values, people).worth == pytest.approx(4)  # all of a person's clips are the same
    assert sample(np.tile([0.2, 0.9, 0.4], 4), people).worth == 12  # people are alike
    assert sample(np.ones(12), people).worth == pytest.approx(4)  # nothing varies
    assert sample(values, people).variance == pytest.approx(np.var([0.2, 0.9, 0.4, 0.7], ddof=1) / 4)


# ---- single numbers -----------------------------------------------------------------------------------


def test_an_aucs_interval_holds_the_one_on_logits_by_student():
    real, fake = ties(1)
    of_reals, of_fakes = said(real, fake)
    value, parts = of_fakes.values.mean(), np.array([of_reals.variance, of_fakes.variance])
    df = parts.sum() ** 2 / (parts**2 / [59, 24]).sum()
    half = stats.t.ppf(0.975, df) * np.sqrt(parts.sum()) / (value * (1 - value))
    ends = 1 / (1 + np.exp(-(np.log(value / (1 - value)) + half * np.array([-1, 1]))))
    lo, hi = intervals.auc_ends(value, of_reals, of_fakes, 0.95)
    assert lo <= ends[0] < value < ends[1] <= hi


@pytest.mark.parametrize(("value", "m", "n"), [(0.9, 40, 30), (1.0, 210, 28), (0.2, 12, 9)])
def test_newcombes_ends_are_where_his_equation_says(value, m, n):
    lo, hi = intervals._newcombe(value, m, n, 1.96)
    for end in (lo, hi):
        between = (m + n) / 2 - 1
        spread = end * (1 - end) * (1 + between * ((1 - end) / (2 - end) + end / (1 + end))) / (m * n)
        assert abs(value - end) == pytest.approx(1.96 * np.sqrt(spread), abs=1e-6)
    assert (lo < value) or value == 0
    assert (value < hi) or value == 1


@pytest.mark.parametrize("hits", [0, 1, 14, 28])
def test_a_shares_interval_is_clopper_and_pearsons_where_nothing_else_is_known(hits):
    one = sample(np.arange(28) < hits)
    wanted = stats.binomtest(hits, 28).proportion_ci(0.95, "exact")
    assert intervals.share_ends(hits / 28, np.empty(0), [one], 0.95) == pytest.approx((wanted.low, wanted.high))


def test_a_share_that_two_classes_err_by_is_worth_both():
    one, other = sample(np.arange(28) < 3), sample(np.arange(210) < 22)
    (lo, hi), (alone, up) = (intervals.share_ends(0.1, np.empty(0), s, 0.95) for s in ([one, other], [one]))
    assert alone < lo < 0.1 < hi < up
    wanted = stats.beta.ppf([0.025, 0.975], [(k := 0.1 * (n := 4 / (1 / 28 + 1 / 210))), k + 1], [n - k + 1, n - k])
    assert (lo, hi) == pytest.approx(tuple(wanted))


def test_a_shares_interval_holds_the_resamples_middle_a_little_widened():
    drawn = np.linspace(0.3, 0.9, 10_001)
    lo, hi = intervals.share_ends(0.6, drawn, [sample(np.arange(1000) < 600)], 0.95)
    assert (lo, hi) == pytest.approx((0.315, 0.885), abs=1e-3)
    lo, hi = intervals.share_ends(0.6, drawn, [sample(np.arange(10) < 6)], 0.95)
    far = stats.norm.cdf(stats.t.ppf(0.975, 9) * np.sqrt(10 / 9))
    assert hi >= 0.3 + 0.6 * far - 1e-3


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_no_interval_is_of_no_width(value):
    flat = np.full(28, value)
    assert np.ptp(intervals.auc_ends(value, sample(np.full(210, value)), sample(flat), 0.95)) > 0.01
    assert np.ptp(intervals.share_ends(value, np.full(50, value), [sample(flat)], 0.95)) > 0.05


def test_coverage_is_at_least_what_is_promised_where_the_bootstrap_failed():
    """28 fakes of 20 people, twice as wide as 210 reals, AUC .99: by percentiles 59 of 100 intervals held it."""
    rng, shift, held = np.random.default_rng(RNG), stats.norm.ppf(0.99) * np.sqrt(5), 0
    people = np.arange(28) % 20
    for _ in range(400):
        alike = np.sqrt(0.5) * rng.normal(size=20)[people] + np.sqrt(0.5) * rng.normal(size=28)
        of_reals, of_fakes = said(rng.normal(size=210), shift + 2 * alike)
        one = Sample(of_fakes.values, people)
        lo, hi = intervals.auc_ends(float(one.values.mean()), of_reals, one, 0.95)
        held += lo <= 0.99 <= hi
    assert held >= 0.93 * 400


# ---- sums and differences -----------------------------------------------------------------------------


def estimates(correlation: float) -> Estimates:
    """Two numbers, .6 (.5 to .8) and .4 (.3 to .45), whose luck goes together so much."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 200_000))
    return Estimates.of([0.6, 0.4], [(0.5, 0.8), (0.3, 0.45)], [a, correlation * a + np.sqrt(1 - correlation**2) * b])


@pytest.mark.parametrize("r", [0.0, 0.5, 0.99])
def test_ends_add_as_standard_deviations_do(r):
    """Each side by hand: down from .6 and up from .4 make a difference smaller."""
    value, lo, hi = estimates(r).sums(np.array([[1.0, -1.0], [0.5, 0.5], [1.0, 0.0]]))
    assert value == pytest.approx([0.2, 0.5, 0.6])
    far = [np.sqrt(a**2 + b**2 - 2 * s * r * a * b) for a, b, s in ((0.1, 0.05, 1), (0.05, 0.05, -1), (0.1, 0, 1))]
    assert value - lo == pytest.approx(far, abs=2e-3)
    far = [np.sqrt(a**2 + b**2 - 2 * s * r * a * b) for a, b, s in ((0.2, 0.1, 1), (0.1, 0.025, -1), (0.2, 0, 1))]
    assert hi - value == pytest.approx(far, abs=2e-3)


def test_the_luck_of_training_is_added_to_that_of_clips():
    """Of a sum, by its values at each training: what moves together cancels in a difference."""
    by_seed = np.array([[0.6, 0.64, 0.56], [0.4, 0.44, 0.36]])
    of = Estimates.of([0.6, 0.4], [(0.5, 0.8), (0.3, 0.45)], np.zeros((2, 9)), by_seed, 0.95)
    value, lo, hi = of.sums(np.array([[1.0, 0.0], [1.0, -1.0], [1.0, 1.0]]))
    student = 4.302653  # its 97.5 % quantile with two degrees of freedom
    luck = student * np.array([0.04, 0.0, 0.08])
    assert value - lo == pytest.approx(np.hypot([0.1, np.hypot(0.1, 0.05), np.hypot(0.1, 0.1)], luck))
    assert hi - value == pytest.approx(np.hypot([0.2, np.hypot(0.2, 0.1), np.hypot(0.2, 0.05)], luck))


def test_an_interval_with_the_luck_of_training_stays_a_share():
    assert intervals.widened(0.9, (0.8, 0.95), np.array([0.9]), 0.95) == pytest.approx((0.8, 0.95))
    lo, hi = intervals.widened(0.9, (0.8, 0.95), np.array([0.9, 0.8, 0.7]), 0.95)
    assert lo == pytest.approx(0.9 - np.hypot(0.1, 4.302653 * 0.1))
    assert hi == 1


def test_what_never_moves_in_the_resamples_still_has_its_own_width():
    still = Estimates.of([1.0, 0.5], [(0.9, 1.0), (0.4, 0.6)], [np.ones(50), np.linspace(0.4, 0.6, 50)])
    assert still.correlation == pytest.approx(np.eye(2))
    _, lo, hi = still.sums(np.array([[0.5, 0.5], [1.0, -1.0]]))
    assert hi - lo == pytest.approx([0.05 * np.sqrt(2) + 0.05, 0.1 * np.sqrt(2) + 0.1])


@pytest.mark.parametrize(
    ("difference", "lo", "hi", "wanted"),
    [(0.2, 0.0, 0.9, 0.05), (-0.2, -0.9, 0.0, 0.05), (0.0, -0.1, 0.1, 1.0), (0.1, 0.1, 0.1, 0.0)],
)
def test_a_p_value_is_five_per_cent_where_the_interval_ends_at_zero(difference, lo, hi, wanted):
    assert intervals.p_value(difference, lo, hi, 0.95) == pytest.approx(wanted)


def test_the_p_value_of_a_symmetric_interval_is_the_normal_one():
    assert intervals.p_value(0.3, 0.1, 0.5, 0.95) == pytest.approx(2 * stats.norm.sf(0.3 / (0.2 / 1.959964)))
    assert np.isnan(intervals.p_value(np.nan, np.nan, np.nan, 0.95))


def test_holm_steps_down():
    assert intervals.holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert intervals.holm(np.array([0.4, np.nan, 0.6])) == pytest.approx([0.8, np.nan, 0.8], nan_ok=True)


def test_holm_errs_in_as_many_families_as_it_promises():
    """Twenty true nulls a family: some are rejected in no more than five of a hundred families."""
    p = np.random.default_rng(2).random((2000, 20))
    assert np.mean([(intervals.holm(one) < 0.05).any() for one in p]) == pytest.approx(0.05, abs=0.015)
    assert all((intervals.holm(one) >= one).all() for one in p)


def test_a_sides_clips_are_told_in_the_order_in_which_they_came():
    real, fake = (np.array(v, float) for v in ([0.5, 0.1, 0.3], [0.2, 0.9]))
    sides = metrics.side(real, np.ones((3, 1))), metrics.side(fake, np.ones((2, 1)))
    table = pairwise(real, fake)
    for found, wanted in zip(
        intervals.on_the_right_side(*sides), (table.mean(axis=1), table.mean(axis=0)), strict=True
    ):
        assert found == pytest.approx(wanted)
    assert intervals.caught(sides[0], 0.3).tolist() == [1, 0, 1]
    for found, wanted in zip(intervals.off(*sides), (real**2, (1 - fake) ** 2), strict=True):
        assert found == pytest.approx(wanted)
