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
        assert metrics.brier_of(metrics.count(labels, scores))[0] == pytest.approx(brier_score_loss(labels, scores))


def test_eer_is_the_crossing_found_by_a_root_finder():
    for labels, scores in draws():
        fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
        # walk along the ROC by arc index, so that vertical steps are lines too
        along = np.arange(len(fpr), dtype=float)
        f, t = interp1d(along, fpr), interp1d(along, tpr)
        crossing = brentq(lambda x, f=f, t=t: 1 - t(x) - f(x), 0, along[-1])
        assert metrics.eer_of(metrics.count(labels, scores))[0] == pytest.approx(float(f(crossing)), abs=1e-6)


@pytest.mark.parametrize(
    ("n_real", "alpha", "allowed", "resolvable"),
    [
        (99, 0.01, 0, False),
        (100, 0.01, 1, True),
        (999, 0.001, 0, False),
        (1000, 0.001, 1, True),
        (100, 0.29, 29, True),
    ],
)
def test_resolvable_means_one_false_positive_is_allowed(n_real, alpha, allowed, resolvable):
    labels = np.r_[np.zeros(n_real), np.ones(3)]
    found = metrics.tpr_at_fpr(labels, np.linspace(0, 1, len(labels)), alpha)
    assert (found.allowed, found.resolvable, found.n_real) == (allowed, resolvable, n_real)


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


def test_resample_draws_whole_identities():
    identities = np.array(["a", "a", "b", "c", "c", "c"])
    drawn = metrics.resample(identities, 200, seed=1)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert (drawn[:, 3] == drawn[:, 5]).all()
    assert (drawn[:, [0, 2, 3]].sum(axis=1) == 3).all()


def test_resample_is_paired_and_seeded():
    a = metrics.resample(np.arange(50), 20, seed=1)
    assert (a == metrics.resample(np.arange(50), 20, seed=1)).all()
    assert not (a == metrics.resample(np.arange(50), 20, seed=2)).all()


def test_weighted_counts_equal_repeated_clips():
    rng = np.random.default_rng(5)
    labels, scores = rng.integers(0, 2, 40), np.round(rng.random(40), 1)
    labels[:2] = 0, 1
    weights = rng.integers(0, 4, (1, 40))
    weights[:, :2] = 1
    told = metrics.all_of(metrics.count(labels, scores, weights), {"T1": 0.1}, "step")
    repeated = metrics.all_of(metrics.count(labels.repeat(weights[0]), scores.repeat(weights[0])), {"T1": 0.1}, "step")
    for name, value in told.items():
        assert value[0] == pytest.approx(repeated[name][0]), name


def test_interval_covers_about_as_often_as_it_says():
    """AUC of two Gaussians one sigma apart is Phi(1/sqrt 2) = 0.760; 80 % intervals should cover it mostly."""
    rng, covered = np.random.default_rng(9), 0
    labels = np.r_[np.zeros(60), np.ones(60)].astype(int)
    for trial in range(100):
        scores = rng.normal(labels, 1)
        weights = np.hstack(
            [metrics.resample(np.arange(60), 200, 2 * trial), metrics.resample(np.arange(60), 200, 2 * trial + 1)]
        )
        lo, hi = metrics.interval(metrics.auc_of(metrics.count(labels, scores, weights)), 0.8)
        covered += lo <= 0.7602 <= hi
    assert 68 <= covered <= 92


@pytest.mark.parametrize(("confidence", "lo", "hi"), [(0.95, 0.025, 0.975), (0.8, 0.1, 0.9), (0.5, 0.25, 0.75)])
def test_an_interval_cuts_half_of_what_it_leaves_out_from_each_end(confidence, lo, hi):
    assert metrics.interval(np.linspace(0, 1, 1001), confidence) == pytest.approx((lo, hi), abs=1e-12)
