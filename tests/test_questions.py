"""The questions' exhibits: face swaps against talking heads, and what remains hard."""

from __future__ import annotations

import math
import re

import numpy as np
import pages_made
import pandas as pd
import pytest
import results_made
from results_made import edit_cells
from sklearn.metrics import roc_auc_score

from notebooks import run
from thb import report
from thb.cells.role_means import scored_trials
from thb.cells.trials import estimates
from thb.core.errors import DataError, ParamsError
from thb.core.params import load
from thb.core.tables import SCORE_COLUMNS, read_csv, write_csv
from thb.report.load import MEAN, Results, open_results


@pytest.fixture
def fewer(made):
    """A clone of one's own whose bootstrap is short."""
    results_made.few_draws(made, 60)
    return made


@pytest.fixture(scope="module")
def scored(repo, tmp_path_factory):
    """Results that all come from their scores."""
    return pages_made.clone(repo, tmp_path_factory.mktemp("questions"), 60)


def edit_scores(paths, detector: str, fit: str, change) -> None:
    path = paths.scores(detector, fit)
    write_csv(change(read_csv(path, SCORE_COLUMNS)), path, SCORE_COLUMNS)


def again(paths):
    """The clone's results, once its scores were evaluated anew."""
    pages_made.evaluated(paths, load(paths.params))
    return open_results(paths.root)


@pytest.fixture
def at(monkeypatch):
    """A function that runs a notebook in the clone of these results."""

    def run_at(results: Results, name: str, **given):
        monkeypatch.setenv("THB_ROOT", str(results.paths.root))
        return run(name, **given)

    return run_at


# ---- swaps --------------------------------------------------------------------------------------------


def test_swaps_and_heads_are_what_the_scores_say(scored, at):
    results = scored
    row = at(results, "swap_table", metrics=["AUC"])["rows"].set_index("detector").loc["TALL"]
    tables = {
        fit: read_csv(results.paths.scores("tall", fit), SCORE_COLUMNS).query("split == 'test'")
        for fit in ("ffpp", "all")
    }

    def auc(fit, source):
        own = tables[fit][(tables[fit]["role"] == "real") | (tables[fit]["source"] == source)]
        return roc_auc_score(own["label"], own["score"])

    heads = {
        fit: sum(auc(fit, g) for g in results.params.generators) / len(results.params.generators) for fit in tables
    }
    assert row["swaps"] == pytest.approx(auc("ffpp", "faceswap"))
    assert row["heads"] == pytest.approx(heads["ffpp"])
    assert row["own"] == pytest.approx(heads["all"])
    assert row["lost"] == pytest.approx(row["swaps"] - row["heads"])
    assert row["gained"] == pytest.approx(row["own"] - row["heads"])
    assert row["gained_lo"] < row["gained"] < row["gained_hi"]


def test_the_mean_is_that_of_detectors_without_controls(scored, at):
    rows = at(scored, "swap_table", metrics=["AUC"])["rows"].set_index("detector")
    labels = [e.label for e in scored.tested]
    for kind in ("swaps", "heads", "own", "lost", "gained"):
        assert rows.loc[MEAN, kind] == pytest.approx(rows.loc[labels, kind].mean())


def test_differences_are_paired(fewer, at):
    """Two fits with the same scores differ by nothing in every draw, however wide their own intervals are.

    What is left is how much further an interval reaches to one side than to the other.
    """
    same = read_csv(fewer.scores("tall", "all"), SCORE_COLUMNS)
    edit_scores(fewer, "tall", "ffpp", lambda _: same)
    row = at(again(fewer), "swap_table", metrics=["AUC"])["rows"].set_index("detector").loc["TALL"]
    assert row["gained"] == pytest.approx(0, abs=1e-12)
    assert row["gained_lo"] <= 0 <= row["gained_hi"]
    assert row["gained_hi"] - row["gained_lo"] < row["own_hi"] - row["own_lo"]


@pytest.mark.parametrize(("blind", "gained"), [(False, 0), (True, 4)])
def test_the_words_follow_the_scores(fewer, at, blind, gained):
    """A fit on swaps that is blind to heads, and one that knows them as well as the fit on heads does."""
    params = load(fewer.params)
    for detector in params.detectors:
        same = read_csv(fewer.scores(detector, "all"), SCORE_COLUMNS).set_index("clip")["score"]
        rows = read_csv(fewer.scores(detector, "ffpp"), SCORE_COLUMNS)
        seen = rows["clip"].map(same).fillna(rows["score"]).mask(blind & (rows["role"] == "generator"), 0.01)
        write_csv(rows.assign(score=seen), fewer.scores(detector, "ffpp"), SCORE_COLUMNS)
    ran = at(results := again(fewer), "swap_table", metrics=["AUC"])
    (table,) = ran["tables"]
    answers = {body.rows[0].head: body.rows[0].cells[-1].shown for body in table.bodies}
    assert sum(">gained " in answers[e.label] for e in results.tested) == gained
    assert (">gained " in answers["Mean of detectors"]) == blind
    assert ("cannot be told" in answers["TALL"]) != blind


def test_what_too_few_reals_cannot_tell_is_not_shown_of_swaps(results):
    ran = run("swap_table", metrics=["T0.1"])
    assert ran["rows"][["swaps", "heads", "own", "lost", "gained"]].isna().all().all()
    assert "⊘" in ran.html
    assert not re.search(r">(lost|gained) ", ran.html)


def test_a_fit_without_a_scored_swap_leaves_a_dash(fewer, at):
    edit_scores(fewer, "lipfd", "ffpp", lambda t: t.assign(status=t["status"].where(t["role"] != "swap", "no_audio")))
    ran = at(again(fewer), "swap_table", metrics=["AUC"])
    assert "no score here" in ran.html
    row = ran["rows"].set_index("detector").loc["LipFD"]
    assert math.isnan(row["swaps"])
    assert math.isnan(row["lost"])
    assert row["n_swap"] == 0
    assert not math.isnan(row["heads"])


def test_unknown_metric_or_palette_is_refused(results):
    with pytest.raises(ParamsError, match="unknown metric 'F1'; known: AUC"):
        run("swap_table", metrics=["F1"])
    with pytest.raises(ParamsError, match="unknown palette 'jet'; known: okabe-ito"):
        run("swap_table", palette="jet")


# ---- hard ---------------------------------------------------------------------------------------------


def counted(ran, detector: str, source: str) -> dict[str, int]:
    """class -> generators of one detector, those of no class left out."""
    found = ran["counts"].loc[(detector, source)]
    return {name: int(n) for name, n in found.items() if n}


def test_classes_of_the_printed_cells_are_counted(results):
    ran = run("hard_table")
    published = pd.read_csv(results.paths.published / "table7_p3.csv").query("metric == 'T1'")
    for detector, own in published.groupby("detector"):
        wanted = [report.level(v).name for v in own["value"]]
        assert counted(ran, detector, "printed") == {k: wanted.count(k) for k in set(wanted)}
    assert counted(ran, "TALL", "printed")["Excellent"] == 3
    assert ("container", "printed") not in ran["counts"].index


def test_the_best_of_each_generator_is_the_papers(results):
    winners = run("hard_table")["winners"]
    lowest = min(winners.index, key=lambda generator: winners.loc[generator, "Printed"].sorts)
    assert (lowest, winners.loc[lowest, "Printed"].sorts) == ("EMOPortraits", 0.70)
    assert winners.loc[lowest, "Best printed"] == "DF-Adapter"


def test_equal_prints_are_equally_best(made):
    edit_cells(made, lambda c: c.assign(value=c["value"].mask(c["detector"].isin(["tall", "caddm"]), 0.991)))
    assert set(run("hard_table")["winners"]["Best here"]) == {"CADDM, TALL"}


def test_falls_are_before_less_after(scored, at):
    hard = at(scored, "hard_table")["rows"]
    mean = hard[hard["generator"] == MEAN].set_index("detector")
    assert mean.loc["TALL", "printed_fall"] == pytest.approx(0.115)
    assert mean.loc["TALL", "fall"] == pytest.approx(mean.loc["TALL", "before"] - mean.loc["TALL", "value"])
    heads = list(scored.params.generators)
    cells = [one for p in ("P1", "P3") for one in scored_trials(scored.params, report.scores, "tall", p, heads)]
    weights = np.repeat([1, -1], len(heads)) / len(heads)
    _, (lo,), (hi,) = estimates(scored.params, [(one, "T1") for one in cells]).sums(weights[None])
    assert [mean.loc["TALL", f"fall_{end}"] for end in ("lo", "hi")] == pytest.approx([lo, hi], abs=1e-6)


def test_a_detector_that_is_excellent_here_is_counted(fewer):
    edit_cells(fewer, lambda c: c.assign(value=c["value"].where(c["detector"] != "tall", 0.995)))
    ran = run("hard_table")
    assert counted(ran, "TALL", "reproduced") == {"Excellent": 6}
    assert set(ran["winners"]["Best here"]) == {"TALL"}
    assert [cell.level.name for cell in ran["winners"]["Reproduced"]] == ["Excellent"] * 6


def test_what_too_few_reals_cannot_tell_has_no_class(results):
    ran = run("hard_table", metric="T0.1")
    own = ran["rows"][ran["rows"]["n_fake"] > 0]
    assert set(own["class"]) == {""}
    assert own[["before", "fall", "fall_lo"]].isna().all().all()
    assert counted(ran, "TALL", "reproduced") == {"": 6}
    assert set(ran["winners"]["Best here"]) == {""}
    assert "⊘ not resolvable: the test reals are too few" in ran.html
    assert set(own["fell"]) == {"cannot be told"}


def test_hard_refuses_what_it_cannot_answer(results):
    with pytest.raises(ParamsError, match="unknown metric that has classes 'AUC'; known: T1, T0.1"):
        run("hard_table", metric="AUC")
    with pytest.raises(ParamsError, match="unknown protocol 'P9'; known: P1"):
        run("hard_table", before="P9")
    with pytest.raises(DataError, match="P1 does not test the generators of unseen_P3"):
        run("hard_table", protocol="unseen_P3")
    with pytest.raises(DataError, match="nothing can fall from P3 to P3; choose two protocols"):
        run("hard_table", before="P3")


# ---- what both have in common -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["swap_table", "hard_table"])
def test_a_notebook_has_words_rows_named_axes_and_closed_html(results, name):
    ran = run(name)
    assert len(ran.alt) > 60
    assert len(ran["rows"])
    assert all(ax.get_xlabel() for ax in ran["figure"].axes)
    assert "nan" not in re.sub(r"<[^>]+>", " ", ran.html).lower().split()
    for tag in ("table", "tbody", "tr", "ul", "li", "div"):
        assert ran.html.count(f"<{tag}>") + ran.html.count(f"<{tag} ") == ran.html.count(f"</{tag}>"), tag
