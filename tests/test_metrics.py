"""Each metric against an independent library, ties included; refusals too."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

from thb.core import metrics
from thb.core.errors import DataError

ALPHAS = (0.001, 0.01, 0.1, 0.29, 0.5)


def draws(n: int = 300):
    """Random label and score lists; few decimals, so most of them are full of ties."""
    rng = np.random.default_rng(3)
    for _ in range(n):
        size = int(rng.integers(4, 250))
        labels = rng.integers(0, 2, size)
        labels[:2] = 0, 1
        yield labels, np.round(rng.random(size) * 0.6 + labels * rng.random() * 0.4, int(rng.integers(1, 5)))


def test_auc_is_scikit_learns():
    for labels, scores in draws():
        assert metrics.auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_tpr_is_the_best_point_of_the_roc_within_the_budget(alpha):
    for labels, scores in draws():
        fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
        assert metrics.tpr_at_fpr(labels, scores, alpha).value == pytest.approx(tpr[fpr <= alpha + 1e-12].max())


@pytest.mark.parametrize("alpha", ALPHAS)
def test_linear_roc_reads_between_the_points(alpha):
    for labels, scores in draws():
        fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
        value = metrics.tpr_at_fpr(labels, scores, alpha, roc="linear").value
        assert value == pytest.approx(np.interp(alpha, fpr, tpr), abs=1e-6)


def test_threshold_does_what_it_says():
    for labels, scores in draws():
        for alpha in ALPHAS:
            found = metrics.tpr_at_fpr(labels, scores, alpha)
            called = scores >= found.threshold
            assert called[labels == 0].sum() <= found.allowed
            assert called[labels == 1].mean() == pytest.approx(found.value)


def test_brier_is_scikit_learns():
    for labels, scores in draws():
        assert metrics.brier_of(*metrics.sides(labels, scores))[0] == pytest.approx(brier_score_loss(labels, scores))


def test_eer_is_the_crossing_found_by_a_root_finder():
    for labels, scores in draws():
        fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
        # walk along the ROC by arc index, so that vertical steps are lines too
        along = np.arange(len(fpr), dtype=float)
        f, t = interp1d(along, fpr), interp1d(along, tpr)
        crossing = brentq(lambda x, f=f, t=t: 1 - t(x) - f(x), 0, along[-1])
        assert metrics.eer_of(*metrics.sides(labels, scores))[0] == pytest.approx(float(f(crossing)), abs=1e-6)


@pytest.mark.parametrize(
    ("n_real", "alpha", "allowed", "resolvable"),
    [
        (99, 0.01, 0, metrics.UNTOLD),
        (100, 0.01, 1, metrics.COARSE),
        (299, 0.01, 2, metrics.COARSE),
        (300, 0.01, 3, metrics.FIRM),
        (999, 0.001, 0, metrics.UNTOLD),
        (1000, 0.001, 1, metrics.COARSE),
        (100, 0.29, 29, metrics.FIRM),
    ],
)
def test_a_rate_is_firm_with_three_false_positives_and_coarse_with_one(n_real, alpha, allowed, resolvable):
    labels = np.r_[np.zeros(n_real), np.ones(3)]
    found = metrics.tpr_at_fpr(labels, np.linspace(0, 1, len(labels)), alpha)
    assert (found.allowed, found.resolvable, found.n_real) == (allowed, resolvable, n_real)


def test_a_mean_is_resolved_as_its_weakest_part():
    firm, coarse, untold = metrics.FIRM, metrics.COARSE, metrics.UNTOLD
    assert [metrics.weakest(w) for w in ([firm, coarse], [coarse, untold, firm], [firm], [])] == [
        coarse,
        untold,
        firm,
        untold,
    ]


@pytest.mark.parametrize(("alpha", "n_real"), [(0.01, 210), (0.01, 310), (0.1, 60), (0.001, 50)])
def test_the_true_rate_at_a_threshold_is_bounded_as_simulated_reals_say(alpha, n_real):
    """Uniform reals: what lies above a threshold is one less it. Half of what is left out lies on either side."""
    reals = np.random.default_rng(2).random((20_000, n_real))
    allowed = metrics.allowed_false_positives(alpha, n_real)
    truly = 1 - np.sort(reals, axis=1)[:, n_real - 1 - allowed]
    lo, hi = metrics.true_rate(alpha, n_real, 0.95)
    assert np.mean(truly < lo) == pytest.approx(0.025, abs=0.004)
    assert np.mean(truly > hi) == pytest.approx(0.025, abs=0.004)


def test_unresolvable_rate_is_the_share_above_the_highest_real():
    labels, scores = np.r_[np.zeros(10), np.ones(4)], np.r_[np.linspace(0, 0.5, 10), 0.4, 0.5, 0.6, 0.7]
    assert metrics.tpr_at_fpr(labels, scores, 0.001).value == 0.5


@pytest.mark.parametrize(
    ("labels", "scores", "says"),
    [
        ([0, 1], [0.1, np.nan], "not a finite"),
        ([0, 0], [0.1, 0.2], "no fake"),
        ([1, 1], [0.1, 0.2], "no real"),
        ([0, 2], [0.1, 0.2], "label 2"),
        ([0, 1, 1], [0.1, 0.2], "one length"),
    ],
)
def test_bad_input_is_refused(labels, scores, says):
    with pytest.raises(DataError, match=says):
        metrics.auc(np.array(labels), np.array(scores))


def test_unknown_roc_lists_the_known():
    with pytest.raises(DataError, match="known: step, linear"):
        metrics.tpr_at_fpr(np.array([0, 1]), np.array([0.1, 0.2]), 0.1, roc="cubic")


# ── bootstrap ──


def test_whoever_is_resampled_counts_alike_in_every_clip_and_everywhere():
    people = np.array(["a", "a", "b", "c", "c", "c"])
    drawn = np.array(metrics.resamples(people, 2000, seed=1))
    assert (drawn[:, 0] == 1).all()
    assert (drawn[0] == drawn[1]).all()
    assert (drawn[3] == drawn[5]).all()
    assert (metrics.resamples(np.array(["z", "c"]), 2000, seed=1)[1] == drawn[3]).all()  # among others, the same
    assert drawn[:, 1:].mean(axis=1) == pytest.approx(np.ones(6), abs=0.1)
    assert drawn[:, 1:].var(axis=1) == pytest.approx(np.ones(6), abs=0.2)
    assert abs(np.corrcoef(drawn[0, 1:], drawn[2, 1:])[0, 1]) < 0.1


def test_resamples_are_those_of_their_seed():
    one, same, other = (metrics.resamples(np.arange(50), 20, seed=seed) for seed in (1, 1, 2))
    one, same, other = (np.array(drawn) for drawn in (one, same, other))
    assert (one == same).all()
    assert not (one[:, 1:] == other[:, 1:]).any()


def test_weights_count_as_clips_repeated_would():
    rng = np.random.default_rng(5)
    labels, scores = rng.integers(0, 2, 40), np.round(rng.random(40), 1)
    labels[:2] = 0, 1
    weights = rng.integers(0, 4, (40, 1))
    weights[:2] = 1
    for roc in ("step", "linear"):
        told = metrics.all_of(*metrics.sides(labels, scores, weights), {"T1": 0.1}, roc)
        whole = metrics.sides(labels.repeat(weights[:, 0]), scores.repeat(weights[:, 0]))
        for name, value in metrics.all_of(*whole, {"T1": 0.1}, roc).items():
            assert told[name][0] == pytest.approx(value[0]), name


def test_where_both_errors_come_closest_is_a_score():
    real, fake = metrics.sides(np.r_[np.zeros(4, int), np.ones(4, int)], np.r_[0.1, 0.2, 0.3, 0.7, 0.4, 0.6, 0.8, 0.9])
    assert metrics.crossing(real, fake) == 0.6


@pytest.mark.parametrize(("confidence", "lo", "hi"), [(0.95, 0.025, 0.975), (0.8, 0.1, 0.9), (0.5, 0.25, 0.75)])
def test_an_interval_cuts_half_of_what_it_leaves_out_from_each_end(confidence, lo, hi):
    assert metrics.interval(np.linspace(0, 1, 1001), confidence) == pytest.approx((lo, hi), abs=1e-12)
