"""The page "Getting the data": its tables come from files, and its numbers add up."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from thb.book import getting_data, numbers
from thb.core.errors import DataError
from thb.report.load import open_results


def test_every_source_that_counts_has_its_line(made):
    results = open_results()
    lines = getting_data.counts(results).splitlines()[2:]
    named = [line.split(" | ")[0].removeprefix("| ") for line in lines]
    roles = ("generator", "unseen", "real")
    assert sorted(named) == sorted(results.params.source(s).printed for s in results.params.of_role(*roles))
    assert "| Hallo3 | — | — | 10 |" in "\n".join(lines)  # Table 4 has none
    assert len({line.count("|") for line in getting_data.parts(results).splitlines()}) == 1


def test_the_sums_are_those_that_are_told_of_the_release(made):
    assert getting_data.numbers(open_results()) == {"released_fakes": "2,994", "released_reals": "2,312"}


def test_a_bar_in_a_cell_does_not_make_another(made):
    path = made.root / getting_data.SOURCES
    path.write_text(path.read_text().replace("research only", "research | only"))
    assert len({line.count("|") for line in getting_data.parts(open_results()).splitlines()}) == 1


def test_code_in_a_cell_is_set_off_from_the_words_beside_it(made):
    assert "clips; <code>thb fetch</code> says the exact number" in getting_data.parts(open_results())


@pytest.mark.parametrize("name", ["parts", "counts", "finders"])
def test_the_book_reads_them_as_tables(made, name):
    """Read by what MyST reads with; a rule whose dashes are escaped would be a paragraph of bars."""
    source = getattr(getting_data, name)(open_results())
    html = MarkdownIt("commonmark").enable("table").render(source)
    assert (html.count("<table>"), html.count("<p>")) == (1, 0)
    assert html.count("<tr>") == len(source.splitlines()) - 1


def test_the_page_gets_them(made, repo):
    known = numbers._to_get(open_results())
    asked = set(re.findall(r"\{\{ (\w+) \}\}", (repo / "book/here/data.md").read_text()))
    assert asked == {*known, "data_parts", "data_counts", "data_finders"}
    assert known["data_revision"].shown == open_results().params.profiles["paper"].revision


def test_a_source_that_nobody_counted_is_an_error(made):
    path = made.root / getting_data.COUNTS
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith("Hallo3")))
    with pytest.raises((DataError, KeyError), match="Hallo3"):
        getting_data.numbers(open_results())


def test_the_finders_figures_are_those_that_were_measured(made, repo):
    """The page shows the file that the benchmark wrote, and the benchmark's own page the same figures."""
    table = getting_data.finders(open_results())
    measured = (repo / "benchmarks/faces.md").read_text()
    for row in (repo / getting_data.FACES).read_text().splitlines()[1:]:
        *_, haar, yunet = row.split(",")
        assert f"| {haar} | {yunet} |" in table
        assert f"| {haar} | {yunet} |" in measured
    assert "| 20 of 20 | 20 of 20 |" in table


def test_a_new_measurement_is_on_the_page_at_once(made):
    """What is remembered of the numbers hangs on this file too."""
    before = numbers.all_numbers(open_results())["data_finders"].shown
    file = made.root / getting_data.FACES
    file.write_text(file.read_text().replace("20 of 20,20 of 20", "19 of 20,20 of 20"))
    assert numbers.all_numbers(open_results())["data_finders"].shown == before.replace(
        "| 20 of 20 | 20 of 20 |", "| 19 of 20 | 20 of 20 |"
    )
