"""Comparisons: paired, over the same cells on both sides, each question answered once, and the means agree."""

from __future__ import annotations

import math
import shutil
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import vouching
from test_evaluate import all_clips, score_rows

from thb.cells import comparisons, evaluate
from thb.cells.columns import COMPARISON_COLUMNS
from thb.cells.comparisons import ABOVE, BELOW, INCONCLUSIVE
from thb.cells.questions import CELL, DETECTOR, GENERATOR, LEVEL, MEAN, PROTOCOL, SHIFTS, Question, averaged, questions
from thb.cells.trials import Scored, measure, nothing
from thb.core import intervals
from thb.core.errors import DataError
from thb.core.intervals import Estimates
from thb.core.params import load
from thb.core.paths import Paths
from thb.core.tables import SCORE_COLUMNS, read_csv, read_json, write_csv
from thb.report.load import Results, open_results
from thb.report.verdicts import Told, Verdicts
from thb.splits.protocols import trials

Part = tuple[float, float, float, np.ndarray]  # value, lo, hi, resamples
AT = ["question", "protocol", "detector", "generator", "metric", "first", "second"]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, repo) -> Paths:
    """A clone after `evaluate`, of invented scores and a short bootstrap."""
    paths = Paths(tmp_path_factory.mktemp("compared"))
    paths.params.write_text((repo / "params.yaml").read_text().replace("bootstrap: 1000", "bootstrap: 40"))
    (paths.root / "paper").symlink_to(repo / "paper")
    params = load(paths.params)
    clips = all_clips(params)
    for d, detector in enumerate(params.detectors):
        for f, fit in enumerate(params.fits):
            write_csv(score_rows(clips, fit, 100 * d + f), paths.scores(detector, fit), SCORE_COLUMNS)
    vouching.for_tables(paths, params, clips)
    vouching.for_scores(paths, params)
    evaluate.run(paths, params)
    return paths


@pytest.fixture
def compared(evaluated) -> Results:
    return open_results(evaluated.root)


def drawn(results: Results, protocol: str, detector: str, generator: str, metric: str) -> Part:
    """One cell's value, ends and resamples, from its score files."""
    (trial,) = (t for t in trials(results.params, [protocol]) if t.generator == generator)
    tables = [read_csv(results.paths.scores(detector, fit), SCORE_COLUMNS) for fit in trial.fits]
    found = measure(results.params, trial, [Scored(results.params.metrics, table) for table in tables])
    values = found["replicates"][metric]
    return float(values[0]), *found["ends"][metric], values[1:]


def is_that(told: Told, first: list[Part], second: list[Part]) -> None:
    """The two sides' means, and how far apart they may be, number by number and pair by pair."""
    parts = [(sign / len(side), part) for sign, side in ((1, first), (-1, second)) for part in side]
    means = [np.mean([value for value, *_ in side]) for side in (first, second)]
    arms = [[abs(w) * ((v - lo) if (w > 0) == down else (hi - v)) for w, (v, lo, hi, _) in parts] for down in (1, 0)]
    with np.errstate(invalid="ignore"):
        luck = np.corrcoef([np.sign(w) * values for w, (*_, values) in parts])
    luck = np.where(np.isnan(luck), np.eye(len(parts)), luck)  # a number that never moves goes with no other
    below, above = (np.sqrt(np.array(arm) @ luck @ np.array(arm)) for arm in arms)
    difference = means[0] - means[1]
    assert [told.first_value, told.second_value] == pytest.approx(means)
    assert [told.difference, told.lo, told.hi] == pytest.approx(
        [difference, difference - below, difference + above], abs=1e-6
    )


# ---- what is asked ------------------------------------------------------------------------------------


def test_every_question_is_asked_once_whichever_side_is_named_first(params):
    asked = [
        (q.kind, q.metric, q.protocol, q.detector, q.generator, *sorted((q.first, q.second))) for q in questions(params)
    ]
    assert len(asked) == len(set(asked))


def test_every_shift_rank_and_order_is_asked(params):
    asked = set(questions(params))
    names, generators = [*params.detectors, MEAN], [*params.generators, MEAN]
    for metric in ("AUC", "T1", "T0.1", "Brier", "EER"):
        for one, other in combinations(SHIFTS, 2):
            assert all(
                Question(PROTOCOL, metric, one, other, detector=d, generator=g) in asked
                for d in names
                for g in generators
            )
        for protocol in (*SHIFTS, MEAN):
            assert all(
                Question(DETECTOR, metric, *pair, protocol=protocol, generator=g) in asked
                for pair in combinations(params.detectors, 2)
                for g in generators
            )
            assert all(
                Question(GENERATOR, metric, *pair, protocol=protocol, detector=d) in asked
                for pair in combinations(params.generators, 2)
                for d in names
            )


# ---- what is answered ---------------------------------------------------------------------------------


def test_a_fall_of_a_mean_is_taken_draw_by_draw_over_the_papers_detectors_and_generators(compared):
    params = compared.params
    assert averaged(params) == ["caddm", "tall", "lipfd", "df_adapter"]
    sides = [
        [drawn(compared, p, d, g, "T1") for d in averaged(params) for g in params.generators] for p in ("P1", "P3")
    ]
    is_that(compared.verdicts.falls("T1", "P1", "P3"), *sides)


def test_a_generator_a_rank_two_cells_and_two_rates_are_compared_alike(compared):
    ask = compared.verdicts
    is_that(
        ask.easier("AUC", "hallo2", "hallo", "P2", "tall"),
        *([drawn(compared, "P2", "tall", g, "AUC")] for g in ("hallo2", "hallo")),
    )
    ranks = [
        [drawn(compared, p, d, g, "T1") for p in SHIFTS for g in compared.params.generators]
        for d in ("container", "tall")
    ]
    is_that(ask.better("T1", "container", "tall"), *ranks)
    is_that(
        ask.ask(CELL, "P3 hallo", "P1 hallo2", detector="tall", metric="T1"),
        [drawn(compared, "P3", "tall", "hallo", "T1")],
        [drawn(compared, "P1", "tall", "hallo2", "T1")],
    )
    is_that(
        ask.easier("AUC", "swap", "generator", "ffpp", "tall"),
        [drawn(compared, "ffpp", "tall", "faceswap", "AUC")],
        [drawn(compared, "ffpp", "tall", g, "AUC") for g in compared.params.generators],
    )


def test_the_opposite_question_has_the_opposite_answer(compared):
    one, other = (compared.verdicts.falls("AUC", *pair, "tall") for pair in (("P1", "P3"), ("P3", "P1")))
    assert (other.difference, other.lo, other.hi) == (-one.difference, -one.hi, -one.lo)
    assert (other.first_value, other.second_value) == (one.second_value, one.first_value)
    assert {one.verdict, other.verdict} in ({ABOVE, BELOW}, {INCONCLUSIVE})
    assert one.plainly() == other.plainly()


def test_means_are_those_of_metrics_json_with_their_intervals(compared):
    means = read_json(compared.paths.metrics)["means"]
    for protocol, of in means.items():
        for detector, metrics in of.items():
            for metric in ("AUC", "T1", "EER"):
                told = compared.verdicts.level(metric, protocol, detector)
                assert [told.difference, told.lo, told.hi] == pytest.approx(
                    [metrics[metric][k] for k in ("value", "lo", "hi")], abs=1e-6
                )
    for detector in compared.params.detectors:
        told = compared.verdicts.falls("AUC", "P1", "P2", detector)
        wanted = [means[p][detector]["AUC"]["value"] for p in ("P1", "P2")]
        assert [told.first_value, told.second_value] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    ("lo", "hi", "verdict"),
    [
        (0.01, 0.2, ABOVE),
        (-0.2, -0.01, BELOW),
        (-0.1, 0.2, INCONCLUSIVE),
        (0.0, 0.2, INCONCLUSIVE),
        (-0.2, 0.0, INCONCLUSIVE),
        (math.nan, math.nan, INCONCLUSIVE),
    ],
)
def test_only_an_interval_without_zero_tells(lo, hi, verdict):
    assert comparisons.judge(lo, hi) == verdict


def test_two_sides_that_move_together_are_told_apart_by_little():
    """Their own intervals overlap widely; resampled alike, one lies above the other."""
    one = np.linspace(0.1, 0.9, 100)
    for other, verdict in ((one - 0.01, ABOVE), (one[::-1], INCONCLUSIVE)):
        estimates = Estimates.of([0.5, 0.49], [(0.1, 0.9), (0.09, 0.89)], [one, other])
        (found,) = comparisons._compared(estimates, [({0: 1.0}, {1: 1.0})], 0.95)
        assert found.verdict == verdict


# ---- many questions at once ---------------------------------------------------------------------------


def answered(*ends: tuple[float, float]) -> list[comparisons.Compared]:
    """Differences with these intervals, each taken by itself."""
    middle = [(lo + hi) / 2 for lo, hi in ends]
    return [
        comparisons.Compared(m, 0, m, lo, hi, intervals.p_value(m, lo, hi, 0.95), math.nan, comparisons.judge(lo, hi))
        for m, (lo, hi) in zip(middle, ends, strict=True)
    ]


def asked_of(detectors: str, protocol: str = "P1", kind: str = DETECTOR) -> list[Question]:
    return [Question(kind, "AUC", one, "x", protocol=protocol, generator=MEAN) for one in detectors]


def test_a_verdict_is_what_is_left_after_holm_over_its_family():
    barely, surely, open_ = (0.001, 0.2), (0.3, 0.5), (-0.1, 0.2)
    found = comparisons._judged(asked_of("abc"), answered(barely, surely, open_), 0.95)
    assert [one.verdict for one in found] == [INCONCLUSIVE, ABOVE, INCONCLUSIVE]
    alone = comparisons._judged(asked_of("a"), answered(barely), 0.95)
    assert [alone[0].verdict, alone[0].p_holm] == [ABOVE, alone[0].p]
    apart = comparisons._judged(asked_of("a") + asked_of("b", "P2"), answered(barely, barely), 0.95)
    assert [one.verdict for one in apart] == [ABOVE, ABOVE]  # two families
    submitted = comparisons._judged(asked_of("ab"), answered(barely, barely), 0.95, {"b"})
    assert [one.verdict for one in submitted] == [ABOVE, ABOVE]  # what is asked of b moves no verdict on a
    assert [one.p_holm for one in submitted] == [one.p for one in submitted]
    (level,) = comparisons._judged(asked_of("a", kind=LEVEL), answered(surely), 0.95)
    assert (level.verdict, np.isnan([level.p, level.p_holm, level.second_value]).all()) == ("", True)


def test_every_verdict_of_the_file_is_its_corrected_p_value_and_the_side_of_its_interval(compared):
    rows = read_csv(compared.paths.comparisons, COMPARISON_COLUMNS)
    rows = rows[(rows["question"] != LEVEL) & rows["difference"].notna()]
    assert set(rows["verdict"]) == {ABOVE, BELOW, INCONCLUSIVE}
    told = rows[rows["p_holm"] < 0.05]
    assert (told["verdict"] == np.where(told["difference"] > 0, ABOVE, BELOW)).all()
    assert ((told["lo"] > 0) | (told["hi"] < 0)).all()
    assert (rows.loc[rows["p_holm"] >= 0.05, "verdict"] == INCONCLUSIVE).all()
    ends = rows[["difference", "lo", "hi"]].itertuples(index=False)
    p = np.array([intervals.p_value(*each, compared.params.metrics.confidence) for each in ends])
    assert (rows["p_holm"] >= p * (1 - 1e-5)).all()  # the file holds six digits of what p is computed from
    assert ((p < 0.05) == ((rows["lo"] > 0) | (rows["hi"] < 0))).all()
    assert (rows["hi"] - rows["lo"] > 0).mean() > 0.95


def test_a_rate_that_too_few_reals_can_tell_is_left_open_without_a_number(compared):
    told = compared.verdicts.falls("T0.1", "P1", "P3", "tall")
    assert told.verdict == INCONCLUSIVE
    assert not told.known
    assert told.left_out == ""


def test_a_question_that_the_file_does_not_answer_is_refused(compared):
    with pytest.raises(DataError, match=r"does not compare P1 with P9 by protocol, tall, mean, T1; run `dvc"):
        compared.verdicts.falls("T1", "P1", "P9", "tall")


# ---- what is absent -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def measured(evaluated) -> list[tuple]:
    """What evaluate measured of every trial and detector."""
    params = load(evaluated.params)
    scores = {
        (d, fit): read_csv(evaluated.scores(d, fit), SCORE_COLUMNS) for d in params.detectors for fit in params.fits
    }
    return [
        (trial, d, measure(params, trial, [Scored(params.metrics, scores[d, fit]) for fit in trial.fits]))
        for trial in trials(params, [*SHIFTS])
        for d in params.detectors
    ]


def without(results: Results, measured: list[tuple], gone) -> Verdicts:
    """The answers, had nothing been scored of the cells for which `gone` says so."""
    left = [(t, d, nothing(results.params) if gone(t, d) else one) for t, d, one in measured]
    return Verdicts(comparisons.table(results.params, left), {"tall": "TALL", "lipfd": "LipFD", "hallo": "Hallo"}, 0.95)


def test_a_generator_that_one_side_lacks_is_left_out_of_both_and_named(compared, measured):
    found = without(compared, measured, lambda t, d: (t.protocol, d, t.generator) == ("P3", "tall", "hallo"))
    told, five = found.falls("T1", "P1", "P3", "tall"), [g for g in compared.params.generators if g != "hallo"]
    is_that(told, *([drawn(compared, p, "tall", g, "T1") for g in five] for p in ("P1", "P3")))
    assert told.left_out == "Hallo"
    assert found.falls("T1", "P1", "P3").left_out == "TALL Hallo"
    assert found.falls("T1", "P1", "P3", "tall", "hallo").verdict == INCONCLUSIVE
    assert not found.falls("T1", "P1", "P3", "tall", "hallo").known


def test_a_detector_without_scores_is_left_out_of_a_mean_and_named(compared, measured):
    found = without(compared, measured, lambda t, d: d == "lipfd")
    told = found.falls("AUC", "P1", "P2")
    others = [d for d in averaged(compared.params) if d != "lipfd"]
    is_that(
        told,
        *([drawn(compared, p, d, g, "AUC") for d in others for g in compared.params.generators] for p in ("P1", "P2")),
    )
    assert told.left_out == "LipFD"
    assert told.without == ", without LipFD"
    assert found.falls("AUC", "P1", "P2", "lipfd").verdict == INCONCLUSIVE


def test_a_mean_counts_each_detector_once_however_many_generators_it_has(params):
    cells = {("P1", "tall", g): {i: 1.0} for i, g in enumerate(params.generators)}
    cells |= {("P1", "caddm", "hallo"): {99: 1.0}}
    (level, nothing_else), left_out = comparisons._sides(
        params, Question(LEVEL, "AUC", "", "", "P1", MEAN, MEAN), cells, cells
    )
    assert level == {99: 0.5} | {i: pytest.approx(1 / 12) for i in range(6)}
    assert nothing_else == {}
    assert left_out.startswith("lipfd; df_adapter; caddm hallo2")


# ---- the file -----------------------------------------------------------------------------------------


def test_same_scores_same_bytes_and_no_other_file_of_a_variant(evaluated, params):
    first = evaluated.comparisons.read_bytes()
    evaluate.run(evaluated, load(evaluated.params))
    assert evaluated.comparisons.read_bytes() == first
    table = pd.read_csv(evaluated.comparisons)
    assert list(table.columns) == COMPARISON_COLUMNS
    assert not table.duplicated(AT).any()


def test_answers_that_evaluate_did_not_write_are_refused(evaluated, tmp_path):
    shutil.copytree(evaluated.root, tmp_path, dirs_exist_ok=True, symlinks=True)
    paths = Paths(tmp_path)
    table = read_csv(paths.comparisons, COMPARISON_COLUMNS)
    write_csv(table.assign(verdict=INCONCLUSIVE), paths.comparisons, COMPARISON_COLUMNS)
    with pytest.raises(DataError, match=r"comparisons.csv is not the file that was written there"):
        _ = open_results(tmp_path).verdicts
