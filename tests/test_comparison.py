"""Every printed cell stands once beside ours, and the verdict says no more than the interval allows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import results_made
import vouching
from results_made import edit_cells

from notebooks import Ran, run, seen
from thb import report
from thb.cells.columns import CELL_COLUMNS
from thb.cells.printed import LATER, printed_cells
from thb.core.decimals import UNRESOLVABLE
from thb.core.errors import ParamsError
from thb.core.params import switch_profile
from thb.core.tables import read_csv, write_csv
from thb.report.load import open_results
from thb.report.queries import REFERENCES

INSIDE, OUTSIDE, UNRESOLVED, ABSENT = "inside the interval", "outside", "not resolvable", "not reproduced"
ELSEWHERE = "not comparable (another corpus)"


@pytest.fixture
def made(project):
    results_made.fill_cells(project)
    return project


@pytest.fixture
def results(made):
    return open_results(made.root)


# ---- rows ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", REFERENCES)
def test_every_printed_cell_stands_once_with_its_value(made, results, reference):
    rows = report.printed_beside(reference)
    printed = printed_cells(made.published, REFERENCES[reference])
    keys = [
        (results.params.protocols[r.protocol].printed, r.detector, results.label(r.generator), r.metric)
        for r in rows.itertuples()
    ]
    assert dict(zip(keys, rows["printed"], strict=True)) == printed
    assert len(keys) == len(printed)


def test_ours_are_the_cells_of_the_same_key(results):
    keys = ["protocol", "detector", "generator", "metric"]
    rows, cells = run("comparison")["rows"].set_index(keys), results.cells.set_index(keys)
    assert rows.loc[("P3", "TALL", "hallo", "AUC"), "value"] == cells.loc[("P3", "tall", "hallo", "AUC"), "value"]
    magi = rows.loc[("unseen_P1", "CADDM", "magi1", "T1")]
    assert magi["value"] == cells.loc[("unseen_P1", "caddm", "magi1", "T1"), "value"]
    assert magi["difference"] == pytest.approx(magi["value"] - magi["printed"])


def test_controls_are_not_compared(results):
    labels = {e.label for e in results.entrants if e.control}
    assert labels
    assert not labels & set(report.printed_beside("v1")["detector"])


def test_what_the_package_does_not_run_is_marked_absent(made):
    ran = run("comparison", reference="later")
    absent = ran["rows"][ran["rows"]["verdict"] == ABSENT]
    assert set(absent["detector"]) == {"HiFi-Net", "AltFreezing", "MM-Det"}
    assert absent[["value", "difference"]].isna().all().all()
    assert "Not reproduced: cells of HiFi-Net, AltFreezing, MM-Det." in ran.html


CASES = [
    ({}, INSIDE),
    ({"value": 0.94, "lo": 0.95, "hi": 0.96}, OUTSIDE),
    ({"lo": 0.90, "hi": 0.94}, INSIDE),
    ({"lo": 0.90, "hi": 0.936}, INSIDE),  # 0.936 prints as 0.94
    ({"lo": 0.90, "hi": 0.934}, OUTSIDE),
    ({"resolvable": ""}, UNRESOLVED),
    ({"n_fake": 0}, ABSENT),
]


@pytest.mark.parametrize(("changes", "verdict"), CASES)
@pytest.mark.parametrize("profile", ["mini", "paper"])
def test_the_verdict_on_a_cell(made, monkeypatch, changes, verdict, profile):
    """The printed AUC of CADDM on Hallo in P1 is 0.94."""
    own = {"value": 0.93, "lo": 0.92, "hi": 0.945} | changes

    def change(cells: pd.DataFrame) -> pd.DataFrame:
        at = (cells[["protocol", "detector", "generator", "metric"]] == ["P1", "caddm", "hallo", "AUC"]).all(axis=1)
        assert at.sum() == 1
        return cells.assign(**{column: cells[column].mask(at, value) for column, value in own.items()})

    write_csv(change(read_csv(made.cells, CELL_COLUMNS)), made.cells, CELL_COLUMNS)
    if profile != "mini":
        switch_profile(made.params, profile)
    vouching.vouch(made)
    rows = run("comparison", metrics=["AUC"], protocols=["P1"])["rows"].set_index(["detector", "generator"])
    assert rows.loc[("CADDM", "hallo"), "printed"] == 0.94
    elsewhere = profile == "mini" and verdict in (INSIDE, OUTSIDE)
    assert rows.loc[("CADDM", "hallo"), "verdict"] == (ELSEWHERE if elsewhere else verdict)


def test_a_rendered_corpus_is_never_inside_or_outside(made):
    verdicts = set(run("comparison")["rows"]["verdict"])
    assert verdicts <= {ELSEWHERE, UNRESOLVED, ABSENT}
    assert ELSEWHERE in verdicts


def test_an_unresolvable_cell_shows_no_number_of_ours(made):
    ran = run("comparison", metrics=["T0.1"], protocols=["P1"])
    assert set(ran["rows"]["verdict"]) == {UNRESOLVED}
    assert ran["rows"]["difference"].isna().all()
    own = ran["cells"]["Reproduced"]
    assert {cell.shown for cell in own} == {UNRESOLVABLE}


# ---- ranks --------------------------------------------------------------------------------------------


def pairs(printed, value) -> pd.DataFrame:
    frame = pd.DataFrame({"metric": "T1", "printed": printed, "value": value, "verdict": INSIDE})
    return frame.assign(difference=frame["value"] - frame["printed"])


@pytest.fixture
def ran(filled, monkeypatch) -> Ran:
    monkeypatch.setenv("THB_ROOT", str(filled))
    return seen("comparison", metrics=["T1", "T0.1"], protocols=["P1"])


def test_ranks_agree_with_an_independent_computation(ran):
    rng = np.random.default_rng(5)
    a, b = np.round(rng.random(40), 1), np.round(rng.random(40), 1)  # with ties
    by_hand = np.corrcoef(pd.Series(a).rank(), pd.Series(b).rank())[0, 1]
    rank = ran["summary"](pairs(a, b))
    assert rank["Rank correlation"] == pytest.approx(by_hand)
    assert rank["Mean difference"] == pytest.approx((b - a).mean())


@pytest.mark.parametrize(("value", "rho"), [([0.1, 0.2, 0.3, 0.4], 1), ([0.4, 0.3, 0.2, 0.1], -1)])
def test_the_same_order_is_one_whatever_the_height(ran, value, rho):
    assert ran["summary"](pairs([0.6, 0.7, 0.8, 0.9], value))["Rank correlation"] == pytest.approx(rho)


def test_ranks_of_too_few_or_equal_numbers_are_not_a_number(ran):
    for printed, value in (([0.5, 0.6], [0.5, 0.6]), ([1.0, 1.0, 1.0], [0.1, 0.2, 0.3])):
        assert math.isnan(ran["summary"](pairs(printed, value))["Rank correlation"])
    unresolved = ran["by_metric"]["T0.1"]
    assert unresolved["Both numbers"] == 0
    assert math.isnan(unresolved["Rank correlation"])


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
        run("comparison", **arguments)


def test_parameters_choose_the_cells(made):
    rows = run("comparison", reference="later", metrics=["Brier"], protocols=["P2"])["rows"]
    assert set(rows["metric"]) == {"Brier"}
    assert set(rows["protocol"]) == {"P2"}


def test_a_table_a_protocol_and_one_in_all(made):
    ran = run("comparison")
    cells = ran.shown["cells"].data["text/html"]
    assert cells.count('<table class="sortable"') == cells.count("<details>") == ran["rows"]["protocol"].nunique()


def test_the_summary_counts_what_the_rows_hold(made):
    ran = run("comparison")
    rows = ran["rows"]
    assert sum(one["Both numbers"] for one in ran["by_metric"].values()) == rows["difference"].notna().sum()
    for verdict, count in rows["verdict"].value_counts().items():
        assert sum(one[verdict] for one in ran["by_metric"].values()) == count


def test_nothing_to_draw_is_said(made):
    edit_cells(made, lambda cells: cells.assign(resolvable=""))
    ran = run("comparison")
    assert "no metric" in ran.alt
    assert "No cell has both numbers." in [text.get_text() for text in ran["figure"].axes[0].texts]


def test_oddities_of_the_later_version_are_found_in_its_numbers(made):
    said = run("comparison", metrics=["AUC"], protocols=["P1"])["slips"]
    assert said["changed in the later version"] == "none"
    assert said["printed to more than two decimals"] == "P3 CADDM aniportrait_audio Brier 0.023"
    assert "P2 HiFi-Net hallo2 AUC 0.48" in said["printed below chance"]
    path = made.published / LATER
    text = path.read_text().replace("0.023", "0.23").replace("P1,CADDM,Hallo,T1,0.65", "P1,CADDM,Hallo,T1,0.66")
    path.write_text(text)
    said = run("comparison", metrics=["AUC"], protocols=["P1"])["slips"]
    assert said["changed in the later version"] == "P1 CADDM hallo T1 0.65"
    assert said["printed to more than two decimals"] == "none"
