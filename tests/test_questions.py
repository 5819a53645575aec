"""The questions' exhibits: face swaps against talking heads, and what remains hard."""

from __future__ import annotations

import math

import pages_made
import pandas as pd
import pytest
from results_made import edit_cells
from sklearn.metrics import roc_auc_score

from thb.core.errors import DataError, ParamsError
from thb.core.params import load
from thb.core.tables import SCORE_COLUMNS, read_csv, write_csv
from thb.report import classes, hard_cells, hard_table, means, swap_table
from thb.report.hard_cells import UNTOLD
from thb.report.load import MEAN, open_results


@pytest.fixture
def fewer(made):
    """A clone of one's own whose bootstrap is short."""
    text = made.params.read_text().replace("bootstrap: 1000", "bootstrap: 60")
    made.params.write_text(text)
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


# ---- swaps --------------------------------------------------------------------------------------------


def test_swaps_and_heads_are_what_the_scores_say(scored):
    results = scored
    row = swap_table.swaps(results, ["AUC"]).set_index("detector").loc["TALL"]
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


def test_the_mean_is_that_of_detectors_without_controls(scored):
    rows = swap_table.swaps(scored, ["AUC"]).set_index("detector")
    labels = [e.label for e in scored.tested]
    for kind in ("swaps", "heads", "own", "lost", "gained"):
        assert rows.loc[MEAN, kind] == pytest.approx(rows.loc[labels, kind].mean())


def test_differences_are_paired(fewer):
    """Two fits with the same scores differ by nothing in every draw, however wide their own intervals are."""
    same = read_csv(fewer.scores("tall", "all"), SCORE_COLUMNS)
    edit_scores(fewer, "tall", "ffpp", lambda _: same)
    row = swap_table.swaps(again(fewer), ["AUC"]).set_index("detector").loc["TALL"]
    assert row["own_hi"] - row["own_lo"] > 0.01
    assert (row["gained"], row["gained_lo"], row["gained_hi"]) == (0, 0, 0)


@pytest.mark.parametrize(("blind", "gained"), [(False, "0 of 4 detectors gain"), (True, "4 of 4 detectors gain")])
def test_the_words_follow_the_scores(fewer, blind, gained):
    """A fit on swaps that is blind to heads, and one that knows them as well as the fit on heads does."""
    params = load(fewer.params)
    for detector in params.detectors:
        same = read_csv(fewer.scores(detector, "all"), SCORE_COLUMNS).set_index("clip")["score"]
        rows = read_csv(fewer.scores(detector, "ffpp"), SCORE_COLUMNS)
        seen = rows["clip"].map(same).fillna(rows["score"]).mask(blind & (rows["role"] == "generator"), 0.01)
        write_csv(rows.assign(score=seen), fewer.scores(detector, "ffpp"), SCORE_COLUMNS)
    said = swap_table.sentences(again(fewer))
    assert gained in said[1]


def test_what_too_few_reals_cannot_tell_is_not_shown_of_swaps(results):
    rows = swap_table.swaps(results, ["T0.1"])
    assert rows[["swaps", "heads", "own", "lost", "gained"]].isna().all().all()
    assert "cannot be told" in swap_table.sentences(results, rows)[0]


def test_a_fit_without_a_scored_swap_leaves_a_dash(fewer):
    edit_scores(fewer, "lipfd", "ffpp", lambda t: t.assign(status=t["status"].where(t["role"] != "swap", "no_audio")))
    again(fewer)
    exhibit = swap_table.build(["AUC"])
    row = exhibit.rows.set_index("detector").loc["LipFD"]
    assert math.isnan(row["swaps"])
    assert math.isnan(row["lost"])
    assert row["n_swap"] == 0
    assert not math.isnan(row["heads"])


def test_unknown_metric_or_palette_is_refused(results):
    with pytest.raises(ParamsError, match="unknown metric 'F1'; known: AUC"):
        swap_table.build(["F1"])
    with pytest.raises(ParamsError, match="unknown palette 'jet'; known: okabe-ito"):
        swap_table.build(palette="jet")


# ---- hard ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hard(filled):
    return hard_cells.hard(open_results(filled), "P3", "P1", "T1")


def test_classes_of_the_printed_cells_are_counted(results, hard):
    published = pd.read_csv(results.paths.published / "table7_p3.csv").query("metric == 'T1'")
    for detector, own in published.groupby("detector"):
        wanted = [classes.level(v).name for v in own["value"]]
        found = hard_cells.counts(hard, detector, "printed_class")
        assert {k: v for k, v in found.items() if v} == {k: wanted.count(k) for k in set(wanted)}
    assert hard_cells.counts(hard, "TALL", "printed_class")["Excellent"] == 3
    assert hard_cells.counts(hard, "container", "printed_class")[UNTOLD] == len(results.params.generators)


def test_the_hardest_of_the_best_is_the_papers(hard):
    own = hard[(hard["generator"] != MEAN) & ~hard["control"].astype(bool)]
    assert hard_cells.lowest_best(own, "printed") == ("emoportraits", 0.70, "DF-Adapter")
    assert hard_cells.lowest_best(own.assign(printed=math.nan), "printed") is None


def test_falls_are_before_less_after(scored):
    hard = hard_cells.hard(scored, "P3", "P1", "T1")
    mean = hard[hard["generator"] == MEAN].set_index("detector")
    assert mean.loc["TALL", "printed_fall"] == pytest.approx(0.115)
    assert mean.loc["TALL", "fall"] == pytest.approx(mean.loc["TALL", "before"] - mean.loc["TALL", "value"])
    drawn = [means.drawn(scored, "tall", p, list(scored.params.generators)) for p in ("P1", "P3")]
    paired = drawn[0].replicates["T1"] - drawn[1].replicates["T1"]
    assert mean.loc["TALL", "fall_lo"] == pytest.approx(means.within(paired, 0.95).lo)


def test_a_detector_that_is_excellent_here_is_counted(fewer):
    edit_cells(fewer, lambda c: c.assign(value=c["value"].where(c["detector"] != "tall", 0.995)))
    rows = hard_cells.hard(open_results(fewer.root), "P3", "P1", "T1")
    assert hard_cells.counts(rows, "TALL", "class")["Excellent"] == 6
    said = hard_table.sentences(open_results(fewer.root), rows)
    assert "Here, T1 in P3 is excellent in 6 of 24 cells (TALL 6)" in said[1]


def test_what_too_few_reals_cannot_tell_has_no_class(results):
    exhibit = hard_table.build(metric="T0.1")
    own = exhibit.rows[exhibit.rows["n_fake"] > 0]
    assert set(own["class"]) == {""}
    assert own[["before", "fall", "fall_lo"]].isna().all().all()
    assert hard_cells.counts(exhibit.rows, "TALL", "class")[UNTOLD] == 6
    assert "⊘ T0.1: not resolvable" in exhibit.html


def test_hard_refuses_what_it_cannot_answer(results):
    with pytest.raises(ParamsError, match="unknown metric that has classes 'AUC'; known: T1, T0.1"):
        hard_table.build(metric="AUC")
    with pytest.raises(ParamsError, match="unknown protocol 'P9'; known: P1"):
        hard_table.build(before="P9")
    with pytest.raises(DataError, match="P1 does not test the generators of unseen_P3"):
        hard_table.build("unseen_P3")


# ---- what both have in common -------------------------------------------------------------------------


@pytest.mark.parametrize("module", [swap_table, hard_table], ids=lambda m: m.__name__)
def test_an_exhibit_has_words_rows_named_axes_and_closed_html(results, module):
    exhibit = module.build()
    assert len(exhibit.alt) > 60
    assert len(exhibit.rows)
    assert all(ax.get_xlabel() for ax in exhibit.drawing.axes)
    for tag in ("table", "tbody", "tr", "ul", "li", "div"):
        assert exhibit.html.count(f"<{tag}>") + exhibit.html.count(f"<{tag} ") == exhibit.html.count(f"</{tag}>"), tag
    said = module.sentences(results)
    assert 1 <= len(said) <= 4
    assert all(line.endswith(".") and "nan" not in line for line in said)
