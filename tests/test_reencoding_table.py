"""The notebook on re-encoding: what it says of changes, verdicts and what cannot be resolved."""

from __future__ import annotations

from html import unescape

import pandas as pd
import pytest
import vouching

from notebooks import run
from thb.book import numbers
from thb.core import words
from thb.core.errors import DataError, ParamsError
from thb.core.tables import read_csv, write_csv
from thb.reencoded import conditions, files
from thb.report.load import open_results


def edit(made, change) -> None:
    table = read_csv(files.cells(made), files.CELL_COLUMNS)
    write_csv(change(table), files.cells(made), files.CELL_COLUMNS)
    vouching.vouch(made)


def test_every_condition_and_detector_has_its_change(made, params):
    ran, settings = run("reencoding_table"), conditions.load(made, params)
    assert ran.title == "What survives re-encoding"
    for one in settings.conditions.values():
        assert words.text(one.says) in ran.html
        assert one.does in ran.html
    assert set(ran["rows"]["protocol"]) == set(settings.reencoded)
    assert ran["rows"]["metric"].unique() == ["AUC"]
    counts = ran["answers"]["Detectors that lose"]
    n = sum(not entry.control for entry in params.detectors.values())
    assert list(counts.xs("P1", level="Protocol")) == [
        f"{n if 0.02 * i > 0.03 else 0} of {n}" for i in range(len(settings.conditions))
    ]


def test_one_sentence_says_which_condition_takes_most_on_the_page_and_in_the_prose(made):
    edit(made, lambda table: table.assign(change=table["change"].where(table["condition"] != "half", -0.5)))
    cells = read_csv(files.cells(made), files.CELL_COLUMNS)
    own = cells[cells["detector"].isin(["caddm", "tall", "lipfd", "df_adapter"]) & (cells["generator"] == "mean")]
    first = own[(own["condition"] == "half") & (own["protocol"] == "P1") & (own["metric"] == "AUC")]
    becomes = f"from {first['before'].mean():.2f} to {first['value'].mean():.2f}"
    losing = f"{(first['verdict'] == 'below').sum()} of 4"
    html = unescape(run("reencoding_table").html)
    says = "Half the size takes most. Under P1 it moves the detectors' mean AUC"
    assert f"{says} {becomes} on the same clips, and {losing} detectors lose more than chance." in html
    told = {name: number.shown for name, number in numbers.all_numbers(open_results(made.root)).items()}
    assert (told["reencoded_condition"], told["reencoded_protocol"]) == ("Half the size", "P1")
    assert f"from {told['reencoded_before']} to {told['reencoded_after']}" == becomes
    assert told["reencoded_losing"] == losing


def test_a_verdict_and_not_the_interval_alone_makes_a_change_bold(made):
    edit(made, lambda table: table.assign(verdict="cannot be told"))
    ran = run("reencoding_table")
    assert "<b>" not in ran.html
    assert set(ran["answers"]["Detectors that lose"]) == {"0 of 4"}


def test_what_cannot_be_resolved_is_no_number(made):
    edit(made, lambda table: table.assign(resolvable=table["resolvable"].where(table["metric"] != "T1", "")))
    ran = run("reencoding_table", metric="T1", protocols=["P1"])
    assert "⊘" in ran.html
    assert ran["answers"].empty
    assert "not resolvable" in ran.html


def test_a_metric_or_protocol_without_cells_is_named(made):
    with pytest.raises(ParamsError, match="unknown metric 'EER'; known: AUC, T1"):
        run("reencoding_table", metric="EER")
    with pytest.raises(ParamsError, match="unknown protocol 'P2'; known: P1, P3"):
        run("reencoding_table", protocols=["P2"])


def test_cells_of_other_scores_are_refused(made, params):
    file = files.scores(made, "tall")
    write_csv(pd.read_csv(file).assign(reason="x"), file, files.score_columns(params, conditions.load(made, params)))
    with pytest.raises(DataError, match=r"tall\.csv is not the file that was written there.*thb reencode-cells"):
        run("reencoding_table")
