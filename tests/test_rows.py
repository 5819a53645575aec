"""Small tables of the prose: read from files by what the page asks, each with the address it came from."""

from __future__ import annotations

import re
from html import unescape

import pandas as pd
import pytest
import results_made
import yaml

from thb import report
from thb.book import citation, computed, numbers, rows
from thb.core.errors import DataError
from thb.core.paths import Paths
from thb.core.tables import read_json, write_json
from thb.report.corpus import distinct
from thb.report.load import open_results

FALLS = "question == 'protocol' and metric == 'AUC' and generator == 'mean' and first == 'P1' and second == 'P3'"
WORDS = {"above": "falls", "below": "rises"}


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def put(paths: Paths, name: str, frame: pd.DataFrame) -> None:
    paths.executed.mkdir(parents=True, exist_ok=True)
    frame.to_csv(paths.executed / f"{name}.csv", index=False)


# ---- the directive ------------------------------------------------------------------------------------


def test_rows_are_chosen_named_and_bear_their_address(made):
    put(made, "fig", pd.DataFrame({"detector": ["tall", "lipfd"], "value": [0.5, 0.25], "lo": 0.1, "hi": 0.75}))
    html = rows.render(open_results(), "fig", {"detector": "Who", "value": "reached"}, where="value > 0.3")
    assert 'title="from book/_executed/fig.csv"' in unescape(html)
    assert plain(html) == "Who reached TALL 0.50 0.10–0.75"


def test_a_column_may_stand_across_and_what_is_missing_is_a_dash(made):
    frame = pd.DataFrame({"d": ["a", "a", "b"], "protocol": ["P1", "P2", "P1"], "value": [0.1, 0.2, 0.3]})
    put(made, "fig", frame)
    html = rows.render(open_results(), "fig", {"d": "D", "value": "v"}, across="protocol", caption="By protocol")
    assert plain(html) == "By protocol D P1 P2 a 0.10 0.20 b 0.30 —"


def test_what_cannot_be_resolved_is_no_number(made):
    put(made, "fig", pd.DataFrame({"d": ["a"], "value": [0.5], "resolvable": [False]}))
    assert plain(rows.render(open_results(), "fig", {"d": "D", "value": "v"})) == "D v a ⊘"


def test_verdicts_are_counted_in_their_order_and_alone(made):
    frame = pd.DataFrame({"verdict": ["holds", "about the paper only", "does not hold", "holds"], "here": "holds"})
    put(made, "claims", frame)
    html = rows.render(open_results(), "claims", {"verdict": "tables", "here": "here"}, count=True)
    assert plain(html) == "tables here holds 2 4 does not hold 1 0"


def test_other_words_are_counted_as_they_come(made):
    put(made, "leakage", pd.DataFrame({"trust": ["kept", "kept", "allowed"]}))
    assert plain(rows.render(open_results(), "leakage", {"trust": "checks"}, count=True)) == "checks kept 2 allowed 1"


def test_other_words_are_all_counted_where_some_cannot_be_told(made):
    put(made, "sensitivity", pd.DataFrame({"verdict": ["moves", "cannot be told", "moves"]}))
    html = rows.render(open_results(), "sensitivity", {"verdict": "numbers"}, count=True)
    assert plain(html) == "numbers moves 2 cannot be told 1"


def test_a_change_has_its_sign(made):
    put(made, "reencoded", pd.DataFrame({"d": ["a", "b"], "change": [-0.2, 0.1]}))
    assert plain(rows.render(open_results(), "reencoded", {"d": "D", "change": "change"})) == "D change a −0.20 b 0.10"


def test_comparisons_are_told_in_the_words_of_the_page(tmp_path, repo):
    for p3, word in ((0.6, "falls"), (0.92, "cannot be told"), (0.99, "rises")):
        (tmp_path / str(p3)).mkdir()
        paths = results_made.clone(repo, tmp_path / str(p3))
        results_made.fill_cells(paths, p3)
        columns = {"detector": "Detector", "verdict": "from P1 to P3"}
        html = rows.render(open_results(paths.root), "results/comparisons.csv", columns, where=FALLS, words=WORDS)
        assert html.count('data-told="') == html.count("<tr>") - 1 - html.count("no number on one side")
        assert html.count(f">{word} <small>") > 3


def test_code_and_links_are_such_where_the_page_says_so_and_nothing_else_is_markup(made):
    (made.root / "x.csv").write_text('what,where\n<b>a</b>,"clips; `thb fetch` from https://a.example/b|c"\n')
    columns = {"what": "What", "where": "From"}
    assert "<code>" not in (plain := rows.render(open_results(), "x.csv", columns))
    assert "<a " not in plain
    html = rows.render(open_results(), "x.csv", columns, markup=True)
    assert "clips; <code>thb fetch</code> from " in html
    assert '<a href="https://a.example/b&#124;c">a.example/b&#124;c</a>' in html
    assert "<b>a</b>" not in html


@pytest.mark.parametrize(
    ("source", "columns", "told"),
    [
        ("nosuch", {"a": "A"}, "^missing book/_executed/nosuch.csv; run `dvc repro`$"),
        ("x.csv", {"b": "B"}, "^unknown column of x.csv 'b'; known: a$"),
    ],
)
def test_what_is_not_there_is_one_line(made, source, columns, told):
    (made.root / "x.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=told):
        rows.render(open_results(), source, columns)


def test_no_rows_are_said_to_be_none(made):
    (made.root / "x.csv").write_text("a\n1\n")
    assert "no such rows here" in rows.render(open_results(), "x.csv", {"a": "A"}, where="a > 1")


# ---- tables that no file holds ------------------------------------------------------------------------


def test_every_detector_has_a_card_and_only_networks_start_from_weights(results):
    cards, _ = computed.model_cards(results)
    detectors = results.params.detectors.values()
    assert len(cards) == len(detectors)
    assert (cards["started"] != "").sum() == sum(entry.parameters is not None for entry in detectors)
    learnt = "72 clips; 24 more chose the checkpoint"
    assert set(cards["learnt"][cards["control"]]) == {learnt}
    assert set(cards["learnt"][~cards["control"]]) == {f"{learnt}; 4 epochs, stopped by patience"}


def test_a_card_says_so_when_scores_from_elsewhere_name_no_clips(made):
    path = made.scores("tall", "all").with_suffix(".json")
    write_json({key: value for key, value in read_json(path).items() if key != "clips"}, path)
    cards, _ = computed.model_cards(open_results())
    assert list(cards["learnt"]).count("not said by who scored the clips") == 1


def test_every_source_that_counts_has_its_line(results):
    counts, _ = computed.release_counts(results)
    roles = ("generator", "unseen", "real")
    assert sorted(counts["source"]) == sorted(results.params.source(s).printed for s in results.params.of_role(*roles))
    hallo3 = counts.set_index("source").loc["Hallo3"]
    assert hallo3["clips"] == 10
    assert pd.isna(hallo3["train"])  # Table 4 has none


# ---- numbers of the sentences -------------------------------------------------------------------------


def test_the_clips_of_each_split_are_counted(results):
    corpus, found = pd.read_csv(results.paths.corpus), numbers.clips(results)
    for split in ("train", "val", "test"):
        assert found[f"n_{split}"].shown == f"{corpus[corpus['split'] == split]['clips'].sum():,}"
    assert (found["clip_sizes"].shown, found["clip_rates"].shown) == ("128x128", "23.976, 25")
    reals = int(found["n_test_reals"].shown)
    assert (found["allowed_T1"].shown, found["allowed_T0_1"].shown) == (str(reals // 100), str(reals // 1000))


def test_many_sizes_are_told_by_their_ends():
    sizes = pd.Series(["512x512; 320x320", "1024x1024", "480x480; 256x256; 128x128"])
    assert numbers._span(distinct(sizes)) == "128x128 to 1024x1024"


def test_the_printed_means_are_those_of_the_printed_tables(results):
    table = pd.read_csv(results.paths.published / "table7_p3.csv")
    mean = table[table["metric"] == "T1"]["value"].mean()
    assert numbers.all_numbers(results)["printed_P3"].shown == f"{mean:.2f}"


def test_the_sums_are_those_that_are_told_of_the_release(results):
    known = numbers.all_numbers(results)
    assert (known["released_fakes"].shown, known["released_reals"].shown) == ("2,994", "2,312")


def test_a_source_that_nobody_counted_is_an_error(made):
    path = made.root / numbers.COUNTS
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith("Hallo3")))
    with pytest.raises((DataError, KeyError), match="Hallo3"):
        numbers.all_numbers(open_results())


def test_the_finders_figures_are_those_that_were_measured(repo):
    """The page shows the file that the benchmark wrote, and the benchmark's own page the same figures."""
    measured = (repo / "benchmarks/faces.md").read_text()
    for row in (repo / "benchmarks/faces.csv").read_text().splitlines()[1:]:
        *_, haar, yunet = row.split(",")
        assert f"| {haar} | {yunet} |" in measured


def test_ranks_that_agree_give_one_and_turned_round_minus_one(made):
    def as_printed(sign):
        def change(cells):
            printed = cells["printed"].fillna(0.5)
            return cells.assign(value=0.5 + sign * (printed - 0.5) / 2)

        results_made.edit_cells(made, change)
        return report.rank_correlation(report.printed_beside("v1", ["AUC"]))

    assert as_printed(1) == pytest.approx(1)
    assert as_printed(-1) == pytest.approx(-1)


# ---- how to cite --------------------------------------------------------------------------------------


def test_the_entries_are_those_of_the_files(made, repo):
    facts = yaml.safe_load((repo / "CITATION.cff").read_text())
    assert citation.paper(made) in (repo / "paper/references.bib").read_text()
    assert citation.paper(made).startswith(f"@misc{{{citation.PAPER},")
    assert f"{{{facts['version']}}}" in citation.package(made)
    assert facts["preferred-citation"]["title"].replace("&", "&amp;") in citation.line(made, "cite.html")


def test_references_without_the_paper_are_refused(tmp_path):
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper/references.bib").write_text("@misc{other,\n}\n")
    with pytest.raises(DataError, match=r"paper/references.bib has no entry xiong2025"):
        citation.paper(Paths(tmp_path))


# ---- neighbouring datasets ----------------------------------------------------------------------------


def test_neighbours_are_said_to_share_what_another_dataset_has_and_what_is_unknown_is_no_no(made):
    names = ["dataset", "compared", *computed.MARKS]
    file = made.root / computed.NEIGHBOURS
    lines = {"Own": ["itself", *["yes"] * 5], "A": ["yes", "yes", "", "no", "in part", ""], "B": ["no", *[""] * 5]}

    def told() -> list[list]:
        file.write_text("\n".join(",".join(row) for row in [names, *([key, *row] for key, row in lines.items())]))
        return computed.alone(open_results())[0].iloc[:, 1:].to_numpy().tolist()

    found = told()
    assert found[0] == [1, 0, 0, 1, "shared"]
    assert found[2:] == [
        [0, 0, 1, 1, "alone, as far as known"],
        [0, 1, 0, 1, "alone, as far as known"],
        [0, 0, 0, 2, "alone, as far as known"],
        [0, 0, 1, 1, "alone, as far as known"],
    ]
    lines["B"] = ["no", *["yes"] * 5]
    assert {row[-1] for row in told()} == {"shared"}
    lines["Own"][1] = "no"
    assert len(told()) == 4, "what it has not itself is not asked, nor all together"
    lines["B"][1] = "perhaps"
    with pytest.raises(DataError, match=r"^paper/neighbours.csv says 'perhaps' where only yes, in part, no or nothing"):
        told()


def test_every_neighbour_of_table_1_is_there_with_its_numbers_and_an_address(repo):
    rows = pd.read_csv(repo / computed.NEIGHBOURS, keep_default_na=False)
    assert all(re.match(r"https://\S+$", source) for source in rows["source"])
    printed = pd.read_csv(repo / "paper/published/table1_datasets.csv").replace({"DF-40": "DF40"})
    printed["dataset"] = printed["dataset"].str.removesuffix(" (Ours)").str.replace("DeepFake-eval", "Deepfake-Eval")
    ours = rows.set_index("dataset")
    assert set(ours.index[ours["compared"] != "no"]) == set(printed["dataset"])
    for row in printed.to_dict("records"):
        for column, theirs in (("n_real", "real_count"), ("n_fake", "fake_count")):
            own = ours.at[row["dataset"], column]
            assert own in ("", str(row[theirs])), row["dataset"]


def test_a_table_can_be_sorted_where_the_page_says_so(made):
    put(made, "fig", pd.DataFrame({"d": ["a"], "year": ["2020"]}))
    for sortable in (True, False):
        html = rows.render(open_results(), "fig", {"d": "D", "year": "Year"}, sortable=sortable)
        assert ('<table class="sortable">' in html) is sortable
        assert "2020" in html
