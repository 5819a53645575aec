"""The leakage report as tables: every entry of leakage.json stands there, with what it means."""

from __future__ import annotations

import re

import pytest
import results_made
import vouching

from thb.core.errors import DataError, ParamsError
from thb.core.tables import read_json, write_json
from thb.report import leakage_table, tables
from thb.report.leakage_table import ALLOWED, BROKEN, CLEAN, KEPT, LOOK, NOTHING, UNKNOWN, WHOLE
from thb.report.load import open_results
from thb.splits import leakage


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
    rows = leakage_table.shared(open_results(paths.root))
    return {(row["scope"], row["kind"]): row["trust"] for row in rows.to_dict("records")}


def test_every_entry_of_the_report_is_a_row(made):
    rows = leakage_table.shared(open_results(made.root)).set_index(["scope", "kind"])
    found = read_json(made.leakage)
    assert len(rows) == len(found["protocols"]) * len(leakage.KINDS) + len(leakage_table.WHOLE_KINDS)
    for name, kinds in found["protocols"].items():
        for kind, entry in kinds.items():
            assert rows.loc[(name, kind), "count"] == entry["count"]
            assert rows.loc[(name, kind), "promised"] == entry["promised"]
            assert all(example in rows.loc[(name, kind), "examples"] for example in entry["examples"])
    assert rows.loc[(WHOLE, "trained_officially"), "examples"].endswith("…")


def test_the_rows_are_those_that_split_writes(repo):
    written = (repo / "thb/splits/split.py").read_text(encoding="utf-8")
    assert all(f'"{kind}"' in written for kind in leakage_table.WHOLE_KINDS)
    assert set(leakage_table.KINDS) == set(leakage_table.ONE) == set(leakage.KINDS)


def test_what_each_line_means_for_trust(made):
    found = trust(made)
    assert found["P1", "identity"] == KEPT
    assert found["P1", "generator"] == ALLOWED
    assert found["P2", "identity"] == NOTHING
    assert (found[WHOLE, "repeated"], found[WHOLE, "trained_officially"]) == (CLEAN, LOOK)


def test_a_broken_promise_is_found_and_said(made):
    def leak(found):
        found["protocols"]["P3"]["driver"] |= {"count": 1, "examples": ["abc_1"]}

    results = open_results(made.root)
    before = leakage_table.sentences(results)[0]
    assert "broken" not in before
    made_promises = re.match(r"(\d+) of (\d+)", before)
    assert made_promises[1] == made_promises[2]
    change(made, leak)
    assert trust(made)["P3", "driver"] == BROKEN
    after = leakage_table.sentences(results)[0]
    assert after.startswith(f"{int(made_promises[1]) - 1} of {made_promises[2]}")
    assert "P3 shares 1 driving clip although it promises none" in after
    exhibit = leakage_table.build(["P3"])
    assert f'<span class="fails">{BROKEN}</span>' in exhibit.html
    assert "abc_1" in exhibit.html


def test_what_was_not_checked_is_not_called_clean(made):
    change(made, lambda found: found["whole"].pop("same_files"))
    assert trust(made)[WHOLE, "same_files"] == UNKNOWN
    exhibit = leakage_table.build()
    assert UNKNOWN in exhibit.html
    assert tables.NONE in exhibit.html


def test_protocols_can_be_chosen_and_unknown_ones_are_refused(made):
    assert set(leakage_table.build(["P2"]).rows["scope"]) == {"P2", WHOLE}
    with pytest.raises(ParamsError, match="unknown protocol 'P9'; known: P1"):
        leakage_table.build(["P9"])


def test_a_line_that_nobody_explains_is_refused(made):
    change(made, lambda found: found["whole"].update(twins={"count": 0, "examples": []}))
    with pytest.raises(DataError, match="unknown kind in leakage.json's `whole` 'twins'; known: reals_that_drive"):
        leakage_table.build()


def test_the_figure_frames_promises_and_shows_every_count(made):
    exhibit = leakage_table.build()
    ax = exhibit.drawing.axes[0]
    rows = exhibit.rows[exhibit.rows["scope"] != WHOLE]
    assert len(ax.patches) == rows["promised"].sum()
    assert sorted(int(text.get_text()) for text in ax.texts) == sorted(rows["count"].astype(int))
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    assert "things shared (count)" in exhibit.drawing.axes[1].get_ylabel()


def test_the_list_that_was_followed_is_named(made):
    assert "says <code>real/real_dataset_split.json</code>" in leakage_table.build().html
    change(made, lambda found: found.update(reals=""))
    assert "in which split, says" not in leakage_table.build().html
