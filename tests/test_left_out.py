"""A detector or a generator without a score is left out of every mean and named; no page turns into dashes."""

from __future__ import annotations

import html
import re

import pages_made
import pandas as pd
import pytest

from notebooks import run
from thb.core.params import load
from thb.core.paths import Paths
from thb.core.tables import MISSING, SCORE_COLUMNS, read_csv, write_csv, write_json
from thb.report import means
from thb.report.load import Results
from thb.report.verdicts import INCONCLUSIVE


def lose(paths: Paths, detector: str, fit: str) -> None:
    """What `score` leaves of a fit that there is not."""
    write_csv(pd.DataFrame(columns=SCORE_COLUMNS), paths.scores(detector, fit), SCORE_COLUMNS)
    about = {"detector": detector, "fit": fit, "absent": pages_made.ABSENT}
    write_json(about, paths.scores(detector, fit).with_suffix(".json"))


def without_tall(paths: Paths) -> None:
    """The first after CADDM; what else there was of it is empty too."""
    for fit in load(paths.params).fits:
        lose(paths, "tall", fit)


def without_caddm(paths: Paths) -> None:
    """The first of all: a leading NaN."""
    for fit in load(paths.params).fits:
        lose(paths, "caddm", fit)


def without_emoportraits(paths: Paths) -> None:
    """One of the paper's two hardest: no clip of it, so no fit without it either."""
    params = load(paths.params)
    for detector in params.detectors:
        lose(paths, detector, "no-emoportraits")
        for path in (*(paths.scores(detector, fit) for fit in params.fits), paths.shuffled_sound(detector, "all")):
            table = read_csv(path, SCORE_COLUMNS) if path.is_file() else pd.DataFrame(columns=SCORE_COLUMNS)
            if len(table):
                gone = table["source"] == "emoportraits"
                write_csv(
                    table.assign(status=table["status"].where(~gone, MISSING), score=table["score"].where(~gone)),
                    path,
                    SCORE_COLUMNS,
                )


CASES = {"CADDM": without_caddm, "TALL": without_tall, "EMOPortraits": without_emoportraits}


@pytest.fixture(scope="module", params=CASES)
def lacking(request, repo, tmp_path_factory) -> tuple[str, Results]:
    results = pages_made.clone(repo, tmp_path_factory.mktemp("lacking"), 20, CASES[request.param])
    return request.param, results


@pytest.fixture(scope="module")
def book(lacking) -> dict[str, str]:
    return pages_made.pages(lacking[1])


def words(printed: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", printed))


def test_no_page_says_nan_or_compares_dashes(book):
    for place, printed in book.items():
        assert not re.search(r"\bnan\b|— to —|— against|\(—", words(printed)), place


def test_every_mean_over_what_is_left_names_what_it_leaves_out(lacking, book):
    name, _ = lacking
    for place in (
        "page 2-shift",
        "page 4-2-shifts",
        "exhibit fig2a",
        "exhibit fig2c",
        "exhibit findings",
        "exhibit claims",
    ):
        assert re.search(rf"(without|Left out of the means[^.]*)[^.]*{name}", words(book[place])), place


def findings(results: Results, monkeypatch) -> dict[str, str]:
    """finding -> what is told of it here."""
    monkeypatch.setenv("THB_ROOT", str(results.paths.root))
    return run("findings", metrics=["AUC"])["rows"].set_index("finding")["here"].to_dict()


def test_means_over_the_others_are_told_all_the_same(lacking, monkeypatch):
    _, results = lacking
    found = findings(results, monkeypatch)
    assert re.match(r"0\.\d\d to 0\.\d\d, a fall of", found["Mean AUC over detectors is lower in P3 than in P1"])
    control = next(here for finding, here in found.items() if finding.startswith("The control image_stats"))
    assert re.match(r"0\.\d\d against 0\.\d\d", control)
    rows = means.mean_of(means.cells_across(["P1", "P2", "P3"], "AUC"), ["protocol"])
    assert rows["value"].between(0, 1).all()


def test_of_what_is_absent_nothing_is_told(lacking, monkeypatch):
    name, results = lacking
    hardest = findings(results, monkeypatch)["The same two generators are hardest by mean AUC over protocols"]
    if name == "EMOPortraits":
        assert results.verdicts.falls("AUC", "P1", "P3", generator="emoportraits").verdict == INCONCLUSIVE
        assert name not in hardest
    else:
        key = next(e.key for e in results.entrants if e.label == name)
        assert results.verdicts.falls("AUC", "P1", "P3", key).verdict == INCONCLUSIVE
        assert hardest.count(",") == 1
