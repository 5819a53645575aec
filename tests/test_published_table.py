"""Tables 1 to 3 stand as printed, with what this package runs of them and where they are at odds."""

from __future__ import annotations

import re

import matplotlib.colors as mcolors
import pandas as pd
import pytest
import vouching

from notebooks import run
from thb import report
from thb.core.errors import ParamsError
from thb.core.params import load, switch_profile
from thb.report.lists import LISTS

NOTEBOOK = {1: "benchmarks_table", 2: "published_models", 3: "published_models"}
GIVEN = {1: {}, 2: {"table": 2}, 3: {"table": 3}}


def edit(made, table: int, change) -> None:
    path = made.published / LISTS[table][0]
    change(pd.read_csv(path, keep_default_na=False, dtype=str)).to_csv(path, index=False)


def here(table: int) -> pd.Series:
    ran = run(NOTEBOOK[table], **GIVEN[table])
    return ran["rows"].set_index(ran["key"])["here"]


@pytest.mark.parametrize("table", LISTS)
def test_every_printed_cell_is_there_and_no_other(made, table):
    file, columns = LISTS[table]
    source = pd.read_csv(made.published / file, keep_default_na=False, dtype=str)
    ran = run(NOTEBOOK[table], **GIVEN[table])
    pd.testing.assert_frame_equal(ran["rows"].drop(columns="here"), source[columns], check_dtype=False)
    assert set(source.columns) == set(columns)
    html = ran.shown["table"].data["text/html"]
    assert html.count("<tbody") == len(source)
    assert "sortable" in html


def test_what_this_package_runs_follows_params(made):
    params = load(made.params)
    generators = here(2)
    assert (generators != "").sum() == len(params.of_role("generator", "unseen")) - 1  # AniPortrait is two sources
    assert generators["Hallo"] == "imitated, trained on and tested"
    assert generators["MAGI-1"] == "imitated, tested only"
    assert generators["MCNet"] == ""
    assert (here(3) != "").sum() == sum(bool(d.printed) for d in params.detectors.values())


def test_a_source_that_params_drop_is_no_longer_marked(made):
    made.params.write_text(made.params.read_text().replace("printed: MAGI-1,", "printed: MAGI-9,"))
    assert here(2)["MAGI-1"] == ""


def test_marked_rows_are_bold_in_the_table_and_in_the_figure(made):
    ran = run("published_models", table=3)
    bold = set(ran["rows"].loc[ran["rows"]["here"] != "", "detector"])
    html = ran.shown["table"].data["text/html"]
    assert set(re.findall(r'<tr class="total"><th scope="row">([^<]+)</th>', html)) == bold
    labels = [label for ax in ran["figure"].axes for label in ax.get_yticklabels()]
    assert {label.get_text() for label in labels if label.get_fontweight() == "bold"} == bold


def test_a_lower_bound_is_a_bound_and_an_arrow(made):
    ran = run("benchmarks_table")
    assert ran["count"]("1M+") == (1_000_000, True)
    assert ran["count"]("2984") == (2984, False)
    assert "≥ 1,000,000" in ran.shown["table"].data["text/html"]
    (ax,) = ran["figure"].axes
    assert [(line.get_marker(), len(line.get_xdata())) for line in ax.lines].count((">", 1)) == 1
    assert ax.get_xscale() == "log"


def test_a_venue_tells_its_years(made):
    changed = ["CVPR23/IJCV24", "NeurIPS 2024", "arXiv25", "N/A"]
    edit(made, 3, lambda t: t.assign(venue=[*changed, *t["venue"][4:]]))
    assert run("published_models", table=3)["years"][:4] == [[2023, 2024], [2024], [2025], []]


def test_a_row_without_a_venue_stands_apart_from_the_years(made):
    for table, without in ((2, True), (3, False)):
        ran = run(NOTEBOOK[table], **GIVEN[table])
        words = [text.get_text() for ax in ran["figure"].axes for text in ax.texts]
        assert any(word.startswith("no venue") for word in words) == without
        first = min(min(line.get_xdata()) for ax in ran["figure"].axes for line in ax.lines if len(line.get_xdata()))
        assert (first < ran["known"][0]) == without


def test_odds_follow_the_tables(made):
    assert run("benchmarks_table")["odds"]["fakes of its own row"] == "2,984; Table 4 has 2,984"
    edit(made, 1, lambda t: t.replace("2984", "3000"))
    assert run("benchmarks_table")["odds"]["fakes of its own row"] == "3,000; Table 4 has 2,984"
    commercial = "code marked as available, called commercial in the text"
    assert run("published_models", table=2)["odds"][commercial] == "MAGI-1"
    edit(made, 2, lambda t: t.assign(code_available="no"))
    assert run("published_models", table=2)["odds"][commercial] == "none"


def test_detectors_of_the_later_version_are_named(made):
    odds = run("published_models", table=3)["odds"]
    assert odds["tested by the later version too"] == "HiFiNet/HiFiNet++, AltFreezing, MM-Det"
    assert odds["of these without code"] == "AltFreezing"
    assert (odds["marked as tested"], odds["with printed results"]) == ("4", "4")
    edit(made, 3, lambda t: t.assign(benchmarked="yes"))
    assert run("published_models", table=3)["odds"]["tested by the later version too"] == "none"


def test_spellings_of_one_detector_meet_and_others_do_not(made):
    keys = run("published_models", table=3)["spellings"]
    assert keys("TALL/TALL++") & keys("TALL")
    assert keys("DeepFake-Adapter") == keys("DF-Adapter")
    assert not keys("LipFD") & keys("CADDM")


def test_the_palette_is_the_readers(made):
    for palette, colours in report.PALETTES.items():
        (ax,) = run("benchmarks_table", palette=palette)["figure"].axes
        assert {mcolors.to_hex(line.get_color()).upper() for line in ax.lines} >= {c.upper() for c in colours[:2]}


def test_an_unknown_table_or_palette_is_one_line(made):
    with pytest.raises(ParamsError, match=r"^unknown table '4'; known: 1, 2, 3$"):
        run("published_models", table=4)
    with pytest.raises(ParamsError, match=r"^unknown palette 'neon'; known: okabe-ito"):
        run("published_models", palette="neon")


def test_on_the_published_clips_nothing_is_called_imitated(made):
    switch_profile(made.params, "paper")
    vouching.vouch(made)
    assert not any("mitated" in run(NOTEBOOK[table], **GIVEN[table]).html for table in LISTS)


@pytest.mark.parametrize(("table", "name"), [(2, "Hallo"), (3, "CADDM")])
def test_an_address_is_a_link_from_the_one_file_that_holds_it(made, table, name):
    file = made.published.parent / "addresses.csv"
    rows = pd.read_csv(file, dtype=str, keep_default_na=False).set_index("name", drop=False)
    rows.loc[name, ["repository", "licence"]] = ["https://github.com/some/where", "X-1.0"]
    rows.loc["FSRT", "repository"] = ""  # which Table 2 marks as without code
    rows.to_csv(file, index=False)
    ran = run("published_models", table=table)
    html = ran.shown["table"].data["text/html"]
    assert '<a href="https://github.com/some/where">some/where</a>' in html
    assert "X-1.0" in html
    odd = ran["odds"]["marked as without code, with a repository all the same"]
    assert odd == {2: "SkyReels-A1", 3: "AltFreezing, StyleFlow"}[table]


def test_every_generator_and_detector_of_the_tables_has_a_line_of_addresses(repo):
    known = pd.read_csv(repo / "paper" / "addresses.csv")
    for table, kind in ((2, "generator"), (3, "detector")):
        file, _ = LISTS[table]
        names = pd.read_csv(repo / "paper" / "published" / file)[kind]
        assert set(names) == set(known.loc[known["kind"] == kind, "name"])
    assert not known["name"].duplicated().any()
    assert known["source"].notna().all()
    assert known["repository"].dropna().str.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+").all()
    assert known.loc[known["commit"].notna(), "source"].str.contains("code we read").all()
