"""What modules say in sentences for the book's pages; these tests go with the `sentences` of thb.report."""

from __future__ import annotations

import numpy as np
import pages_made
import pytest
import vouching
from results_made import edit_cells

from thb.core.metrics import AUC
from thb.core.params import load
from thb.core.tables import DRAWN_COLUMNS, SCORE_COLUMNS, drawn_columns, read_csv, write_csv
from thb.report import (
    control_table,
    generator_means,
    hard_cells,
    hard_table,
    label_checks,
    protocol_means,
    radar,
    swap_table,
    tpr_curve,
)
from thb.report.load import open_results


def test_the_hardest_generators_are_named_and_follow_the_cells(made):
    edit_cells(made, lambda c: c.assign(value=c["value"].where(c["generator"] != "hallo", 0.01)))
    said = generator_means.sentences(open_results(made.root))
    assert "printed: the hardest are EMOPortraits (0.54) and Hallo2 (0.69)" in said[0]
    assert "here: the hardest are Hallo (0.01)" in said[1]


@pytest.mark.parametrize(("apart", "words"), [(0.0, "differ cannot be told"), (0.9, "the last differ by 0.")])
def test_an_order_that_may_be_chance_is_called_so(made, apart, words):
    def change(cells):
        low = cells["generator"] == "hallo"
        return cells.assign(**{k: cells[k].where(~low, cells[k] - apart) for k in ("value", "lo", "hi")})

    edit_cells(made, change)
    assert words in generator_means.sentences(open_results(made.root))[1]


def test_of_an_error_rate_the_highest_is_the_hardest(made):
    edit_cells(made, lambda c: c.assign(value=c["value"].where(c["generator"] != "hallo", 0.9)))
    assert "the hardest are Hallo (0.90)" in generator_means.sentences(open_results(made.root), "EER")[0]


@pytest.mark.parametrize("module", [protocol_means, generator_means, radar, tpr_curve, swap_table, hard_table])
def test_one_to_six_sentences(results, module):
    said = module.sentences(results)
    assert 1 <= len(said) <= 6
    assert all(line.endswith(".") and "nan" not in line for line in said)


def test_what_cannot_be_told_is_said(results):
    assert "too few clips to tell" in radar.sentences(results)[1]
    assert f"1 in {results.cells['n_real'].max()}" in tpr_curve.sentences(results)[0]
    assert "cannot be told" in swap_table.sentences(results, swap_table.swaps(results, ["T0.1"]))[0]


@pytest.mark.parametrize(("blind", "gained"), [(False, "0 of 4 detectors gain"), (True, "4 of 4 detectors gain")])
def test_the_words_follow_the_scores(made, blind, gained):
    """A fit on swaps that is blind to heads, and one that knows them as well as the fit on heads does."""
    made.params.write_text(made.params.read_text().replace("bootstrap: 1000", "bootstrap: 60"))
    params = load(made.params)
    for detector in params.detectors:
        same = read_csv(made.scores(detector, "all"), SCORE_COLUMNS).set_index("clip")["score"]
        rows = read_csv(made.scores(detector, "ffpp"), SCORE_COLUMNS)
        seen = rows["clip"].map(same).fillna(rows["score"]).mask(blind & (rows["role"] == "generator"), 0.01)
        write_csv(rows.assign(score=seen), made.scores(detector, "ffpp"), SCORE_COLUMNS)
    pages_made.evaluated(made, params)
    assert gained in swap_table.sentences(open_results(made.root))[1]


def test_a_detector_that_is_excellent_here_is_counted(made):
    edit_cells(made, lambda c: c.assign(value=c["value"].where(c["detector"] != "tall", 0.995)))
    rows = hard_cells.hard(open_results(made.root), "P3", "P1", "T1")
    said = hard_table.sentences(open_results(made.root), rows)
    assert "Here, T1 in P3 is excellent in 6 of 24 cells (TALL 6)" in said[1]


def test_a_leak_is_told(made):
    columns = [*DRAWN_COLUMNS, *drawn_columns(load(made.params).label_check("container"))]
    rows = read_csv(made.drawn("container", "all"), columns)
    scores = {c: 0.7 * rows["label"] + 0.3 * rows[c] for c in columns if c.startswith("score_")}
    write_csv(rows.assign(**scores), made.drawn("container", "all"), columns)
    vouching.vouch(made)
    said = "\n".join(label_checks.sentences(open_results()))
    assert said.count("something true reaches the fit") == 1
    assert "fits of container on labels that say nothing have a mean AUC of 1.00 (1.00–1.00): <b>not chance</b>" in said


def test_a_control_solves_what_its_whole_interval_reaches(made):
    def raised(cells):
        own = (cells["detector"] == "image_stats") & (cells["metric"] == AUC) & (cells["protocol"] == "P1")
        hallo, hallo2 = (own & (cells["generator"] == g) for g in ("hallo", "hallo2"))
        return cells.assign(lo=cells["lo"].mask(hallo, 0.91).mask(hallo2, 0.89), value=cells["value"].mask(own, 0.95))

    assert "alone it solves no generator" in control_table.sentences(open_results())[1]
    edit_cells(made, raised)
    assert "alone it solves Hallo (in P1" in control_table.sentences(open_results())[1]


def test_a_control_without_scores_solves_nothing_and_fails_at_nothing(made):
    def lose(cells):
        cells.loc[cells["detector"] == "container", ["value", "lo", "hi", "n_fake"]] = [np.nan, np.nan, np.nan, 0]
        return cells

    edit_cells(made, lose)
    said = control_table.sentences(open_results())
    assert "The control container, which sees the container of the file and no picture, has no numbers here." in said
    assert sum("alone it solves" in line for line in said) == 1
