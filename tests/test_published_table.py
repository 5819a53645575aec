"""Tables 1 to 3 stand as printed, with what this package runs of them and where they are at odds."""

from __future__ import annotations

import re

import matplotlib.colors as mcolors
import pandas as pd
import pytest

from thb.core.errors import ParamsError
from thb.core.params import load
from thb.report import published_dots, published_notes, published_table, style
from thb.report.load import open_results

TABLES = sorted(published_table.PRINTED)


def edit(made, table: int, change) -> None:
    path = made.published / published_table.PRINTED[table].file
    change(pd.read_csv(path, keep_default_na=False, dtype=str)).to_csv(path, index=False)


@pytest.mark.parametrize("table", TABLES)
def test_every_printed_cell_is_there_and_no_other(made, table):
    printed = published_table.PRINTED[table]
    source = pd.read_csv(made.published / printed.file, keep_default_na=False, dtype=str)
    exhibit = published_table.build(table)
    pd.testing.assert_frame_equal(exhibit.rows.drop(columns="here"), source[list(printed.heads)], check_dtype=False)
    assert set(source.columns) == set(printed.heads)
    assert exhibit.html.count("<tbody>") == len(source)
    assert "sortable" in exhibit.html


def test_what_this_package_runs_follows_params(made):
    params = load(made.params)
    here = published_table.listed(open_results(), 2).set_index("generator")["here"]
    assert (here != "").sum() == len(params.of_role("generator", "unseen")) - 1  # AniPortrait is two sources
    assert here["Hallo"] == "imitated, trained on and tested"
    assert here["MAGI-1"] == "imitated, tested only"
    assert here["MCNet"] == ""
    detectors = published_table.listed(open_results(), 3).set_index("detector")["here"]
    assert (detectors != "").sum() == sum(bool(d.printed) for d in params.detectors.values())


def test_a_source_that_params_drop_is_no_longer_marked(made):
    made.params.write_text(made.params.read_text().replace("printed: MAGI-1,", "printed: MAGI-9,"))
    here = published_table.listed(open_results(), 2).set_index("generator")["here"]
    assert here["MAGI-1"] == ""


def test_marked_rows_are_bold_in_the_table_and_in_the_figure(made):
    exhibit = published_table.build(3)
    bold = set(exhibit.rows.loc[exhibit.rows["here"] != "", "detector"])
    assert set(re.findall(r'<tr class="total"><th scope="row">([^<]+)</th>', exhibit.html)) == bold
    (ax,) = exhibit.drawing.axes
    assert {t.get_text() for t in ax.get_yticklabels() if t.get_fontweight() == "bold"} == bold


def test_a_lower_bound_is_a_bound_and_an_arrow(made):
    assert published_dots.count("1M+") == (1_000_000, True)
    assert published_dots.count("2984") == (2984, False)
    exhibit = published_table.build(1)
    assert '<td data-value="1000000">≥ 1,000,000</td>' in exhibit.html
    (ax,) = exhibit.drawing.axes
    assert [line.get_marker() for line in ax.lines].count(">") == 1
    assert ax.get_xscale() == "log"


@pytest.mark.parametrize(
    ("venue", "years"), [("CVPR23/IJCV24", [2023, 2024]), ("NeurIPS 2024", [2024]), ("arXiv25", [2025]), ("N/A", [])]
)
def test_a_venue_tells_its_years(venue, years):
    assert published_dots.published(venue) == years


def test_a_row_without_a_venue_stands_apart_from_the_years(made):
    (ax,) = published_table.build(2).drawing.axes
    assert "none" in [t.get_text() for t in ax.get_xticklabels()]
    (ax,) = published_table.build(3).drawing.axes
    assert "none" not in [t.get_text() for t in ax.get_xticklabels()]


def test_notes_follow_the_tables(made):
    assert "2,984 fakes, as Table 4 does" in published_table.build(1).html
    edit(made, 1, lambda t: t.replace("2984", "3000"))
    assert "3,000 fakes, where Table 4 has 2,984" in published_table.build(1).html
    assert "commercial" in published_table.build(2).html
    edit(made, 2, lambda t: t.assign(code_available="no"))
    assert "commercial" not in published_table.build(2).html


def test_detectors_of_the_later_version_are_named(made):
    html = published_table.build(3).html
    assert (
        "tests HiFiNet/HiFiNet++, AltFreezing and MM-Det too, although no code is marked as available for "
        "AltFreezing" in html
    )
    edit(made, 3, lambda t: t.assign(benchmarked="yes"))
    assert "too, although" not in published_table.build(3).html


def test_spellings_of_one_detector_meet_and_others_do_not():
    assert published_notes.keys("TALL/TALL++") & published_notes.keys("TALL")
    assert published_notes.keys("DeepFake-Adapter") == published_notes.keys("DF-Adapter")
    assert not published_notes.keys("LipFD") & published_notes.keys("CADDM")


def test_the_palette_is_the_readers(made):
    for palette in style.PALETTES:
        (ax,) = published_table.build(1, palette).drawing.axes
        assert {mcolors.to_hex(line.get_color()).upper() for line in ax.lines} >= set(style.palette(palette)[:2])


def test_an_unknown_table_or_palette_is_one_line(made):
    with pytest.raises(ParamsError, match=r"^unknown table '4'; known: 1, 2, 3$"):
        published_table.build(4)
    with pytest.raises(ParamsError, match=r"^unknown palette 'neon'; known: okabe-ito"):
        published_table.build(1, "neon")


def test_sentences_count_what_the_tables_hold(made):
    said = " ".join(published_table.sentences(open_results()))
    assert "the paper tested 4; this package runs 4 (CADDM, DeepFake-Adapter, TALL/TALL++, LipFD)" in said
    edit(made, 3, lambda t: t.assign(benchmarked="no"))
    assert "the paper tested 0" in " ".join(published_table.sentences(open_results()))


def test_on_the_published_clips_nothing_is_called_imitated(made):
    made.params.write_text(made.params.read_text().replace("profile: mini", "profile: paper", 1))
    assert not any("mitated" in published_table.build(table).html for table in TABLES)
