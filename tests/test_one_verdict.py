"""Nowhere in the book does one page contradict another: every verdict is marked, and each question has one."""

from __future__ import annotations

import csv
import html
import json
import re
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pages_made
import pytest

from thb.book import rows
from thb.cells.comparisons import ABOVE, INCONCLUSIVE
from thb.core.params import load
from thb.core.paths import Paths
from thb.core.tables import SCORE_COLUMNS, read_csv, write_csv
from thb.report import verdicts
from thb.report.load import Results

MARK = re.compile(r'<span class="thb-told" data-told="([^"]*)">(.*?)</span>', re.S)
# What a verdict on our own numbers is said with, and what may be said so without one: of printed numbers alone (a
# claim not put to ours, a line that begins with the paper), of rules, and of verdicts counted.
SAID = re.compile(
    r"overlap|may be chance|cannot be told|\b(fell|rose|fallen|better than)\b|\b(loss|gain) of\b"
    r"|\bfall of\b(?! 0\.\d{3})|\bholds\b|does not hold|differ by|(below|above) on \d"
)
ALLOWED = re.compile(
    r"^[✔✘?] \*\*[a-z ]+\*\* · (?!.*On the clips here)|^Printed,|findings put to the test"
    r"|^Of \d+ claims|^\d+ claims can be put|(holds?|tells?) where|Whether|^The paper|too few"
    r"|by a fixed|^Judged by|claims are told in our words|reads? as"
    r"|^(holds|does not hold|cannot be told)[\d,]+$|(about the paper only|not comparable \(another corpus\))—$"
    r"|^overlap .*\bmedian; least"
)

# Places that judge no cells: heat, the paper's choices (each asked of one file, on one page), the paper's lists, how
# far boxes of faces overlap, and the rule for retiring, whose bounds are its own and stand on one page.
OTHERS = (
    "attention",
    "editions",
    "pointing",
    "sensitivity",
    "table1",
)


@pytest.fixture(scope="module")
def results(tmp_path_factory, repo) -> Results:
    return pages_made.clone(repo, tmp_path_factory.mktemp("one_verdict"), 60, a_little_lower)


def a_little_lower(paths: Paths) -> None:
    """Left-out fits score every fake a little lower: paired, that is a fall, though the intervals overlap."""
    params = load(paths.params)
    for detector in params.detectors:
        everywhere = read_csv(paths.scores(detector, "all"), SCORE_COLUMNS).set_index("clip")["score"]
        for generator in params.generators:
            path = paths.scores(detector, f"no-{generator}")
            table = read_csv(path, SCORE_COLUMNS)
            score = table["clip"].map(everywhere).fillna(table["score"])  # the held-out one's train clips: its own
            odds = np.log(score / (1 - score)) - 0.35 * table["label"]
            write_csv(table.assign(score=1 / (1 + np.exp(-odds))), path, SCORE_COLUMNS)


@pytest.fixture(scope="module")
def book(results) -> dict[str, str]:
    return pages_made.pages(results)


def answers(printed: str) -> list[tuple[str, ...]]:
    """(question, verdict, lo, hi) of every mark."""
    return [tuple(one) for rests, _ in MARK.findall(printed) for one in json.loads(html.unescape(rests))]


def contradictions(book: dict[str, str]) -> dict[str, dict[tuple[str, ...], set[str]]]:
    """question -> what is said of it, and where, of those of which more than one thing is."""
    said: dict[str, dict] = defaultdict(lambda: defaultdict(set))
    for place, printed in book.items():
        for question, *answer in answers(printed):
            said[question][tuple(answer)].add(place)
    return {question: dict(found) for question, found in said.items() if len(found) > 1}


def unmarked(printed: str) -> list[str]:
    """Lines that say a verdict and bear no mark."""
    whole = MARK.sub(lambda mark: "\0" + mark.group(2), re.sub(r"<style>.*?</style>", "", printed, flags=re.S))
    lines = re.split(r"</?(?:li|tr|table|caption|p|ul|details|summary|div|h\d)\b[^>]*>|\n", whole)
    plain = [html.unescape(re.sub(r"<[^>]+>", "", line)).strip().removeprefix("- ") for line in lines]
    return [line for line in plain if SAID.search(line) and "\0" not in line and not ALLOWED.search(line)]


# ---- the book -----------------------------------------------------------------------------------------


def test_every_question_has_one_verdict_and_one_interval_in_the_whole_book(book):
    assert contradictions(book) == {}
    asked = {question for printed in book.values() for question, *_ in answers(printed)}
    assert len(asked) > 150


def test_what_is_printed_is_what_the_file_says(book, results):
    with results.paths.comparisons.open(newline="") as file:
        rows = list(csv.DictReader(file))
    keys = ("question", "protocol", "detector", "generator", "metric", "first", "second")
    filed = {" · ".join(filter(None, (row[k] for k in keys))): row for row in rows}
    for printed in book.values():
        for question, verdict, lo, hi in answers(printed):
            row = filed[question]
            assert verdict == row["verdict"]
            assert (lo, hi) == tuple(f"{float(row[end] or 'nan'):.6g}" for end in ("lo", "hi"))


def test_several_pages_answer_the_questions_that_they_share(book):
    """Home, questions ii and iv, findings and claims: were each question asked once, nothing would be compared."""
    places = defaultdict(set)
    for place, printed in book.items():
        for question, *_ in answers(printed):
            places[question].add(place)
    shared = {
        "protocol · tall · mean · AUC · P1 · P3": {"page index", "page 2-shift"},
        "protocol · tall · mean · T1 · P1 · P3": {"exhibit hard", "exhibit fig2a", "rows claims"},
        "protocol · mean · mean · T1 · P1 · P2": {"page 2-shift", "exhibit fig2a", "rows claims"},
    }
    for question, where in shared.items():
        assert where <= places[question], question


def test_the_words_and_numbers_of_a_mark_are_those_of_its_answer(book):
    """'fell by 0.09 (0.07 to 0.11)' stands over an answer that says above, with this interval."""
    looked = 0
    for printed in book.values():
        for rests, words in MARK.findall(printed):
            told = json.loads(html.unescape(rests))
            if len(told) == 1 and (numbers := re.search(r"\((−?[\d.]+) to (−?[\d.]+)\)", words)):
                ((_, verdict, lo, hi),) = told
                shown = sorted(abs(float(n.replace("−", "-"))) for n in numbers.groups())
                assert shown == sorted(abs(round(float(end), 2)) for end in (lo, hi)), words
                assert ("cannot be told" in words) <= (verdict == INCONCLUSIVE)
                assert not (words.startswith(("fell", "rose")) and verdict == INCONCLUSIVE)
                looked += 1
    assert looked > 30


def test_no_verdict_on_our_numbers_is_printed_without_its_mark(book):
    cells = {place: printed for place, printed in book.items() if place.split()[1] not in OTHERS}
    assert {place: lines for place, printed in cells.items() if (lines := unmarked(printed))} == {}


# ---- that these tests would notice --------------------------------------------------------------------

FALLS = "question == 'protocol' and metric == 'AUC' and generator == 'mean' and first == 'P1' and second == 'P3'"


def who_falls(results: Results) -> str:
    return rows.render(results, "results/comparisons.csv", {"detector": "", "verdict": "falls?"}, where=FALLS)


def by_overlap(results: Results, told: verdicts.Told) -> verdicts.Told:
    """The rule of old: a fall is told where the two means' own intervals are apart."""
    detector = told.question.split(" · ")[1]
    a, b = (results.verdicts.level("AUC", protocol, detector) for protocol in (told.first, told.second))
    return replace(told, verdict=ABOVE if b.hi < a.lo else INCONCLUSIVE)


def test_a_page_with_another_rule_is_noticed(book, results, monkeypatch):
    assert contradictions({**book, "page index": who_falls(results)}) == {}
    answer = rows.answer
    monkeypatch.setattr(rows, "answer", lambda told, **words: answer(by_overlap(results, told), **words))
    odd = contradictions({**book, "page index": who_falls(results)})
    assert any({"page index"} in found.values() for found in odd.values())


def test_a_page_with_another_interval_is_noticed(book, results, monkeypatch):
    answer = rows.answer
    monkeypatch.setattr(rows, "answer", lambda told, **words: answer(replace(told, lo=told.lo - 0.01), **words))
    assert contradictions({**book, "page index": who_falls(results)})


@pytest.mark.parametrize(
    "line",
    [
        "Here mean T1 over detectors is lower in P3 than in P1; the two intervals overlap.",
        "Here mean T1 fell for 3 of 4 detectors (TALL, LipFD, DF-Adapter).",
    ],
)
def test_a_verdict_in_plain_words_is_noticed(line):
    assert unmarked(f"- {line}") == [line]
