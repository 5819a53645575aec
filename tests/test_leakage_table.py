"""The leakage report as tables: every entry of leakage.json stands there, with what it means."""

from __future__ import annotations

import pandas as pd
import pytest
import results_made
import vouching

from notebooks import run
from thb.core.decimals import NONE
from thb.core.errors import DataError, ParamsError
from thb.core.tables import read_json, write_json
from thb.report.load import open_results
from thb.splits import leakage, shared
from thb.splits.shared import ALLOWED, APART, BROKEN, CLEAN, CORPUS, KEPT, LOOK, UNKNOWN, WHOLE


@pytest.fixture
def made(project):
    results_made._leakage(project, open_results(project.root).params)
    vouching.vouch(project)
    return project


def change(paths, edit) -> None:
    found = read_json(paths.leakage)
    edit(found)
    write_json(found, paths.leakage)
    vouching.vouch(paths)


def trust(paths) -> dict:
    rows = pd.DataFrame(shared.by_name(read_json(paths.leakage), list(open_results(paths.root).params.protocols)))
    return {(row["scope"], row["kind"]): row["trust"] for row in rows.to_dict("records")}


def test_every_entry_of_the_report_is_a_row(made):
    rows = run("leakage_table")["rows"].set_index(["scope", "kind"])
    found = read_json(made.leakage)
    assert len(rows) == len(found["protocols"]) * len(leakage.KINDS) + len(WHOLE)
    for name, kinds in found["protocols"].items():
        for kind, entry in kinds.items():
            assert rows.loc[(name, kind), "count"] == entry["count"]
            assert rows.loc[(name, kind), "promised"] == entry["promised"]
            assert all(example in rows.loc[(name, kind), "examples"] for example in entry["examples"])
    assert rows.loc[(CORPUS, "trained_officially"), "examples"].endswith("…")


def test_the_rows_are_those_that_split_writes(repo, made):
    written = (repo / "thb/splits/split.py").read_text(encoding="utf-8")
    assert all(f'"{kind}"' in written for kind in WHOLE)
    ran = run("leakage_table")
    assert set(ran["kinds"]) == set(leakage.KINDS)
    assert set(ran["whole"]) == set(WHOLE)


def test_what_each_line_means_for_trust(made):
    found = trust(made)
    assert found["P1", "identity"] == KEPT
    assert found["P1", "generator"] == ALLOWED
    assert found["P2", "identity"] == APART
    assert (found[CORPUS, "repeated"], found[CORPUS, "trained_officially"]) == (CLEAN, LOOK)


def test_a_broken_promise_is_found_and_said(made):
    def leak(found):
        found["protocols"]["P3"]["driver"] |= {"count": 1, "examples": ["abc_1"]}

    before = run("leakage_table")["answers"]
    kept, of = before["Promises kept"].split(" of ")
    assert kept == of
    assert not before["Promises broken"]
    change(made, leak)
    assert trust(made)["P3", "driver"] == BROKEN
    after = run("leakage_table")["answers"]
    assert after["Promises kept"] == f"{int(kept) - 1} of {of}"
    assert after["Promises broken"] == "P3: driving clips"
    html = run("leakage_table", protocols=["P3"]).html
    assert f'<td class="text told fails">{BROKEN}<small>1: abc_1</small></td>' in html


def test_what_was_not_checked_is_not_called_clean(made):
    change(made, lambda found: found["whole"].pop("same_files"))
    assert trust(made)[CORPUS, "same_files"] == UNKNOWN
    html = run("leakage_table").html
    assert UNKNOWN in html
    assert NONE in html


def test_a_name_in_the_report_is_words(made):
    hostile = "<img src=x onerror=alert(1)>"
    change(made, lambda found: found["protocols"]["P1"]["generator"].update(examples=[hostile]))
    html = run("leakage_table").html
    assert "&lt;img src=x" in html
    assert "<img" not in html


def test_protocols_can_be_chosen_and_unknown_ones_are_refused(made):
    assert set(run("leakage_table", protocols=["P2"])["rows"]["scope"]) == {"P2", CORPUS}
    with pytest.raises(ParamsError, match="unknown protocol 'P9'; known: P1"):
        run("leakage_table", protocols=["P9"])
    change(made, lambda found: found["protocols"].pop("P3"))
    with pytest.raises(DataError, match="unknown protocol in leakage.json 'P3'; known: P1"):
        run("leakage_table", protocols=["P3"])


def test_a_line_that_nobody_explains_is_refused(made):
    change(made, lambda found: found["whole"].update(twins={"count": 0, "examples": []}))
    with pytest.raises(DataError, match="unknown kind in leakage.json's `whole` 'twins'; known: reals_that_drive"):
        run("leakage_table")


def test_the_figure_frames_promises_and_shows_every_count(made):
    ran = run("leakage_table")
    ax, bar = ran["figure"].axes
    rows = ran["rows"][ran["rows"]["scope"] != CORPUS]
    assert len(ax.patches) == rows["promised"].sum()
    assert sorted(int(text.get_text()) for text in ax.texts) == sorted(rows["count"].astype(int))
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    assert "things shared (count)" in bar.get_ylabel()


def test_the_list_that_was_followed_is_named(made):
    assert "in which split, says real/real_dataset_split.json" in run("leakage_table").html
    change(made, lambda found: found.update(reals=""))
    assert "in which split, says" not in run("leakage_table").html
