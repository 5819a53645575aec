"""Every printed cell stands once beside ours, and the verdict says no more than the interval allows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import results_made
from results_made import edit_cells

from thb.cells.printed import LATER, printed_cells
from thb.core.errors import ParamsError
from thb.report import comparison, tables
from thb.report.comparison import ABSENT, ELSEWHERE, INSIDE, OUTSIDE, UNRESOLVED
from thb.report.load import open_results


@pytest.fixture
def made(project):
    results_made.fill_cells(project)
    return project


@pytest.fixture
def results(made):
    return open_results(made.root)


# ---- rows ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", comparison.REFERENCES)
def test_every_printed_cell_stands_once_with_its_value(made, results, reference):
    rows = comparison.compare(results, reference)
    printed = printed_cells(made.published, comparison.REFERENCES[reference])
    keys = [
        (results.params.protocols[r.protocol].printed, r.detector, results.label(r.generator), r.metric)
        for r in rows.itertuples()
    ]
    assert dict(zip(keys, rows["printed"], strict=True)) == printed
    assert len(keys) == len(printed)


def test_ours_are_the_cells_of_the_same_key(results):
    rows = comparison.compare(results).set_index(["protocol", "detector", "generator", "metric"])
    cells = results.cells.set_index(["protocol", "detector", "generator", "metric"])
    assert rows.loc[("P3", "TALL", "hallo", "AUC"), "value"] == cells.loc[("P3", "tall", "hallo", "AUC"), "value"]
    magi = rows.loc[("unseen_P1", "CADDM", "magi1", "T1")]
    assert magi["value"] == cells.loc[("unseen_P1", "caddm", "magi1", "T1"), "value"]
    assert magi["difference"] == pytest.approx(magi["value"] - magi["printed"])


def test_controls_are_not_compared(results):
    labels = {e.label for e in results.entrants if e.control}
    assert labels
    assert not labels & set(comparison.compare(results)["detector"])


def test_what_the_package_does_not_run_is_marked_absent(results):
    rows = comparison.compare(results, "later")
    absent = rows[rows["verdict"] == ABSENT]
    assert set(absent["detector"]) == {"HiFi-Net", "AltFreezing", "MM-Det"}
    assert absent[["value", "difference"]].isna().all().all()
    assert "Not reproduced here: cells of" in comparison.build("later").html


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, INSIDE),
        ({"printed": 0.84}, OUTSIDE),
        ({"printed": 0.90}, INSIDE),
        ({"printed": 0.904}, INSIDE),  # 0.899 prints as 0.90
        ({"printed": 0.92}, OUTSIDE),
        ({"resolvable": False}, UNRESOLVED),
        ({"n_fake": 0}, ABSENT),
    ],
)
def test_the_verdict_on_a_cell(changes, verdict):
    row = {"printed": 0.87, "value": 0.88, "lo": 0.86, "hi": 0.9, "n_fake": 28, "resolvable": True} | changes
    assert comparison.verdict(row, another_corpus=False) == verdict
    assert comparison.verdict(row, another_corpus=True) == (ELSEWHERE if verdict in (INSIDE, OUTSIDE) else verdict)


def test_a_rendered_corpus_is_never_inside_or_outside(results):
    verdicts = set(comparison.compare(results)["verdict"])
    assert verdicts <= {ELSEWHERE, UNRESOLVED, ABSENT}
    assert ELSEWHERE in verdicts


def test_an_unresolvable_cell_shows_no_number_of_ours(made, results):
    rows = comparison.compare(results, metrics=["T0.1"])
    assert set(rows["verdict"]) == {UNRESOLVED}
    assert rows["difference"].isna().all()
    html = comparison._table_row(results, rows.iloc[0].to_dict())
    assert tables.UNRESOLVABLE in html
    assert f"{rows.iloc[0]['value']:.2f}" not in html.replace(f"{rows.iloc[0]['printed']:.2f}", "")


# ---- ranks --------------------------------------------------------------------------------------------


def pairs(printed, value) -> pd.DataFrame:
    frame = pd.DataFrame({"metric": "T1", "printed": printed, "value": value})
    return frame.assign(difference=frame["value"] - frame["printed"])


def test_ranks_agree_with_an_independent_computation():
    rng = np.random.default_rng(5)
    a, b = np.round(rng.random(40), 1), np.round(rng.random(40), 1)  # with ties
    by_hand = np.corrcoef(pd.Series(a).rank(), pd.Series(b).rank())[0, 1]
    rank = comparison.ranks(pairs(a, b)).iloc[0]
    assert rank["rho"] == pytest.approx(by_hand)
    assert rank["difference"] == pytest.approx((b - a).mean())


@pytest.mark.parametrize(("value", "rho"), [([0.1, 0.2, 0.3, 0.4], 1), ([0.4, 0.3, 0.2, 0.1], -1)])
def test_the_same_order_is_one_whatever_the_height(value, rho):
    assert comparison.ranks(pairs([0.6, 0.7, 0.8, 0.9], value)).iloc[0]["rho"] == pytest.approx(rho)


def test_ranks_of_too_few_or_equal_numbers_are_not_a_number(results):
    for printed, value in (([0.5, 0.6], [0.5, 0.6]), ([1.0, 1.0, 1.0], [0.1, 0.2, 0.3])):
        assert math.isnan(comparison.ranks(pairs(printed, value)).iloc[0]["rho"])
    unresolved = comparison.ranks(comparison.compare(results, metrics=["T0.1"])).iloc[0]
    assert unresolved["n"] == 0
    assert math.isnan(unresolved["rho"])
    assert "too few cells" in comparison._rank_sentence(unresolved.to_dict())


# ---- the page -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"reference": "v2"}, "unknown reference 'v2'; known: v1, later"),
        ({"metrics": ["Brier"]}, "unknown metric 'Brier'; known: AUC, T1, T0.1"),
        ({"protocols": ["ffpp"]}, "unknown protocol 'ffpp'; known: P1, P2, P3, unseen_P1, unseen_P3"),
        ({"reference": "later", "protocols": ["unseen_P1"]}, "unknown protocol 'unseen_P1'; known: P1, P2, P3"),
    ],
)
def test_unknown_choices_are_refused_in_one_line(made, arguments, words):
    with pytest.raises(ParamsError, match=words):
        comparison.build(**arguments)


def test_parameters_choose_the_cells(made):
    rows = comparison.build("later", ["Brier"], ["P2"]).rows
    assert set(rows["metric"]) == {"Brier"}
    assert set(rows["protocol"]) == {"P2"}


def test_a_table_a_protocol_and_one_in_all(made):
    exhibit = comparison.build()
    assert exhibit.html.count("<table") == 1 + exhibit.rows["protocol"].nunique()
    assert exhibit.html.count('<table class="sortable"') == exhibit.html.count("<table")


def test_the_sentences_count_what_the_rows_hold(results):
    rows = comparison.compare(results)
    first = comparison.sentences(results)[0]
    assert first.startswith(f"Of {len(rows)} printed cells, {rows['difference'].notna().sum()} have a number")
    for verdict, count in rows["verdict"].value_counts().items():
        assert f"{count} {verdict}" in first


def test_nothing_to_draw_is_said(made):
    edit_cells(made, lambda cells: cells.assign(resolvable=False))
    exhibit = comparison.build()
    assert "no metric" in exhibit.alt
    assert "Not drawn: AUC, T1, T0.1" in exhibit.html


def test_oddities_of_the_later_version_are_found_in_its_numbers(made):
    said = " ".join(comparison.oddities(open_results(made.root)))
    assert "none of them changed" in said
    assert "P3 CADDM AniPortraitAudio Brier 0.023" in said
    assert "P2 HiFi-Net Hallo2 0.48" in said
    path = made.published / LATER
    text = path.read_text().replace("0.023", "0.23").replace("P1,CADDM,Hallo,T1,0.65", "P1,CADDM,Hallo,T1,0.66")
    path.write_text(text)
    said = " ".join(comparison.oddities(open_results(made.root)))
    assert "1 of them changed" in said
    assert "perhaps a slip: none" in said
