"""What the paper says of detectors in general, put to one that is here as scores alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import results_made

from thb.book import rows as book_rows
from thb.cells.answers import FAILS, HOLDS, INCONCLUSIVE, Verdicts
from thb.cells.claims import ledger, on_cells, one_detector
from thb.cells.columns import CELL_COLUMNS, COMPARISON_COLUMNS
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import read_csv, write_csv
from thb.report.load import Results
from thb.submitted.compared import ENTRY

NAME = "mine"
FALLING = {"P1": 0.90, "P2": 0.75, "P3": 0.55, "ffpp": 0.99}  # T1, and AUC halfway from there to one
PLAIN = ("C10", "")


@pytest.fixture
def params(project) -> Params:
    """The settings with the detector in them, in a clone whose other detectors have cells."""
    params = results_made.fill_cells(project)
    active = params.active.model_copy(update={"detectors": {**params.active.detectors, NAME: {}}})
    return params.model_copy(
        update={"detectors": {**params.detectors, NAME: ENTRY}, "profiles": {**params.profiles, params.profile: active}}
    )


@pytest.fixture
def put(project, params) -> Callable[..., Results]:
    """Results with the detector's cells among them: T1 by protocol, the rest following; none where it is not said."""
    others, theirs = read_csv(project.cells, CELL_COLUMNS), read_csv(project.comparisons, COMPARISON_COLUMNS)

    def results(t1: dict[str, float], loss: float = 0.3, change=lambda own: own) -> Results:
        own = others[others["detector"] == "tall"].assign(detector=NAME, printed=np.nan)
        level = own["protocol"].map(t1.get)
        value = level.where(own["metric"] == "T1", (1 + level) / 2).where(own["metric"] != "T0.1", level - loss)
        own = own.assign(value=value, lo=value - 0.02, hi=value + 0.02, n_fake=own["n_fake"].where(value.notna(), 0))
        own = change(own.assign(n_real=4000, resolvable="firm"))  # reals enough for T0.1
        write_csv(own, project.cells, CELL_COLUMNS)
        results_made.compare_cells(project, params.model_copy(update={"detectors": {NAME: ENTRY}}))
        cells = pd.concat([others, own], ignore_index=True)
        compared = pd.concat([theirs, read_csv(project.comparisons, COMPARISON_COLUMNS).query("detector == @NAME")])
        found = Results(project, params)
        labels = {key: one.printed or key for key, one in {**params.detectors, **params.sources}.items()}
        verdicts = Verdicts(compared, labels, params.metrics.confidence)
        vars(found).update(cells=cells, verdicts=verdicts)  # as read from files that metrics.json vouches for
        return found

    return results


def judged(results: Results) -> dict[tuple[str, str], tuple[str, str]]:
    rows = one_detector.judged(results.params, results.paths, results.cells, results.verdicts, NAME)
    return {(row["id"], row["reading"]): (row["verdict"], row["recomputed"]) for row in rows.to_dict("records")}


def test_a_detector_that_does_as_the_paper_says_bears_it_out(put):
    found = judged(put(FALLING))
    assert found[PLAIN][0] == found["C11", ""][0] == found["C30", ""][0] == HOLDS
    assert found["C41", ""][0] == found["C41", "in P1 alone"][0] == found["C51", ""][0] == HOLDS
    assert found[PLAIN][1].startswith("AUC 0.95 (0.")
    assert found["C30", ""][1].startswith("lost: mine 0.35 (0.")
    assert found["C13", ""][0] != HOLDS  # its generators are all alike
    assert found["C23", ""][0] == ledger.ELSEWHERE  # the number is of the paper's corpus


def test_one_that_does_otherwise_does_not(put):
    found = judged(put({"P1": 0.70, "P2": 0.80, "P3": 0.90, "ffpp": 0.5}, loss=0.0))
    refuted = [PLAIN, ("C10", "from P1 to P3 alone"), ("C30", ""), ("C41", ""), ("C51", ""), ("C54", "")]
    assert {key: found[key][0] for key in refuted} == dict.fromkeys(refuted, FAILS)


def test_with_one_fit_what_rests_on_another_cannot_be_told_and_says_why(put):
    found = judged(put({"P1": 0.90}))
    assert found["C41", "in P1 alone"][0] == HOLDS
    assert found[PLAIN] == (INCONCLUSIVE, "no score under P2")
    assert found["C41", ""] == (INCONCLUSIVE, "no score under P2, under P3")  # not the mean of what there is
    assert found["C51", ""] == (INCONCLUSIVE, "no score under ffpp")


def test_a_generator_that_was_not_scored_is_named(put):
    def drop(own: pd.DataFrame) -> pd.DataFrame:
        gone = (own["protocol"] == "P3") & (own["generator"] == "hallo")
        return own.assign(n_fake=own["n_fake"].mask(gone, 0), value=own["value"].mask(gone, np.nan))

    assert judged(put(FALLING, change=drop))["C30", ""] == (INCONCLUSIVE, "no score of Hallo under P3")


def test_the_papers_own_verdicts_do_not_move_and_the_page_shows_it_only_while_it_is_there(put, project, params):
    mine = put(FALLING)
    without = Results(
        project, params.model_copy(update={"detectors": {k: v for k, v in params.detectors.items() if k != NAME}})
    )
    vars(without).update(cells=mine.cells[mine.cells["detector"] != NAME], verdicts=mine.verdicts)

    def paper(results: Results) -> pd.DataFrame:
        return ledger.ledger(results.params, results.paths, results.cells, results.verdicts)

    pd.testing.assert_frame_equal(paper(mine), paper(without))
    columns = {"claim": "What the paper says", "detector": "Detector", "verdict": "for it", "recomputed": "told by"}
    page = book_rows.render(mine, "claims_alone", columns)
    assert "C41; in P1 alone: From T1 to T0.1 most detectors drop" in page
    assert page.count(f">{NAME}<") == len(judged(mine))
    assert "no such rows here" in book_rows.render(without, "claims_alone", columns)


def test_only_checks_on_cells_are_put_to_one_detector_and_only_of_claims_that_name_none(repo):
    named = {"TALL", "DF-Adapter", "CADDM", "LipFD"}
    asked = [claim for claim in ledger.read(Paths(repo).claims) if claim.alone]
    assert len(asked) > 5
    for claim in asked:
        for checks in claim.of_one_detector.values():
            for check in checks:
                assert set(check) <= set(on_cells.CHECKS), claim.id
                assert not {"detector", "all_but"} & {key for one in check.values() for key in one}, claim.id
        assert claim.id == "C30" or not named & set(claim.claim.replace(",", "").split()), claim.id  # all but one
