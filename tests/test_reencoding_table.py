"""The notebook on re-encoding: what it says of changes, verdicts and what cannot be resolved."""

from __future__ import annotations

import pandas as pd
import pytest
import vouching

from notebooks import run
from thb.core import words
from thb.core.errors import DataError, ParamsError
from thb.core.tables import read_csv, write_csv
from thb.reencoded import conditions, files


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
    assert list(counts.loc["P1"]) == [f"{n if 0.02 * i > 0.03 else 0} of {n}" for i in range(len(settings.conditions))]


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
