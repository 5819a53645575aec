"""The page "Getting the data": its tables come from files, and its numbers add up."""

from __future__ import annotations

import re

import pytest

from thb.errors import DataError
from thb.report import getting_data, numbers
from thb.report.results import open_results


def test_every_source_that_counts_has_its_line(made):
    results = open_results()
    lines = getting_data.counts(results).splitlines()[2:]
    named = [line.split(" | ")[0].removeprefix("| ") for line in lines]
    roles = ("generator", "unseen", "real")
    assert sorted(named) == sorted(results.params.source(s).printed for s in results.params.of_role(*roles))
    assert "| Hallo3 | — | — | 10 |" in "\n".join(lines)        # Table 4 has none
    assert len({line.count("|") for line in getting_data.parts(results).splitlines()}) == 1


def test_the_sums_are_those_that_are_told_of_the_release(made):
    assert getting_data.numbers(open_results()) == {"released_fakes": "2,994", "released_reals": "2,312"}


def test_a_bar_in_a_cell_does_not_make_another(made):
    path = made.root / getting_data.SOURCES
    path.write_text(path.read_text().replace("research only", "research | only"))
    assert len({line.count("|") for line in getting_data.parts(open_results()).splitlines()}) == 1


def test_the_page_gets_them(made, repo):
    known = numbers._to_get(open_results())
    asked = set(re.findall(r"\{\{ (\w+) \}\}", (repo / "book/here/data.md").read_text()))
    assert asked == {*known, "data_parts", "data_counts"}
    assert known["data_revision"].shown == open_results().params.profiles["paper"].revision


def test_a_source_that_nobody_counted_is_an_error(made):
    path = made.root / getting_data.COUNTS
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith("Hallo3")))
    with pytest.raises((DataError, KeyError), match="Hallo3"):
        getting_data.numbers(open_results())
